# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What a run left behind that a model card needs; what it did not leave is listed as missing, never guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from data_prep.file.manifest import manifest_path
from recipe.care.config import ROOT as CARE
from recipe.care.config import CareConfig
from recipe.care.presets import flat
from verl_ext.checks.record import RECORD, Attempt, read_attempts

CONFIG = Path("hydra/.hydra")
"""Where the scripts have Hydra keep the configuration of a run (``hydra.run.dir``)."""

RL_SETTINGS = (
    "data.train_batch_size",
    "data.max_prompt_length",
    "data.max_response_length",
    "actor_rollout_ref.rollout.n",
    "actor_rollout_ref.rollout.temperature",
    "actor_rollout_ref.actor.ppo_mini_batch_size",
    "actor_rollout_ref.actor.optim.lr",
    "actor_rollout_ref.actor.optim.weight_decay",
    "actor_rollout_ref.actor.loss_agg_mode",
    "actor_rollout_ref.actor.clip_ratio_low",
    "actor_rollout_ref.actor.clip_ratio_high",
    "actor_rollout_ref.actor.use_kl_loss",
    "actor_rollout_ref.actor.kl_loss_coef",
    "actor_rollout_ref.actor.entropy_coeff",
    "actor_rollout_ref.model.lora_rank",
    "reward.custom_reward_function.path",
    "trainer.nnodes",
    "trainer.n_gpus_per_node",
    "trainer.total_epochs",
    "trainer.total_training_steps",
)
SFT_SETTINGS = (
    "data.train_batch_size",
    "data.max_length",
    "data.truncation",
    "optim.lr",
    "optim.lr_scheduler_type",
    "optim.lr_warmup_steps_ratio",
    "optim.weight_decay",
    "model.lora_rank",
    "trainer.nnodes",
    "trainer.n_gpus_per_node",
    "trainer.total_epochs",
    "trainer.total_training_steps",
)


@dataclass(frozen=True)
class Score:
    """A measurement on held-out questions."""

    when: str
    rows: int
    accuracy: float
    format: float


@dataclass(frozen=True)
class Stage:
    """One run: what it did, from what, how, and what came out."""

    name: str
    method: str
    base_model: str
    settings: Mapping[str, object]
    overrides: Sequence[str]
    files: Sequence[Path]
    """Training files, as the configuration names them."""
    scores: Sequence[Score]
    attempts: Sequence[Attempt]
    missing: Sequence[str]


@dataclass(frozen=True)
class DataFile:
    """A manifest of ``data_prep``."""

    name: str
    rows: int
    sha256: str
    licences: Mapping[str, Mapping[str, str]]
    sources: Mapping[str, int]


def read_stage(run: Path) -> Stage:
    """Collect the facts of a run.

    Raises:
        FileNotFoundError: ``run`` is no folder.
    """
    if not run.is_dir():
        raise FileNotFoundError(f"--run {run}: there is no such folder")
    missing: list[str] = []
    config = _read_config(run, missing)
    scores = read_scores(run)
    attempts = read_attempts(run)
    if not scores:
        missing.append(f"{run.name}: scores (before.json and after.json, or validation/<step>.jsonl)")
    if not attempts:
        missing.append(f"{run.name}: commit and versions ({RECORD})")
    elif not attempts[-1].commit:
        missing.append(f"{run.name}: commit (it did not run from a git checkout)")
    is_rl = "actor_rollout_ref" in config
    files = OmegaConf.select(config, "data.train_files") or []
    return Stage(
        name=run.name,
        method=_method(config),
        base_model=str(OmegaConf.select(config, "actor_rollout_ref.model.path" if is_rl else "model.path") or ""),
        settings=_settings(config, is_rl),
        overrides=_read_overrides(run),
        files=[Path(files)] if isinstance(files, str) else [Path(file) for file in files],
        scores=scores,
        attempts=attempts,
        missing=missing,
    )


def _read_config(run: Path, missing: list[str]) -> DictConfig:
    path = run / CONFIG / "config.yaml"
    if path.is_file():
        return OmegaConf.load(path)
    missing.append(f"{run.name}: method, base model and settings ({CONFIG / 'config.yaml'})")
    return OmegaConf.create()


def _read_overrides(run: Path) -> list[str]:
    path = run / CONFIG / "overrides.yaml"
    return [str(line) for line in OmegaConf.load(path)] if path.is_file() else []


def _method(config: DictConfig) -> str:
    if not config:
        return ""
    estimator = OmegaConf.select(config, "algorithm.adv_estimator")
    return f"reinforcement learning with {estimator}" if estimator else "supervised fine-tuning"


def _settings(config: DictConfig, is_rl: bool) -> dict[str, object]:
    names = RL_SETTINGS if is_rl else SFT_SETTINGS
    found = {name: OmegaConf.select(config, name) for name in names}
    settings = {name: value for name, value in found.items() if value is not None}
    if OmegaConf.select(config, "algorithm.adv_estimator") == "care":
        care = CareConfig.of_run(OmegaConf.select(config, "algorithm.care"))
        settings |= flat(asdict(care), CARE)
    return settings


def read_scores(run: Path) -> list[Score]:
    """Scores of a run: those of ``recipe.evaluation.held_out``, else of verl's first and last validation dump."""
    evaluated = [(name, run / f"{name}.json") for name in ("before", "after")]
    if any(path.is_file() for _, path in evaluated):
        return [_evaluated(name, path) for name, path in evaluated if path.is_file()]
    dumps = sorted((run / "validation").glob("*.jsonl"), key=lambda path: int(path.stem))
    ends = dumps if len(dumps) < 2 else [dumps[0], dumps[-1]]
    return [_dumped(path) for path in ends]


def _evaluated(name: str, path: Path) -> Score:
    record = json.loads(path.read_text())
    return Score(name, record["rows"], record["accuracy"], record["format"])


def _dumped(path: Path) -> Score:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    # A reward function that gives no verdict leaves None or nothing.
    accuracy, form = (sum(float(row.get(name) or 0) for row in rows) / len(rows) for name in ("acc", "format"))
    return Score(f"step {path.stem}", len(rows), accuracy, form)


def read_data(stages: Sequence[Stage], given: Sequence[Path]) -> tuple[list[DataFile], list[str]]:
    """The manifests given, those beside the runs' training files, and which training files have none.

    Raises:
        FileNotFoundError: A given manifest is not there.
    """
    files: dict[str, DataFile] = {}
    missing: list[str] = []
    for path in given:
        if not path.is_file():
            raise FileNotFoundError(f"--data {path}: there is no such manifest; data_prep writes it beside its parquet")
        data = _data_file(path)
        files[data.name] = data
    for trained in (file for stage in stages for file in stage.files):
        beside = manifest_path(trained.expanduser())
        if trained.name in files:
            continue
        if beside.is_file():
            files[trained.name] = _data_file(beside)
        else:
            missing.append(f"data manifest and licences of {trained.name}")
    return list(files.values()), missing


def _data_file(path: Path) -> DataFile:
    record = json.loads(path.read_text(encoding="utf-8"))
    return DataFile(
        record["parquet"], record["rows"], record["sha256"], record["licences"], record["counts"]["data_source"]
    )
