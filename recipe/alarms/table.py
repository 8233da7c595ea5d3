# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The watchers: one entry each, with its sign, its threshold and why it is there, and what to do.

A watcher is a function of a ``Window``: what it sees and since which step, or None. It is called after every step, so
it answers for the last one only; ``watch`` makes episodes of the answers. What it cannot know, it does not raise: a
signal that is absent is silence.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recipe.alarms.step import Step, Window

HISTORY = 30
"""Steps a watcher can look back."""


Signal = Callable[[Step], float | None]


@dataclass(frozen=True)
class Finding:
    """What a watcher sees."""

    since: int
    """The step in which it began."""
    seen: str
    """With the numbers."""


@dataclass(frozen=True)
class Watcher:
    """One entry of the table.

    Attributes:
        name: Of the alarm, and of the metric ``care/alarm/<name>``.
        means: What is going wrong.
        threshold: When it fires.
        why: Why there.
        remedy: What to do.
        look: The function.
        needs: A signal without which it stays silent.
        because_of: Alarms that explain this one: it is not raised while one of them is on.
    """

    name: str
    means: str
    threshold: str
    why: str
    remedy: str
    look: Callable[[Window], Finding | None]
    needs: Callable[[Step], object]
    because_of: tuple[str, ...] = ()


def _values(steps: Sequence[Step], signal: Signal) -> list[float]:
    """A signal over some steps; none where one of them lacks it."""
    values = [value for step in steps if (value := signal(step)) is not None]
    return values if len(values) == len(steps) else []


def _mean_of_last(window: Window, count: int, signal: Signal) -> float | None:
    values = _values(window.last(count), signal)
    return statistics.fmean(values) if values else None


@dataclass(frozen=True)
class _Change:
    """A signal then and now: means over some steps at either end of the window."""

    before: float
    now: float


def _change(window: Window, signal: Signal, apart: int, over: int = 3) -> _Change | None:
    """How a signal has changed since the window's beginning, if that is at least ``apart`` steps ago."""
    if len(window.steps) < apart:
        return None
    first, last = _values(window.steps[:over], signal), _values(window.steps[-over:], signal)
    return _Change(statistics.fmean(first), statistics.fmean(last)) if first and last else None


def _metric(name: str) -> Signal:
    return lambda step: step.get(name)


def _mostly(window: Window, signal: Signal, level: float, over: int, what: str) -> Finding | None:
    """A share that has been at ``level`` or above on average over some steps."""
    mean = _mean_of_last(window, over, signal)
    if mean is None or mean < level:
        return None
    return Finding(window.last(over)[0].number, f"{mean:.0%} of {what} over the last {over} steps")


def _groups_all_right(window: Window) -> Finding | None:
    return _mostly(window, lambda step: step.all_right, 0.85, 5, "the groups are all right")


def _groups_all_wrong(window: Window) -> Finding | None:
    return _mostly(window, lambda step: step.all_wrong, 0.7, 5, "the groups are all wrong")


def _groups_no_signal(window: Window) -> Finding | None:
    steps = window.last(3)
    advantages = [(step.get("critic/advantages/min"), step.get("critic/advantages/max")) for step in steps]
    if steps and all(low == high == 0 for low, high in advantages):
        return Finding(steps[0].number, "every advantage has been 0 for 3 steps")
    return _mostly(window, lambda step: step.equal_reward, 0.85, 5, "the groups have one reward for all rollouts")


def _one_reward(window: Window) -> Finding | None:
    steps = window.last(3)
    lows = _values(steps, _metric("critic/score/min"))
    highs = _values(steps, _metric("critic/score/max"))
    if not lows or not highs or max(highs) > min(lows):
        return None
    if any(_is(step.accuracy, 1.0) for step in steps):
        return None  # all right, and that has an alarm of its own
    return Finding(steps[0].number, f"every rollout of 3 steps got the reward {lows[0]:g}")


def _is(value: float | None, wanted: float) -> bool:
    return value is not None and math.isclose(value, wanted)


def _length_inflation(window: Window) -> Finding | None:
    length, success = _change(window, _length, 8), _change(window, lambda step: step.success, 8)
    if length is None or success is None or length.before <= 0:
        return None
    if length.now < 1.3 * length.before or success.now > success.before + 0.05:
        return None
    seen = f"{length.before:.0f} tokens a response have become {length.now:.0f}"
    return Finding(window.steps[0].number, f"{seen}; right answers went from {_shares(success)}")


