# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What holds for every file here: its licence header, and who may import verl, Ray and vLLM."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "data_prep", "docs", "examples", "recipe", "tests", "verl_ext")
PYTHON = [*sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")), ROOT / "setup.py"]
SCRIPTS = sorted(path for folder in FOLDERS for end in ("sh", "sbatch") for path in (ROOT / folder).rglob(f"*.{end}"))
HEADER_LINES = 2
PURE = {"recipe", "torch", "numpy", "sympy", "math_verify"}
"""What the algorithm and the verifier may import besides the standard library; ``recipe`` is ``recipe.care``."""
ADAPTERS = ("verl_ext", "tests", "benchmarks")
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
