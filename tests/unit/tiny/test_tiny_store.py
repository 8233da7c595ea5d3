# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A folder is finished or absent, whatever happens on the way."""

from dataclasses import dataclass

import pytest

from recipe.tiny.store import is_finished, making


@dataclass(frozen=True)
class _Settings:
    size: int = 1


def _make(folder, settings=_Settings(), sources=(), text="done"):
    with making(folder, settings, sources) as draft:
        (draft / "result").write_text(text)


def test_finished_only_with_the_same_settings(tmp_path):
    assert not is_finished(tmp_path / "out", _Settings())
    _make(tmp_path / "out")
    assert is_finished(tmp_path / "out", _Settings())
    assert not is_finished(tmp_path / "out", _Settings(2))


def test_an_interruption_leaves_what_was_there(tmp_path):
    _make(tmp_path / "out", text="first")
    with pytest.raises(KeyboardInterrupt), making(tmp_path / "out", _Settings(2)) as draft:
        (draft / "result").write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "out" / "result").read_text() == "first"
    assert is_finished(tmp_path / "out", _Settings())
    _make(tmp_path / "out", _Settings(2), text="second")
    assert (tmp_path / "out" / "result").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_changed_source_makes_it_unfinished(tmp_path):
    _make(tmp_path / "source")
    _make(tmp_path / "out", sources=[tmp_path / "source"])
    assert is_finished(tmp_path / "out", _Settings(), [tmp_path / "source"])
    _make(tmp_path / "source", _Settings(2))
    assert not is_finished(tmp_path / "out", _Settings(), [tmp_path / "source"])


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(FileExistsError, match="was not made by this recipe"):
        _make(tmp_path)
    assert (tmp_path / "mine").read_text() == "precious"
