# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""One small checkpoint per family, and one set of data files, for the whole session."""

from pathlib import Path

import pytest
import torch

from recipe.tiny.dataset import DataSettings, draw, rng_for
from recipe.tiny.models import FAMILIES
from recipe.tiny.prepare import prepare_base, prepare_data
from recipe.tiny.settings import BaseSettings
from recipe.tiny.tasks import TASKS, Question


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """At this size a second thread gains little, and on a busy machine waiting for it costs most of the time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def questions() -> list[Question]:
    return draw(TASKS["count_add"], 8, rng_for(0, "tests"), set())


@pytest.fixture(scope="session", params=sorted(FAMILIES))
def checkpoint(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / request.param
    prepare_base(folder, BaseSettings(request.param, "count_add", seed=0))
    return folder


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "base"
    prepare_base(folder, BaseSettings("qwen2_5_vl", "count_add", seed=0))
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "data"
    prepare_data(folder, DataSettings("count_add", train=24, val=8, test=8, seed=0))
    return folder
