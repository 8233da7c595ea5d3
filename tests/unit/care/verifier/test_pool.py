# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The parser's processes: bounded, killable, few, and usable from wherever verl calls a reward function."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from recipe.care.errors import CareConfigError
from recipe.care.reward import compute_score
from recipe.care.verifier.cache import VERDICTS
from recipe.care.verifier.parser import pool as lanes
from recipe.care.verifier.parser.pool import LANES, ask_parser

pytest.importorskip("math_verify")

CROWDING = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
LIMIT_S = 2.5 * CROWDING
RESPONSE_FOR_PARSER = ("virl39k", "<answer>3i+2</answer>", "2+3i")
BOMB = "9^{9^{9^{9}}}"


def score_one():
    return compute_score(*RESPONSE_FOR_PARSER)


def workers():
    processes = [lane._process for lane in lanes._POOL._lanes if lane._process is not None]
    return [process for process in processes if process.poll() is None]


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
    from recipe.care.verifier.parser.latex import _differ_numerically

    x = sympy.Symbol("x")
    assert _differ_numerically(sympy.Integer(1), 1 + sympy.Rational(1, 10**15))
    assert not _differ_numerically(x + x, 2 * x)


@pytest.mark.parametrize("bomb", [BOMB, "99999999!", r"\sum_{n=1}^{99999999} \frac{1}{n^2+1}"])
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


@pytest.mark.parametrize(
    ("reply", "rule", "verified"),
    [
        ("timeout", "parser_timeout", 1.0),  # the policy wrote it
        ("gold_timeout", "gold_timeout", 0.0),
        ("crash", "parser_crash", 0.0),
        ("busy", "parser_busy", 0.0),
    ],
)
def test_only_golds_and_faults_of_ours_leave_an_answer_unverified(monkeypatch, reply, rule, verified):
    VERDICTS.clear()
    monkeypatch.setattr("recipe.care.verifier.parser.last_resort.ask_parser", lambda gold, pred: reply)
    result = score_one()
    assert (result["acc"], result["verified"], result["rule"]) == (0.0, verified, rule)


def test_a_gold_that_is_too_much_is_told_from_an_answer_that_is():
    assert ask_parser("(" * 400 + "x" + ")" * 400, "x") == "gold_timeout"
    assert ask_parser("x^2", BOMB) == "timeout"


def test_honest_questions_all_come_to_their_turn_beside_slow_ones():
    questions = [("2+3i", f"3i+{i}-{i - 2}") if i % 2 else ("x^2", f"{i}{BOMB}") for i in range(12)]
    with ThreadPoolExecutor(12) as threads:
        replies = list(threads.map(lambda question: ask_parser(*question), questions))
    assert replies == ["equal" if i % 2 else "timeout" for i in range(12)]


def test_time_on_the_clock_decides_nothing():
    (worker,) = workers()[-1:]
    (child,) = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGSTOP)  # as if the machine had no time for it
    waking = threading.Timer(4.0, os.kill, (int(child), signal.SIGCONT))
    waking.start()
    with ThreadPoolExecutor(LANES) as threads:  # one question each, so that the stopped child gets one
        replies = list(threads.map(lambda i: ask_parser(f"a+{i}b", f"{i}b+a"), range(LANES)))
    waking.join()
    assert replies == ["equal"] * LANES


@pytest.mark.parametrize(("script", "started"), [("default_worker.py", True), ("train.py", False)])
def test_a_ray_worker_starts_the_parser_when_it_loads_the_reward_function(tmp_path, script, started):
    (tmp_path / script).write_text(
        "import threading; import recipe.care.reward; from recipe.care.verifier.parser import pool as lanes\n"
        "[t.join() for t in threading.enumerate() if t.name == 'care-parser-start']\n"
        "print(sum(lane._process is not None for lane in lanes._POOL._lanes))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, str(tmp_path / script)]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert int(out) == started


def test_a_worker_killed_from_outside_is_replaced():
    for process in workers():
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert ask_parser("a+b", "b+a") == "equal"


def test_a_worker_that_stops_answering_is_replaced():
    for process in workers():
        os.kill(process.pid, signal.SIGSTOP)
    start = time.monotonic()
    assert ask_parser("a+b", "b+a") == "crash"
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
    assert set(replies) == {"equal"}
    assert 1 <= len(workers()) <= LANES


def test_an_event_loop_and_its_executor():
    async def score_many():
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(None, score_one) for _ in range(16)))

    assert {result["rule"] for result in asyncio.run(score_many())} == {"parser"}


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_daemonic_process_may_start_workers(method):
    with multiprocessing.get_context(method).Pool(1) as pool:  # a pool's processes are daemonic
        assert pool.apply(compute_score, RESPONSE_FOR_PARSER)["rule"] == "parser"
    assert score_one()["rule"] == "parser"


def test_workers_end_with_their_parent():
    script = (
        "from recipe.care.verifier.parser import pool as lanes; lanes.ask_parser('x','x'); "
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
        assert ray.get(scorer.remote(*RESPONSE_FOR_PARSER), timeout=120)["rule"] == "parser"
    finally:
        ray.shutdown()
