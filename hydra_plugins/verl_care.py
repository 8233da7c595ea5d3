# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Hydra finds this module by itself, and verl's trainers thereby the groups of ``recipe/care/conf``: ``+method=care``.

Hydra looks for plugins in the namespace package ``hydra_plugins``: hence no ``__init__.py`` here. verl's own
plugins are not needed, so a baseline finds its group where CARE is switched off too.
"""

from importlib.util import find_spec
from pathlib import Path

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

VERL = ("verl.trainer.config", "verl/trainer/config")
"""The configurations of verl's trainers, as a package and as a folder."""


class CareGroups(SearchPathPlugin):
    """Puts the groups after verl's own configurations; other programs that use Hydra never see them."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra before it composes anything."""
        if not any(element.path.endswith(VERL) for element in search_path.get_path() if element.path):
            return
        # Without an import of it, whichever program this is.
        package = find_spec("recipe.care")
        assert package is not None and package.origin is not None, "this module is installed with recipe.care"
        conf = Path(package.origin).parent / "conf"
        search_path.append("verl-care", f"{CareConfigSource.scheme()}://{conf}")


class CareConfigSource(FileConfigSource):
    """Files in which ``algorithm.care`` stays open: ``+care=best algorithm.care.k=3`` needs no plus before the second.

    Hydra refuses keys that are in no file, and the groups list those only which they set. A key that CARE does not know
    is refused all the same, by ``CareConfig`` and before Ray starts.
    """

    @staticmethod
    def scheme() -> str:
        """What a path begins with that this class reads."""
        return "verl-care"

    def load_config(self, config_path: str) -> ConfigResult:
        """Read one file of a group."""
        found = super().load_config(config_path)
        care = OmegaConf.select(found.config, "algorithm.care")
        if care is not None:
            OmegaConf.set_struct(care, False)
        return found
