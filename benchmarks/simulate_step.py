# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a step of GRPO and of CARE costs, by simulation: decoding by events, and the passes by the rows they look at.

    python benchmarks/simulate_step.py                              # two published profiles; draws docs/images
    python benchmarks/simulate_step.py --measured bench.jsonl       # held against bench_step_time.py --json bench.jsonl

Which rows teach, are read and are repaired is asked of ``recipe.care`` itself, on groups with random verdicts: the
chance that a rollout is right is drawn for each prompt, most prompts being easy or hard. Rollouts decode together, a
token an iteration, and an iteration takes longer the more there are; a response's length is log-normal. A group's
repairs begin when its last rollout has ended, as in ``verl_ext.repair``, and are somewhat shorter than a rollout.

A profile is a step of GRPO that somebody has measured. Its generation sets the pace of decoding, its passes the seconds
of a row, and what is left stays as it is.
"""

from __future__ import annotations

import argparse
import heapq
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from recipe.care.config import CareConfig
from recipe.care.method.advantage import care_advantages
from recipe.care.method.reads import rows_read
from recipe.care.repair.plan import repairs_wanted

FIGURE = Path(__file__).parents[1] / "docs" / "images" / "step_time.svg"
ALL_ROWS, LIVE_ROWS = "all rows", "live rows"
METHODS: dict[str, str | CareConfig] = {
    "GRPO": ALL_ROWS,
    "GRPO, live rows only": LIVE_ROWS,
    "CARE without repairs": CareConfig.of_run({"rgr": {"enable": False}}),
    "CARE": CareConfig.of_run(None),
    "CARE, preset best": CareConfig.of_run({"preset": "best"}),
}
GROUP_SIZES = (4, 8, 16, 32)
ACCURACIES = (0.1, 0.3, 0.5, 0.7, 0.9)
TRIES = 5
"""Steps that a figure is the mean of."""


@dataclass(frozen=True)
class Profile:
    """A measured step of GRPO.

    Attributes:
        name: Where it is from.
        prompts: Prompts of a step, all engines together.
        rollouts: Of each.
        length: Mean tokens of a response.
        prompt: Tokens of a prompt, images included.
        engines: Servers that share the decoding.
        knee: Rollouts at which an iteration takes twice as long as with one.
        gen: Seconds of generation; so are the following.
        old_log_prob: The log-prob pass.
        update: The update.
        rest: All else: weights, the reference pass, rewards.
        spread: Standard deviation of the logarithm of a length.
        repair: Length of a repair, as a share of a response's.
        pass_rate: Share of repairs that pass.
    """

    name: str
    prompts: int
    rollouts: int
    length: float
    prompt: float
    engines: int
    knee: float
    gen: float
    old_log_prob: float
    update: float
    rest: float
    spread: float = 0.5
    repair: float = 0.6
    pass_rate: float = 0.5


PROFILES = (
    Profile("verl#7203: a VLM, passes take most of the step", 128, 8, 500, 1500, 8, 128, 33, 84, 91, 82),
    Profile("verl#1208: text on GH200, decoding takes most of it", 512, 8, 325, 103, 4, 256, 74.0, 3.6, 14.3, 4.7),
)
"""The published seconds; prompts, lengths and engines of the first are assumed, for its report has none."""


@dataclass(frozen=True)
class Step:
    """Seconds of the parts of a step."""

    gen: float
    old_log_prob: float
    update: float
    rest: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.gen + self.old_log_prob + self.update + self.rest


@dataclass(frozen=True, eq=False)
class Batch:
    """Verdicts and lengths of (P, G) rollouts."""

    right_PG: np.ndarray
    length_PG: np.ndarray


def draw(rng: np.random.Generator, profile: Profile, accuracy: float) -> Batch:
    """Rollouts of a step; the chance of a prompt is from a beta distribution with a variance of half the largest."""
    chance_P = rng.beta(accuracy, 1 - accuracy, profile.prompts)
    right_PG = rng.random((profile.prompts, profile.rollouts)) < chance_P[:, None]
    drawn_PG = rng.lognormal(-(profile.spread**2) / 2, profile.spread, right_PG.shape)
    return Batch(right_PG, np.maximum(1, drawn_PG * profile.length))


def decode(batch: Batch, repairs_P: Sequence[int], profile: Profile, rng: np.random.Generator) -> float:
    """Time until the last rollout and the last repair have ended, in units of an iteration with one rollout."""
    return max(
        _one_engine(
            [batch.length_PG[prompt] for prompt in range(first, profile.prompts, profile.engines)],
            [repairs_P[prompt] for prompt in range(first, profile.prompts, profile.engines)],
            profile,
            rng,
        )
        for first in range(profile.engines)
    )


def _one_engine(
    lengths: Sequence[np.ndarray], repairs: Sequence[int], profile: Profile, rng: np.random.Generator
) -> float:
    # All decode in step, so a sequence ends when the count of iterations reaches its start and length.
    ends = [(length, prompt) for prompt, of_group in enumerate(lengths) for length in of_group.tolist()]
    heapq.heapify(ends)
    left = [len(of_group) for of_group in lengths]
    clock = iteration = 0.0
    while ends:
        end, prompt = ends[0]
        clock += (end - iteration) * (1 + (len(ends) - 1) / profile.knee)
        iteration = end
        heapq.heappop(ends)
        left[prompt] -= 1
        if left[prompt] == 0:
            for _ in range(repairs[prompt]):
                mean = profile.repair * profile.length
                longer = rng.lognormal(-(profile.spread**2) / 2, profile.spread) * mean
                heapq.heappush(ends, (iteration + longer, prompt))
    return clock


@dataclass(frozen=True)
class Rows:
    """Rows of a step that a pass looks at, and repairs of each prompt."""

    read: int
    again: int
    live: int
    repairs_P: list[int]


def rows_of(batch: Batch, care: str | CareConfig, pass_rate: float, rng: np.random.Generator) -> Rows:
    """Ask the method; GRPO has every row in every pass, or those of mixed groups."""
    prompts, rollouts = batch.right_PG.shape
    if not isinstance(care, CareConfig):
        mixed_P = batch.right_PG.any(axis=1) & ~batch.right_PG.all(axis=1)
        rows = batch.right_PG.size if care == ALL_ROWS else int(mixed_P.sum()) * rollouts
        return Rows(rows, 0, rows, [0] * prompts)
    acc_B, group = batch.right_PG.ravel().astype(float), np.repeat(np.arange(prompts), rollouts)
    think_B = batch.length_PG.ravel().astype(np.int64)
    answer_B, valid_B = np.full(len(acc_B), 8), np.ones(len(acc_B), dtype=bool)
    read = rows_read(acc_B, group, think_B, answer_B, care, valid_B)
    repaired_B = np.zeros(len(acc_B), dtype=bool)
    repairs_P = [0] * prompts
    for prompt in range(prompts) if care.rgr.enable else ():
        repaired = _repaired(prompt, batch, care)
        repairs_P[prompt] = len(repaired)
        for row in repaired[:1] if care.rgr.fill_to is None else repaired:
            repaired_B[row] = True
            acc_B[row] = float(rng.random() < pass_rate)
    result = care_advantages(
        acc=acc_B,
        rewards=acc_B,
        group=group,
        think_len=think_B,
        answer_len=answer_B,
        embeddings=rng.normal(size=(len(acc_B), 8)),
        seq_logp=-think_B.astype(float),
        config=care,
        repaired=repaired_B,
    )
    return Rows(len(read), int(repaired_B.sum()), int((result.advantages != 0).sum()), repairs_P)


def _repaired(prompt: int, batch: Batch, care: CareConfig) -> list[int]:
    """The rows of a group that are repaired, the first of its failures."""
    failed = np.flatnonzero(~batch.right_PG[prompt])
    size = batch.right_PG.shape[1]
    wanted = repairs_wanted(size - len(failed), len(failed), care)
    return (prompt * size + failed[:wanted]).tolist()


def simulate(profile: Profile, other: Profile, method: str, accuracy: float, seed: int = 0) -> Step:
    """Seconds of a step like ``other``, on what ``profile`` was measured on, at the pace that it had there.

    Args:
        profile: The measured step of GRPO.
        other: Another number of prompts or rollouts.
        method: A key of ``METHODS``.
        accuracy: Share of the rollouts that are right.
        seed: Of verdicts and lengths.
    """
    care, steps = METHODS[method], []
    for number in range(TRIES):
        rng = np.random.default_rng([seed, number])
        rows = rows_of(draw(rng, other, accuracy), care, other.pass_rate, rng)
        steps.append(cost(profile, other, rows, accuracy, np.random.default_rng([seed, number])))
    return mean_step(steps)


def cost(profile: Profile, other: Profile, rows: Rows, accuracy: float, rng: np.random.Generator) -> Step:
    """Seconds of a step like ``other`` in which the passes look at ``rows``."""
    measured, batch = draw(rng, profile, accuracy), draw(rng, other, accuracy)
    pace = profile.gen / decode(measured, [0] * profile.prompts, profile, rng)
    before = measured.right_PG.size
    return Step(
        gen=pace * decode(batch, rows.repairs_P, other, rng),
        old_log_prob=profile.old_log_prob * (rows.read + rows.again) / before,
        update=profile.update * rows.live / before,
        rest=profile.rest * batch.right_PG.size / before,
    )


def mean_step(steps: Sequence[Step]) -> Step:
    """The mean of each part."""
    parts = [[getattr(step, part) for step in steps] for part in ("gen", "old_log_prob", "update", "rest")]
    return Step(*(statistics.fmean(part) for part in parts))


def table(profile: Profile) -> list[str]:
    """Seconds over GRPO's, by group size and by accuracy."""
    lines = [profile.name]
    lines.append(
        f"{'over GRPO':24}"
        + "".join(f"   G={size:<4}" for size in GROUP_SIZES)
        + "".join(f"  acc={accuracy:<4}" for accuracy in ACCURACIES)
    )
    for method in METHODS:
        cells = [ratio(profile, replace(profile, rollouts=size), method, 0.5) for size in GROUP_SIZES]
        cells += [ratio(profile, profile, method, accuracy) for accuracy in ACCURACIES]
        lines.append(f"{method:24}" + "".join(f"{cell:9.2f}" for cell in cells))
    return lines


