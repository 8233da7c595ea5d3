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
"""Two nodes on one machine, by the Slurm script: Ray over both, one logical accelerator each, and a step of CARE."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import RUN_TIMEOUT_S, Run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(RUN_TIMEOUT_S + 60)]
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


def test_slurm_script_trains_on_two_nodes(tiny_data, tmp_path):
    commands, folder = tmp_path / "bin", tmp_path / "run"
    commands.mkdir()
    for name, text in (("scontrol", SCONTROL), ("srun", SRUN)):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    slurm = {"SLURM_JOB_NODELIST": "node[1-2]", "SLURM_JOB_NUM_NODES": "2", "SLURM_SUBMIT_DIR": str(ROOT)}
    slurm |= {"SLURM_GPUS_ON_NODE": "1", "PATH": f"{commands}:{os.environ['PATH']}"}
    ours = {"RAY_PORT": str(_free_port()), "RAY_START": "--num-cpus=16 --include-dashboard=false", "RAY_WAIT_S": "120"}
    ours |= {"VENV": sys.prefix, "RAY_AUTH_MODE": "disabled"}
    demo = {"RUN_DIR": str(folder), "DATA_DIR": str(tiny_data), "SKIP_SETUP": "1", "STEPS": "1"}
    quick = ["trainer.val_before_train=False", "trainer.test_freq=-1", "trainer.save_freq=1"]
    done = subprocess.run(
        ["bash", "examples/slurm_care.sbatch", "examples/run_tiny_vlm_care_cpu.sh", *quick],
        env={**os.environ, **slurm, **ours, **demo},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_TIMEOUT_S,
    )
    run = Run(folder)
    assert done.returncode == 0, f"{done.stdout}\n{run.log[-6000:]}"
    assert "2 nodes, 2 GPUs; 2 examined, 0 unfit" in done.stdout
    (step,) = run.steps().values()
    assert step["actor/grad_norm"] > 0
    assert step["care/groups_mixed"] > 0
    # One shard from each node's rank.
    assert len(list(folder.glob("checkpoints/global_step_1/actor/model_world_size_2_rank_*.pt"))) == 2
