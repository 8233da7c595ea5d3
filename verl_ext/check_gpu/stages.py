# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The parts of the check, one after another; each returns what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from verl_ext.check_gpu.report import Check, Method
from verl_ext.check_gpu.run_metrics import choices, learned_something, repairs, summarise
from verl_ext.check_gpu.runs import Run, kill_everything, start
from verl_ext.check_gpu.settings import MODULE, OUT, Plan, care_settings, run_settings
from verl_ext.checks.doctor_gpu import gpus

ALTERNATING = {"VERL_USE_EXTERNAL_MODULES": f"{MODULE}.arm"}
STOCK = {"VERL_USE_EXTERNAL_PLUGINS": "none"}
STOCK_ON_CPU = {**STOCK, "VERL_USE_EXTERNAL_MODULES": "verl_ext.cpu.alone"}
SAME = ("critic/score/mean", "critic/advantages/max", "actor/pg_loss", "actor/grad_norm", "actor/entropy")
"""Metrics of a GRPO step that are the same with and without the plugin."""
NOTHING_TO_DECODE = "actor_rollout_ref.rollout.enforce_eager=True"
"""Where rollouts are replayed, vLLM need not be compiled."""
SMALLEST = 0.01
"""What they are compared with where they are smaller: the loss of advantages that add up to 0 is rounding."""


@dataclass(frozen=True)
class Limits:
    """How far two ways to the same number may be apart."""

    log_probs: float
    """Mean absolute difference of log-probabilities, the actor's and the plain model's."""
    rollouts: float
    """The same, vLLM's and the actor's."""
    embeddings: float
    """Largest relative error of a pooled state."""
    metrics: float
    """Relative difference of a step's metrics."""

    @classmethod
    def of(cls, plan: Plan) -> Limits:
        """On GPUs bf16 against the plain model's fp32, and kernels that add in no fixed order; not yet tried there."""
        return cls(0.1, 0.1, 0.1, 0.02) if plan.on_gpu else cls(1e-3, 0.02, 1e-3, 1e-5)


@dataclass
class Found:
    """Checks and figures of a stage."""

    checks: list[Check]
    figures: list[tuple[str, str]]

    def check(self, name: str, value: float, limit: float) -> None:
        """A number that has to be small."""
        self.checks.append(Check(name, value <= limit, f"{value:.2g} (at most {limit:g})"))


class NotPossibleError(RuntimeError):
    """An earlier stage did not leave what this one needs."""


def need(path: Path) -> None:
    """Refuse to go on without what an earlier stage was to leave."""
    if not path.exists():
        raise NotPossibleError(f"an earlier stage did not leave {path.name}")