def _length(step: Step) -> float | None:
    return step.length


def _shares(change: _Change) -> str:
    return f"{change.before:.2f} to {change.now:.2f}"


def _format_learned(window: Window) -> Finding | None:
    accuracy = _change(window, lambda step: step.accuracy, 8)
    rest = _change(window, _beyond_accuracy, 8)
    if accuracy is None or rest is None:
        return None
    if rest.now < rest.before + 0.08 or accuracy.now > accuracy.before + 0.03:
        return None
    return Finding(
        window.steps[0].number,
        f"the part of the reward that is not for right answers went from {_shares(rest)}, accuracy from "
        f"{_shares(accuracy)}",
    )


def _beyond_accuracy(step: Step) -> float | None:
    return None if step.score is None or step.accuracy is None else step.score - step.accuracy


def _verifier_fails(window: Window) -> Finding | None:
    return _mostly(window, lambda step: step.unverified, 0.02, 3, "the rollouts have no verdict")


def _verifier_contradicts(window: Window) -> Finding | None:
    steps = window.last(3)
    facts = [step.groups for step in steps if step.groups is not None]
    compared, against = sum(one.compared for one in facts), sum(one.contradicted for one in facts)
    if against < 3 or against < 0.05 * compared:
        return None
    return Finding(
        steps[0].number,
        f"in {against} of {compared} groups of 3 steps it accepted two answers that differ, or one answer here and not "
        "there",
    )


def _images_missing(window: Window) -> Finding | None:
    step = window.steps[-1]
    if step.groups is None or not step.groups.placeholders:
        return None
    return Finding(step.number, f"{step.groups.placeholders:.0%} of the prompts looked at still say <image>")


def _repairs_fail(window: Window) -> Finding | None:
    steps = window.last(5)
    asked, passed = _values(steps, lambda step: step.repairs), _values(steps, _metric("care/rgr/passed"))
    wrong = _values(steps, lambda step: step.accuracy)
    if sum(asked) < 40 or not wrong or sum(passed) > 0.05 * sum(asked):
        return None
    if statistics.fmean(wrong) > 0.6:
        return None
    return Finding(steps[0].number, f"{sum(passed):.0f} of {sum(asked):.0f} repairs of 5 steps passed")


def _repairs_slow(window: Window) -> Finding | None:
    share = _mean_of_last(window, 5, _repair_time)
    if share is None or share < 0.2:
        return None
    return Finding(window.last(5)[0].number, f"for {share:.0%} of its time a step waited for nothing but repairs")


def _repair_time(step: Step) -> float | None:
    wait, whole = step.get("care/rgr/wait_only_s"), step.get("timing_s/step")
    return None if wait is None or not whole else wait / whole


def _rollout_apart(window: Window) -> Finding | None:
    steps = window.last(2)
    pearson = _values(steps, _metric("training/rollout_actor_probs_pearson_corr"))
    difference = _values(steps, _metric("training/rollout_probs_diff_mean"))
    if pearson and difference and max(pearson) < 0.99 and min(difference) > 0.01:
        return Finding(steps[0].number, f"their probabilities correlate by {pearson[-1]:.3f}")
    kl = _values(steps, _metric("rollout_corr/kl"))
    if not pearson and kl and min(kl) > 0.05:
        return Finding(steps[0].number, f"the policy is {kl[-1]:.2f} nats a token from what sampled")
    return None


def _gradient_spikes(window: Window) -> Finding | None:
    steps = window.steps[-5:]
    if any(not math.isfinite(step.metrics.get("actor/grad_norm", 0.0)) for step in steps[-1:]):
        return Finding(steps[-1].number, "the gradient's norm is not finite")
    earlier = _values(window.steps[:-5], _metric("actor/grad_norm"))
    recent = _values(steps, _metric("actor/grad_norm"))
    if len(earlier) < 3 or not recent:
        return None
    usual = statistics.median(earlier)
    high = [step for step, value in zip(steps, recent, strict=True) if value > 5 * usual]
    if len(high) < 2 or usual <= 0:
        return None
    return Finding(high[0].number, f"a gradient norm of {max(recent):.3g}, usual is {usual:.3g}")


