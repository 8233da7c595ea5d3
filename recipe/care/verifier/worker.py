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

It imports math-verify once and then forks a fresh child for every question. A child that runs too long is killed, one
that grows too large or crashes is gone anyway, and the next question starts from the same clean state: no restart, no
state left behind, the same verdict whatever was asked before. The process is single-threaded, so forking it is safe.

math-verify swallows the MemoryError of a child that meets its limit and calls the two sides different; the allow-list
in ``tokens`` is what keeps such questions away.
"""

from __future__ import annotations

import gc
import os
import resource
import select
import signal
import sys
from multiprocessing.connection import Connection

TIME_LIMIT_S = 1.8
MEMORY_LIMIT_BYTES = 1 << 30
SEPARATOR = "\x00"
READY = b"ready"
WARM_UP = (
    (r"\frac{x+1}{2}", r"\frac{1}{2}(x+1)"),
    (r"x^{2}-3x+2=0", r"(x-1)(x-2)=0"),
    (r"x\le 3", r"3\ge x"),
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
    while True:
        try:
            question = connection.recv_bytes().decode()
            connection.send_bytes(_answer_in_child(question))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def _answer_in_child(question: str) -> bytes:
    """The child's reply, ``timeout`` where it had to be killed, ``crash`` where it died without one."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _be_child(question, write_end)
    os.close(write_end)
    readable, _, _ = select.select([read_end], [], [], TIME_LIMIT_S)
    reply = os.read(read_end, 64) if readable else b"timeout"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(read_end)
    return reply or b"crash"


def _be_child(question: str, write_end: int) -> None:
    """Compute one reply within limits and leave; never returns."""
    try:
        from recipe.care.verifier.parser import compare

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
        # The kernel ends a child whose supervisor was killed, even one inside a single long C call.
        cpu_seconds = int(sum(os.times()[:2])) + int(TIME_LIMIT_S) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        gold, _, pred = question.partition(SEPARATOR)
        os.write(write_end, compare(gold, pred).encode())
    finally:
        os._exit(0)  # whatever went wrong, the empty pipe reports it as a crash


if __name__ == "__main__":
    main()
