# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Two nodes on one machine, by the Slurm script: Ray over both, one logical accelerator and one rank on each."""

import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.conftest import KEEPS_EVERYTHING, REPAIRS, RUN_TIMEOUT_S, Run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2 * RUN_TIMEOUT_S)]
ROOT = Path(__file__).parents[2]
# Slurm's own commands, on a machine that is every node of the allocation at once.
SCONTROL = "#!/usr/bin/env bash\nprintf 'first\\nsecond\\n'\n"
SRUN = """#!/usr/bin/env bash
while [[ $1 == --* ]]; do shift; done
[[ $1 == hostname ]] && { echo 127.0.0.1; exit; }
exec "$@"
"""


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _submit(folder: Path, data: Path, *overrides: str) -> Run:
    """Run the Slurm script as Slurm would, with the demo as its job."""
    commands, out = folder / "bin", folder / "run"
    commands.mkdir(parents=True)
    for name, text in (("scontrol", SCONTROL), ("srun", SRUN)):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    slurm = {"SLURM_JOB_NODELIST": "node[1-2]", "SLURM_JOB_NUM_NODES": "2", "SLURM_SUBMIT_DIR": str(ROOT)}
    slurm |= {"SLURM_GPUS_ON_NODE": "1", "PATH": f"{commands}:{os.environ['PATH']}"}
    ours = {"RAY_PORT": str(_free_port()), "RAY_START": "--num-cpus=16", "RAY_WAIT_S": "120"}
    ours |= {"VENV": sys.prefix, "RAY_AUTH_MODE": "disabled"}
    demo = {"RUN_DIR": str(out), "DATA_DIR": str(data), "SKIP_SETUP": "1", "STEPS": "1"}
    dump = f"trainer.rollout_data_dir={out / 'rollouts'}"
    # What a node's processes get is the environment of its `ray start`.
    submit = 'source examples/lib/cpu_stack.sh; exec bash examples/slurm_care.sbatch "$@"'
    done = subprocess.run(
        ["bash", "-c", submit, "sbatch", "examples/run_tiny_vlm_care_cpu.sh", *overrides, dump],
        env={**os.environ, **slurm, **ours, **demo},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_TIMEOUT_S,
    )
    log = out / "train.log"
    assert done.returncode == 0, f"{done.stdout}\n{log.read_text()[-6000:] if log.exists() else ''}"
    assert "2 nodes, 2 GPUs; 2 examined, 0 unfit" in done.stdout
    return Run(out)


@pytest.fixture(scope="module")
def both(cached_rollouts, killed, tiny_data, tmp_path_factory) -> Run:
    """The rollouts that ``killed`` replayed on one rank, replayed on two, each on a node."""
    return _submit(tmp_path_factory.mktemp("two"), tiny_data, *cached_rollouts, REPAIRS, *KEEPS_EVERYTHING)


def test_two_nodes_select_the_same(killed, both):
    """Both are replays, which number a group's rollouts in their own way; equally good anchors tie by number."""
    one, two = _roles_by_rationale(killed), _roles_by_rationale(both)
    assert one == two
    assert two.total() > 100 and {"anchor", "hard_negative", "unused"} <= {role for _, _, role, _ in two}
    for name in ("care/groups_mixed", "care/rescue_rate", "care/rgr/triggered"):
        assert killed.steps()[1][name] == both.steps()[1][name]


def test_each_rank_writes_its_shard(both):
    assert len(list(both.folder.glob("checkpoints/global_step_1/actor/model_world_size_2_rank_*.pt"))) == 2


def _roles_by_rationale(run) -> Counter:
    """Multiset of (prompt, rationale, role, K') of step 1, over the rows that kept their text.

    Rows of one rationale are equally far from everything but for rounding, which depends on the micro-batch; which of
    them is selected, or repaired, is chance, and so is what its repair says.
    """
    return Counter(
        (row.input, row.output.split("</think>")[0], row.role, row.k_prime)
        for row in run.records(1)
        if not row.role.startswith("repaired")
    )
