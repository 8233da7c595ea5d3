# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the scripts refuse before anything starts, and what they hand on to an interpreter that only takes notes."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from recipe.tiny.suite.tables import TABLES
from verl_ext.checks.dry_run import compose

ROOT = Path(__file__).parents[3]
RL = ["run_qwen2_5_vl_3b_care.sh", "run_qwen2_5_vl_7b_care.sh", "run_qwen3_vl_8b_care.sh"]
GPU = [*RL, "run_qwen2_5_vl_7b_cold_start.sh"]
TINY = ["run_tiny_vlm_care_cpu.sh", "run_tiny_vlm_cold_start_cpu.sh"]
OURS = ("METHOD", "LORA", "DRY_RUN", "SKIP_SETUP", "VENV", "PYTHON", "RUN_DIR", "DATA_DIR", "OUT_DIR", "MODEL_PATH")
NOTES = """#!/bin/bash
{ printf '%s\\n' "$PWD" "$@"; echo; } >>"$NOTES"
[[ " $* " != *" torch.distributed.run "* ]]
"""


@pytest.fixture
def stub(tmp_path):
    """An environment in ``here/env`` whose interpreter notes its directory and arguments."""
    python = tmp_path / "here" / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(NOTES)
    python.chmod(0o755)
    return python


@pytest.fixture
def run(tmp_path):
    """Start a script of ``examples`` in the folder ``here``."""
    (tmp_path / "here").mkdir(exist_ok=True)

    def start(script: str, *arguments: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess:
        clean = {name: value for name, value in os.environ.items() if name not in OURS}
        environment = {**clean, "NOTES": str(tmp_path / "notes"), **variables}
        command = ["bash", str(ROOT / "examples" / script), *arguments]
        where = cwd or tmp_path / "here"
        return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=120)

    return start


@pytest.fixture
def calls(tmp_path):
    """The calls of the stub: where, and with which arguments; without the look at what the environment has."""

    def read() -> list[list[str]]:
        notes = (tmp_path / "notes").read_text().split("\n\n")
        found = [one.strip("\n").splitlines() for one in notes if one.strip()]
        return [one for one in found if one[1] != "-c" and one[0].startswith("/") and len(one) > 1]

    return read


@pytest.mark.parametrize("value", ["true", "yes", "2"])
@pytest.mark.parametrize("name", ["DRY_RUN", "SKIP_SETUP"])
def test_a_switch_is_0_or_1(name, value, run):
    result = run("run_qwen2_5_vl_7b_care.sh", **{name: value})
    assert result.returncode == 2 and f"{name}={value}: set it to 1 (on) or 0 (off)" in result.stderr


SWITCHED = [
    *([script] for script in (*GPU, *TINY, "run_tiny_suite.sh")),
    ["evaluate.sh", "MODEL", "--out", "o"],
    ["merge_checkpoint.sh", "from", "to"],
    ["run_sweep.sh", str(ROOT / "examples" / "sweeps" / "main.txt")],
    ["slurm_care.sbatch"],
]


@pytest.mark.parametrize("command", SWITCHED, ids=lambda command: command[0])
def test_no_script_starts_the_real_thing_for_a_misspelt_switch(command, run, stub, tmp_path):
    result = run(*command, cwd=ROOT, DRY_RUN="true", VENV=str(stub.parents[1]), PYTHON=str(stub))
    assert result.returncode == 2 and "DRY_RUN=true: set it to 1 (on) or 0 (off)" in result.stderr
    assert not (tmp_path / "notes").exists()


@pytest.mark.parametrize("command", [*([script] for script in GPU), ["merge_checkpoint.sh", "from", "to"]], ids=str)
def test_an_environment_that_is_not_active_is_named(command, run, stub):
    result = run(*command, PYTHON="/nonexistent")
    assert result.returncode == 2 and "PYTHON=/nonexistent: there is no Python at /nonexistent" in result.stderr
    assert "bash examples/setup.sh gpu && source .venv/bin/activate" in result.stderr
    stub.write_text("#!/bin/sh\necho torch, verl; exit 1\n")
    result = run(*command, PYTHON=str(stub))
    assert result.returncode == 2 and "this Python has no torch, verl. Make an environment" in result.stderr
    stub.write_text("#!/bin/sh\nexit 1\n")
    result = run(*command, PYTHON=str(stub))
    assert result.returncode == 2 and f"{stub} does not run" in result.stderr


