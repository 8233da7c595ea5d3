# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Where rationale and answer lie in a response: tags, the bytes of tokens, regions."""
