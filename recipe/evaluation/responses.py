# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Responses kept as they arrive, so that an interrupted evaluation asks only what is missing."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Response:
    """What the server answered to one question."""

    key: str
    """Digest of the whole request, pictures and settings included."""
    doc_id: int
    text: str
    finish_reason: str
    """``stop``, or ``length`` where the response was cut at the longest length allowed."""
    prompt_tokens: int
    response_tokens: int

    @property
    def is_truncated(self) -> bool:
        """Whether the response was cut."""
        return self.finish_reason == "length"


def request_key(request: object) -> str:
    """Digest of a request that can be written as JSON."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


class ResponseFile:
    """Responses of one benchmark in JSON lines; safe to add to from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._by_key = {response.key: response for response in read_responses(path)}
        # Rewritten, because an interruption may have left half a line.
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(map(_line, self._by_key.values())), encoding="utf-8")

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: str) -> Response | None:
        """The response to the request with this digest, if it has been given."""
        return self._by_key.get(key)

    def add(self, response: Response) -> None:
        """Keep a response, on disk before this returns."""
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(_line(response))
            self._by_key[response.key] = response


def read_responses(path: Path) -> list[Response]:
    """The responses of a file; a last line without its end, left by an interruption, is not one."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    # Split at newlines only: a response may contain the other characters that str.splitlines splits at.
    return [Response(**json.loads(line)) for line in text[: text.rfind("\n") + 1].split("\n") if line]


def _line(response: Response) -> str:
    return json.dumps(asdict(response), ensure_ascii=False) + "\n"
