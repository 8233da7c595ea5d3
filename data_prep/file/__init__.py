# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""One resumable job from rows to a file, with its manifest and reports."""
