# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care preflight``: is everything a GPU run needs here? Says all that is missing, and how to get it."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from verl_ext.checks.cluster import Wanted, look_at, shortage


def missing_in_cluster(nodes: int, gpus: int) -> list[str]:
    """What the Ray cluster lacks that a run on several nodes joins; its head may be a machine without GPUs."""
    lacking = shortage(Wanted(nodes, gpus), look_at("auto"))
    if not lacking:
        return []
    return [
        f"NNODES={nodes}: the Ray cluster has {lacking}. Start it (ray start --head here, ray start "
        "--address=HEAD:6379 on the others) and wait with care cluster, which also examines each node; "
        "docs/scaling.md"
    ]


def missing_attention(attention: str) -> list[str]:
    """Whether the attention asked for is installed."""
    if attention != "flash_attention_2" or importlib.util.find_spec("flash_attn") is not None:
        return []
    return [
        "flash-attn is not installed, which verl's attention and packed rows need. Install a wheel of it "
        "(docs/install.md), or set ATTENTION=sdpa"
    ]


def missing_gpus(wanted: int) -> list[str]:
    """What is wrong with the accelerators of this machine."""
    import torch

    found = torch.cuda.device_count()
    if found >= wanted:
        return []
    return [
        f"{wanted} GPUs are asked for and {found} are visible here. Set NGPUS_PER_NODE to what the machine has, "
        "install the GPU stack (bash examples/setup.sh gpu) if torch is a CPU build, or see CARE run without one: "
        "bash examples/run_tiny_vlm_care_cpu.sh"
    ]


def missing_model(model: str) -> list[str]:
    """Whether ``model`` is a folder with a model in it, or in the local hub cache, or can be asked for at the hub."""
    folder = Path(model).expanduser()
    if (folder / "config.json").is_file():
        return []
    if folder.is_dir() or model.startswith((".", "/", "~")) or model.count("/") != 1:
        return [
            f"{model} is not a model folder (there is no config.json in it). Set MODEL_PATH to one, or to a hub id."
        ]
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        hf_hub_download(model, "config.json", etag_timeout=10)
    except (LocalEntryNotFoundError, HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return [
            f"the model {model}: there is no such folder here, and as a hub id it is neither in the local cache nor "
            f"reachable ({reason}). Set MODEL_PATH to a folder; one from the hub comes with `hf download {model}` on a "
            "machine that reaches it."
        ]
    return []


def missing_data(files: Sequence[str]) -> list[str]:
    """Which data files are not there, or hold nothing.

    Args:
        files: As given to verl: one file each, or a list of them, ``[a.parquet,b.parquet]``.
    """
    problems = []
    for file in (one for given in files for one in _listed(given)):
        # Elsewhere (hdfs://): verl fetches it.
        wrong = None if "://" in file else _wrong_with(Path(file).expanduser())
        if wrong is not None:
            problems.append(
                f"{file} {wrong}. Set TRAIN_FILES and VAL_FILES to parquet files in verl's format; docs/data.md says "
                "how to make them."
            )
    return problems


def _listed(given: str) -> list[str]:
    """The files of a value, read as verl's command line reads it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    if not given.startswith("["):
        return [given]
    try:
        value = OverridesParser.create().parse_override(f"files={given}").value()
    except HydraException:
        return [given]
    return [str(one) for one in value]


def _wrong_with(file: Path) -> str | None:
    import pyarrow
    import pyarrow.parquet

    if not file.is_file():
        return "does not exist"
    if file.stat().st_size == 0:
        return "is empty"
    if file.suffix != ".parquet":
        return None
    try:
        rows = pyarrow.parquet.read_metadata(file).num_rows
    except (pyarrow.ArrowException, OSError) as error:
        return f"is no parquet file ({' '.join(str(error).split())})"
    return None if rows else "has no rows"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="care preflight", description=__doc__)
    parser.add_argument("--nodes", type=int, default=1, help="nodes; more than one are a Ray cluster (default: 1)")
    parser.add_argument("--gpus", type=int, required=True, help="GPUs wanted on each node")
    parser.add_argument("--attention", default="flash_attention_2", help="attn_implementation (default: %(default)s)")
    parser.add_argument("--model", required=True, help="model folder or hub id")
    parser.add_argument("--data", nargs="+", required=True, help="parquet files, or lists: [a.parquet,b.parquet]")
    options = parser.parse_args(arguments)
    nodes, gpus = options.nodes, options.gpus
    problems = missing_in_cluster(nodes, gpus) if nodes > 1 else missing_gpus(gpus)
    problems += [*missing_attention(options.attention), *missing_model(options.model), *missing_data(options.data)]
    for problem in problems:
        print(f"missing: {problem}", file=sys.stderr)
    return 2 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
