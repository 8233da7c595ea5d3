# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Every file of a dataset ends in its record, and a new one needs no other file to be touched."""

import importlib
import json
import os
import re
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from data_prep.row.schema import SCHEMA, read_rows
from recipe.care.reward import compute_score
from recipe.cli import COMMANDS
from tests.unit.data_prep.calls import ROOT

MODULES = sorted(path.stem for path in (ROOT / "data_prep" / "sources").glob("*.py"))
RECORDS = {
    name: module.SOURCE
    for name, module in ((name, importlib.import_module(f"data_prep.sources.{name}")) for name in MODULES)
    if hasattr(module, "SOURCE")
}


def test_these_are_the_datasets():
    assert list(RECORDS) == ["chartqa", "geometry3k", "own", "virl39k", "vision_r1_cold"]


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_has_its_front_door_and_its_command(name, capsys):
    source = RECORDS[name]
    assert source.name == name and source.licence.name
    assert COMMANDS[source.command].module == f"data_prep.{name}"
    with pytest.raises(SystemExit) as end:
        importlib.import_module(f"data_prep.{name}").main(["--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: care {source.command} ") and f"  care {source.command} " in said
    assert {"--input", "--output", "--model", "--limit", "--workers", "--part-rows", "--no-resume"} <= set(
        re.findall(r"--[a-z-]+", said)
    )


@pytest.fixture
def book(build, tmp_path):
    """The dataset of docs/data.md, and its file where an import finds it."""
    begin = '"""The problems of my book'
    block = begin + (ROOT / "docs" / "data.md").read_text().split(f"```python\n{begin}")[1]
    (tmp_path / "data_prep" / "sources").mkdir(parents=True)
    (tmp_path / "data_prep" / "sources" / "mybook.py").write_text(block.split("```")[0])
    (tmp_path / "mybook" / "pictures").mkdir(parents=True)
    (tmp_path / "mybook" / "pictures" / "1.png").write_bytes(build.picture())
    problems = [
        {"number": 1, "text": "How long is AB?", "solution": "$5$", "picture": "1.png"},
        {"number": 2, "text": "How long is BC?", "solution": "6", "picture": "2.png"},
    ]
    (tmp_path / "mybook" / "test.json").write_text(json.dumps(problems))
    return tmp_path


def test_a_dataset_of_ones_own_is_one_file(build, book):
    command = [sys.executable, "-m", "data_prep.sources.mybook", "--input", "mybook", "--split", "test"]
    environment = os.environ | {"PYTHONPATH": f"{book}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [*command, "--output", "out"], cwd=book, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    parquet = book / "out" / "mybook_test.parquet"
    assert pq.read_schema(parquet).equals(SCHEMA)
    (row,) = read_rows(parquet)
    assert (row.data_source, row.qid, row.ground_truth, row.split) == ("maths/mybook", "mybook-1", "5", "test")
    right = "<think>.</think><answer>5.0</answer>"
    assert compute_score(row.data_source, right, row.ground_truth, row.extra_info)["acc"] == 1.0
    assert [entry["reason"] for entry in build.entries(parquet)] == ["image_missing"]
    assert build.manifest(parquet)["licences"] == {"maths/mybook": {"name": "CC-BY-4.0", "note": "as its imprint says"}}
    again = subprocess.run(
        [*command, "--output", "out"], cwd=book, env=environment, capture_output=True, text=True, timeout=120
    )
    assert "is up to date" in again.stdout
