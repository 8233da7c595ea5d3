# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Rows the project's verifier has no rules for stop the run before any model loads.

The verifier refuses an unknown ``data_source`` when it scores such a row, which a mixture may delay for hours. It is
asked here once, when the data has been read. A reward function of the user's own decides for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from recipe.care.errors import CareConfigError
from recipe.care.verifier.sources import check_sources

if TYPE_CHECKING:
    from omegaconf import DictConfig

VERIFIER = ("pkg://recipe.care.reward", "recipe/care/reward.py")
"""Ends of ``reward.custom_reward_function.path`` that mean the project's verifier."""


class Dataset(Protocol):
    """verl's dataset, as far as it is looked at."""

    @property
    def dataframe(self) -> Mapping[str, list[object]]:
        """A Hugging Face table."""


def uses_verifier(config: DictConfig) -> bool:
    """Whether the run's reward is the project's verifier."""
    path = config.reward.custom_reward_function.get("path")
    return path is not None and str(path).endswith(VERIFIER)


def check_data_sources(config: DictConfig, datasets: Mapping[str, Dataset]) -> None:
    """Make sure that the verifier knows every ``data_source`` of the run.

    Args:
        config: verl's whole configuration.
        datasets: What was read from ``data.<name>_files``, by that name. Datasets of another kind than verl's own
            (``data.custom_cls``) have no table to look at and are skipped.

    Raises:
        CareConfigError: A file has a source without rules; the text names the setting and the sources there are.
    """
    if not uses_verifier(config):
        return
    for name, dataset in datasets.items():
        table = getattr(dataset, "dataframe", None)
        if table is None:
            continue
        try:
            check_sources(sorted({str(source) for source in table["data_source"]}))
        except CareConfigError as error:
            files = config.data[f"{name}_files"]
            raise CareConfigError(f"data.{name}_files={files}: {error}") from error
