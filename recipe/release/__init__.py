# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""From a run to a model one can hand on: merge the checkpoint, check the result, describe it."""

from verl_ext.cpu.torchvision_ops import ensure_torchvision_ops

# Loading a processor imports torchvision.
ensure_torchvision_ops()
