# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
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
