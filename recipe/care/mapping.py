# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""From a section of verl's configuration to a frozen dataclass; every error names the full key."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from typing import TypeVar

from recipe.care.errors import CareConfigError

_Config = TypeVar("_Config")


def fail(root: str, key: str, value: object, remedy: str) -> typing.NoReturn:
    """Refuse a value; ``key`` is below ``root``, empty for the section itself."""
    name = f"{root}.{key}" if key else root
    raise CareConfigError(f"{name}={value!r}: {remedy}")


def build(cls: type[_Config], node: object, root: str, also: Sequence[str] = (), prefix: str = "") -> _Config:
    """Make ``cls`` of a section's keys; absent ones keep their defaults.

    Args:
        cls: A dataclass, whose fields may be dataclasses.
        node: A ``DictConfig`` or a plain mapping.
        root: Full key of the section.
        also: Keys that ``node`` may have elsewhere, to be named among the known ones.
        prefix: Path of ``cls`` below the section, with a dot behind it.

    Raises:
        CareConfigError: A key is unknown or missing, or a value has the wrong type.
    """
    if not isinstance(node, Mapping):
        fail(root, prefix.rstrip("."), node, "must be a mapping of settings, or left out.")
    hints = typing.get_type_hints(cls)
    values: dict[str, object] = {}
    for raw_name in node:
        name = str(raw_name)
        if name not in hints:
            close = difflib.get_close_matches(name, hints, n=1)
            known = [*hints, *also] or ["none"]
            hint = f" Did you mean {root}.{prefix}{close[0]}?" if close else f" Known: {', '.join(known)}."
            fail(root, prefix + name, node[raw_name], f"there is no such setting.{hint}")
        values[name] = _coerce(node[raw_name], hints[name], root, prefix + name)
    for field in dataclasses.fields(typing.cast(typing.Any, cls)):
        no_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if no_default and field.name not in values:
            raise CareConfigError(f"{root}.{prefix}{field.name}: must be set; it has no default.")
    return cls(**values)


def _coerce(value: object, hint: object, root: str, key: str) -> object:
    """Check ``value`` against a field's annotation; an int is welcome where a float is asked for, nothing else is."""
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), {} if value is None else value, root, prefix=f"{key}.")
    if hint == tuple[str, ...]:
        # OmegaConf's lists are no lists.
        if isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(one, str) for one in value):
            return tuple(value)
        fail(root, key, value, "must be a list of names, as in [a,b].")
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in allowed:
        if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if kind is int and isinstance(value, bool):
            continue
        if isinstance(value, typing.cast(type, kind)):
            return value
    names = ", ".join("null" if kind is type(None) else typing.cast(type, kind).__name__ for kind in allowed)
    fail(root, key, value, f"must be of type {names}, not {type(value).__name__}.")
