# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A tokenizer for tests that need no more than bytes."""

from transformers.convert_slow_tokenizer import bytes_to_unicode

_SYMBOLS = bytes_to_unicode()


class Bytes:
    """A tokenizer whose tokens are bytes."""

    def get_vocab(self):
        return {_SYMBOLS[byte]: byte for byte in range(256)}

    def decode(self, token_ids, skip_special_tokens=False):
        return bytes(token_ids).decode(errors="replace")
