# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""A tokenizer for tests that need no more than bytes."""

from transformers.convert_slow_tokenizer import bytes_to_unicode

_SYMBOLS = bytes_to_unicode()


class Bytes:
    """A tokenizer whose tokens are bytes."""

    def get_vocab(self):
        return {_SYMBOLS[byte]: byte for byte in range(256)}

    def decode(self, token_ids, skip_special_tokens=False):
        return bytes(token_ids).decode(errors="replace")
