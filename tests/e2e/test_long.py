# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A long run keeps what it has learned. For every change of the method: ``pytest -m slow tests/e2e/test_long.py``."""

from statistics import fmean

import pytest

from tests.e2e import conftest

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(7200)]

STEPS, WINDOW = 120, 20


def test_the_demo_does_not_decay(run_demo, tmp_path, monkeypatch):
    monkeypatch.setattr(conftest, "RUN_TIMEOUT_S", 7200)
    steps = run_demo(tmp_path, *conftest.QUIET, STEPS=str(STEPS)).steps()
    means = {
        name: [
            fmean(steps[step][name] for step in range(first, first + WINDOW)) for first in range(1, STEPS - WINDOW + 2)
        ]
        for name in ("care/acc_sampled", "response_length/mean")
    }
    accuracy, length = means["care/acc_sampled"], means["response_length/mean"]
    assert accuracy[-1] > accuracy[0] + 0.15
    assert accuracy[-1] > max(accuracy) - 0.03
    assert length[-1] < length[0] + 1.0
