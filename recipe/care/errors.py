# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Errors of the package: one root, each kind also the standard-library error a caller would expect."""


class CareError(Exception):
    """Root of every error this package raises on purpose."""


class CareConfigError(CareError, ValueError):
    """A setting is wrong. The text names the full config key, the value and the remedy."""


class CareDataError(CareError, ValueError):
    """The rollouts handed to CARE cannot be used as they are (shapes, missing verdicts, missing embeddings)."""
