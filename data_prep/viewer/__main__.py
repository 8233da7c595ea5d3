# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m data_prep.viewer``."""

import sys

from data_prep.viewer.sample import main

sys.exit(main())
