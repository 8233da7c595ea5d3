# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What pip is configured to do reaches uv, or pip does the work."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "examples" / "lib" / "uv_settings.py"
BARE = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_CONSTRAINT": "lock.txt"}


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """The settings for uv where ``pip config list`` prints these lines; a real pip would add this machine's."""
    spec = importlib.util.spec_from_file_location("uv_settings", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pip = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(pip))

    def read(*lines: str, constraints: str = "lock.txt") -> dict[str, str] | None:
        (tmp_path / "lines").write_text("\n".join(lines))
        pip.write_text(f'#!/bin/sh\n[ "$*" = "-m pip config list" ] && cat {tmp_path}/lines\n')
        pip.chmod(0o755)
        return module.uv_settings(module.pip_settings(), constraints)

    return read


def test_indexes_and_folders_are_handed_on(settings):
    assert settings() == BARE
    found = settings("global.index-url='https://a.example'", r"global.extra-index-url='https://b.example\nfile:///c'")
    assert found == {**BARE, "UV_DEFAULT_INDEX": "https://a.example", "UV_INDEX": "https://b.example file:///c"}
    found = settings("global.find-links='/one /two'", "global.cert='/ca.pem'", ":env:.trusted-host='a.example'")
    own = {"UV_FIND_LINKS": "/one,/two", "SSL_CERT_FILE": "/ca.pem", "UV_INSECURE_HOST": "a.example"}
    assert found == {**BARE, **own}


def test_what_changes_nothing_is_left_out(settings):
    assert settings(":env:.default-timeout='180'", ":env:.config-file='/pip.conf'", "global.progress-bar='off'") == BARE


def test_a_constraint_of_the_person_holds_beside_the_lock(settings):
    assert settings("global.constraint='/own.txt'") == {**BARE, "UV_CONSTRAINT": "lock.txt /own.txt"}


def test_the_environment_goes_before_the_section_before_the_file(settings):
    lines = ["download.index-url='https://c.example'", "global.index-url='https://a.example'"]
    assert settings(*lines)["UV_DEFAULT_INDEX"] == "https://a.example"
    lines += ["install.index-url='https://b.example'"]
    assert settings(*lines)["UV_DEFAULT_INDEX"] == "https://b.example"
    assert settings(*lines, ":env:.index-url='https://d.example'")["UV_DEFAULT_INDEX"] == "https://d.example"


@pytest.mark.parametrize("line", ["global.no-index='true'", "install.only-binary=':all:'", ":env:.proxy='http://p'"])
def test_what_uv_is_not_told_is_left_to_pip(line, settings):
    assert settings(line) is None


def test_a_path_with_a_space_is_left_to_pip(settings):
    assert settings(constraints="my lock.txt") is None
