# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Registered estimators (``recipe.estimators``) as methods of the comparison."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recipe.care.errors import CareConfigError, CareDataError
from recipe.estimators.group import GroupRegions, Need, RolloutGroup, first
from recipe.estimators.registry import Configured, estimators
from recipe.replay.methods import METHODS, Credit, Method
from recipe.replay.rows import Rows

_Reduce = Callable[[RolloutGroup, np.ndarray], np.ndarray]
_WHAT = {Need.LOGP: "log-probabilities", Need.REF_LOGP: "log-probabilities under the reference"}


@dataclass(frozen=True)
class TokenCredit(Credit):
    """Credit of an estimator that may weigh tokens itself. Within a row, its rationale stands first."""

    estimator: Configured | None = None

    def mass_B(self, rows: Rows, advantages_B: np.ndarray) -> np.ndarray:
        """(B,) mean over a row's tokens of the absolute coefficient, as ``seq-mean-token-mean`` has it."""
        return _over_groups(rows, self._configured, lambda group, own_GT: _row_means(np.abs(own_GT), group))

    def rationale_share_B(self, rows: Rows) -> np.ndarray:
        """(B,) share of a row's mass on its rationale; of a row without any, the share of its tokens."""

        def share_G(group: RolloutGroup, own_GT: np.ndarray) -> np.ndarray:
            mass_GT = np.where(own_GT.any(axis=1, keepdims=True), np.abs(own_GT), group.own_GT)
            return (mass_GT * group.rationale_GT).sum(axis=1) / np.maximum(mass_GT.sum(axis=1), 1e-12)

        return _over_groups(rows, self._configured, share_G)

    @property
    def _configured(self) -> Configured:
        assert self.estimator is not None
        return replace(self.estimator, needs=self.estimator.needs | {Need.REGIONS})


def method(estimator: Configured) -> Method:
    """A registered estimator as a column of the comparison. Rows have one output and hold no repair."""

    def estimate(rows: Rows) -> np.ndarray:
        return _over_groups(rows, estimator, lambda group, own_GT: _row_means(own_GT, group))

    return Method(estimator.name, estimate, TokenCredit(estimator=estimator))


def named_methods(names: Sequence[str], settings: Sequence[str] = ()) -> dict[str, Method]:
    """The methods of ``METHODS`` and of the registry by their names.

    Args:
        names: In the order of the columns.
        settings: ``ESTIMATOR.KEY=VALUE``, a Python value or a text.

    Raises:
        CareConfigError: There is no such method, or a setting is wrong.
    """
    sections: dict[str, dict[str, object]] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        name, dot, field = key.partition(".")
        if not (equals and dot and field):
            raise CareConfigError(f"--set {setting}: write ESTIMATOR.KEY=VALUE, as in ace.alpha=0.5")
        if name not in names or name in METHODS:
            raise CareConfigError(f"--set {setting}: {name} is no estimator among --methods {','.join(names)}")
        sections.setdefault(name, {})[field] = _value(value)
    registered = estimators()
    chosen = {}
    for name in names:
        if name not in METHODS and name not in registered:
            known = ", ".join([*METHODS, *registered])
            raise CareConfigError(f"there is no method {name!r}; known: {known}")
        chosen[name] = METHODS[name] if name in METHODS else method(registered[name].configured(sections.get(name)))
    return chosen


def _value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _over_groups(rows: Rows, estimator: Configured, reduce: _Reduce) -> np.ndarray:
    """(B,) what ``reduce`` makes of the token advantages of each group; 0 in rows that no estimator sees."""
    known_B = rows.valid_B.copy()
    for need, logp_B in ((Need.LOGP, rows.logp_sum_B), (Need.REF_LOGP, rows.ref_logp_sum_B)):
        if need in estimator.needs:
            known_B &= ~np.isnan(logp_B)
            if rows.valid_B.any() and not known_B.any():
                raise CareDataError(
                    f"estimator {estimator.name} reads {_WHAT[need]}, which no rollout of this step has; the records "
                    "of a run with this package have them"
                )
    values_B = np.zeros(len(rows.group_B))
    for part, group_rows in rows.groups():
        own = np.arange(part.start, part.stop)[known_B[part]]
        if len(own):
            group = _group(group_rows, known_B[part], estimator.needs)
            values_B[own] = reduce(group, estimator.advantages(group))
    return values_B


def _group(rows: Rows, known_G: np.ndarray, needs: frozenset[Need]) -> RolloutGroup:
    tokens_G, rationale_G, answer_G = (one[known_G] for one in (rows.tokens_B, rows.rationale_B, rows.answer_B))
    width = int(tokens_G.max(initial=0))
    own_GT, rationale_GT = first(tokens_G, width), first(rationale_G, width)
    regions = GroupRegions(
        rationale_GT,
        first(rationale_G + answer_G, width) & ~rationale_GT & own_GT,
        rows.think_len_B[known_G],
        rows.answer_len_B[known_G],
    )
    measured = needs & {Need.EMBEDDINGS, Need.LEXICAL}
    return RolloutGroup(
        right_G=rows.acc_B[known_G] > 0.5,
        reward_G=rows.reward_B[known_G].astype(np.float64),
        own_GT=own_GT,
        repaired_G=np.zeros(len(tokens_G), dtype=np.bool_),
        logp=rows.logp_sum_B[known_G] if Need.LOGP in needs else None,
        ref_logp=rows.ref_logp_sum_B[known_G] if Need.REF_LOGP in needs else None,
        embeddings=rows.embeddings_BH[known_G] if measured else None,
        regions=regions if Need.REGIONS in needs else None,
    )


def _row_means(values_GT: np.ndarray, group: RolloutGroup) -> np.ndarray:
    return values_GT.sum(axis=1) / np.maximum(group.tokens_G, 1)
