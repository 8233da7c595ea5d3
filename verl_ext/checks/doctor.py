# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care doctor``: would ``algorithm.adv_estimator=care`` run here, and if not, why not?

It compares the versions found with those tested and locked, names the platform, imports what the plugin adapts and
lists each registration, in this process and, with ``--ray``, inside a Ray worker. Where torch is built for CUDA it also
looks at GPUs, driver, flash-attn, shared memory, limits and disk. Lines with ``!!`` are what stops CARE, those with
``??`` what may get in the way. The exit status is non-zero when CARE cannot run.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata as metadata
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from verl_ext.checks import lock
from verl_ext.checks.doctor_gpu import Machine, hardware, software
from verl_ext.checks.versions import RAN, TESTED, installed, is_tested
from verl_ext.cpu.detect import runs_without_accelerator

ADAPTED = (
    "verl.utils.config",
    "verl.utils.distributed",
    "verl.trainer.ppo.core_algos",
    "verl.trainer.ppo.v1",
    "verl.workers.engine.fsdp.transformer_impl",
    "verl.workers.rollout.vllm_rollout.bucketed_weight_transfer",
)
"""Modules whose import triggers the plugin's hooks."""


@dataclass
class Report:
    """What was found in one process: lines to print, what may get in its way, and why CARE cannot run."""

    place: str
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def print(self, quiet: bool) -> None:
        """Print the findings; ``quiet`` keeps only what is wrong."""
        if not quiet:
            print(f"== {self.place}")
            print("\n".join(f"   {line}" for line in self.lines))
        for warning in self.warnings:
            print(f"?? {self.place}: {warning}", file=sys.stderr)
        for problem in self.problems:
            print(f"!! {self.place}: {problem}", file=sys.stderr)


def examine(place: str, *, installation_only: bool = False) -> Report:
    """Look at the process this runs in, and unless only the installation is asked about, at its machine."""
    report = Report(place)
    _versions(report)
    compare_with_lock(report)
    if report.problems:
        return report
    _platform(report)
    _hooks(report)
    if not report.problems:
        _registrations(report)
    _gpu_stack(report, installation_only)
    return report


def _versions(report: Report) -> None:
    report.lines.append(f"python {sys.version.split()[0]}   (what is tested ran {RAN})")
    for name, tested in TESTED.items():
        found = installed(name)
        if found is None:
            report.problems.append(f"{name} is not installed; see docs/install.md")
            continue
        matches = is_tested(name, found)
        report.lines.append(f"{name} {found}" + ("" if matches else f"   (tested with {' and '.join(tested)})"))
        if name == "verl" and not matches:
            report.problems.append(f"verl {found} is installed; this plugin is for verl {tested[0]}")


def compare_with_lock(report: Report) -> None:
    """Add what differs from the lock: a warning where that is known to matter, a line elsewhere."""
    comparison = lock.compare_here()
    if comparison is None:
        report.lines.append(lock.NO_LOCK)
        return
    report.lines += comparison.remarks
    report.warnings += comparison.warnings


def _gpu_stack(report: Report, installation_only: bool) -> None:
    import torch

    if torch.version.cuda is None or runs_without_accelerator():
        return
    machine = Machine.look(torch.version.cuda)
    for found in (software(machine),) if installation_only else (software(machine), hardware(machine)):
        report.lines += found.lines
        report.warnings += found.warnings
        report.problems += found.problems


def _platform(report: Report) -> None:
    import verl  # noqa: F401  (loads the plugin, as in a run)
    from verl.plugin.platform import get_platform

    platform = get_platform()
    report.lines.append(
        f"platform {platform.device_name} ({platform.vendor_name}), available: {platform.is_available()}"
    )
    entry_points = [point.value for point in metadata.entry_points(group="verl.plugins") if point.name == "care"]
    if not entry_points:
        report.problems.append(
            "the entry point is missing: install this package (pip install -e .), do not just copy it"
        )


def _hooks(report: Report) -> None:
    from verl_ext import hooks

    for module in ADAPTED:
        try:
            importlib.import_module(module)
        except ImportError as error:
            report.problems.append(f"{module} cannot be imported: {error}")
    if not hooks.ARMED:
        report.problems.append("verl did not load the plugin; is VERL_USE_EXTERNAL_PLUGINS set to none?")
    for name in hooks.INSTALLED:
        report.lines.append(f"adapted {name}")
    for name, cause in hooks.FAILURES.items():
        report.problems.append(f"could not adapt {name}: {type(cause).__name__}: {cause}")


def _registrations(report: Report) -> None:
    from verl.trainer.ppo.core_algos import ADV_ESTIMATOR_REGISTRY
    from verl.trainer.ppo.v1.trainer_base import TRAINER_REGISTRY
    from verl.workers.engine.base import EngineRegistry

    from verl_ext.checks.validation import ESTIMATOR
    from verl_ext.engine.engine import ThinkEmbeddingMixin
    from verl_ext.trainer import CareTrainerMixin

    if ESTIMATOR not in ADV_ESTIMATOR_REGISTRY:
        report.problems.append(f"the estimator {ESTIMATOR!r} is not registered")
    for mode, trainer in TRAINER_REGISTRY.items():
        aware = issubclass(trainer, CareTrainerMixin)
        report.lines.append(f"trainer {mode}: {trainer.__name__}" + ("" if aware else "   (not CARE-aware)"))
    engine = EngineRegistry.get_engine_cls("language_model", "fsdp2")
    report.lines.append(f"engine language_model/fsdp2: {engine.__name__}")
    if not issubclass(engine, ThinkEmbeddingMixin):
        report.problems.append("the FSDP engine of this platform is verl's own, which returns no think-embeddings")


def _examine_in_ray() -> Report:
    import ray

    @ray.remote(num_cpus=0)
    def remote_report() -> Report:
        return examine("Ray worker")

    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        return ray.get(remote_report.remote())
    finally:
        ray.shutdown()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="care doctor", description=__doc__)
    parser.add_argument("--ray", action="store_true", help="look inside a Ray worker too (starts a local Ray)")
    parser.add_argument("--quiet", action="store_true", help="print only what is wrong, and the verdict")
    parser.add_argument(
        "--installation", action="store_true", help="only what is installed: the GPUs are on another machine"
    )
    options = parser.parse_args(arguments)
    reports = [examine("this process", installation_only=options.installation)]
    if options.ray and not reports[0].problems:
        reports.append(_examine_in_ray())
    for report in reports:
        report.print(options.quiet)
    ready = not any(report.problems for report in reports)
    where = "with this installation" if options.installation else "here"
    print(f"CARE can run {where}." if ready else f"CARE cannot run {where}; the lines marked !! say why.")
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main())
