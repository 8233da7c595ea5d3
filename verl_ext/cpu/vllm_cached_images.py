# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
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