def _policy_broken(window: Window) -> Finding | None:
    values = _values(window.steps, lambda step: step.success)
    if len(values) < 3:
        return None
    earlier, now = values[:-2], statistics.fmean(values[-2:])
    best = max(statistics.fmean(earlier[i : i + 2]) for i in range(max(1, len(earlier) - 1)))
    if best < 0.1 or now > 0.5 * best:
        return None
    step = next(step for step, value in zip(window.steps, values, strict=True) if value <= 0.75 * best)
    return Finding(step.number, f"right answers (or the reward) fell from {best:.2f} to {now:.2f}")


def _entropy_collapse(window: Window) -> Finding | None:
    entropy = _change(window, _metric("actor/entropy"), 8)
    success = _change(window, lambda step: step.success, 8)
    if entropy is None or success is None or entropy.before <= 0:
        return None
    if entropy.now > 0.3 * entropy.before or success.now > success.before + 0.05 or success.now > 0.9:
        return None
    seen = f"entropy fell from {entropy.before:.3g} to {entropy.now:.3g}"
    return Finding(window.steps[0].number, f"{seen}; right answers went from {_shares(success)}")


def _cut_off(window: Window) -> Finding | None:
    return _mostly(window, lambda step: step.cut_off, 0.25, 3, "the responses are as long as the limit")


def _rationale_uncredited(window: Window) -> Finding | None:
    share = _mean_of_last(window, 3, _metric("care/region_mass/rationale_of_positives"))
    length = _mean_of_last(window, 3, _metric("care/positive_len"))
    if share is None or not length or share >= 0.02:
        return None
    return Finding(
        window.last(3)[0].number,
        f"{share:.1%} of a right response's credit goes to its rationale of {length:.0f} tokens",
    )


