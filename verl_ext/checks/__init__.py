# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What is refused before Ray starts; dry runs; what the doctor looks at."""
