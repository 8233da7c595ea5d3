# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Small runs: a folder with metrics, records and the tiny tasks' data."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from data_prep.file.output import write_rows
from recipe.replay.records import CreditRun, DataRow, RepairRecord, RolloutRecord
from recipe.tiny.dataset import as_row
from recipe.tiny.tasks import TASKS

CUE = "Wait, there is an error above."
HOSTILE = (
    "<think></script><script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>\u202eevil\u202c \x00\x1b[31m"
    " <!-- <b>\u2028\ud800 " + "Z\u0334\u0335\u0336" * 40 + "</think><answer>&lt;3</answer>"
)


def response(rationale: str, answer: str) -> str:
    return f"<think>{rationale}</think><answer>{answer}</answer>"


def rollout(group: str, place: int, acc: float, **more: object) -> RolloutRecord:
    """A rollout of "How many?", right with 3 and wrong with 4; row numbers count within the group."""
    output = more.pop("output", response("I count.", "3" if acc else "4"))
    given = {
        "step": 1,
        "uid": f"{group}_{place}_0",
        "group": group,
        "row": place,
        "input": f"user\nHow many in {group}?\nassistant\n",
        "gts": "3",
        "score": 0.1 + 0.9 * acc,
        "role": "unused",
        "advantage": 0.0,
        "rule": "number",
    }
    return RolloutRecord(output=str(output), acc=acc, **{**given, **more})


def taught_group(name: str, step: int = 1, index: int = 0, **more: object) -> list[RolloutRecord]:
    """An anchor, a near and a far failure, an unused right one, and a failure whose repair has taken its place."""
    same = {"step": step, "data": DataRow("tiny_count", index, "train", 1), "k_prime": 3, **more}
    text = response("I count.", "3")
    inside = {"anchor": 0, **same}
    repair = RepairRecord("passed", True, response("I guess.", "5"), 0.1, CUE, text, 1.0, "number")
    credit = (CreditRun(2, 23, 0.005), CreditRun(3, len(text) - 23, 0.4))
    return [
        rollout(name, 0, 1.0, role="anchor", advantage=2.0, distance=0.0, tokens=5, credit=credit, **inside),
        rollout(name, 1, 0.0, role="hard_negative", advantage=-0.5, distance=0.02, **inside),
        rollout(name, 2, 0.0, role="hard_negative", advantage=-0.5, distance=0.3, **inside),
        rollout(name, 3, 1.0, distance=0.1, **same),
        rollout(
            name, 4, 1.0, role="repaired_positive", advantage=1.0, distance=0.2, repair=repair, credit=credit, **inside
        ),
    ]


def failed_group(name: str, step: int = 1, index: int = 0) -> list[RolloutRecord]:
    same = {"step": step, "data": DataRow("tiny_count", index, "train", 1), "k_prime": 2, "anchor": 0}
    return [
        rollout(name, 0, 0.0, role="rescue_anchor", advantage=0.1, **same),
        rollout(name, 1, 0.0, role="rescue_negative", advantage=-0.05, **same),
        rollout(name, 2, 0.0, role="rescue_negative", advantage=-0.05, **same),
    ]


def right_group(name: str, step: int = 1, index: int = 0) -> list[RolloutRecord]:
    data = DataRow("tiny_count", index, "train", 1)
    return [rollout(name, place, 1.0, step=step, data=data) for place in range(3)]


def write_records(folder: Path, records: Sequence[RolloutRecord]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for step in {record.step for record in records}:
        lines = [record.line() for record in records if record.step == step]
        (folder / f"{step}.jsonl").write_text("".join(f"{line}\n" for line in lines))


def write_metrics(run: Path, steps: Sequence[dict[str, float]]) -> None:
    """Step 0 first."""
    run.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({"step": number, "data": data}) for number, data in enumerate(steps))
    (run / "metrics-1.jsonl").write_text("".join(f"{line}\n" for line in lines))


def write_data(path: Path, rows: int) -> Path:
    """Training data of the tiny task: row n is ``DataRow("tiny_count", n, "train", 1)``."""
    rng = random.Random(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows(path, (as_row(TASKS["count"].sample(rng), "count", "train", index) for index in range(rows)))
    return path


def write_config(run: Path, **settings: object) -> None:
    path = run / "hydra" / ".hydra" / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(OmegaConf.from_dotlist([f"{key}={value}" for key, value in settings.items()]), path)


def whole_run(run: Path, data: Path, steps: int = 6) -> Path:
    """A run with metrics, records of three groups a step, and a configuration that names its data."""
    metrics = [{"val-core/tiny_count/acc/mean@1": 0.5}]
    records: list[RolloutRecord] = []
    for step in range(1, steps + 1):
        place = 3 * (step - 1)
        records += taught_group(f"mixed{step}", step, place)
        records += failed_group(f"failed{step}", step, place + 1) + right_group(f"right{step}", step, place + 2)
        metrics.append(
            {
                "care/acc_sampled": 0.4 + 0.01 * step,
                "care/groups_mixed": 0.2,
                "care/groups_all_wrong": 0.6,
                "care/positive_len": 10.0 * step,
                "actor/grad_norm": 1.0,
                "timing_s/step": 2.0,
            }
        )
    write_metrics(run, metrics)
    write_records(run / "records", records)
    write_config(run, **{"data.train_files": data, "algorithm.adv_estimator": "care"})
    return run
