# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Comparisons of methods on the tiny task: what is run (``tables``), how (``runs``), what came out (``results``)."""
