# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The estimator of docs/new-estimator.md trains the tiny model for two steps, by the command of that page."""

import re
import shlex

import pytest

from tests.e2e.conftest import QUIET, ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
PAGE = (ROOT / "docs" / "new-estimator.md").read_text()


def test_the_estimator_of_the_page_trains(run_demo, tmp_path):
    (tmp_path / "mine.py").write_text(re.search(r"^```python\n(.*?)^```", PAGE, re.M | re.S)[1])
    command = re.search(r"run_tiny_vlm_care_cpu\.sh \\\n(.*?)^```", PAGE, re.M | re.S)[1]
    overrides = [one.replace("$PWD", str(tmp_path)) for one in shlex.split(command.replace("\\\n", " "))]
    assert len(overrides) == 3
    run = run_demo(tmp_path / "run", *QUIET, *overrides, METHOD="grpo", STEPS="2")
    for step in (1, 2):
        data = run.steps()[step]
        assert data["actor/grad_norm"] > 0
        assert data["estimator/rows_pushed_up"] > 0 and data["estimator/rows_pushed_down"] > 0
        records = run.records(step)
        assert len(records) == 128
        for record in records:
            # A right row has at most 7/8; a wrong one, at half scale, is never pushed up nor below -7/16.
            low, high = (0, 7 / 8) if record.acc else (-7 / 16, 0)
            assert low - 1e-6 <= record.advantage <= high + 1e-6
