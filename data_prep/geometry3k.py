# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Geometry3K to verl's parquet: ``python -m data_prep.geometry3k --help``."""

import sys

from data_prep.sources.geometry3k import SOURCE

main = SOURCE.main

if __name__ == "__main__":
    sys.exit(main())
