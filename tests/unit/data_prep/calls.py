# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Commands as a user runs them, and what they leave behind."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    status: int
    out: str
    err: str


def command(module: str, *arguments: object) -> list[str]:
    """The command line a user types."""
    return [sys.executable, "-m", f"data_prep.{module}", *map(str, arguments)]


def call(module: str, *arguments: object) -> Finished:
    """Run a command as a user would."""
    done = subprocess.run(command(module, *arguments), cwd=ROOT, capture_output=True, text=True, timeout=120)
    return Finished(done.returncode, done.stdout, done.stderr)


def records(parquet: Path) -> list[dict]:
    """The rows of an output file, without their images."""
    columns = ["data_source", "prompt", "reward_model", "extra_info"]
    return pq.read_table(parquet, columns=columns).to_pylist()


def entries(parquet: Path) -> list[dict]:
    """What was dropped and repaired on the way to an output file."""
    return [json.loads(line) for line in parquet.with_suffix(".report.jsonl").read_text().splitlines()]


def manifest(parquet: Path) -> dict:
    return json.loads(parquet.with_suffix(".manifest.json").read_text())


def lines(path: Path) -> list[dict]:
    """What a file of JSON lines holds."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def read_json(path: Path) -> dict:
    return json.loads(path.read_text())


def visible(folder: Path) -> list[str]:
    """Names a user sees in a folder."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.exists() else []
