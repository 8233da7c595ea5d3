# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The files verl's multi-turn SFT dataset reads: ``messages`` and ``images``, and where each row came from."""

from __future__ import annotations

import pyarrow as pa

from data_prep.row.schema import EXTRA_INFO

SFT_SCHEMA = pa.schema(
    [
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))),
        ("data_source", pa.string()),
        ("extra_info", EXTRA_INFO),
    ]
)
"""``extra_info`` is that of the RL files, so that both can be compared with each other and with benchmarks."""
