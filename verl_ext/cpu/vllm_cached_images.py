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
"""Let vLLM's server skip the processor for images it has in its cache.

For Qwen2.5-VL vLLM 0.28 runs the Hugging Face processor on an invented prompt even when none of a request's images is
missing from its cache, as for seven of eight rollouts and every repair: a quarter of a tiny run's generation. This can
go when vLLM looks at the number of images first, as it does for models without a processor call of their own.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from transformers import BatchFeature


def install(processor: ModuleType) -> None:
    """Answer requests for no image at once."""
    base = processor.BaseMultiModalProcessor
    apply = base._apply_hf_processor_mm_only

    @functools.wraps(apply)
    def apply_if_any(self: Any, mm_items: Any, *args: Any, **kwargs: Any) -> BatchFeature:
        if not any(mm_items.get_all_counts().values()):
            return BatchFeature({})
        return apply(self, mm_items, *args, **kwargs)

    base._apply_hf_processor_mm_only = apply_if_any
