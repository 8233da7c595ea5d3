# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A real TransferQueue, started once for the tests that read and write rows."""

import itertools
import os

import pytest

_numbers = itertools.count()


@pytest.fixture(scope="session")
def transfer_queue():
    import ray
    import transfer_queue as tq
    from omegaconf import OmegaConf

    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    tq.init(OmegaConf.create({"backend": {"SimpleStorage": {"num_data_storage_units": 1}}}))
    yield tq
    tq.close()
    ray.shutdown()


@pytest.fixture
def put(transfer_queue):
    """Store rows as verl's agent loop does, and give back the batch; each test has a partition of its own."""
    from verl.utils.tensordict_utils import list_of_dict_to_tensordict

    partition = f"test{next(_numbers)}"

    def put_rows(rows, tags=None):
        keys = list(rows)
        transfer_queue.kv_batch_put(
            keys=keys,
            partition_id=partition,
            fields=list_of_dict_to_tensordict(list(rows.values())),
            tags=tags or [{} for _ in keys],
        )
        return transfer_queue.KVBatchMeta(keys=keys, tags=tags or [{} for _ in keys], partition_id=partition)

    return put_rows
