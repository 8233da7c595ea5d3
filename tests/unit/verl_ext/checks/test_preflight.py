# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a GPU run needs: data files that hold something, and a model that is there."""

import pandas as pd
import pytest

from verl_ext.checks import preflight
from verl_ext.checks.cluster import Node
from verl_ext.checks.preflight import missing_attention, missing_data, missing_model


@pytest.fixture
def files(tmp_path):
    for name in ("a", "b, c"):
        pd.DataFrame({"prompt": ["?"]}).to_parquet(tmp_path / f"{name}.parquet")
    pd.DataFrame({"prompt": []}).to_parquet(tmp_path / "no_rows.parquet")
    (tmp_path / "empty.parquet").touch()
    (tmp_path / "text.parquet").write_text("not one")
    (tmp_path / "rows.jsonl").write_text("{}")
    return tmp_path


@pytest.mark.parametrize(
    "given",
    [
        ["{}/a.parquet", "{}/rows.jsonl"],
        ["{}/b, c.parquet"],
        ["[{}/a.parquet]"],
        ["[{0}/a.parquet, '{0}/b, c.parquet']"],
        ["hdfs://host/a.parquet"],
    ],
)
def test_what_verl_reads_is_there(files, given):
    assert missing_data([one.format(files) for one in given]) == []


@pytest.mark.parametrize(
    ("given", "complaints"),
    [
        ("{}/no.parquet", ["/no.parquet does not exist. Set TRAIN_FILES"]),
        ("[{0}/a.parquet,{0}/no.parquet,{0}/empty.parquet]", ["/no.parquet does not exist", "/empty.parquet is empty"]),
        ("{}/text.parquet", ["/text.parquet is no parquet file ("]),
        ("{}/no_rows.parquet", ["/no_rows.parquet has no rows"]),
        ("[{}/a.parquet", ["/a.parquet does not exist"]),
    ],
)
def test_what_is_not_there_or_empty_is_named(files, given, complaints):
    found = missing_data([given.format(files)])
    assert len(found) == len(complaints)
    for problem, complaint in zip(found, complaints, strict=True):
        assert complaint in problem


def test_a_mistyped_folder_is_not_only_called_a_hub_id(monkeypatch, tmp_path):
    import huggingface_hub

    def refuse(*_, **__):
        raise OSError("offline")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    (problem,) = missing_model("runs/modle")
    assert "runs/modle: there is no such folder here" in problem and "(offline)" in problem


def test_the_head_of_a_cluster_needs_no_gpu_of_its_own(monkeypatch, capsys, files):
    """Its nodes do."""
    nodes = [Node("head", "a", 0), Node("one", "b", 8)]
    monkeypatch.setattr(preflight, "look_at", lambda address: nodes)
    rest = ["--gpus", "8", "--attention", "sdpa", "--model", str(files), "--data", f"{files}/a.parquet"]
    (files / "config.json").write_text("{}")
    assert preflight.main(["--nodes", "2", *rest]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "NNODES=2" in line and "1 of 2 nodes with 8 GPUs" in line and "ray start" in line
    nodes.append(Node("two", "c", 8))
    assert preflight.main(["--nodes", "2", *rest]) == 0


def test_attention_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(preflight.importlib.util, "find_spec", lambda name: None)
    (problem,) = missing_attention("flash_attention_2")
    assert "flash-attn is not installed" in problem and "ATTENTION=sdpa" in problem
    assert missing_attention("sdpa") == []
    monkeypatch.setattr(preflight.importlib.util, "find_spec", lambda name: name)
    assert missing_attention("flash_attention_2") == []


def test_all_that_is_missing_is_said_at_once(monkeypatch, capsys):
    monkeypatch.setattr(preflight, "missing_gpus", lambda wanted: [])
    assert preflight.main(["--gpus", "8", "--model", "/no/model", "--data", "[/no/a.parquet,/no/b.parquet]"]) == 2
    assert capsys.readouterr().err.count("missing: /no/") == 3