def ratio(profile: Profile, other: Profile, method: str, accuracy: float) -> float:
    """A step of ``method`` over GRPO's on the same prompts."""
    return simulate(profile, other, method, accuracy).total / simulate(profile, other, "GRPO", accuracy).total


def picture(profiles: Sequence[Profile], path: Path) -> None:
    """Seconds of a step against the size of a group and against accuracy."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2 * len(profiles)), layout="constrained")
    axes = figure.subplots(len(profiles), 2, squeeze=False)
    for row, profile in enumerate(profiles):
        for method in METHODS:
            by_size = [simulate(profile, replace(profile, rollouts=size), method, 0.5).total for size in GROUP_SIZES]
            by_accuracy = [simulate(profile, profile, method, accuracy).total for accuracy in ACCURACIES]
            axes[row, 0].plot(GROUP_SIZES, by_size, marker="o", label=method)
            axes[row, 1].plot(ACCURACIES, by_accuracy, marker="o", label=method)
        axes[row, 0].set(xlabel="rollouts of a prompt, half of them right", ylabel="seconds a step", xscale="log")
        axes[row, 0].set_xticks(GROUP_SIZES, [str(size) for size in GROUP_SIZES])
        axes[row, 0].minorticks_off()
        axes[row, 1].set(xlabel=f"share of rollouts that are right, G={profile.rollouts}")
        axes[row, 0].set_title(profile.name, loc="left", fontsize="medium")
        for one in axes[row]:
            one.set_ylim(bottom=0)
            one.grid(alpha=0.3)
    axes[0, 0].legend(fontsize="small", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main(argv: Sequence[str] | None = None) -> None:
    """Command line; see ``--help``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measured", type=Path, help="what bench_step_time.py --json left, to be predicted")
    parser.add_argument("--figure", type=Path, default=FIGURE, help="(default: %(default)s)")
    options = parser.parse_args(argv)
    if options.measured is not None:
        print("\n".join(predict([json.loads(line) for line in options.measured.read_text().splitlines()])))
        return
    for profile in PROFILES:
        print("\n".join(table(profile)) + "\n")
    picture(PROFILES, options.figure)


