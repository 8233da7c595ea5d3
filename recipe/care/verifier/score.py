# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``compute_score``: one response, one verdict.

It never raises on what a model wrote, never evaluates it as code, and takes bounded time and memory. It raises on what
a person wrote wrongly: an unknown data source, an unknown setting, a row whose fields have the wrong type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from recipe.care.errors import CareConfigError
from recipe.care.verifier.extraction import extract_answer, has_format
from recipe.care.verifier.judge import judge
from recipe.care.verifier.problem import Verdict, read_problem
from recipe.care.verifier.sources import find_source

KWARGS_OF_VERL = frozenset({"reward_router_address", "reward_model_tokenizer"})
LONGEST_PRED = 256


class Score(TypedDict):
    """What ``compute_score`` returns: the same keys and types for every response."""

    score: float
    """``(1 - format_weight) * acc + format_weight * format``."""
    acc: float
    """1.0 if the answer is right, else 0.0. CARE's positives are the rows with 1.0."""
    format: float
    """1.0 if the response is one rationale and one answer in their tags and nothing else, else 0.0."""
    verified: float
    """0.0 if the verification itself failed; such a row is neither right nor wrong, and CARE leaves it out."""
    rule: str
    """The rule that decided: a key of ``recipe.care.verifier.rules.RULES``."""
    pred: str
    """The answer as that rule read it, at most 256 characters, or empty. verl's maj@N votes with it."""


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, object] | None = None,
    *,
    format_weight: float = 0.1,
    prompt_opens_think: bool = False,
    **kwargs: object,
) -> Score:
    """Verify one response.

    Args:
        data_source: ``chartqa``, ``geometry3k``, ``virl39k``, for rows of your own ``maths``, ``choice``, ``chart``,
            ``text`` (each also with ``/<anything>``), or ``tiny_<task>``.
        solution_str: The decoded response.
        ground_truth: The gold answer.
        extra_info: The row's ``extra_info``: ``answer_type``, ``options``, ``question``, ``tolerance``,
            ``precise_value`` are read, as far as the source needs them.
        format_weight: Share of the format in the score (lambda).
        prompt_opens_think: The chat template ends with ``<think>``, so that responses do not contain it.
        **kwargs: What verl adds when a reward model is configured; anything else is refused.

    Returns:
        The verdict; see ``Score``.

    Raises:
        CareConfigError: The data source or a setting is unknown.
        CareDataError: A field of the row has the wrong type.
    """
    unknown = kwargs.keys() - KWARGS_OF_VERL
    if unknown:
        key = f"reward.custom_reward_function.reward_kwargs.{min(unknown)}"
        raise CareConfigError(f"{key}: there is no such setting. Known: format_weight, prompt_opens_think.")
    # A quoted number in a YAML file is a string.
    if not isinstance(format_weight, int | float) or not 0.0 <= format_weight <= 1.0:
        key = "reward.custom_reward_function.reward_kwargs.format_weight"
        raise CareConfigError(f"{key}={format_weight!r}: must be a number between 0 and 1.")
    source = find_source(data_source)
    problem = read_problem(source.name, ground_truth, extra_info)
    answer = extract_answer(solution_str)
    verdict = Verdict(False, answer.refusal) if answer.refusal else judge(source, problem, answer.body)
    acc = float(verdict.correct)
    form = float(has_format(solution_str, prompt_opens_think))
    return Score(
        score=(1.0 - format_weight) * acc + format_weight * form,
        acc=acc,
        format=form,
        verified=float(verdict.verified),
        rule=verdict.rule,
        pred=verdict.pred[:LONGEST_PRED],
    )
