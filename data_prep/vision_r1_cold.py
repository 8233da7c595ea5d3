# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Vision-R1-cold to verl's multi-turn SFT parquet: ``python -m data_prep.vision_r1_cold --help``."""

import sys

from data_prep.sources.vision_r1_cold import SOURCE

main = SOURCE.main

if __name__ == "__main__":
    sys.exit(main())
