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
"""Remembered image inputs are those verl would compute, and only where nothing else decides them."""

from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from verl_ext.cpu.image_features import KEPT, remembering

RED, BLUE = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")


class Worker:
    """Counts how often its inputs are really computed."""

    def __init__(self, processor):
        self.processor = processor
        self.computed = 0

    def compute(self, output, input_ids):
        self.computed += 1
        return {"pixels": torch.tensor(self.computed), "mm_token_type_ids": input_ids}


@pytest.fixture
def worker():
    return Worker(SimpleNamespace(get_rope_index=None))


def inputs(worker, processor_kwargs=None, **media):
    output = SimpleNamespace(multi_modal_data=media or None, mm_processor_kwargs=processor_kwargs)
    return remembering(Worker.compute)(worker, output, torch.zeros(3))


def test_equal_images_are_processed_once_and_others_on_their_own(worker):
    first = inputs(worker, images=[RED])
    assert inputs(worker, images=[RED.copy()])["pixels"] == first["pixels"] == 1
    assert inputs(worker, images=[BLUE])["pixels"] == 2
    assert inputs(worker, images=[RED, BLUE])["pixels"] == 3
    assert inputs(worker, images=[BLUE, RED])["pixels"] == 4
    assert inputs(worker, {"min_pixels": 4}, images=[RED])["pixels"] == 5
    assert inputs(worker, images=[RED.resize((4, 16))])["pixels"] == 6


def test_what_the_caller_takes_out_comes_back_next_time(worker):
    inputs(worker, images=[RED]).pop("mm_token_type_ids")
    assert "mm_token_type_ids" in inputs(worker, images=[RED])


@pytest.mark.parametrize("media", [{}, {"images": [RED], "videos": ["v"]}, {"audios": ["a"]}, {"images": ["a path"]}])
def test_anything_but_still_images_is_left_to_verl(worker, media):
    inputs(worker, **media)
    inputs(worker, **media)
    assert worker.computed == 2


def test_a_processor_without_mrope_is_left_to_verl():
    plain = Worker(SimpleNamespace())
    inputs(plain, images=[RED])
    inputs(plain, images=[RED])
    assert plain.computed == 2


def test_memory_is_bounded(worker):
    for shade in range(KEPT + 1):
        inputs(worker, images=[Image.new("RGB", (2, 2), (shade % 256, shade // 256, 0))])
    assert len(worker.__dict__["_care_image_inputs"]) == KEPT
    inputs(worker, images=[Image.new("RGB", (2, 2), (0, 0, 0))])
    assert worker.computed == KEPT + 2, "the oldest image was forgotten"
