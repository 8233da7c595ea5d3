# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The way to the LaTeX parser: at most ``LANES`` worker processes, each question bounded in processor time.

A worker is a fresh interpreter on a socket, not a ``multiprocessing`` child: it needs no importable main module, may be
started from a daemonic process, a thread, a Ray actor or an event loop's executor, and uses no signals here. It takes
seconds to start, so ``start_early`` does that before the first answer is due.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from recipe.care.errors import CareConfigError
from recipe.care.verifier.parser.process import HANG_LIMIT_S, READY, SEPARATOR

LANES = 2
START_LIMIT_S = 300.0
BUSY_LIMIT_S = 600.0
"""How long a question may wait for its turn. Each before it takes at most its processor time, so all come to theirs."""
CHECK_S = 1.0
"""How often we look whether a worker that owes a reply has been stopped."""
RAY_WORKER = "default_worker.py"
"""The script that every worker process of Ray runs."""
INSTALL = "pip install 'math-verify[antlr4_9_3]==0.9.0'"


def require_parser() -> None:
    """Raise if math-verify is not installed.

    Raises:
        CareConfigError: With the command that installs it.
    """
    if importlib.util.find_spec("math_verify") is None:
        raise CareConfigError(f"this data source needs the math-verify package: {INSTALL}")


class _Lane:
    """One worker process and the socket to it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def ask(self, gold: str, pred: str) -> str:
        """The worker's reply, or ``crash``."""
        try:
            connection = self._connection if self._is_running() else self._start()
            if connection is None:
                return "crash"
            connection.send_bytes(f"{gold}{SEPARATOR}{pred}".encode())
            deadline = time.monotonic() + 2 * HANG_LIMIT_S
            while not self._is_stopped() and time.monotonic() < deadline:
                if connection.poll(CHECK_S):
                    return connection.recv_bytes().decode()
        except (EOFError, OSError):
            pass
        self.stop()
        return "crash"

    def start(self) -> None:
        """Start the worker unless it runs, and wait until it can answer."""
        if not self._is_running():
            self._start()

    def _is_stopped(self) -> bool:
        """Whether something outside has halted the worker, so that no reply will come."""
        try:
            stat = Path(f"/proc/{self._process.pid if self._process else 0}/stat").read_text()
        except OSError:  # gone, which its socket tells, or no Linux
            return False
        return stat.rpartition(")")[2].split()[0] in ("T", "t")

    def _is_running(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            self.stop()  # something outside ended it while it had nothing to do
        return self._process is not None

    def _start(self) -> Connection | None:
        """Start the worker and wait until it can answer; None where that takes too long."""
        ours, theirs = socket.socketpair()
        with theirs:
            os.set_inheritable(theirs.fileno(), True)
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "recipe.care.verifier.parser.process", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=environment | {"PYTHONHASHSEED": "0"},  # sympy's orderings, hence its verdicts, must repeat
            )
        connection = self._connection = Connection(ours.detach())
        if not connection.poll(START_LIMIT_S):
            self.stop()
            return None
        greeting = connection.recv_bytes()
        if greeting != READY:
            self.stop()
            raise CareConfigError(f"the LaTeX parser cannot start: {greeting.decode()}. Try {INSTALL}")
        return connection

    def stop(self) -> None:
        """Close the socket and make sure that the process is gone."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._connection = self._process = None

    def abandon(self) -> None:
        """Let go of a worker that belongs to the process we were forked from."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._process = None


class _Pool:
    """The lanes that are free."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lanes = [_Lane() for _ in range(LANES)]
        self._free: queue.LifoQueue[_Lane] = queue.LifoQueue()  # the lane used last is the one that runs already
        for lane in self._lanes:
            self._free.put(lane)
        self._settled = threading.Event()  # unset while a first worker starts: a second would only make it slower
        self._settled.set()

    def ask(self, gold: str, pred: str) -> str:
        self._settled.wait()
        try:
            lane = self._free.get(timeout=BUSY_LIMIT_S)
        except queue.Empty:
            return "busy"
        try:
            return lane.ask(gold, pred)
        finally:
            self._free.put(lane)

    def start(self) -> None:
        """Start one lane, if one is free; a lane that cannot start says so when it is asked."""
        try:
            with contextlib.suppress(queue.Empty, CareConfigError, EOFError, OSError):
                lane = self._free.get_nowait()
                try:
                    lane.start()
                finally:
                    self._free.put(lane)
        finally:
            self._settled.set()

    def start_in_background(self) -> threading.Thread:
        self._settled.clear()
        thread = threading.Thread(target=self.start, name="care-parser-start", daemon=True)
        thread.start()
        return thread

    def after_fork(self) -> None:
        for lane in self._lanes:
            lane.abandon()
        self.reset()


_POOL = _Pool()
os.register_at_fork(after_in_child=_POOL.after_fork)


def start_early() -> threading.Thread:
    """Start a worker in the background and return at once.

    Returns:
        The thread that waits for the worker; nobody needs to join it.
    """
    return _POOL.start_in_background()


def start_in_ray_worker() -> None:
    """Start a worker early in a process of Ray's, where verl loads its reward function long before the first answer."""
    if Path(sys.argv[0]).name == RAY_WORKER and importlib.util.find_spec("math_verify") is not None:
        start_early()


def ask_parser(gold: str, pred: str) -> str:
    """Ask a worker whether two LaTeX strings mean the same.

    Args:
        gold: The gold, made of allow-listed tokens.
        pred: The answer, likewise.

    Returns:
        What ``parser.compare`` returns; ``timeout`` or ``gold_timeout`` where the answer or the gold was too much for
        the parser; ``crash`` or ``busy`` where neither is to blame.
    """
    return _POOL.ask(gold, pred)
