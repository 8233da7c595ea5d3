# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a run's folder says about the code it ran with."""

import pytest

from verl_ext.checks.record import main, read_attempts


def test_each_start_is_a_line(tmp_path):
    assert main([str(tmp_path / "run")]) == main([str(tmp_path / "run")]) == 0
    assert len(read_attempts(tmp_path / "run")) == 2


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), ([], 2)])
def test_an_option_is_no_folder(arguments, status, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == status and "RUN_DIR" in "".join(capsys.readouterr())
    assert not list(tmp_path.iterdir())
