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
"""The documentation says what the code says."""

import importlib.util
import re
from pathlib import Path

import pytest

from recipe.care.config import CareConfig

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _generator():
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date():
    generate = _generator()
    hint = "run: python docs/generate.py"
    assert (ROOT / "docs" / "configuration.md").read_text() == generate.configuration_page(), hint
    assert (ROOT / "docs" / "metrics.md").read_text() == generate.metrics_page(), hint


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_scripts_exist(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / target).exists(), target
    for script in re.findall(r"bash (examples/[\w./-]+)", text):
        assert (ROOT / script).exists(), script


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "examples").rglob("*.sh"))], ids=lambda page: page.name)
def test_mentioned_settings_exist(page):
    for key in re.findall(r"algorithm\.care\.([a-z_]+(?:\.[a-z_]+)?)", page.read_text()):
        node = CareConfig()
        for part in key.split("."):
            assert hasattr(node, part), f"algorithm.care.{key} in {page.name}"
            node = getattr(node, part)
