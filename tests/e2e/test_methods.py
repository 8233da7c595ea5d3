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
"""The baselines that are not plain GRPO train on the real stack.

GRPO does in test_inert.py, CARE without repairs in test_data_prep.py and CARE in the others.
"""

from collections import defaultdict

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

QUIET = ("trainer.val_before_train=False", "trainer.test_freq=-1", "trainer.save_freq=-1")


@pytest.mark.parametrize("method", ["dapo", "gspo"])
def test_two_steps(method, run_demo, tmp_path):
    run = run_demo(tmp_path, *QUIET, METHOD=method, STEPS="2")
    for step in (1, 2):
        data = run.steps()[step]
        assert data["training/rollout_actor_probs_pearson_corr"] > 0.999
        assert data["actor/grad_norm"] > 0
        assert not any(name.startswith("care/") for name in data)
        groups = defaultdict(list)
        for row in run.rollouts(step):
            groups[row["uid"].split("_")[0]].append(row["score"] > 0.5)
        # A full batch either way; with dynamic sampling each group has something right and something wrong.
        assert sorted(map(len, groups.values())) == [8] * 16
        mixed = sum(0 < sum(group) < len(group) for group in groups.values())
        assert mixed == 16 or method != "dapo"
    evicted = "training/filter_groups/evicted_samples"
    assert any(evicted in run.steps()[step] for step in (1, 2)) == (method == "dapo")
