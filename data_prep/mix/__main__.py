# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m data_prep.mix``."""

import sys

from data_prep.mix.mixture import main

sys.exit(main())
