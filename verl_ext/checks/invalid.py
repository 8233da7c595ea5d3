# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What Hydra, verl and CARE raise over a configuration that cannot work, and what it means in a line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from recipe.care.errors import CareError

INVALID = (
    CareError,
    HydraException,
    OmegaConfBaseException,
    ValueError,
    TypeError,
    AssertionError,
    NotImplementedError,
)
MANUAL = "See https://hydra.cc"
"""How Hydra's complaints about the form of an override end."""


def reason(error: Exception, defaults: Callable[[], DictConfig]) -> str:
    """Why a configuration is invalid, with the key and the remedy as far as they are known.

    Args:
        error: One of ``INVALID``.
        defaults: Makes the trainer's configuration without overrides.
    """
    text = " ".join(str(error).split())
    if isinstance(error, OverrideParseException):
        return _unreadable(str(error.override), text)
    absent = re.match(r"Could not override '([^']+)'\. To append to your config use (\+.+)", text)
    if isinstance(error, ConfigCompositionException) and absent:
        return f"Could not override '{absent[1]}': there is no such key. {_remedy(absent[1], absent[2], defaults)}"
    if isinstance(error, MissingConfigException):
        # It ends with every folder that was looked in.
        return text.partition(" Config search path:")[0]
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        key = re.search(r"full_key: (\S+)", text)
        return f"{key[1] + ': ' if key else ''}{' '.join(str(error.__cause__).split())}"
    if isinstance(error, TypeError):
        return f"a setting is of the wrong type ({text})"
    return text


def _unreadable(override: str, text: str) -> str:
    if override.startswith("-"):
        return f"{override}: settings, key=value, can be checked; options of Hydra's command line can not."
    return (
        f"{override}: Hydra cannot read this ({text.partition(MANUAL)[0].strip()}). Write key=value; a value that "
        """holds one of = , ( ) { } [ ] needs quotes that reach Hydra: 'key="a=b"'."""
    )


def _remedy(key: str, added: str, defaults: Callable[[], DictConfig]) -> str:
    if key.startswith("algorithm.care"):
        return f"Settings of CARE begin with a plus: {added}"
    near = difflib.get_close_matches(key, _keys(OmegaConf.to_container(defaults())), n=1)
    return f"{f'Did you mean {near[0]}? ' if near else ''}A key that verl does not list begins with a plus: {added}"


def _keys(node: object, prefix: str = "") -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield f"{prefix}{name}"
            yield from _keys(value, f"{prefix}{name}.")
