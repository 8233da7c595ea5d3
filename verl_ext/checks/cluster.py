# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care cluster``: wait until a Ray cluster is complete, and examine every node of it.

    care cluster --nodes 4 --gpus-per-node 8

waits for the nodes that ``ray start`` brings up, then runs the doctor's checks in a Ray worker on each. verl itself
waits for missing resources without saying which; here a node that does not come, has too few GPUs, or lacks the
package, is named before any model loads.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verl_ext.checks.doctor import Report, examine

if TYPE_CHECKING:
    from ray import ObjectRef

POLL_S = 2.0


@dataclass(frozen=True)
class Wanted:
    """The cluster a run needs."""

    nodes: int
    gpus_per_node: int

    def __post_init__(self) -> None:
        if self.nodes < 1:
            raise ValueError(f"--nodes {self.nodes}: must be at least 1")
        if self.gpus_per_node < 1:
            raise ValueError(f"--gpus-per-node {self.gpus_per_node}: must be at least 1")


@dataclass(frozen=True)
class Node:
    """A living node as Ray sees it."""

    name: str
    node_id: str
    gpus: int


def living_nodes(records: Sequence[Mapping[str, object]]) -> list[Node]:
    """The living nodes in ``ray.nodes()``."""
    found = []
    for record in records:
        resources = record["Resources"]
        assert isinstance(resources, Mapping)
        if record["Alive"]:
            gpus = int(resources.get("GPU", 0))
            found.append(Node(str(record["NodeManagerHostname"]), str(record["NodeID"]), gpus))
    return found


def shortage(wanted: Wanted, nodes: Sequence[Node]) -> str:
    """What ``nodes`` lack, in words; empty if nothing."""
    enough = [node for node in nodes if node.gpus >= wanted.gpus_per_node]
    if len(enough) >= wanted.nodes:
        return ""
    there = ", ".join(f"{node.name} ({node.gpus} GPUs)" for node in nodes) or "none"
    return f"{len(enough)} of {wanted.nodes} nodes with {wanted.gpus_per_node} GPUs; nodes there: {there}"


def look_at(address: str) -> list[Node]:
    """The living nodes of the cluster at ``address``; none while its head is not up."""
    import ray

    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except ConnectionError:
            return []
    return living_nodes(ray.nodes())


def wait_for(wanted: Wanted, look: Callable[[], Sequence[Node]], timeout_s: float) -> Sequence[Node]:
    """Wait until the cluster is complete.

    Args:
        wanted: What the run needs.
        look: Returns the living nodes.
        timeout_s: How long to wait.

    Returns:
        The nodes.

    Raises:
        TimeoutError: The cluster was not complete in time.
    """
    deadline = time.monotonic() + timeout_s
    said = ""
    while lacking := shortage(wanted, nodes := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"after {timeout_s:.0f} s there are {lacking}. Run `ray start --address=HEAD:PORT` on the others, or "
                "set NNODES and NGPUS_PER_NODE to what there is."
            )
        if lacking != said:
            print(f"waiting: {lacking}", flush=True)
            said = lacking
        time.sleep(POLL_S)
    return nodes


def examine_nodes(nodes: Sequence[Node]) -> list[Report]:
    """Run the doctor's checks in a worker on every node."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    remote = ray.remote(num_cpus=0)(examine)
    pinned = [NodeAffinitySchedulingStrategy(node.node_id, soft=False) for node in nodes]
    running = [
        remote.options(scheduling_strategy=where).remote(f"node {node.name}")
        for node, where in zip(nodes, pinned, strict=True)
    ]
    return [_report(node, report) for node, report in zip(nodes, running, strict=True)]


def _report(node: Node, report: ObjectRef[Report]) -> Report:
    import ray
    from ray.exceptions import RayError

    try:
        return ray.get(report)
    except RayError as error:
        # Most likely a node on which this package, and so the code of the task, is not installed.
        reason = str(error).strip().splitlines()[-1]
        return Report(f"node {node.name}", problems=[f"the checks do not run there ({reason}); see docs/install.md"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="care cluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--nodes", type=int, required=True, help="nodes the run needs (NNODES)")
    add("--gpus-per-node", type=int, required=True, help="GPUs it needs on each (NGPUS_PER_NODE)")
    add("--address", default="auto", help="of the cluster (default: the one on this machine)")
    add("--timeout", type=float, default=600, help="seconds to wait (default: %(default)s)")
    add("--no-checks", action="store_true", help="only wait")
    options = parser.parse_args(arguments)
    try:
        wanted = Wanted(options.nodes, options.gpus_per_node)
        nodes = wait_for(wanted, lambda: look_at(options.address), options.timeout)
    except (TimeoutError, ValueError) as error:
        print(f"no cluster: {error}", file=sys.stderr)
        return 2
    reports = [] if options.no_checks else examine_nodes(nodes)
    for report in reports:
        report.print(quiet=True)
    broken = [report for report in reports if report.problems]
    print(f"{len(nodes)} nodes, {sum(node.gpus for node in nodes)} GPUs; {len(reports)} examined, {len(broken)} unfit")
    return 2 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
