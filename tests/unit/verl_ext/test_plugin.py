# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""How the plugin gets into verl, in processes of their own."""

import json
import os
import subprocess
import sys

import pytest

from recipe.care.errors import CareConfigError, CareDataError


def _python(code: str, **variables: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, **variables}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment)


def test_entry_point_registers_the_estimator():
    loaded = "import sys, verl; print('verl_ext.plugin' in sys.modules); "
    registered = "import verl.trainer.ppo.core_algos as c; print('care' in c.ADV_ESTIMATOR_REGISTRY)"
    assert _python(loaded + registered).stdout.split()[-2:] == ["True", "True"]
    assert _python(loaded, VERL_USE_EXTERNAL_PLUGINS="none").stdout.split()[-1] == "False"


def test_import_costs_under_50_ms():
    """The time verl's import spends in the plugin, measured where it is spent; torch is loaded by then, as in verl."""
    code = (
        "import os; os.environ['VERL_USE_EXTERNAL_PLUGINS'] = 'none'\n"
        "import time, json, verl\n"
        "start = time.perf_counter(); import verl_ext.plugin; print(json.dumps(time.perf_counter() - start))"
    )
    # A busy machine makes any one of them slow; the fastest says what the import costs.
    for _ in range(3):
        seconds = json.loads(_python(code).stdout.splitlines()[-1])
        print(f"verl_ext.plugin adds {1000 * seconds:.1f} ms")
        if seconds < 0.050:
            return
    pytest.fail("importing verl_ext.plugin took more than 50 ms three times")


def test_plugin_that_cannot_load_says_so():
    code = "import sys; sys.modules['wrapt'] = None\nimport verl\nprint('verl imported')"
    result = _python(code)
    assert "verl imported" in result.stdout
    assert "The CARE plugin for verl did not load" in result.stderr + result.stdout
    assert "wrapt" in result.stderr + result.stdout


def test_failing_hook_warns_and_only_stops_a_care_run():
    code = (
        "import sys; sys.modules['verl_ext.trainer'] = None\n"
        "import verl.trainer.ppo.v1\n"
        "from verl_ext.checks.dry_run import compose\n"
        "from verl_ext.checks.validation import validate_run\n"
        "try:\n"
        "    validate_run(compose(['algorithm.adv_estimator=care', 'actor_rollout_ref.rollout.n=8']))\n"
        "except Exception as error:\n"
        "    print('refused:', error)\n"
    )
    result = _python(code)
    assert "CARE could not adapt verl.trainer.ppo.v1" in result.stderr + result.stdout
    assert "refused: algorithm.adv_estimator=care: the plugin could not adapt verl" in result.stdout


def test_doctor_exit_status():
    """In an environment that works it is 0, or examples/setup.sh does not end."""
    command = [sys.executable, "-m", "verl_ext.checks.doctor", "--quiet"]
    broken = subprocess.run(
        command, capture_output=True, text=True, timeout=200, env={**os.environ, "VERL_USE_EXTERNAL_PLUGINS": "none"}
    )
    assert broken.returncode == 1
    assert "VERL_USE_EXTERNAL_PLUGINS" in broken.stderr


def test_estimator_needs_a_care_aware_trainer():
    import torch

    from verl_ext.step.estimator import care_estimator, token_advantages_for_verl

    mask = torch.tensor([[1, 1, 0]])
    with pytest.raises(CareConfigError, match="CARE-aware trainer"):
        care_estimator(torch.zeros(1, 3), mask)
    with token_advantages_for_verl(torch.tensor([[0.5, 0.25, 0.25]]), "token-mean"):
        advantages, returns = care_estimator(torch.zeros(1, 3), mask)
        # Two tokens are left of the row, whose credit is scaled by their number.
        assert advantages.tolist() == returns.tolist() == [[1.0, 0.5, 0.0]]
        with pytest.raises(CareDataError, match="changed in between"):
            care_estimator(torch.zeros(2, 3), torch.ones(2, 3))
