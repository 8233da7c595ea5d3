# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A data source without rules is refused when the data has been read, naming the file and the way out."""

from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from recipe.care.errors import CareConfigError
from verl_ext.checks.reward_sources import check_data_sources


def run(*sources, path="pkg://recipe.care.reward", val=("chartqa",)):
    config = OmegaConf.create(
        {
            "reward": {"custom_reward_function": {"path": path}},
            "data": {"train_files": ["train.parquet"], "val_files": "val.parquet"},
        }
    )
    datasets = {
        name: SimpleNamespace(dataframe={"data_source": list(values)})
        for name, values in (("train", sources), ("val", val))
    }
    check_data_sources(config, datasets)


def test_known_sources_pass():
    run("chartqa", "geometry3k", "virl39k", "chartqa")


@pytest.mark.parametrize("path", ["pkg://recipe.care.reward", "/somewhere/recipe/care/reward.py"])
def test_an_unknown_source_names_file_value_and_remedy(path):
    with pytest.raises(CareConfigError) as caught:
        run("chartqa", "hiyouga/geometry3k", path=path)
    for part in ("data.train_files", "train.parquet", "hiyouga/geometry3k", "geometry3k"):
        assert part in str(caught.value)


def test_validation_files_count_too():
    with pytest.raises(CareConfigError, match=r"data\.val_files=val\.parquet.*gsm8k"):
        run("chartqa", val=("openai/gsm8k",))


@pytest.mark.parametrize("path", [None, "my_rewards.py"])
def test_other_reward_functions_decide_for_themselves(path):
    run("hiyouga/geometry3k", path=path)


def test_a_dataset_without_a_table_is_left_alone():
    config = OmegaConf.create({"reward": {"custom_reward_function": {"path": "pkg://recipe.care.reward"}}, "data": {}})
    check_data_sources(config, {"train": SimpleNamespace()})
