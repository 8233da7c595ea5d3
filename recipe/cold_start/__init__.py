# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The cold start: supervised fine-tuning that teaches the form of the answers before reinforcement learning.

verl's own SFT trainer does the training. Here are the evaluation before and after it, and what its tiny twin needs.
"""

from verl_ext.cpu.torchvision_ops import ensure_torchvision_ops

# Every module here ends up in a Qwen-VL image processor, which imports torchvision.
ensure_torchvision_ops()
