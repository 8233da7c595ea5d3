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
"""Characters that JSON can spell and no file can hold."""

from __future__ import annotations

import re

LOST = "\ufffd"
"""Stands where a character was lost."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def writable(value: object) -> str:
    r"""The text of a JSON value, with U+FFFD for each half of a surrogate pair that has lost the other half.

    Such a half (``"\ud83d"``) has no UTF-8. It is a lost character like those that the dataset itself writes as U+FFFD.
    """
    return _SURROGATE.sub(LOST, str(value))
