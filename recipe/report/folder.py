# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a run has left in its folder: metrics, rollouts, configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from recipe.care.errors import CareDataError
from recipe.tiny.metrics import metrics_files

CONFIG = Path("hydra/.hydra/config.yaml")
"""Where the scripts have Hydra keep the configuration of a run (``hydra.run.dir``)."""
RECORDS, ROLLOUTS = "records", "rollouts"
"""Folders of a run that are looked into where its configuration names none: this package's records, verl's dump."""


@dataclass(frozen=True)
class RunFolder:
    """A run as it lies on the disk."""

    path: Path
    name: str
    metrics: tuple[Path, ...]
    """Its metrics, a file an attempt, oldest first."""
    rollouts: Path | None
    """The folder of its ``<step>.jsonl``."""
    config: DictConfig
    """As resolved by Hydra; empty where it is not there."""

    @property
    def method(self) -> str:
        """The estimator, where it is known."""
        return str(OmegaConf.select(self.config, "algorithm.adv_estimator") or "")

    @property
    def data(self) -> list[Path]:
        """The training files that the configuration names and that are there."""
        files = OmegaConf.select(self.config, "data.train_files") or []
        named = [files] if isinstance(files, str) else list(files)
        return [path for path in (Path(str(file)).expanduser() for file in named) if path.is_file()]

    def step_files(self) -> list[Path]:
        """The rollouts, a file a step, in the order of the steps."""
        return _step_files(self.rollouts) if self.rollouts is not None else []


def find_run(path: Path) -> RunFolder:
    """Look at a run's folder, or at a folder of rollouts alone.

    Args:
        path: The folder.

    Raises:
        CareDataError: There is no such folder, or neither metrics nor rollouts in it.
    """
    if not path.is_dir():
        raise CareDataError(f"{path}: there is no such folder; give the folder of a run")
    config = OmegaConf.load(path / CONFIG) if (path / CONFIG).is_file() else OmegaConf.create()
    assert isinstance(config, DictConfig)
    metrics = tuple(metrics_files(path))
    rollouts = next((folder for folder in _candidates(path, config) if _step_files(folder)), None)
    if not metrics and rollouts is None:
        raise CareDataError(
            f"{path}: neither metrics-<attempt>.jsonl nor rollouts (<step>.jsonl in {RECORDS}, in {ROLLOUTS}, or "
            "where trainer.rollout_data_dir or algorithm.care.records.folder of its configuration says) are in it"
        )
    return RunFolder(path, path.resolve().name, metrics, rollouts, config)


def _candidates(path: Path, config: DictConfig) -> Iterator[Path]:
    """Where rollouts may lie; records say more than a dump, so they come first."""
    records = OmegaConf.select(config, "algorithm.care.records.folder")
    dump = OmegaConf.select(config, "trainer.rollout_data_dir")
    for named, usual in ((records, RECORDS), (dump, ROLLOUTS)):
        if named:
            yield Path(str(named)).expanduser()
        yield path / usual
    yield path


def _step_files(folder: Path) -> list[Path]:
    found = [file for file in folder.glob("*.jsonl") if file.stem.isdecimal()]
    return sorted(found, key=lambda file: int(file.stem))
