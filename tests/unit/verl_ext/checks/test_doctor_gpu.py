# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the doctor says of a machine with a CUDA build of torch."""

import dataclasses
import os
import stat

import pytest
import torch

from verl_ext.checks import doctor
from verl_ext.checks.doctor_gpu import Gpu, Machine, hardware, software

GOOD = Machine(
    cuda="13.0",
    gpus=(Gpu("NVIDIA H100 80GB HBM3", 79.6, "580.95.05"),) * 2,
    flash_attn="2.8.3",
    sglang=None,
    has_cupy=True,
    nvcc="/usr/local/cuda/bin/nvcc",
    shm_gib=500.0,
    open_files=1_048_576,
    disk_gib=2000.0,
)


def changed(**facts) -> Machine:
    return dataclasses.replace(GOOD, **facts)


def test_a_good_machine_has_nothing_to_complain_of():
    for found in (software(GOOD), hardware(GOOD)):
        assert not found.warnings and not found.problems
    lines = software(GOOD).lines + hardware(GOOD).lines
    for part in ("flash-attn 2.8.3", "cupy is there", "GPU 1: NVIDIA H100 80GB HBM3, 80 GiB", "nvcc /usr", "2000 GiB"):
        assert any(part in line for line in lines), part


@pytest.mark.parametrize(
    ("machine", "part"),
    [
        (changed(gpus=()), "no GPU is visible"),
        (changed(gpus=(Gpu("A100", 80.0, "570.10"),)), "the driver is 570.10, and torch's CUDA 13.0 needs 580"),
        (changed(cuda="12.8", gpus=(Gpu("A100", 80.0, "470.1"),)), "needs 525"),
    ],
)
def test_what_stops_care(machine, part):
    (problem,) = hardware(machine).problems
    assert part in problem


def test_an_older_cuda_runs_on_an_older_driver():
    assert not hardware(changed(cuda="12.8", gpus=(Gpu("A100", 80.0, "570.10"),))).problems


@pytest.mark.parametrize(
    ("machine", "part"),
    [
        (changed(flash_attn=None), "ATTENTION=sdpa"),
        (changed(flash_attn="2.7.0"), "verl 0.9.1 names 2.8.3"),
        (changed(shm_gib=0.06), "--shm-size=10g"),
        (changed(open_files=1024), "ulimit -n 65536"),
        (changed(disk_gib=100.0), "set OUT_DIR elsewhere"),
    ],
)
def test_what_may_get_in_the_way(machine, part):
    found = [*software(machine).warnings, *hardware(machine).warnings]
    assert len(found) == 1 and part in found[0]


def test_sglang_is_named_with_what_is_tested():
    assert any(
        "sglang 0.5.12" in line and "docs/scaling.md" in line for line in software(changed(sglang="0.5.12")).lines
    )


def test_gpus_are_the_drivers_own_list(tmp_path, monkeypatch):
    """Also those Ray hides from a task that asks for none."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\nprintf "NVIDIA H200, 143771, 580.1\\nNVIDIA H200, 143771, 580.1\\n"\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    machine = Machine.look("13.0")
    assert [gpu.name for gpu in machine.gpus] == ["NVIDIA H200", "NVIDIA H200"]
    assert machine.gpus[0].gib == pytest.approx(140.4, abs=0.1) and machine.gpus[0].driver == "580.1"
    tool.write_text("#!/bin/sh\necho 'no devices were found'; exit 6\n")
    assert Machine.look("13.0").gpus == ()


def test_the_doctor_asks_where_torch_is_built_for_cuda(monkeypatch, capsys):
    # Before verl is told a build that this is not.
    assert doctor.main(["--quiet"]) == 0
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(doctor, "runs_without_accelerator", lambda: False)
    monkeypatch.setattr(doctor, "Machine", type("NoGpus", (), {"look": staticmethod(lambda cuda: changed(gpus=()))}))
    assert doctor.main(["--quiet"]) == 1
    streams = capsys.readouterr()
    assert "no GPU is visible" in streams.err and "CARE cannot run here" in streams.out
    # What set-up asks, on a machine that may not be the one with the GPUs.
    assert doctor.main(["--quiet", "--installation"]) == 0
    assert "CARE can run with this installation." in capsys.readouterr().out
    bare = changed(flash_attn=None)
    monkeypatch.setattr(doctor, "Machine", type("Bare", (), {"look": staticmethod(lambda cuda: bare)}))
    assert doctor.main(["--quiet"]) == 0
    assert "?? this process: flash-attn is not installed" in capsys.readouterr().err
