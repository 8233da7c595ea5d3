# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m recipe.replay``."""

import sys

from recipe.replay.command import main

sys.exit(main())
