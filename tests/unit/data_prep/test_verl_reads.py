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
"""verl's own dataset takes the files, all of them together, and agrees on how long the prompts are."""

import pytest
from omegaconf import OmegaConf
from transformers import AutoProcessor
from verl.utils.dataset.rl_dataset import RLHFDataset

NAMES = ["virl39k_train", "geometry3k_train", "chartqa_train_both"]


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
    picture = dataset[qids.index("transparent")]["raw_prompt"][0]["content"][0]["image"]
    assert picture.mode == "RGBA"


def test_prompts_are_measured_as_verl_measures_them(build, virl_folder, converted, processor_folder, cache, tmp_path):
    """Of the unmeasured rows, verl's filter keeps exactly those that --model keeps, in the middle of their lengths."""
    everything = converted / "virl39k_train.parquet"
    before = len(load([everything], processor_folder, cache, filter_overlong_prompts=False))
    for limit in (160, 175, 200):
        out = tmp_path / str(limit)
        options = ("--model", processor_folder, "--max-prompt-length", limit)
        done = build.call("virl39k", "--input", virl_folder, "--output", out, *options)
        assert done.status == 0, done.err
        ours = [row["extra_info"]["qid"] for row in build.records(out / "virl39k_train.parquet")]
        verls = load([everything], processor_folder, cache, max_prompt_length=limit, filter_overlong_prompts=True)
        assert ours == [row["extra_info"]["qid"] for row in verls.dataframe]
        assert 0 < len(ours) < before
        manifest = build.manifest(out / "virl39k_train.parquet")
        assert manifest["dropped"]["prompt_too_long"] == before - len(ours)
