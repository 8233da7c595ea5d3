# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Two runs on one machine, each with its own Ray: the weights of each reach its own rollout server."""

import asyncio
import threading

import pytest
import torch

from verl_ext.engine import weight_socket

VERLS = "ipc:///tmp/rl-colocate-zmq-01000000-replica-0-rank-0.sock"


@pytest.fixture
def transfer():
    """Verl's transfer, as it is after the plugin has loaded."""
    import verl  # noqa: F401
    from verl.workers.rollout.vllm_rollout import bucketed_weight_transfer

    return bucketed_weight_transfer


def test_the_name_says_which_cluster(monkeypatch):
    monkeypatch.setenv(weight_socket.RAYLET, "17")
    assert weight_socket.unique(VERLS) == "ipc:///tmp/rl-colocate-zmq-17-01000000-replica-0-rank-0.sock"
    assert weight_socket.unique("ipc:///tmp/another.sock") == "ipc:///tmp/another.sock"
    monkeypatch.delenv(weight_socket.RAYLET)
    assert weight_socket.unique(VERLS) == VERLS


def test_both_ends_agree_and_two_clusters_do_not(transfer, monkeypatch):
    names = {}
    for raylet in ("17", "18"):
        monkeypatch.setenv(weight_socket.RAYLET, raylet)
        sender = transfer.BucketedWeightSender(zmq_handle=VERLS, use_shm=True)
        receiver = transfer.BucketedWeightReceiver(zmq_handle=VERLS, device=torch.device("cpu"), use_shm=True)
        assert sender.zmq_handle == receiver.zmq_handle != VERLS
        names[raylet] = sender.zmq_handle
    assert names["17"] != names["18"]


@pytest.mark.timeout(60)
def test_weights_go_to_the_run_they_belong_to(transfer, monkeypatch):
    """Both receivers listen before either sender is there, as when two runs start together."""
    received: dict[str, float] = {}

    def listen(raylet: str, receiver) -> None:
        def take(weights, is_last) -> None:
            received[raylet] = float(weights[0][1][0])

        receiver.receive_weights(take)

    ends = {}
    for raylet in ("17", "18"):
        monkeypatch.setenv(weight_socket.RAYLET, raylet)
        receiver = transfer.BucketedWeightReceiver(zmq_handle=VERLS, device=torch.device("cpu"), use_shm=True)
        listener = threading.Thread(target=listen, args=(raylet, receiver), daemon=True)
        listener.start()
        ends[raylet] = transfer.BucketedWeightSender(zmq_handle=VERLS, bucket_size_mb=1, use_shm=True), listener
    for raylet, (sender, listener) in ends.items():
        asyncio.run(asyncio.wait_for(sender.async_send_weights(iter([("w", torch.full((4,), float(raylet)))])), 20))
        listener.join(20)
    assert received == {"17": 17.0, "18": 18.0}
