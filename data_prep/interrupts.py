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
"""Ctrl-C stops a command wherever it comes."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

REPEAT_S = 0.01
"""Long enough for the ``__del__`` to be over, short enough not to be noticed."""


@contextlib.contextmanager
def kept_interrupts() -> Iterator[None]:
    """Send an interrupt again that came while Python could not raise it.

    Python prints and ignores what is raised inside a ``__del__``, and pyarrow's ``ParquetWriter`` has one: a Ctrl-C at
    that moment would be lost and the command would go on. It can go once no writer in use has a ``__del__``.

    What a C extension swallows while it is imported stays lost: some of pandas' do, which pyarrow imports at the first
    rows. A second Ctrl-C gets through.
    """
    report = sys.unraisablehook
    main = threading.main_thread().ident
    repeats: list[threading.Timer] = []

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if unraisable.exc_type is not KeyboardInterrupt:
            report(unraisable)
            return
        repeats.append(threading.Timer(REPEAT_S, signal.pthread_kill, (main, signal.SIGINT)))
        repeats[-1].start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = report
        for repeat in repeats:
            repeat.cancel()
