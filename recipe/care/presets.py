# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Named sets of settings, chosen with ``algorithm.care.preset``; a key the user sets wins over the preset's.

``paper`` follows the paper's letter, also where the fields' defaults in ``recipe.care.config`` read it otherwise.
``steady`` is those defaults and what keeps long runs from decaying. What ``best`` changes is in ``docs/comparing.md``,
and why a long run decays in ``docs/paper_map.md``.
"""

from __future__ import annotations

from collections.abc import Mapping

PRESETS: dict[str, Mapping[str, object]] = {
    "steady": {"regions": {"blame": "response"}, "rgr": {"fill_to": 0.5}},
    "paper": {
        "rescue": {"normalize": True, "logp": "sum"},
        "rgr": {"template": "paper", "importance": "none"},
    },
    "best": {
        "anchor": "multi",
        "regions": {"enable": False},
        "rescue": {"enable": False},
        "rgr": {"groups": "all", "candidates": "all", "fill_to": 0.5},
    },
}
DEFAULT_PRESET = "steady"
"""What a training run has that names none."""


def over_preset(name: str, given: Mapping[str, object]) -> dict[str, object]:
    """The user's settings laid over a preset's, section by section.

    Args:
        name: Of the preset.
        given: What the user set, sections as mappings.

    Returns:
        The settings to build the configuration from.
    """
    return _over(PRESETS[name], given)


def flat(settings: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Settings by their dotted keys: ``{"rgr": {"k": 1}}`` is ``{"rgr.k": 1}``; ``prefix`` goes before, with a dot."""
    keys: dict[str, object] = {}
    for name, value in settings.items():
        key = f"{prefix}.{name}" if prefix else name
        keys |= flat(value, key) if isinstance(value, Mapping) else {key: value}
    return keys


def _over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    together = dict(below)
    for key in above:
        low, high = below.get(key), above[key]
        if isinstance(low, Mapping) and high is None:
            continue  # a section left empty says nothing
        together[key] = _over(low, high) if isinstance(low, Mapping) and isinstance(high, Mapping) else high
    return together
