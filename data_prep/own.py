# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Anybody's rows to verl's parquet: ``python -m data_prep.own --help``."""

import sys

from data_prep.sources.own import SOURCE

main = SOURCE.main

if __name__ == "__main__":
    sys.exit(main())
