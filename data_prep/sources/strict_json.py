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
"""JSON as others wrote it: whatever is wrong with it is a ``ValueError``."""

from __future__ import annotations

import json


def parse(content: bytes) -> object:
    """Parse JSON.

    Args:
        content: The file's bytes.

    Returns:
        What it says.

    Raises:
        ValueError: It is not UTF-8, no JSON, or nested so deep that Python gives up.
    """
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
