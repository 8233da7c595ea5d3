# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Waiting for a Ray cluster: what is missing is named, and nothing is waited for twice."""

import pytest

from verl_ext.checks import cluster
from verl_ext.checks.cluster import Node, Wanted, living_nodes, main, shortage, wait_for


def _record(name: str, gpus: float, *, alive: bool = True) -> dict:
    resources = {"CPU": 2.0} | ({"GPU": gpus} if gpus else {})
    return {"NodeManagerHostname": name, "NodeID": f"id-{name}", "Alive": alive, "Resources": resources}


def test_dead_nodes_do_not_count():
    assert living_nodes([_record("a", 8.0), _record("b", 8.0, alive=False), _record("c", 0)]) == [
        Node("a", "id-a", 8),
        Node("c", "id-c", 0),
    ]


def test_a_node_with_too_few_gpus_does_not_count_and_is_named():
    nodes = [Node("a", "1", 8), Node("b", "2", 4)]
    assert shortage(Wanted(nodes=2, gpus_per_node=4), nodes) == ""
    lacking = shortage(Wanted(nodes=2, gpus_per_node=8), nodes)
    assert lacking == "1 of 2 nodes with 8 GPUs; nodes there: a (8 GPUs), b (4 GPUs)"


def test_waits_until_the_last_node_is_there(monkeypatch, capsys):
    monkeypatch.setattr(cluster, "POLL_S", 0.0)
    seen = iter([[], [], [Node("a", "1", 8)], [Node("a", "1", 8), Node("b", "2", 8)]])
    assert len(wait_for(Wanted(2, 8), lambda: next(seen), timeout_s=60)) == 2
    # Each state is printed once.
    assert capsys.readouterr().out.splitlines() == [
        "waiting: 0 of 2 nodes with 8 GPUs; nodes there: none",
        "waiting: 1 of 2 nodes with 8 GPUs; nodes there: a (8 GPUs)",
    ]


def test_gives_up_naming_what_to_set(monkeypatch):
    monkeypatch.setattr(cluster, "POLL_S", 0.0)
    with pytest.raises(TimeoutError, match=r"1 of 2 nodes with 8 GPUs.*NNODES"):
        wait_for(Wanted(2, 8), lambda: [Node("a", "1", 8)], timeout_s=0.01)


@pytest.mark.parametrize(
    "arguments", (["--nodes", "0", "--gpus-per-node", "8"], ["--nodes", "1", "--gpus-per-node", "0"])
)
def test_impossible_wishes_are_refused(arguments, capsys):
    assert main(arguments) == 2
    assert "must be at least 1" in capsys.readouterr().err
