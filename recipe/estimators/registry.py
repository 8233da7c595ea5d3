# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Estimators by name: the decorator that adds one, and what a run makes of its settings."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from recipe.care.errors import CareConfigError, CareDataError
from recipe.care.mapping import build
from recipe.estimators.group import Need, RolloutGroup

THRESHOLD = "positive_threshold"
"""A key of every estimator's section: the score from which on a bare-float reward counts as correct."""
FILE_KEY = "estimator_file"
"""Below ``algorithm``: a Python file with estimators of the user's own."""
OURS = ("ace", "care", "lens", "ngrpo", "noisy_verifier", "weighted_reinforce")
"""Modules of this package that register estimators."""


@dataclass(frozen=True)
class NoSettings:
    """Of an estimator that has none."""


Function = Callable[[RolloutGroup, Any], np.ndarray]
"""A group and the estimator's settings to (G,) advantages of rows, or (G, T) of tokens."""
Needs = Collection[Need] | Callable[[Any], Collection[Need]]
"""What it reads; a function where that depends on its settings."""


@dataclass(frozen=True)
class Estimator:
    """An entry of the registry."""

    name: str
    function: Function
    settings: type
    needs: Needs

    @property
    def section(self) -> str:
        """Full key of its settings in verl's configuration."""
        return f"algorithm.{self.name}"

    def configured(self, node: Mapping[str, object] | None = None) -> Configured:
        """The estimator with a section's settings.

        Raises:
            CareConfigError: The section is wrong; the text names the full key.
        """
        given = {} if node is None else node
        threshold = given.get(THRESHOLD) if isinstance(given, Mapping) else None
        if isinstance(given, Mapping) and not _has(self.settings, THRESHOLD):
            given = {key: given[key] for key in given if key != THRESHOLD}
        if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, int | float)):
            raise CareConfigError(f"{self.section}.{THRESHOLD}={threshold!r}: must be a number, or null.")
        try:
            settings = _build(self, given)
        except CareConfigError:
            raise
        except ValueError as error:  # of the settings' own check, which begins with the field
            raise CareConfigError(f"{self.section}.{error}") from error
        needs = self.needs(settings) if callable(self.needs) else self.needs
        if {Need.EMBEDDINGS, Need.LEXICAL} <= set(needs):
            raise CareConfigError(f"estimator {self.name}: distances are by hidden states or by tokens, not by both.")
        return Configured(self, settings, frozenset(needs), None if threshold is None else float(threshold))


@dataclass(frozen=True)
class Configured:
    """An estimator as a run uses it."""

    estimator: Estimator
    settings: Any
    needs: frozenset[Need]
    positive_threshold: float | None

    @property
    def name(self) -> str:
        """Of the estimator."""
        return self.estimator.name

    def advantages(self, group: RolloutGroup) -> np.ndarray:
        """What the estimator makes of one group.

        Returns:
            (G, T) what each token's log-probability is multiplied with, float64, 0 on tokens that are not the
            policy's. Where the estimator returns one advantage a row, all tokens of the row have it, as with GRPO.

        Raises:
            CareDataError: The estimator returned something else than a finite number per row or per token.
        """
        returned = np.asarray(self.estimator.function(group, self.settings), dtype=np.float64)
        if returned.shape == (group.size,):
            returned = np.broadcast_to(returned[:, None], group.own_GT.shape)
        if returned.shape != group.own_GT.shape:
            raise CareDataError(
                f"estimator {self.name} returned shape {returned.shape} for a group of {group.size} rows and "
                f"{group.own_GT.shape[1]} columns; return ({group.size},) or {group.own_GT.shape}."
            )
        own_GT = np.where(group.own_GT, returned, 0.0)
        if not np.isfinite(own_GT).all():
            rows = np.flatnonzero(~np.isfinite(own_GT).all(axis=1)).tolist()
            raise CareDataError(
                f"estimator {self.name} returned a number that is not finite, in rows {rows[:8]} of a group."
            )
        return own_GT


_ESTIMATORS: dict[str, Estimator] = {}
_Decorated = TypeVar("_Decorated", bound=Function)


def group_estimator(name: str, settings: type = NoSettings, needs: Needs = ()) -> Callable[[_Decorated], _Decorated]:
    """Register a function from one group to advantages, as ``algorithm.adv_estimator=name``.

    The function is pure: what it returns depends on its two arguments alone. It stays as callable as it was.

    Args:
        name: Also of the section that has its settings, ``algorithm.<name>``.
        settings: A frozen dataclass. A check in its ``__post_init__`` raises a ValueError whose text begins with the
            name of the field.
        needs: What the function reads besides verdicts, rewards and lengths; nothing else is computed.

    Raises:
        CareConfigError: The name is taken, or ``settings`` is no frozen dataclass.
    """
    frozen = dataclasses.is_dataclass(settings) and settings.__dataclass_params__.frozen  # type: ignore[attr-defined]
    if not frozen:
        raise CareConfigError(f"estimator {name}: settings={settings!r} must be a dataclass with frozen=True.")

    def register(function: _Decorated) -> _Decorated:
        known = _ESTIMATORS.get(name)
        if known is not None and _origin(known.function) != _origin(function):
            raise CareConfigError(
                f"estimator {name}: there is one of this name in {known.function.__module__}; take another name."
            )
        _ESTIMATORS[name] = Estimator(name, function, settings, needs)
        return function

    return register


def estimators() -> dict[str, Estimator]:
    """All that are registered so far, by name: those of this package, and those of modules that were imported."""
    for module in OURS:
        importlib.import_module(f"recipe.estimators.{module}")
    return dict(sorted(_ESTIMATORS.items()))


def find(name: str) -> Estimator:
    """An estimator by its name.

    Raises:
        CareConfigError: There is none.
    """
    known = estimators()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise CareConfigError(f"there is no estimator {name!r}; known: {', '.join(known)}.{hint}")
    return known[name]


def load(path: str, key: str = f"algorithm.{FILE_KEY}") -> None:
    """Run a Python file that registers estimators.

    Args:
        path: Of the file; every process that needs the estimator loads it anew.
        key: What the user knows the path as.

    Raises:
        CareConfigError: There is no such file.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise CareConfigError(f"{key}={path}: there is no file {file} on this machine.")
    module = ModuleType(f"estimator_file_{file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    # Not the import system's loader: its cached bytecode is stale where a file changes twice within a second.
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), module.__dict__)


def _build(estimator: Estimator, given: Mapping[str, object]) -> object:
    of_run = getattr(estimator.settings, "of_run", None)  # presets: CareConfig has them
    return build(estimator.settings, given, estimator.section, (THRESHOLD,)) if of_run is None else of_run(given)


def _has(settings: type, name: str) -> bool:
    return any(field.name == name for field in dataclasses.fields(settings))


def _origin(function: Function) -> tuple[str, str]:
    """A file that is loaded twice registers the same function twice."""
    return inspect.getfile(function), function.__qualname__
