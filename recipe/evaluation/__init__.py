# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Benchmark evaluation: the paper's six benchmarks through lmms-eval and a vLLM server, judged twice, compared."""
