# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the command prints: counts by data source and rule, and the cases a person should look at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from recipe.care.verifier.kinds.text import text_key
from recipe.care.verifier.rules import RULES
from recipe.care.verifier.score import Score

WIDEST = 60


@dataclass(frozen=True)
class Case:
    """One scored line."""

    line: int
    source: str
    gold: str
    score: Score
    recorded_acc: object
    """The line's own ``acc``; None where it has none."""

    @property
    def outcome(self) -> str:
        """``right``, ``wrong`` or ``failed``."""
        if not self.score["verified"]:
            return "failed"
        return "right" if self.score["acc"] else "wrong"

    @property
    def dispute(self) -> str:
        """Why a person should look at it; empty if there is no reason."""
        if self.outcome == "failed":
            return "verification failed"
        if isinstance(self.recorded_acc, int | float) and float(self.recorded_acc) != self.score["acc"]:
            return f"the line says acc={self.recorded_acc:g}"
        gold = text_key(self.gold)
        if self.outcome == "wrong" and gold and gold in text_key(self.score["pred"]):
            return "the answer contains the gold"
        return ""


@dataclass
class Report:
    """All cases, counted when asked."""

    cases: list[Case] = field(default_factory=list)

    def add(self, case: Case) -> None:
        """Take in one case."""
        self.cases.append(case)

    def table(self) -> str:
        """Counts by source and rule, a total for each source, and what the rules mean."""
        counts = Counter((case.source, case.score["rule"], case.outcome) for case in self.cases)
        rules = sorted({(source, rule) for source, rule, _ in counts})
        width = max(len("data source"), *(len(source) for source, _ in rules))
        lines = [f"{'data source':{width}}  {'rule':15} {'right':>8} {'wrong':>8} {'failed':>8}  meaning"]
        for source, rule in rules:
            lines.append(
                _row(f"{source:{width}}  {rule:15}", [counts[source, rule, o] for o in _OUTCOMES], RULES[rule])
            )
        lines.append("")
        for source in sorted({source for source, _ in rules}):
            own = [case for case in self.cases if case.source == source]
            totals = Counter(case.outcome for case in own)
            share = totals["right"] / max(1, len(own) - totals["failed"])
            form = sum(case.score["format"] for case in own) / len(own)
            means = f"accuracy {share:.1%} of the verified, format {form:.1%}"
            lines.append(_row(f"{source:{width}}  {'all':15}", [totals[o] for o in _OUTCOMES], means))
        return "\n".join(lines)

    def disputes(self, most: int) -> str:
        """The disputed cases, the first ``most`` of them in full."""
        disputed = [case for case in self.cases if case.dispute]
        lines = [f"\ndisputed: {len(disputed)} of {len(self.cases)}"]
        lines += [
            f"  line {case.line} ({case.source}, {case.score['rule']}): {case.dispute}\n"
            f"    gold   {_short(case.gold)}\n    answer {_short(case.score['pred'])}"
            for case in disputed[:most]
        ]
        if len(disputed) > most:
            lines.append(f"  ... and {len(disputed) - most} more (--disputed {len(disputed)})")
        return "\n".join(lines)


_OUTCOMES = ("right", "wrong", "failed")


def _row(head: str, counts: list[int], tail: str) -> str:
    return f"{head} {counts[0]:>8} {counts[1]:>8} {counts[2]:>8}  {tail}"


def _short(text: str) -> str:
    return repr(text if len(text) <= WIDEST else text[: WIDEST - 1] + "…")
