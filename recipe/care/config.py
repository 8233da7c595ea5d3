# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Configuration of CARE: frozen dataclasses, validated where they are made.

Every key is optional; the defaults of the fields are the paper's, and a training run changes some by its preset. In a
verl config the same fields live under ``algorithm.care``, so an error always names that full key.
``docs/configuration.md`` is tested against this file.
"""

from __future__ import annotations

import difflib
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field

from recipe.care.mapping import build, fail
from recipe.care.method import selection
from recipe.care.presets import DEFAULT_PRESET, PRESETS, over_preset
from recipe.care.repair.cue import cue_text

ROOT = "algorithm.care"
ALSO = ("preset",)
"""Not a field, and a key all the same."""

ANCHORS = tuple(selection.ANCHOR_RULES)
SELECTORS = tuple(selection.SELECTORS)
DISTANCES = ("hidden", "lexical")
RESCUE_LOGPS = ("mean", "sum")
BLAMES = ("answer", "response")
RGR_TARGETS = ("rewrite", "continue")
RGR_ON_FAIL = ("reflected", "original")
RGR_GROUPS = ("mixed", "failed", "all")
RGR_IMPORTANCE = ("truncated", "none")


def _fail(key: str, value: object, remedy: str) -> typing.NoReturn:
    fail(ROOT, key, value, remedy)


def _one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        close = difflib.get_close_matches(str(value), allowed, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        _fail(key, value, f"must be one of {', '.join(allowed)}.{hint}")


def _within(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        _fail(key, value, f"must be a number between {low:g} and {high:g}.")


@dataclass(frozen=True)
class RescueConfig:
    """What happens to a group in which every rollout failed."""

    enable: bool = True
    """Give all-wrong groups a small zero-sum contrast around the likeliest failure."""
    delta: float = 0.1
    """Advantage of the pseudo-anchor; the negatives share ``-delta``."""
    normalize: bool = False
    """Z-score the pseudo-rewards like real ones. This cancels ``delta``; it is there for comparison."""
    logp: str = "mean"
    """How a row's log-probability ranks the failures: ``mean`` over its tokens, or ``sum`` (favours short ones)."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.delta) and self.delta > 0):
            _fail("rescue.delta", self.delta, "must be above 0; to switch rescue off set rescue.enable=false.")
        _one_of("rescue.logp", self.logp, RESCUE_LOGPS)


@dataclass(frozen=True)
class RegionsConfig:
    """How a row's advantage is spread over rationale and answer tokens."""

    enable: bool = True
    """Weight answer tokens over rationale tokens; off, every response token weighs the same."""
    gamma_pos: float | None = 0.005
    """Weight of a rationale token of a correct row (an answer token weighs 1; a wrong row's rationale weighs 0)."""
    rationale_share: float | None = None
    """Instead of ``gamma_pos``: the share of a correct row's credit its rationale gets, whatever the lengths."""
    blame: str = "answer"
    """Which tokens of a wrong row are pushed down: its ``answer`` (the paper's), or the whole ``response`` alike."""
    include_tags: bool = True
    """Count the tags and the end-of-turn token as part of the region they close."""

    def __post_init__(self) -> None:
        _one_of("regions.blame", self.blame, BLAMES)
        if self.gamma_pos is None and self.rationale_share is None:
            _fail("regions.gamma_pos", None, "set gamma_pos or rationale_share; exactly one of them is in force.")
        if self.gamma_pos is not None:
            _within("regions.gamma_pos", self.gamma_pos, 0.0, 1.0)
        if self.rationale_share is not None:
            _within("regions.rationale_share", self.rationale_share, 0.0, 1.0)