class Stages:
    """The stages of one check; what a stage leaves for later ones is on the disk and in ``measured``."""

    def __init__(self, plan: Plan, deadline: float) -> None:
        self.plan, self.deadline = plan, deadline
        self.limits = Limits.of(plan)
        self.measured: dict[int, dict[str, float]] = {}
        self.methods: list[Method] = []

    def doctor(self, found: Found, seconds: float) -> None:
        """The doctor's own verdict."""
        command = [sys.executable, "-W", "ignore", "-m", "verl_ext.checks.doctor"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("CARE c", "!!", "??"))]
        found.checks.append(Check("the doctor", done.returncode == 0, "; ".join(lines)))

    def model(self, found: Found, seconds: float) -> None:
        """Model and questions."""
        plan = self.plan
        code = (
            "import sys; from pathlib import Path\n"
            "from verl_ext.check_gpu.model import make_model, write_questions\n"
            "from verl_ext.check_gpu.settings import SIZES\n"
            "size, folder, questions, steps = sys.argv[1:]\n"
            "make_model(Path(folder), SIZES[size]); write_questions(Path(questions), SIZES[size], int(steps))\n"
        )
        # In a process of its own, which takes what it holds of the GPU with it.
        arguments = [plan.size, str(plan.model), str(plan.questions), str(plan.saved_step + 2)]
        subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=seconds)
        size = sum(file.stat().st_size for file in plan.model.glob("*.safetensors"))
        found.figures.append(("weights on disk", f"{size / 2**30:.2f} GiB"))

    def measure(self, found: Found, seconds: float) -> None:
        """Methods in turn; killed in the middle of the step after the saved one."""
        plan = self.plan
        saved = f"trainer.save_freq={plan.saved_step}"
        run = self._start("measured", plan.out / "measured", [saved, *self._alternating()], seconds)
        try:
            run.wait_for(plan.saved_step)
        finally:
            kill_everything()
            self.measured = run.steps()
            self.methods = summarise(self.measured)
        found.checks += learned_something(self.measured)
        found.figures += repairs(self.measured)

    def reference(self, found: Found, seconds: float) -> None:
        """What two of its steps left, computed again."""
        plan = self.plan
        result = plan.out / "reference.json"
        need(plan.out / "measured" / "left" / "step2.pt")
        command = [sys.executable, "-W", "ignore", "-m", f"{MODULE}.reference", str(plan.out / "measured" / "left")]
        command += [str(plan.model), str(result), "--groups", str(plan.shape.groups)]
        command += ["--micro-tokens", str(plan.shape.micro_tokens), *(["--packed"] if plan.packed else [])]
        log = plan.out / "reference.log"
        with open(log, "w") as file:
            done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, timeout=seconds, check=False)
        parts = json.loads(result.read_text()) if result.exists() else {}
        self._judge(parts, found)
        if done.returncode:
            found.checks.append(Check("all of it was computed again", False, log.read_text()[-1500:]))

    def _judge(self, parts: Mapping[str, Mapping[str, float]], found: Found) -> None:
        limits = self.limits
        if "advantages" in parts:
            found.check(
                "CARE's advantages computed again from the rollouts", parts["advantages"]["largest difference"], 0
            )
        for step, method in (("step 1", "GRPO"), ("step 2", "CARE")):
            for name, value in parts.get(step, {}).items():
                limit = limits.rollouts if name.startswith("vLLM") else limits.log_probs
                limit = limits.embeddings if name.startswith("embeddings") else limit
                found.check(f"{name} ({method}'s step)", value, limit)
        if "driver" in parts:
            driver = parts["driver"]
            what = (
                f"CARE's arithmetic, {driver['groups']:.0f} groups, {driver['rows']:.0f} rows of {driver['tokens']:.0f}"
            )
            found.figures.append((f"{what} tokens, on the driver", f"{driver['s']:.2f} s"))
        if "hook" in parts:
            hook = parts["hook"]
            more = 100 * (hook["s with"] / hook["s without"] - 1)
            text = f"{hook['s without']:.3f} s without the hook, {hook['s with']:.3f} s with it ({more:+.1f}%)"
            if hook["GiB with"]:
                text += f"; peak {hook['GiB without']:.2f} and {hook['GiB with']:.2f} GiB"
            found.figures.append(("a log-prob pass over 8 rows, median of 5", text))

    def resume(self, found: Found, seconds: float) -> None:
        """The killed run, started again."""
        plan = self.plan
        last = plan.saved_step + 1
        need(plan.out / "measured" / "checkpoints" / "latest_checkpointed_iteration.txt")
        run = self._start("resumed", plan.out / "measured", ["trainer.save_freq=-1", *self._alternating()], seconds)
        try:
            run.finish()
        finally:
            kill_everything()
        steps = sorted(run.steps())
        found.checks.append(Check("a killed run goes on after its checkpoint", steps == [last], f"steps {steps}"))
        corr = run.steps()[last]["training/rollout_actor_probs_pearson_corr"]
        found.checks.append(Check("vLLM has the resumed weights", corr > 0.9, f"correlation {corr:.4f} (above 0.9)"))

    def stock(self, found: Found, seconds: float) -> None:
        """The first step's rollouts again, by verl without the plugin."""
        plan = self.plan
        need(plan.out / "measured" / "left" / "step1.pt")
        variables = STOCK if plan.on_gpu else STOCK_ON_CPU
        settings = ["algorithm.adv_estimator=grpo", "trainer.save_freq=-1", NOTHING_TO_DECODE]
        run = self._start("stock", plan.out / "stock", settings, seconds, steps=1, variables=variables)
        try:
            run.finish()
        finally:
            kill_everything()
        theirs, ours = run.steps()[1], self.measured[1]
        for name in SAME:
            apart = abs(ours[name] - theirs[name]) / max(abs(theirs[name]), SMALLEST)
            found.check(f"GRPO with the plugin and without it: {name}", apart, self.limits.metrics)

    def ranks(self, found: Found, seconds: float, ranks: int) -> None:
        """The first step's rollouts again, on more ranks."""
        plan = self.plan
        need(plan.out / "measured" / "left" / "step1.pt")
        settings = [*self._alternating(), "trainer.save_freq=-1", NOTHING_TO_DECODE]
        run = self._start("ranks", plan.out / "ranks", settings, seconds, steps=1, ranks=ranks)
        try:
            run.finish()
        finally:
            kill_everything()
        one, more = (choices(plan.out / name / "left") for name in ("measured", "ranks"))
        text = f"{(one - more).total()} of {one.total()} groups differ"
        found.checks.append(Check(f"CARE's choices on 1 and {ranks} ranks", bool(one) and one == more, text))

    def _alternating(self) -> list[str]:
        manager = f"+actor_rollout_ref.rollout.agent.agent_loop_manager_class={MODULE}.worker.SwitchedManager"
        return [*care_settings(self.plan), manager]

    def _start(
        self,
        name: str,
        folder: Path,
        settings: Sequence[str],
        seconds: float,
        *,
        steps: int | None = None,
        ranks: int = 1,
        variables: Mapping[str, str] | None = None,
    ) -> Run:
        plan = self.plan
        all_settings = [*run_settings(plan, folder, steps or plan.saved_step + 1, ranks), *settings]
        environment = {
            OUT: str(folder / "left"),
            "RANKS": str(ranks),
            **(ALTERNATING if variables is None else variables),
        }
        deadline = min(self.deadline, time.monotonic() + seconds)
        return start(all_settings, folder, name, environment, on_gpu=plan.on_gpu, deadline=deadline)


def device_name(plan: Plan) -> str:
    """The GPUs, or the processor's cores."""
    found = gpus() if plan.on_gpu else ()
    return f"{len(found)} x {found[0].name}" if found else f"a CPU ({os.cpu_count()} cores)"
