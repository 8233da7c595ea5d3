# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What holds for every file here: its licence header, who may import verl, Ray, vLLM and TransferQueue, no circles."""

import ast
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "data_prep", "docs", "examples", "hydra_plugins", "recipe", "tests", "verl_ext")
PYTHON = [*sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")), ROOT / "setup.py"]
SCRIPTS = sorted(path for folder in FOLDERS for end in ("sh", "sbatch") for path in (ROOT / folder).rglob(f"*.{end}"))
HEADER_LINES = 2
PURE = {"recipe", "torch", "numpy", "sympy", "math_verify"}
"""What the algorithm and the verifier may import besides the standard library; ``recipe`` is ``recipe.care``."""
ADAPTERS = ("verl_ext", "tests", "benchmarks")
DATA_PLANE = ("verl_ext/repair/worker.py", "verl_ext/step/rollouts.py")
"""The rollout workers' side and the trainer's: what changes where verl does without TransferQueue."""
VLLM_ITSELF = ("recipe/evaluation/generate.py", "recipe/evaluation/serve.py")
"""They have a model answer questions outside of any training."""


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _imports(path: Path) -> set[str]:
    """The modules a file names, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_every_file_begins_with_copyright_and_licence():
    header = (ROOT / "setup.py").read_text(encoding="utf-8").splitlines()[:HEADER_LINES]
    assert header[0].startswith("# SPDX-FileCopyrightText: ") and header[1] == "# SPDX-License-Identifier: Apache-2.0"
    for path in (*PYTHON, *SCRIPTS, ROOT / ".ci" / "run"):
        lines = path.read_text(encoding="utf-8").splitlines()
        first = 1 if lines[0].startswith("#!") else 0
        assert lines[first : first + HEADER_LINES] == header, _name(path)


def test_the_algorithm_imports_torch_and_numpy_only():
    files = [path for path in PYTHON if _name(path).startswith("recipe/care/")]
    assert len(files) > 20
    for path in files:
        imported = _imports(path)
        assert {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names) <= PURE, _name(path)
        own = [name for name in imported if name.partition(".")[0] == "recipe"]
        assert all(name.startswith("recipe.care") for name in own), _name(path)


def test_only_the_adapters_import_what_trains():
    for path in PYTHON:
        if not _name(path).startswith(ADAPTERS):
            heavy = {name.partition(".")[0] for name in _imports(path)} & {"verl", "ray", "vllm", "transfer_queue"}
            assert heavy <= ({"vllm"} if _name(path) in VLLM_ITSELF else set()), _name(path)


def test_two_modules_know_transfer_queue():
    """Not even for an annotation; the others say ``Batch``."""
    ours = [path for path in PYTHON if _name(path).startswith(("data_prep/", "examples/", "recipe/", "verl_ext/"))]
    knowing = {_name(path) for path in ours if any(name.startswith("transfer_queue") for name in _imports(path))}
    assert knowing == set(DATA_PLANE)


def _module(path: Path) -> str:
    return _name(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def _run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below a node, functions too, but what only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _run_time(other)
        else:
            yield child
            yield from _run_time(child)


def _imported(source: str, modules: set[str]) -> set[str]:
    """Those of ``modules`` that a source imports while it is imported or run."""
    found = set()
    for node in _run_time(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            # `from package import name` may name a module of it, or something that the package itself defines.
            found |= {name if name in modules else node.module for name in names}
    return found & modules


def _order(sources: dict[str, str]) -> list[str]:
    """Modules in an order in which each comes behind what it imports; ``graphlib.CycleError`` where there is none."""
    graph = {name: _imported(source, set(sources)) - {name} for name, source in sources.items()}
    return list(graphlib.TopologicalSorter(graph).static_order())


def test_no_imports_go_in_a_circle():
    sources = {
        _module(path): path.read_text(encoding="utf-8") for path in PYTHON if not _name(path).startswith("tests/")
    }
    order = _order(sources)
    assert len(order) == len(sources) > 200
    assert order.index("recipe.care.config") < order.index("verl_ext.step.compute") < order.index("verl_ext.trainer")


def test_a_circle_is_found_wherever_its_imports_stand():
    inside = "def f():\n    from a import b\n"
    with pytest.raises(graphlib.CycleError):
        _order({"a.b": "import a.c", "a.c": inside})
    guarded = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a import b\n"
    assert _order({"a.b": "import a.c", "a.c": guarded}) == ["a.c", "a.b"]
