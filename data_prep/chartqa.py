# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""ChartQA to verl's parquet: ``python -m data_prep.chartqa --help``."""

import sys

from data_prep.sources.chartqa import SOURCE

main = SOURCE.main

if __name__ == "__main__":
    sys.exit(main())
