# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What is added to verl's engines: pooled hidden states, and two faults put right."""
