# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m recipe.report``."""

import sys

from recipe.report.command import main

sys.exit(main())