@dataclass(frozen=True)
class RgrConfig:
    """Reflection-Guided Resampling: one repair of one failure in each mixed group, during training only."""

    enable: bool = True
    """Let the policy repair a representative failure of each mixed group."""
    groups: str = "mixed"
    """Groups to repair in: ``mixed`` (the paper's), ``failed`` (every rollout wrong; a repair that passes becomes the
    anchor), or ``all``."""
    target: str = "rewrite"
    """What a repaired row trains: ``rewrite`` (a clean response) or ``continue`` (only the continuation, on-policy)."""
    on_fail: str = "reflected"
    """Which text sits in the slot when the repair is wrong too: ``reflected`` (the repair) or ``original``."""
    neg_scale: float = 0.25
    """Scale of a failed repair's negative advantage, in place of ``neg_scale``."""
    importance: str = "truncated"
    """How far a failed repair is pushed down: ``truncated`` weighs its tokens by how often the policy would write them
    at the plain prompt (``min(1, pi / mu)``), so that the push ends; ``none`` does not weigh them."""
    template: str = "plain"
    """The repair cue: ``plain``, ``structured``, or the text of your own cue."""
    candidates: int | str = 2
    """Failures repaired during the rollout, at most. One is used (see ``fill_to``); ``all`` makes the choice exact."""
    temperature: float | None = None
    """Sampling temperature of the repair; null uses the rollout's."""
    top_p: float | None = None
    """Nucleus mass of the repair; null uses the rollout's."""
    max_tokens: int = 512
    """Longest continuation of a repair, in tokens."""
    fill_to: float | None = None
    """Replace as many failures as it takes until this share of the group is correct; null replaces one in any case."""

    def __post_init__(self) -> None:
        _one_of("rgr.groups", self.groups, RGR_GROUPS)
        _one_of("rgr.target", self.target, RGR_TARGETS)
        _one_of("rgr.on_fail", self.on_fail, RGR_ON_FAIL)
        _one_of("rgr.importance", self.importance, RGR_IMPORTANCE)
        _within("rgr.neg_scale", self.neg_scale, 0.0, 1.0)
        if isinstance(self.candidates, str):
            _one_of("rgr.candidates", self.candidates, ("all",))
        elif self.candidates < 1:
            _fail("rgr.candidates", self.candidates, "must be at least 1, or 'all'; rgr.enable=false switches RGR off.")
        # vLLM's own limits: a request beyond them fails, and every repair with it.
        if self.temperature is not None:
            _within("rgr.temperature", self.temperature, 0.0, 2.0)
        if self.top_p is not None and not 0 < self.top_p <= 1:
            _fail("rgr.top_p", self.top_p, "must be above 0 and at most 1, or null for the rollout's.")
        if self.max_tokens < 1:
            _fail("rgr.max_tokens", self.max_tokens, "must be at least 1.")
        if self.fill_to is not None and not 0 < self.fill_to < 1:
            _fail("rgr.fill_to", self.fill_to, "must be above 0 and below 1, so that a failure is left; or null.")
        cue_text(self.template)

    def replacements(self, correct: int, size: int) -> int:
        """How many failures repairs may replace in a group of ``size`` verified rollouts, ``correct`` of them right."""
        if self.fill_to is None:
            return 1
        # 0.29 * 100 is a little below 29.
        return max(0, math.floor(self.fill_to * size + 1e-9) - correct)


@dataclass(frozen=True)
class RecordsConfig:
    """What a run writes of its rollouts (``recipe.replay.records``), for ``care replay`` and ``care report``."""

    folder: str | None = None
    """Where records go, one ``<step>.jsonl`` a step; null writes none."""
    share: float = 1.0
    """Share of the prompts that are recorded, with all their rollouts; the same prompts in every run and epoch."""
    embeddings: bool = True
    """Store what distances are measured with, shortened to 344 characters a rollout."""

    def __post_init__(self) -> None:
        if self.folder is not None and not self.folder.strip():
            _fail("records.folder", self.folder, "must be a path, or null for no records.")
        if not 0 < self.share <= 1:
            _fail("records.share", self.share, "must be above 0 and at most 1; for no records set records.folder=null.")


@dataclass(frozen=True)
class AlarmsConfig:
    """Whether a run watches itself. In force whatever the estimator is."""

    enable: bool = True
    """Look at every step, and say in the log, as metrics and at the end of the run what goes wrong."""
    stop: tuple[str, ...] = ()
    """Alarms (docs/alarms.md) that end the run: it makes one more step, its last, with checkpoint and validation."""

    @classmethod
    def of_run(cls, node: Mapping[str, object] | None) -> AlarmsConfig:
        """Those of a run of any estimator, which may have nothing else under ``algorithm.care``.

        Args:
            node: ``algorithm.care``, or None.
        """
        return build(cls, (node or {}).get("alarms") or {}, ROOT, prefix="alarms.")


