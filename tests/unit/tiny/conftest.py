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
