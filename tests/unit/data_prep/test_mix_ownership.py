# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The mixture command replaces its own files, those of a run that was killed too, and nobody else's."""

import json

import pytest

from data_prep import mix
from data_prep.output import write_rows


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
