# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Hydra groups (``docs/configuration.md``), a package so that ``pkg://recipe.care.conf`` may stand in a search path."""
