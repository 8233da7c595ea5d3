# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Remembered image inputs are those verl would compute, and only where nothing else decides them."""

import importlib
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from transformers import BatchFeature

from verl_ext.cpu.image_features import KEPT, remembering, remembering_prompts

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


class Builder:
    """Counts how often the processor really runs."""

    def __init__(self):
        self.calls = []

    def __call__(self, processor, *, text, **media):
        self.calls.append((processor, list(text), media))
        return BatchFeature({"input_ids": [[len(self.calls)]], "pixel_values": "pixels"})


def test_a_prompt_is_tokenized_once_for_all_its_rollouts():
    build = Builder()
    once, processor = remembering_prompts(build), object()

    def ids(text="How many?", images=(RED,), **more):
        media = {"images": list(images) or None, "videos": None, "audio": None, **more}
        return once(processor, text=[text], **media)["input_ids"][0][0]

    with ThreadPoolExecutor(8) as pool:
        assert {future.result() for future in [pool.submit(ids) for _ in range(16)]} == {1}
    assert ids(images=[RED.copy()]) == 1 and len(build.calls) == 1
    assert ids("How few?") == 2
    assert ids(images=[BLUE]) == 3
    assert ids(mm_processor_kwargs={"min_pixels": 4}) == 4
    assert once(object(), text=["How many?"], images=[RED])["input_ids"] == [[5]]
    for media in ({"videos": ["v"]}, {"audio": ["a"]}, {"images": []}):
        assert ids(**media) < ids(**media)


def test_a_callers_changes_stay_its_own():
    once, processor = remembering_prompts(Builder()), object()
    first = once(processor, text=["x"], images=[RED])
    first.pop("pixel_values")
    assert once(processor, text=["x"], images=[RED])["pixel_values"] == "pixels"


def test_remembered_prompts_are_bounded():
    build = Builder()
    once, processor = remembering_prompts(build), object()
    for number in range(KEPT + 1):
        once(processor, text=[str(number)], images=[RED])
    assert once(processor, text=["0"], images=[RED])["input_ids"] == [[KEPT + 2]]


@pytest.mark.parametrize("family", ["qwen2_5_vl.Qwen2_5_VL", "qwen3_vl.Qwen3VL"])
def test_vllm_needs_nothing_of_the_processor_when_no_image_is_missing(family):
    """Of an answer for no image, vLLM takes what it takes of no answer: nothing."""
    import verl  # noqa: F401  (the plugin, as in a run)
    from vllm.multimodal.inputs import MultiModalKwargsItems

    module, name = family.split(".")
    kind = getattr(importlib.import_module(f"vllm.model_executor.models.{module}"), f"{name}MultiModalProcessor")
    processor = kind.__new__(kind)
    vision = SimpleNamespace(spatial_merge_size=2)
    processor.info = SimpleNamespace(get_hf_config=lambda: SimpleNamespace(vision_config=vision))
    nothing = SimpleNamespace(get_all_counts=lambda: {"image": 0})
    answer = processor._apply_hf_processor_mm_only(mm_items=nothing, hf_processor_mm_kwargs={}, tokenization_kwargs={})
    items = MultiModalKwargsItems.from_hf_inputs(answer, processor._get_mm_fields_config(answer, {}))
    assert not any(len(found) for found in items.values())
