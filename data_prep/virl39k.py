# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""ViRL39K to verl's parquet: ``python -m data_prep.virl39k --help``."""

import sys

from data_prep.sources.virl39k import SOURCE

main = SOURCE.main

if __name__ == "__main__":
    sys.exit(main())
