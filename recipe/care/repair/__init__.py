# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Reflection-Guided Resampling on token ids: the cue, the plan, the joint, the choice."""
