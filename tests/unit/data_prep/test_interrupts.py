# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""An interrupt that Python would drop still stops the command, and nothing else of such errors is hidden."""

import os
import signal
import subprocess
import sys
import time

from data_prep.file.command import supervise


class _Interrupted:
    """Ctrl-C while it is thrown away: Python ignores what a ``__del__`` raises."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_inside_a_del_is_not_lost(capsys):
    def work() -> str:
        _Interrupted()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            time.sleep(0.001)
        return "went on"

    # A test-suite in the background ignores Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    hook = sys.unraisablehook
    try:
        assert supervise(work) == 2
    finally:
        signal.signal(signal.SIGINT, before)
    assert sys.unraisablehook is hook
    assert capsys.readouterr() == ("", "error: interrupted; the same command goes on where it stopped\n")


def test_the_status_is_the_same_inside_an_exec(build, tmp_path):
    """As a module, since that is how the converters start: CPython would end with the signal, not with status 2."""
    (tmp_path / "interrupted.py").write_text(
        "import signal, sys\n"
        "from data_prep.file.command import supervise\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.exit(supervise(lambda: exec('signal.raise_signal(signal.SIGINT)')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(build.ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = "error: interrupted; the same command goes on where it stopped\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_what_else_a_del_raises_is_reported(capsys, monkeypatch):
    class Broken:
        def __del__(self) -> None:
            raise ValueError("broken")

    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: seen.append(unraisable.exc_type))
    assert supervise(lambda: f"{Broken() and 'done'}") == 0
    assert seen == [ValueError]
    assert capsys.readouterr().out == "done\n"