@dataclass(frozen=True)
class CareConfig:
    """Everything CARE lets a user set. See ``docs/paper_map.md`` for the equation behind each field."""

    k: int = 4
    """Hard negatives in a subgroup (K)."""
    m: int = 6
    """Size of the pool of near misses they are picked from (M)."""
    near_share: float | None = None
    """Adapt the subgroup to the group: only this share of its failures, the nearest, may be picked; null admits all."""
    neg_scale: float = 0.5
    """Scale of a negative's advantage (s)."""
    eps: float = 1e-6
    """Added to the subgroup's reward variance."""
    equalize: bool = True
    """Multiply a subgroup's advantages by sqrt(K/K'), so small subgroups move the policy as far as full ones."""
    anchor: str = "shortest"
    """Which verified-correct rollout is the anchor: ``shortest``, ``random``, ``highest_logp``, or ``multi`` (all)."""
    selector: str = "nearest"
    """How hard negatives are picked: ``nearest``, ``mixed``, ``farthest`` or ``random``. ``lexical`` is short for
    ``nearest`` with ``distance=lexical``."""
    distance: str = "hidden"
    """What tells how far apart two rationales are: the policy's ``hidden`` states, or ``lexical``: shared tokens."""
    positive_threshold: float | None = None
    """For reward functions that return a bare float: a score at or above this is a correct answer."""
    skip_dead_rows: bool | str = "auto"
    """Leave rows out of passes that they do not need: ``auto`` where that changes nothing, ``true`` (refused where
    it would), or ``false``."""
    kl_taught_rows_only: bool = False
    """With verl's KL loss, which else gives every row a gradient: apply it to the rows that teach alone. That is
    another objective, in which nothing holds the policy back where it gets no advantage."""
    rescue: RescueConfig = field(default_factory=RescueConfig)
    """Groups in which every rollout failed."""
    regions: RegionsConfig = field(default_factory=RegionsConfig)
    """Answer tokens against rationale tokens."""
    rgr: RgrConfig = field(default_factory=RgrConfig)
    """Reflection-Guided Resampling."""
    records: RecordsConfig = field(default_factory=RecordsConfig)
    """What is written of the rollouts."""
    alarms: AlarmsConfig = field(default_factory=AlarmsConfig)
    """What watches the run."""

    def __post_init__(self) -> None:
        if self.k < 1:
            _fail("k", self.k, "a subgroup needs at least one hard negative; set it to 1 or more (the paper's K is 4).")
        if self.m < self.k:
            _fail("m", self.m, f"the pool cannot be smaller than {ROOT}.k={self.k}; raise m or lower k.")
        _within("neg_scale", self.neg_scale, 0.0, 1.0)
        if not (math.isfinite(self.eps) and self.eps > 0):
            _fail("eps", self.eps, "must be a small number above 0.")
        _one_of("anchor", self.anchor, ANCHORS)
        _one_of("selector", self.selector, SELECTORS)
        _one_of("distance", self.distance, DISTANCES)
        if isinstance(self.skip_dead_rows, str):
            _one_of("skip_dead_rows", self.skip_dead_rows, ("auto",))
        if self.near_share is not None:
            if not 0 < self.near_share <= 1:
                _fail("near_share", self.near_share, "must be above 0 and at most 1, or null; 0.5 is the nearer half.")
            if self.measured_by is None:
                remedy = f"needs distances, which {ROOT}.selector={self.selector} does without."
                _fail("near_share", self.near_share, remedy)
        if self.positive_threshold is not None and not math.isfinite(self.positive_threshold):
            _fail("positive_threshold", self.positive_threshold, "must be a finite number, or null.")

    @property
    def measured_by(self) -> str | None:
        """What distances are made of: ``hidden`` states or ``lexical`` likeness, or None where nothing needs one."""
        if not selection.SELECTORS[self.selector].measures:
            return None
        return "lexical" if self.selector == "lexical" else self.distance

    @classmethod
    def from_omegaconf(cls, node: Mapping[str, object] | None) -> CareConfig:
        """Build the configuration from the ``algorithm.care`` node of a verl config.

        Args:
            node: A ``DictConfig``, a plain mapping, or None when the user set nothing. ``preset`` names what the absent
                keys are taken from (``recipe.care.presets``); it is no field of its own.

        Returns:
            The validated configuration; absent keys keep the preset's values, or the paper's defaults.

        Raises:
            CareConfigError: A key is unknown, or a value has the wrong type or range.
        """
        if node is None:
            return cls()
        regions = node.get("regions") if isinstance(node, Mapping) else None
        if isinstance(regions, Mapping) and None not in (regions.get("rationale_share"), regions.get("gamma_pos")):
            share = regions["rationale_share"]
            _fail("regions.rationale_share", share, "excludes regions.gamma_pos; set only one of the two.")
        if not isinstance(node, Mapping) or "preset" not in node:
            return build(cls, node, ROOT, ALSO)
        given = {key: node[key] for key in node if key != "preset"}
        if node["preset"] is None:
            return build(cls, given, ROOT, ALSO)
        _one_of("preset", str(node["preset"]), tuple(PRESETS))
        return build(cls, over_preset(str(node["preset"]), given), ROOT, ALSO)

    @classmethod
    def of_run(cls, node: Mapping[str, object] | None) -> CareConfig:
        """The configuration of a training run: ``from_omegaconf``, over ``DEFAULT_PRESET`` where no preset is named."""
        given = {} if node is None else node
        if isinstance(given, Mapping) and given.get("preset") is None:
            given = {**given, "preset": DEFAULT_PRESET}
        return cls.from_omegaconf(given)
