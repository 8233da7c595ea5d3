# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The mixture command replaces its own files, those of a run that was killed too, and nobody else's."""

import json

import pytest

from data_prep.file.output import write_rows
from data_prep.mix import mixture as mix


@pytest.fixture
def arguments(build, tmp_path):
    write_rows(tmp_path / "in.parquet", [build.make_row("virl39k", "a", build.picture())])
    return ["--input", str(tmp_path / "in.parquet"), "--output", str(tmp_path / "out")]


def test_another_mixture_in_the_folder_is_no_proof(arguments, tmp_path, capsys):
    assert mix.main(arguments) == 0
    theirs = tmp_path / "out" / "mine.parquet"
    theirs.write_text("text")
    assert mix.main([*arguments, "--name", "mine"]) == 2
    assert "mine.parquet: was not made by data_prep" in capsys.readouterr().err
    assert theirs.read_text() == "text"


def test_a_run_killed_before_its_manifest_goes_on(arguments, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(mix, "_describe", killed)
        assert mix.main(arguments) == 2
    assert (out / "mix.parquet").exists() and not (out / "mix.manifest.json").exists()
    assert mix.main(arguments) == 0
    assert json.loads((out / "mix.manifest.json").read_text())["rows"] == 1
    assert sorted(path.name for path in out.glob(".*")) == [".fingerprints"]
