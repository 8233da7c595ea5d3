# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The paper, one group of rollouts at a time: selection, rescue, advantages, credit."""
