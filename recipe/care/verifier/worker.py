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
"""The LaTeX parser's process: ``python -m recipe.care.verifier.worker <socket fd>``, started by ``lanes``.

It imports math-verify once and then works through a forked child. A child that takes too long is killed, one that grows
too large or crashes is gone anyway, and in a few milliseconds the next is forked from the same clean state. The process
is single-threaded, so forking it is safe.

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

TIME_LIMIT_S = 1.8
MEMORY_LIMIT_BYTES = 1 << 30
SEPARATOR = "\x00"
READY, TIMEOUT, CRASH = b"ready", b"timeout", b"crash"
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
        from recipe.care.verifier.parser import compare
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
            if reply in (TIMEOUT, CRASH) or child.questions == QUESTIONS_PER_CHILD:
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
        """The child's reply, ``TIMEOUT`` where it takes too long, ``CRASH`` where it dies."""
        self.questions += 1
        try:
            self._connection.send_bytes(question)
            return self._connection.recv_bytes() if self._connection.poll(TIME_LIMIT_S) else TIMEOUT
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return CRASH

    def end(self) -> None:
        """Kill it and wait until it is gone."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._connection.close()


def _serve(connection: Connection) -> None:
    """Be the child: answer within limits; never returns."""
    try:
        from recipe.care.verifier.parser import compare

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
        while True:
            gold, _, pred = connection.recv_bytes().decode().partition(SEPARATOR)
            # The kernel ends a child whose supervisor was killed, even one inside a single long C call.
            cpu_seconds = int(sum(os.times()[:2])) + int(TIME_LIMIT_S) + 2
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, resource.RLIM_INFINITY))
            connection.send_bytes(compare(gold, pred).encode())
    finally:
        os._exit(0)  # without the interpreter's clean-up, which belongs to the supervisor


if __name__ == "__main__":
    main()
