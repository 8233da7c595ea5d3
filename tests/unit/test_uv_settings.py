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
"""What pip is configured to do reaches uv, or pip does the work; pip here is the real one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "lib" / "uv_settings.py"


@pytest.fixture
def settings(tmp_path):
    """Run the script with a configuration of pip, and nothing of this machine's."""

    def read(configuration: str, constraints: str = "lock.txt", **variables: str) -> dict[str, str] | None:
        (tmp_path / "pip.conf").write_text(configuration)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "XDG_"))}
        own = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path)}
        command = [sys.executable, str(SCRIPT), constraints]
        done = subprocess.run(command, env={**clean, **own, **variables}, capture_output=True, text=True, timeout=60)
        assert done.returncode == (0 if done.stdout else 1), done.stderr
        return dict(line.split("=", 1) for line in done.stdout.splitlines()) or None

    return read


BARE = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_CONSTRAINT": "lock.txt"}


def test_indexes_and_folders_are_handed_on(settings):
    found = settings(
        "[global]\nindex-url = https://a.example/simple\nextra-index-url = https://b.example\n  file:///c\n"
    )
    assert found == {**BARE, "UV_DEFAULT_INDEX": "https://a.example/simple", "UV_INDEX": "https://b.example file:///c"}
    found = settings("[global]\nfind-links = /one\n  /two\ncert = /ca.pem\ntrusted-host = a.example\ntimeout = 5\n")
    assert found == {
        **BARE,
        "UV_FIND_LINKS": "/one,/two",
        "SSL_CERT_FILE": "/ca.pem",
        "UV_INSECURE_HOST": "a.example",
    }


def test_a_constraint_of_the_person_holds_beside_the_lock(settings):
    assert settings("[global]\nconstraint = /own.txt\n") == {**BARE, "UV_CONSTRAINT": "lock.txt /own.txt"}


def test_the_environment_goes_before_the_section_before_the_file(settings):
    configuration = "[global]\nindex-url = https://a.example\n[install]\nindex-url = https://b.example\n"
    configuration += "[download]\nindex-url = https://c.example\n"
    assert settings(configuration)["UV_DEFAULT_INDEX"] == "https://b.example"
    assert settings(configuration, PIP_INDEX_URL="https://d.example")["UV_DEFAULT_INDEX"] == "https://d.example"


@pytest.mark.parametrize("line", ["no-index = true", "only-binary = :all:", "proxy = http://p.example", "user = true"])
def test_what_uv_is_not_told_is_left_to_pip(line, settings):
    assert settings(f"[global]\n{line}\n") is None


def test_a_path_with_a_space_is_left_to_pip(settings):
    assert settings("", constraints="my lock.txt") is None
