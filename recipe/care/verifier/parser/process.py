# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The LaTeX parser's process: ``python -m recipe.care.verifier.parser.process <socket fd>``, started by ``lanes``.

It imports math-verify once and then works through a forked child. A child that takes too long is ended by the kernel,
one that grows too large or crashes is gone anyway, and in a few milliseconds the next is forked from the same clean
state. The process is single-threaded, so forking it is safe.

The limits are processor time, not time on the clock: how busy the machine is decides no verdict. The gold has a limit
of its own, so that it shows which of the two was too much.

math-verify swallows the MemoryError of a child that meets its limit and calls the two sides different; the allow-list
in ``tokens`` is what keeps such questions away.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection, Pipe

GOLD_LIMIT_S = 1.2
ANSWER_LIMIT_S = 0.8
"""Processor time; the slowest honest question of the corpus takes 0.15 seconds."""
HANG_LIMIT_S = 600.0
"""Time on the clock until a child that has not used up its processor time is taken for dead."""
MEMORY_LIMIT_BYTES = 1 << 30
SEPARATOR = "\x00"
READY, GOLD_READ = b"ready", b"gold read"
TIMEOUT, GOLD_TIMEOUT, CRASH = b"timeout", b"gold_timeout", b"crash"
QUESTIONS_PER_CHILD = 200
"""A new child then; what sympy remembers makes the next question faster, but must not grow for ever."""
WARM_UP = (
    (r"\frac{x+1}{2}", r"\frac{1}{2}(x+1)"),
    (r"x^{2}-3x+2=0", r"(x-1)(x-2)=0"),
    (r"x\le 3", r"3\ge x"),
    ("x>5", r"(5,\infty)"),
    (r"x=\pm 3", "2x+y=3"),
    (r"(-\infty,2)\cup [3,5]", r"[3,5]\cup (-\infty,2)"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2\\3&5\end{pmatrix}"),
    (r"\{1,2\}", r"\{2,1\}"),
    (r"\log(x)+\sqrt{2}i", r"\sqrt{2}i+\ln x"),
)
"""The grammar's tables fill as it parses; filled before the fork, every child has them."""


def main() -> None:
    """Answer questions until the other end closes."""
    connection = Connection(int(sys.argv[1]))
    try:
        from recipe.care.verifier.parser.latex import compare
    except ImportError as error:
        connection.send_bytes(str(error).encode())
        return
    for gold, pred in WARM_UP:
        compare(gold, pred)
    gc.collect()
    gc.freeze()
    connection.send_bytes(READY)
    child = _Child()
    while True:
        try:
            question = connection.recv_bytes()
            reply = child.ask(question)
            if reply in (TIMEOUT, GOLD_TIMEOUT, CRASH) or child.questions == QUESTIONS_PER_CHILD:
                child.end()
                child = _Child()
            connection.send_bytes(reply)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            child.end()
            return


class _Child:
    """A forked process that answers until it is ended."""

    def __init__(self) -> None:
        self.questions = 0
        self._connection, theirs = Pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._connection.close()
            _serve(theirs)
        theirs.close()

    def ask(self, question: bytes) -> bytes:
        """The child's reply, or what it died of: the gold, the answer, or something outside."""
        self.questions += 1
        has_read_gold = False
        try:
            self._connection.send_bytes(question)
            while self._connection.poll(HANG_LIMIT_S):
                reply = self._connection.recv_bytes()
                if reply != GOLD_READ:
                    return reply
                has_read_gold = True
            return CRASH
        except (EOFError, BrokenPipeError, ConnectionResetError):
            _, status = os.waitpid(self._pid, 0)
            self._pid = 0
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:  # nothing here sends it to a child
                return CRASH
            return TIMEOUT if has_read_gold else GOLD_TIMEOUT

    def end(self) -> None:
        """Kill it and wait until it is gone."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        self._connection.close()


def _serve(connection: Connection) -> None:
    """Be the child: answer within limits; never returns."""
    try:
        from recipe.care.verifier.parser.latex import UNPARSED_GOLD, compare_with, read

        signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process, even inside a single long C call
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
        while True:
            gold, _, pred = connection.recv_bytes().decode().partition(SEPARATOR)
            signal.setitimer(signal.ITIMER_PROF, GOLD_LIMIT_S)
            wanted = read(gold)
            signal.setitimer(signal.ITIMER_PROF, ANSWER_LIMIT_S)
            connection.send_bytes(GOLD_READ)
            reply = UNPARSED_GOLD if wanted is None else compare_with(wanted, pred)
            signal.setitimer(signal.ITIMER_PROF, 0)
            connection.send_bytes(reply.encode())
    finally:
        os._exit(0)  # without the interpreter's clean-up, which belongs to the supervisor


if __name__ == "__main__":
    main()
