# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Verdicts are computed once, also when siblings ask at the same time."""

import threading
import time

import pytest

from recipe.care.verifier.cache import VerdictCache
from recipe.care.verifier.problem import Problem, Verdict


def key(gold="1"):
    return Problem("chartqa", gold), "1"


def test_a_verdict_is_computed_once_for_siblings_that_ask_together():
    cache, calls = VerdictCache(8), []

    def compute():
        calls.append(1)
        time.sleep(0.05)
        return Verdict(True, "number")

    seen = []
    threads = [threading.Thread(target=lambda: seen.append(cache.get(key(), compute))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(calls), len(seen), len(set(map(id, seen)))) == (1, 8, 1)


def test_the_least_recently_used_verdict_goes_first():
    cache, calls = VerdictCache(2), []

    def ask(gold):
        return cache.get(key(gold), lambda: calls.append(gold) or Verdict(True, gold))

    for gold in ("a", "b", "a", "c", "a", "b"):
        assert ask(gold).rule == gold
    assert calls == ["a", "b", "c", "b"]


def test_an_error_reaches_the_caller_and_is_not_kept():
    cache = VerdictCache(2)

    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.get(key(), fail)
    assert cache.get(key(), lambda: Verdict(True, "number")).correct


@pytest.mark.parametrize("rule", ["parser_busy", "parser_crash"])
def test_what_failed_at_the_moment_is_asked_again(rule):
    cache = VerdictCache(2)
    assert cache.get(key(), lambda: Verdict(False, rule, verified=False)).rule == rule
    assert cache.get(key(), lambda: Verdict(True, "parser")).correct
    assert cache.get(key(), lambda: Verdict(False, "number")).correct


def test_siblings_that_wait_share_even_a_failure_of_the_moment():
    cache, begun, calls, seen = VerdictCache(2), threading.Event(), [], []

    def compute():
        calls.append(1)
        begun.set()
        time.sleep(0.5)
        return Verdict(False, "parser_busy", verified=False)

    first = threading.Thread(target=lambda: seen.append(cache.get(key(), compute)))
    first.start()
    begun.wait()
    second = threading.Thread(target=lambda: seen.append(cache.get(key(), compute)))
    second.start()
    first.join()
    second.join()
    assert (len(calls), [verdict.rule for verdict in seen]) == (1, ["parser_busy"] * 2)


def test_a_verification_that_took_too_long_is_kept():
    cache = VerdictCache(2)
    cache.get(key(), lambda: Verdict(False, "parser_timeout"))
    assert cache.get(key(), lambda: Verdict(True, "parser")).rule == "parser_timeout"


def test_problems_that_differ_in_any_field_do_not_share_verdicts():
    cache = VerdictCache(8)
    first = Problem("chartqa", "2010", asks_for_year=True)
    second = Problem("chartqa", "2010", asks_for_year=False)
    cache.get((first, "2011"), lambda: Verdict(False, "year"))
    assert cache.get((second, "2011"), lambda: Verdict(True, "relaxed")).correct
