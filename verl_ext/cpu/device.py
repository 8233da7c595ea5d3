# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The two things verl asks of a device: an index to hand to torch, and a module to use like ``torch.cuda``."""

from __future__ import annotations

import psutil
import torch


class CpuIndex(str):
    """A device index for torch calls that is the CPU device.

    verl hands ``get_device_id()`` to ``Tensor.to``, ``torch.device`` and FSDP, where an int means an accelerator, and
    also formats it as an index (``f"{name}:{index}"``). This is "cpu" for torch and "0" when formatted.
    """

    __slots__ = ()

    def __new__(cls) -> CpuIndex:
        """There is one such index."""
        return super().__new__(cls, "cpu")

    def __format__(self, spec: str) -> str:
        return format("0", spec)

    def __reduce__(self) -> tuple[type[CpuIndex], tuple[()]]:
        return CpuIndex, ()


class CpuDeviceModule:
    """What verl uses of ``torch.cuda``, for the CPU: memory figures of this process and no-ops for the rest."""

    __name__ = "torch.cpu"

    def __getattr__(self, name: str) -> object:
        return getattr(torch.cpu, name)

    @staticmethod
    def is_available() -> bool:
        """There is no accelerator, so verl's device-memory housekeeping is skipped."""
        return False

    @staticmethod
    def get_device_name(device: object = None) -> str:
        """A name verl's FLOPs counter knows."""
        return "CPU"

    @staticmethod
    def memory_allocated(device: object = None) -> int:
        """Resident memory of this process, in bytes."""
        return psutil.Process().memory_info().rss

    memory_reserved = memory_allocated
    max_memory_allocated = memory_allocated
    max_memory_reserved = memory_allocated

    @staticmethod
    def mem_get_info(device: object = None) -> tuple[int, int]:
        """Free and total memory of the machine, in bytes."""
        memory = psutil.virtual_memory()
        return memory.available, memory.total

    @staticmethod
    def reset_peak_memory_stats(device: object = None) -> None:
        """The operating system's counters cannot be reset."""

    @staticmethod
    def empty_cache() -> None:
        """The CPU allocator has no cache to empty."""

    @staticmethod
    def ipc_collect() -> None:
        """Nothing is shared through device IPC."""

    @staticmethod
    def set_device(device: object) -> None:
        """There is one CPU device."""

    @staticmethod
    def manual_seed(seed: int) -> None:
        """The CPU generator is torch's default one."""
        torch.manual_seed(seed)

    manual_seed_all = manual_seed

    @staticmethod
    def get_rng_state(device: object = None) -> torch.Tensor:
        """State of torch's default generator."""
        return torch.get_rng_state()

    @staticmethod
    def set_rng_state(state: torch.Tensor, device: object = None) -> None:
        """Restore torch's default generator; verl does so a second time for the device when it resumes."""
        torch.set_rng_state(state)
