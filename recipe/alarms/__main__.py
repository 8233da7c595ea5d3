# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m recipe.alarms`` is ``care watch``."""

import sys

from recipe.alarms.command import main

sys.exit(main())