def predict(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Predict the step of every other run from that of GRPO with the fewest rollouts.

    Which rows a run left out and what it repaired is its own; what is tested is what that costs.
    """
    stock = sorted((run for run in runs if run["method"] == "grpo"), key=lambda run: run["rollouts"])
    if not stock:
        raise SystemExit("--measured: there is no run of grpo in it")
    profile = _profile(stock[0])
    wider = [run for run in stock if run["rollouts"] > profile.rollouts]
    if wider:
        profile = replace(profile, knee=_knee(profile, wider[0]))
    lines = [
        f"from GRPO with G={profile.rollouts}: {profile.length:.0f} tokens, iterations twice as long with "
        f"{profile.knee:.0f} rollouts"
    ]
    lines.append(f"{'':36}{'predicted':>10}{'measured':>10}{'apart':>8}")
    for run in runs:
        if run is stock[0]:
            continue
        found, measured = _predicted(profile, run), _median(run, "timing_s/step")
        name = f"{run['method']}, G={run['rollouts']}"
        lines.append(f"{name:36}{found.total:9.2f}s{measured:9.2f}s{found.total / measured - 1:+8.0%}")
    return lines


def _median(run: Mapping[str, Any], name: str) -> float:
    return statistics.median(step.get(name, 0.0) for step in run["steps"])


def _mean(run: Mapping[str, Any], name: str) -> float:
    return statistics.fmean(step.get(name, 0.0) for step in run["steps"])


def _profile(run: Mapping[str, Any]) -> Profile:
    parts = [_median(run, f"timing_s/{part}") for part in ("gen", "old_log_prob", "update_actor")]
    rest = _median(run, "timing_s/step") - sum(parts)
    length = _mean(run, "response_length/mean")
    spread = 0.3 * (_mean(run, "response_length/max") / length - 1)
    return Profile("measured", run["prompts"], run["rollouts"], length, 0.0, 1, 8.0, *parts, rest, spread)


def _knee(profile: Profile, wider: Mapping[str, Any]) -> float:
    """The knee with which generation of more rollouts takes as long as it did; more on its right the faster it is."""
    aim = _median(wider, "timing_s/gen")
    other = replace(profile, rollouts=wider["rollouts"])
    low, high = 0.1, 10_000.0
    for _ in range(30):
        middle = (low * high) ** 0.5
        one, two = replace(profile, knee=middle), replace(other, knee=middle)
        low, high = (middle, high) if simulate(one, two, "GRPO", 0.5).gen > aim else (low, middle)
    return (low * high) ** 0.5


def _predicted(profile: Profile, run: Mapping[str, Any]) -> Step:
    other = replace(profile, rollouts=run["rollouts"])
    size = other.prompts * other.rollouts
    asked = round(_mean(run, "care/rgr/triggered"))
    if asked:
        other = replace(other, repair=_mean(run, "care/rgr/tokens") / asked / profile.length)
    rows = Rows(
        read=round(size * (1 - _mean(run, "care/rows_skipped/log_probs"))),
        again=round(_mean(run, "care/rgr/replaced")),
        live=round(size * (1 - _mean(run, "care/rows_skipped/update"))),
        repairs_P=[asked // other.prompts + (prompt < asked % other.prompts) for prompt in range(other.prompts)],
    )
    return mean_step([cost(profile, other, rows, 0.5, np.random.default_rng([0, number])) for number in range(TRIES)])


if __name__ == "__main__":
    main()
