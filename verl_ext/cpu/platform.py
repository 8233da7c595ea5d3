# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A ``cpu`` platform for verl, through the registry verl offers for that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import ModuleType
from typing import cast

import torch
from verl.plugin.platform.platform_base import PlatformBase

from verl_ext.cpu.detect import runs_without_accelerator
from verl_ext.cpu.device import CpuDeviceModule, CpuIndex

_DEVICE_MODULE = CpuDeviceModule()


class PlatformCPU(PlatformBase):
    """verl's view of a machine without an accelerator.

    Ray still schedules by the resource ``GPU``: verl asks Ray for the ids of that resource, and custom resources are
    not visible there. A run declares as many logical ones as it wants ranks (``+ray_kwargs.ray_init.num_gpus=1``).
    """

    @property
    def device_name(self) -> str:
        """Name of the torch device type."""
        return "cpu"

    @property
    def vendor_name(self) -> str:
        """Vendor half of verl's engine-registry key."""
        return "cpu"

    @property
    def device_module(self) -> ModuleType:
        """Stand-in for ``torch.cuda``."""
        return cast(ModuleType, _DEVICE_MODULE)

    def is_available(self) -> bool:
        """The CPU is the device exactly where nothing else can be."""
        return runs_without_accelerator()

    def current_device(self) -> int:
        """The CPU device, as verl hands device indices around."""
        return cast(int, CpuIndex())

    def device_count(self) -> int:
        """One."""
        return 1

    def set_device(self, device_index: int) -> None:
        """There is one device."""

    def synchronize(self, device_index: int | None = None) -> None:
        """CPU operations are synchronous."""

    def manual_seed(self, seed: int) -> None:
        """Seed torch's default generator."""
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        """Seed torch's default generator."""
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        """The CPU allocator takes none."""

    def empty_cache(self) -> None:
        """The CPU allocator has no cache."""

    def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:
        """Compute capability is a CUDA notion."""
        return None, None

    def communication_backend_name(self) -> str:
        """Collectives run over gloo."""
        return "gloo"

    def visible_devices_envvar(self) -> str:
        """Ray sets this one for its GPU resource, logical ones included."""
        return "CUDA_VISIBLE_DEVICES"

    @contextlib.contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        """No profiler ranges."""
        yield

    def profiler_start(self) -> None:
        """No device profiler."""

    def profiler_stop(self) -> None:
        """No device profiler."""

    def ray_resource_name(self) -> str:
        """Ray's built-in accelerator resource."""
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        """Let Ray set the variable above."""
        return []

    def is_ipc_supported(self) -> bool:
        """Weights reach vLLM through shared memory instead."""
        return False

    def cudart(self) -> None:
        """No CUDA runtime."""


def install(platform_manager: ModuleType) -> None:
    """Register the platform; verl probes the others first and takes this one when none of them is there."""
    platform_manager.PlatformRegistry.register(platform="cpu")(PlatformCPU)
