# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m verl_ext.record``: an earlier name of ``care record``."""

import sys

from verl_ext.checks.record import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
