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
"""The parser's processes: bounded, killable, few, and usable from wherever verl calls a reward function."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from recipe.care.errors import CareConfigError
from recipe.care.reward import compute_score
from recipe.care.verifier import lanes
from recipe.care.verifier.cache import VERDICTS
from recipe.care.verifier.lanes import LANES, ask_parser

pytest.importorskip("math_verify")

CROWDING = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
LIMIT_S = 2.5 * CROWDING
RESPONSE_FOR_PARSER = ("virl39k", r"<answer>(3,5)\cup(-\infty,2)</answer>", r"(-\infty,2)\cup(3,5)")
SETTLED = ("parser", "parser_timeout") if CROWDING > 2 else ("parser",)
"""The rules that show the parser was asked; on a crowded machine it may run out of its 1.8 seconds."""


def score_one():
    return compute_score(*RESPONSE_FOR_PARSER)


def workers():
    return [lane._process for lane in lanes._POOL._lanes if lane._process is not None]


@pytest.fixture(autouse=True)
def fresh_cache():
    VERDICTS.clear()
    ask_parser("x", "x")


@pytest.mark.parametrize(
    ("gold", "pred", "reply"),
    [
        ("x^{2}-1", "(x-1)(x+1)", "equal"),
        ("x^{2}-1", "x^{2}+1", "different"),
        ("1-1/e", "1+1/e", "different"),
        (r"\{1,2\}", r"\{2,1\}", "equal"),
        ("}{", "x", "unparsed_gold"),
        ("x", "}{", "different"),
    ],
)
def test_replies(gold, pred, reply):
    assert ask_parser(gold, pred) == reply


def test_our_numeric_check_overrules_the_parser():
    sympy = pytest.importorskip("sympy")
    from recipe.care.verifier.parser import _differ_numerically

    x = sympy.Symbol("x")
    assert _differ_numerically(sympy.Integer(1), 1 + sympy.Rational(1, 10**15))
    assert not _differ_numerically(x + x, 2 * x)


@pytest.mark.parametrize("bomb", ["9^{9^{9^{9}}}", "99999999!", r"\sum_{n=1}^{99999999} \frac{1}{n^2+1}"])
def test_a_hang_is_ended_in_time_and_the_next_question_does_not_notice(bomb):
    start = time.monotonic()
    assert ask_parser("x^2", bomb) == "timeout"
    assert time.monotonic() - start < LIMIT_S
    start = time.monotonic()
    assert ask_parser("a+b", "b+a") == "equal"
    assert time.monotonic() - start < LIMIT_S


@pytest.mark.parametrize("huge", ["(" * 20_000 + "x" + ")" * 20_000, "2^{40000000000}", "1" * 1_000_000])
def test_a_huge_question_takes_bounded_time_and_memory(huge):
    start = time.monotonic()
    assert ask_parser("2^{5}", huge) in ("timeout", "crash", "different")
    assert time.monotonic() - start < LIMIT_S
    resident_pages = [int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) for process in workers()]
    assert all(pages * os.sysconf("SC_PAGE_SIZE") < 2**28 for pages in resident_pages)


def test_a_failed_verification_is_reported_as_such(monkeypatch):
    for reply, rule in (("timeout", "parser_timeout"), ("crash", "parser_crash"), ("busy", "parser_busy")):
        VERDICTS.clear()
        monkeypatch.setattr("recipe.care.verifier.maths.ask_parser", lambda gold, pred, reply=reply: reply)
        result = score_one()
        assert (result["acc"], result["verified"], result["rule"]) == (0.0, 0.0, rule)


def test_a_worker_killed_from_outside_is_replaced():
    for process in workers():
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert ask_parser("a+b", "b+a") == "equal"


def test_a_worker_that_stops_answering_is_replaced():
    for process in workers():
        os.kill(process.pid, signal.SIGSTOP)
    start = time.monotonic()
    assert ask_parser("a+b", "b+a") == "timeout"
    assert time.monotonic() - start < LIMIT_S
    assert ask_parser("a+b", "b+a") == "equal"


def test_threads_share_a_few_workers():
    replies = []
    threads = [threading.Thread(target=lambda i=i: replies.append(ask_parser(f"a+{i}b", f"{i}b+a"))) for i in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 32
    assert set(replies) <= ({"equal", "timeout"} if CROWDING > 2 else {"equal"})
    assert 1 <= len(workers()) <= LANES


def test_an_event_loop_and_its_executor():
    async def score_many():
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(None, score_one) for _ in range(16)))

    assert {result["rule"] for result in asyncio.run(score_many())} <= set(SETTLED)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_daemonic_process_may_start_workers(method):
    with multiprocessing.get_context(method).Pool(1) as pool:  # a pool's processes are daemonic
        assert pool.apply(compute_score, RESPONSE_FOR_PARSER)["rule"] in SETTLED
    assert score_one()["rule"] in SETTLED


def test_workers_end_with_their_parent():
    script = (
        "from recipe.care.verifier import lanes; lanes.ask_parser('x','x'); "
        "print(*[lane._process.pid for lane in lanes._POOL._lanes if lane._process], flush=True); "
        "import os; os._exit(0)"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(is_alive(int(pid)) for pid in out.split()):
        time.sleep(0.05)
    assert out.split()
    assert not any(is_alive(int(pid)) for pid in out.split())


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_worker_that_cannot_import_the_parser_says_why(monkeypatch, tmp_path):
    (tmp_path / "math_verify.py").write_text("raise ImportError('broken installation')")
    monkeypatch.syspath_prepend(str(tmp_path))
    lane = lanes._Lane()
    with pytest.raises(CareConfigError, match="broken installation"):
        lane.ask("x", "x")


def test_a_ray_actor():
    ray = pytest.importorskip("ray")
    ray.init("local", num_cpus=1, include_dashboard=False, configure_logging=False, log_to_driver=False)
    try:
        scorer = ray.remote(compute_score)
        assert ray.get(scorer.remote(*RESPONSE_FOR_PARSER), timeout=120)["rule"] in SETTLED
    finally:
        ray.shutdown()