def test_what_an_interpreter_lacks_is_looked_up(run, tmp_path):
    """With the real one, whose absent modules would end in a traceback."""
    common = f'source "{ROOT}/examples/lib/common.sh"; PYTHON=python3; need_environment PYTHON "Do it." '
    shell = ["bash", "-c"]
    done = subprocess.run([*shell, f"{common} json no_such_module nor_this"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "PYTHON=python3: this Python has no no_such_module, nor_this. Do it.\n"
    (tmp_path / "beside.py").touch()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for modules, code in (("json", 0), ("beside", 2)):
        command = [*shell, common + modules]
        assert subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True).returncode == code


@pytest.mark.parametrize("script", [*TINY, "run_tiny_suite.sh"])
def test_a_missing_environment_of_the_tiny_scripts_is_named(script, run):
    result = run(script, SKIP_SETUP="1", VENV="/nonexistent/v")
    assert result.returncode == 2 and "VENV=/nonexistent/v: there is no Python" in result.stderr
    assert "VENV=/nonexistent/v bash examples/setup.sh" in result.stderr


@pytest.mark.parametrize("script", TINY)
def test_a_dry_run_makes_no_environment(script, run, tmp_path):
    result = run(script, DRY_RUN="1", VENV=str(tmp_path / "none"))
    assert result.returncode == 2 and "DRY_RUN=1 and SKIP_SETUP=1 make no environment" in result.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("arguments", [["M", "--out", "o", "--dry-run"], ["M", "--help"], ["-h"]], ids=" ".join)
def test_evaluation_that_only_tells_makes_no_environment(arguments, run, stub, calls, tmp_path):
    variables = {"VENV": str(stub.parents[1]), "LMMS_VENV": str(tmp_path / "lmms")}
    assert run("evaluate.sh", *arguments, **variables).returncode == 0
    (call,) = calls()
    assert call[1:3] == ["-m", "recipe.evaluation.run"] and call[-len(arguments) :] == arguments


def test_evaluation_makes_the_environment_it_needs(run, stub, calls, tmp_path):
    # What follows --vllm-args is the server's, a --help too.
    arguments = ["M", "--out", "o", "--vllm-args", "--help"]
    run("evaluate.sh", *arguments, VENV=str(stub.parents[1]), LMMS_VENV=str(tmp_path / "lmms"))
    assert ["-m", "venv", "--clear", str(tmp_path / "lmms")] in [call[1:] for call in calls()]


def _values(arguments: list[str]) -> dict[str, object]:
    overrides = OverridesParser.create().parse_overrides([one for one in arguments if "=" in one])
    return {one.key_or_group: one.value() for one in overrides}


@pytest.mark.parametrize("script", GPU)
def test_hydra_reads_paths_as_they_are(script, run, stub, calls):
    paths = {"MODEL_PATH": "/data/lr=1e-6/model", "TRAIN_FILES": "a b,c/t.parquet", "OUT_DIR": "/sp dir (1)/{run}"}
    assert run(script, **paths, DRY_RUN="1", PYTHON=str(stub)).returncode == 0
    values = _values(calls()[-1][3:])
    model = "model.path" if "cold" in script else "actor_rollout_ref.model.path"
    assert (values[model], values["data.train_files"]) == (paths["MODEL_PATH"], paths["TRAIN_FILES"])
    assert values["trainer.default_local_dir"] == paths["OUT_DIR"] == values["hydra.run.dir"].removesuffix("/hydra")
    assert run(script, TRAIN_FILES="[a.parquet,b.parquet]", DRY_RUN="1", PYTHON=str(stub)).returncode == 0
    assert _values(calls()[-1][3:])["data.train_files"] == ["a.parquet", "b.parquet"]


@pytest.mark.parametrize("script", TINY)
def test_hydra_reads_paths_of_the_tiny_scripts_as_they_are(script, run, stub, calls):
    paths = {"RUN_DIR": "/sp dir (1)/a=b", "DATA_DIR": "/x, y"}
    assert run(script, **paths, DRY_RUN="1", VENV=str(stub.parents[1])).returncode == 0
    values = _values(calls()[-1][3:])
    assert values["trainer.default_local_dir"] == "/sp dir (1)/a=b/checkpoints"
    assert str(values["data.train_files"]).startswith("/x, y/") and values["trainer.experiment_name"] == "a=b"


def test_relative_folders_are_those_of_the_caller(run, stub, calls, tmp_path):
    here = tmp_path / "here"
    (here / "run").mkdir()
    variables = {"VENV": "env", "SKIP_SETUP": "1"}
    run("run_tiny_vlm_cold_start_cpu.sh", RUN_DIR="run", DATA_DIR="data", **variables)
    prepared, *_, trained = (" ".join(call) for call in calls())
    assert f"--out {here}/data" in prepared and f"trainer.default_local_dir={here}/run/checkpoints" in trained
    for out in (["--out", "results"], ["--out=results"]):
        assert run("run_tiny_suite.sh", "--seeds", "0", *out, "--jobs", "2", **variables).returncode == 0
        where, *call = calls()[-1]
        assert where == str(ROOT) and call[2:6] == ["--table", "main", "--seeds", "0"]
        assert "=".join(call[6:-2]) == f"--out={here}/results" and call[-2:] == ["--jobs", "2"]


def test_help_of_the_suite_lists_tables_and_options(run, stub, calls):
    text = run("run_tiny_suite.sh", "--help", VENV="/nonexistent").stdout
    assert re.search(r"Tables \(--table\): (.*?)\.", text, re.S)[1].split(", ") == list(TABLES)
    source = (ROOT / "recipe" / "tiny" / "suite" / "runs.py").read_text()
    for option in re.findall(r'add_argument\("(--\w+)"', source):
        assert option in text
    assert run("run_tiny_suite.sh", "--seeds", "0", "--help", VENV="env").stdout == text + "\n"
    assert calls()[-1][1:] == ["-m", "recipe.tiny.suite.runs", "--help"]


def test_the_suite_has_no_dry_run(run, stub):
    result = run("run_tiny_suite.sh", DRY_RUN="1", VENV="env")
    assert result.returncode == 2 and "DRY_RUN=1: the suite" in result.stderr


def test_set_up_mends_an_environment_without_pip(run, tmp_path):
    """As an interrupted `python -m venv` leaves it; the interpreter that makes it is a stand-in, and so is its pip."""
    venv, base = tmp_path / "env", tmp_path / "base"
    broken = '#!/bin/bash\n[[ "$2" != pip ]] || { echo "No module named pip" >&2; exit 1; }\n'
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").write_text(broken)
    (venv / "bin" / "python").chmod(0o755)
    version = '#!/bin/bash\n[[ "$1" != -c ]] || echo 3.11\n'
    base.write_text(version + '[[ "$1 $2" != "-m venv" ]] || { printf "#!/bin/sh\\n" >"$3/bin/python"; }\n')
    base.chmod(0o755)
    result = run("setup.sh", PYTHON=str(base), VENV=str(venv))
    assert result.returncode == 0 and "done: " in result.stdout, result.stderr
    # One that cannot be mended is not blamed on the network.
    (venv / "bin" / "python").write_text(broken)
    (venv / ".care-setup").unlink()
    base.write_text(version)
    result = run("setup.sh", PYTHON=str(base), VENV=str(venv))
    assert result.returncode == 1 and "has no pip that runs; remove the folder" in result.stderr
    assert "index" not in result.stderr


@pytest.mark.parametrize("script", RL)
def test_the_attention_without_flash_attn_pads_rows(script, run, stub, calls):
    assert run(script, DRY_RUN="1", PYTHON=str(stub)).returncode == 0
    assert run(script, DRY_RUN="1", PYTHON=str(stub), ATTENTION="sdpa").returncode == 0
    packed, padded = (compose(call[3:]).actor_rollout_ref.model for call in calls()[-2:])
    kind = "attn_implementation"
    assert packed.use_remove_padding is True and kind not in packed.override_config
    assert padded.use_remove_padding is False and padded.override_config[kind] == "sdpa"
    result = run(script, DRY_RUN="1", PYTHON=str(stub), ATTENTION="flash")
    assert result.returncode == 2 and "ATTENTION=flash: set it to" in result.stderr


@pytest.mark.parametrize("script", RL)
def test_a_small_machine_has_logical_cpus_enough(script, run, stub, calls):
    """With a GPU more than cores, so on every machine; a cluster that is there already has its own."""
    assert run(script, DRY_RUN="1", PYTHON=str(stub), NGPUS_PER_NODE="500").returncode == 0
    assert run(script, DRY_RUN="1", PYTHON=str(stub), NGPUS_PER_NODE="500", NNODES="2").returncode == 0
    alone, cluster = (_values(call[3:]) for call in calls()[-2:])
    assert alone["ray_kwargs.ray_init.num_cpus"] == 8 + 3 * 500 + 2
    assert "ray_kwargs.ray_init.num_cpus" not in cluster
    for values in (alone, cluster):
        assert values["transfer_queue.backend.SimpleStorage.num_data_storage_units"] == 8
    assert compose(calls()[-1][3:]).trainer.max_actor_ckpt_to_keep == 2


@pytest.mark.parametrize("script", RL)
def test_default_data_is_what_the_documented_commands_write(script, run, stub, calls):
    assert run(script, DRY_RUN="1", PYTHON=str(stub)).returncode == 0
    values = _values(calls()[-1][3:])
    train, validation = (str(Path(values[key]).relative_to(ROOT)) for key in ("data.train_files", "data.val_files"))
    assert (train, validation) == ("data/mix/mix.parquet", "data/geometry3k_validation.parquet")
    for page in ("README.md", "docs/recipe.md"):
        text = (ROOT / page).read_text()
        assert re.search(r"care mix .*--output data/mix", text)
        assert re.search(r"care data-geometry3k .*--split validation --output data ", text)
    assert f"`{train}`, `{validation}`" in (ROOT / "docs" / "scaling.md").read_text()


@pytest.mark.parametrize("arguments", [["--fsat"], ["--fast", "more"]])
def test_run_all_refuses_what_it_does_not_know(arguments, tmp_path):
    command = ["bash", str(ROOT / "tests" / "run_all.sh")]
    result = subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert result.returncode == 2 and "no such option" in result.stderr and "--fast" in result.stderr
    result = subprocess.run([*command, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert result.returncode == 0 and "bash tests/run_all.sh --fast" in result.stdout
