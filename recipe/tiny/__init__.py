# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A vision-language model small enough to train on two CPU cores, and tasks it can learn: nothing is downloaded."""
