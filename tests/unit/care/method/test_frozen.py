# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The method makes of 2,000 groups what an independent, padded implementation made of them (see ``freeze``)."""

import numpy as np

from tests.unit.care.method.freeze import FILE, configurations, results


def test_the_recorded_results_come_out_again():
    recorded = np.load(FILE)
    inputs = {name.removeprefix("in_"): recorded[name] for name in recorded.files if name.startswith("in_")}
    assert len(np.unique(inputs["group"])) == 2000 == 50 * len(configurations())
    today = results(inputs)
    role = np.concatenate([one.role for one in today])
    assert (role == recorded["out_role"].astype(str)).all()
    assert (np.concatenate([one.anchor_of.numpy() for one in today]) == recorded["out_anchor_of"]).all()
    assert (np.concatenate([one.k_prime.numpy() for one in today]) == recorded["out_k_prime"]).all()
    advantages = np.concatenate([one.advantages.numpy() for one in today])
    np.testing.assert_allclose(advantages, recorded["out_advantages"], rtol=0, atol=1e-6)
