# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""verl's own dataset takes the files, all of them together, and agrees on how long the prompts are."""

import io

import pytest
from omegaconf import OmegaConf
from PIL import Image
from qwen_vl_utils.vision_process import fetch_image
from transformers import AutoProcessor, Qwen2VLImageProcessor
from verl.utils.dataset.rl_dataset import RLHFDataset
from verl.utils.tokenizer.tokenizer import build_multimodal_processor_inputs

from data_prep.file.report import Dropped
from data_prep.row.examples import SourceImage
from data_prep.row.images import check_image
from data_prep.row.lengths import PromptMeter
from data_prep.row.prompts import with_instruction

NAMES = ["virl39k_train", "geometry3k_train", "chartqa_train_both"]
LIMIT = 150
"""In the middle of the lengths of ``VIRL_CASES``."""


def load(files, processor_folder, cache, **settings) -> RLHFDataset:
    processor = AutoProcessor.from_pretrained(processor_folder)
    settings = {"filter_overlong_prompts_workers": None, "cache_dir": str(cache), **settings}
    return RLHFDataset([str(file) for file in files], processor.tokenizer, OmegaConf.create(settings), processor)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")
    return tmp_path / "cache"


def test_all_files_together(build, converted, processor_folder, cache):
    files = [converted / f"{name}.parquet" for name in NAMES]
    dataset = load(files, processor_folder, cache, filter_overlong_prompts=False)
    assert len(dataset) == sum(build.manifest(file)["rows"] for file in files)
    for row in map(dataset.__getitem__, range(len(dataset))):
        parts = row["raw_prompt"][0]["content"]
        kinds = [part["type"] for part in parts] if isinstance(parts, list) else ["text"]
        assert kinds.count("image") == len(row["extra_info"]["image_sha256"])
        assert kinds[-1] == "text"


def test_transparent_pictures_are_laid_on_white(build, converted, processor_folder, cache):
    """The reason why the images are plain bytes: an Image feature would turn transparent pixels black."""
    dataset = load([converted / "virl39k_train.parquet"], processor_folder, cache, filter_overlong_prompts=False)
    qids = [row["extra_info"]["qid"] for row in dataset.dataframe]
    messages = dataset[qids.index("transparent")]["raw_prompt"]
    (picture,), _, _ = dataset._process_multi_modal_info(messages, dataset.image_patch_size, dataset.config)
    assert picture.getpixel((10, 10)) == (255, 255, 255)


SIZES = [(28, 28), (64, 48), (250, 250), (333, 777), (1000, 700), (5500, 30), (3700, 3600)]


@pytest.mark.parametrize("size", [*SIZES, None], ids=str)
def test_prompts_have_the_tokens_that_verl_counts(build, processor_folder, size):
    """The processor is really run here, on the image as verl's agent loop prepares it."""
    processor = AutoProcessor.from_pretrained(processor_folder)
    images = [check_image(SourceImage("x", build.picture(*size)))] * 2 if size else []
    prompt = with_instruction("<image>First.\nThen <image> again?" if size else "No picture?")
    content = prompt
    if size:
        first, then = ({"type": "image", "image": Image.open(io.BytesIO(image.content))} for image in images)
        texts = [{"type": "text", "text": text} for text in prompt.split("<image>")[1:]]
        content = [first, texts[0], then, texts[1]]
    messages = [{"role": "user", "content": content}]
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    patch = processor.image_processor.patch_size
    prepared, _, _ = RLHFDataset._process_multi_modal_info(messages, patch, None)
    counted = len(build_multimodal_processor_inputs(processor, text=[text], images=prepared)["input_ids"][0])
    assert PromptMeter(str(processor_folder)).tokens(prompt, images) == counted


def test_a_strip_is_judged_as_the_processor_rounds_it(build):
    """190 to 1 as it came, 204 to 1 as Qwen2.5-VL's processor gets it from qwen-vl-utils."""
    with pytest.raises(ValueError, match="absolute aspect ratio"):
        Qwen2VLImageProcessor()(fetch_image({"image": Image.new("RGB", (5700, 30))}, 14))
    with pytest.raises(Dropped, match="image_too_long"):
        check_image(SourceImage("x", build.picture(5700, 30)))


def test_verl_drops_what_the_command_drops(build, virl_folder, converted, processor_folder, cache, tmp_path):
    everything = converted / "virl39k_train.parquet"
    options = ("--model", processor_folder, "--max-prompt-length", LIMIT)
    done = build.call("virl39k", "--input", virl_folder, "--output", tmp_path, *options)
    assert done.status == 0, done.err
    ours = [row["extra_info"]["qid"] for row in build.records(tmp_path / "virl39k_train.parquet")]
    verls = load([everything], processor_folder, cache, max_prompt_length=LIMIT, filter_overlong_prompts=True)
    assert ours == [row["extra_info"]["qid"] for row in verls.dataframe]
    dropped = build.manifest(tmp_path / "virl39k_train.parquet")["dropped"]["prompt_too_long"]
    assert 0 < dropped == build.manifest(everything)["rows"] - len(ours)