WATCHERS: tuple[Watcher, ...] = (
    Watcher(
        "groups_all_right",
        "the questions are too easy",
        "85% of the groups all right, over 5 steps",
        "with 85% of them the batch is a seventh of its size; a run that learns passes 50% and goes on",
        "harder questions, or filter those that are always answered (algorithm.filter_groups)",
        _groups_all_right,
        lambda step: step.all_right,
    ),
    Watcher(
        "groups_all_wrong",
        "the questions are too hard, or the format is not known",
        "70% of the groups all wrong, over 5 steps",
        "a group without a right answer teaches GRPO nothing, and CARE little",
        "a cold start, easier questions, or a larger actor_rollout_ref.rollout.n; look at a few responses first",
        _groups_all_wrong,
        lambda step: step.all_wrong,
        because_of=("policy_broken", "images_missing", "rollout_apart", "responses_cut_off"),
    ),
    Watcher(
        "groups_no_signal",
        "nothing to learn from, although some are right and some wrong",
        "85% of the groups with equal rewards over 5 steps, or every advantage 0 for 3",
        "as for all right and all wrong, which are named instead where they explain it",
        "a larger actor_rollout_ref.rollout.n; temperature 1; questions of mixed difficulty",
        _groups_no_signal,
        lambda step: step.first("critic/advantages/max") if step.equal_reward is None else step.equal_reward,
        because_of=(
            "groups_all_right",
            "groups_all_wrong",
            "one_reward",
            "policy_broken",
            "verifier_contradicts",
            "rollout_apart",
        ),
    ),
    Watcher(
        "one_reward",
        "the reward function says the same of everything",
        "the smallest reward is the largest, 3 steps in a row, and not because all are right",
        "among a whole batch, chance does not do that",
        "try the reward function on a few responses (care verify); check its key, data_source and answer tags",
        _one_reward,
        _metric("critic/score/max"),
        because_of=("policy_broken", "rollout_apart", "verifier_fails"),
    ),
    Watcher(
        "length_inflation",
        "responses grow and answers do not get better",
        "1.3 times as long as at first (over up to 30 steps), right answers up by less than 0.05",
        "a healthy run varies by a tenth; growth that pays is no fault",
        "anchor=shortest in CARE; a length penalty; see whether the reward or the verifier favours length",
        _length_inflation,
        _length,
        because_of=("policy_broken",),
    ),
    Watcher(
        "format_learned",
        "the form of responses is learned, not their answers",
        "reward beyond accuracy up by 0.08 after 8 steps or more, accuracy up by less than 0.03",
        "the part for form is 0.1 in this recipe; all of it gained and nothing else is the sign",
        "a lower format_weight; a cold start, so that the form is there before",
        _format_learned,
        _beyond_accuracy,
        because_of=("policy_broken",),
    ),
    Watcher(
        "verifier_fails",
        "verifications fail or time out",
        "2% of the rollouts without a verdict, over 3 steps",
        "a sound verifier has none; single failures are not worth a word",
        "score a dump with care verify; raise the verifier's time limit or workers; look at the rules it names",
        _verifier_fails,
        lambda step: step.unverified,
    ),
    Watcher(
        "verifier_contradicts",
        "the verifier can be escaped",
        "a twentieth of the groups that can be compared, and at least 3, in 3 steps",
        "a verdict is a function of answer and gold, also where the gold is wrong; none in 844 steps of healthy runs",
        "look at those groups (care replay, care view); a stricter verifier before training goes on",
        _verifier_contradicts,
        lambda step: step.groups,
    ),
    Watcher(
        "images_missing",
        "the policy does not see the images",
        "a prompt that was looked at still holds <image> or <video> as text",
        "verl replaces it where it finds the image; one prompt is enough",
        "data.image_key must be the column of the images, and the rows must have some",
        _images_missing,
        lambda step: step.groups,
    ),
    Watcher(
        "repairs_fail",
        "repairs do not pass",
        "5% of at least 40 repairs in 5 steps, while less than 0.6 of the answers are right",
        "the paper has 0.77; late in a run what is left to repair is hard, and little of it",
        "another algorithm.care.rgr.template, more rgr.max_tokens, or rgr.enable=false",
        _repairs_fail,
        lambda step: step.repairs,
        because_of=("policy_broken", "groups_all_wrong"),
    ),
    Watcher(
        "repairs_slow",
        "the batch waits for repairs",
        "a fifth of the step's time, over 5 steps",
        "repairs are meant to hide behind other prompts' decoding",
        "a smaller algorithm.care.rgr.max_tokens; rgr.candidates=1; more rollout replicas",
        _repairs_slow,
        _repair_time,
    ),
    Watcher(
        "rollout_apart",
        "the rollout samples from another policy than the one that is trained",
        "correlation of probabilities below 0.99 and a mean difference above 0.01 in 2 steps (or a KL above 0.05)",
        "bfloat16 against float32 stays above; where a policy is nearly certain a small difference correlates badly",
        "actor_rollout_ref.rollout.load_format=auto; the same precision and the same images on both sides",
        _rollout_apart,
        lambda step: step.first("training/rollout_actor_probs_pearson_corr", "rollout_corr/kl"),
    ),
    Watcher(
        "gradient_spikes",
        "updates are unstable",
        "5 times the usual gradient norm twice in 5 steps, or one that is not finite",
        "single spikes are common and clipped",
        "a lower actor_rollout_ref.actor.optim.lr, or grad_clip; go back a checkpoint if right answers fell",
        _gradient_spikes,
        _metric("actor/grad_norm"),
    ),
    Watcher(
        "policy_broken",
        "the policy forgets what it could",
        "right answers (else the reward) at half of the best two steps so far",
        "the mean over a batch varies by a third of itself at most in our runs",
        "a lower actor_rollout_ref.actor.optim.lr; go back a checkpoint",
        _policy_broken,
        lambda step: step.success,
        because_of=("rollout_apart",),
    ),
    Watcher(
        "entropy_collapse",
        "the policy stops exploring before it has learned",
        "entropy at 0.3 of what it was (over up to 30 steps), right answers up by less than 0.05 and below 0.9",
        "entropy falls in every run that learns; falling without learning is the sign",
        "a higher clip_ratio_high, temperature 1, a lower learning rate",
        _entropy_collapse,
        _metric("actor/entropy"),
        because_of=("policy_broken",),
    ),
    Watcher(
        "responses_cut_off",
        "responses are cut off",
        "a quarter of the responses at data.max_response_length, over 3 steps",
        "a response that is cut has no answer, whatever its rationale",
        "a larger data.max_response_length, or a prompt that asks for less",
        _cut_off,
        lambda step: step.cut_off,
        because_of=("policy_broken", "rollout_apart"),
    ),
    Watcher(
        "rationale_uncredited",
        "rationales get no credit",
        "less than 2% of a right response's credit, over 3 steps",
        "gamma_pos acts relative to length: 0.005 means 10 to 30% at the paper's lengths and nothing at short ones",
        "algorithm.care.regions.gamma_pos=null and regions.rationale_share=0.25",
        _rationale_uncredited,
        _metric("care/region_mass/rationale_of_positives"),
    ),
)
"""All watchers."""

NAMES = tuple(watcher.name for watcher in WATCHERS)
