# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The builders of small datasets, the real ones' schemas and defects included, and tiny processors."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from recipe.tiny.models import FAMILIES, make_processor
from recipe.tiny.tokenizer import train_tokenizer
from tests.unit.data_prep import builders, calls, charts, mixtures

BUILDERS = SimpleNamespace(**vars(builders) | vars(charts) | vars(calls) | vars(mixtures))


@pytest.fixture(scope="session")
def build() -> SimpleNamespace:
    """Everything in ``builders``, ``charts``, ``calls`` and ``mixtures``."""
    return BUILDERS


@pytest.fixture(scope="session")
def virl_folder(tmp_path_factory) -> Path:
    rows = [case.row | {"qid": name} for name, case in BUILDERS.VIRL_CASES.items()]
    return BUILDERS.write_virl(tmp_path_factory.mktemp("virl") / "ViRL39K", rows, BUILDERS.VIRL_IMAGES)


@pytest.fixture(scope="session")
def converted(tmp_path_factory, virl_folder) -> Path:
    """A folder with one output of each dataset."""
    inputs = tmp_path_factory.mktemp("inputs")
    out = tmp_path_factory.mktemp("converted")
    problems = BUILDERS.write_problems(inputs / "train")
    charts = BUILDERS.write_charts(inputs / "charts")
    for arguments in (
        ("virl39k", "--input", virl_folder),
        ("geometry3k", "--input", problems),
        ("chartqa", "--input", charts, "--half", "both"),
    ):
        done = BUILDERS.call(*arguments, "--output", out)
        assert done.status == 0, done.err
    return out


@pytest.fixture(scope="session", params=sorted(FAMILIES))
def processor_folder(request, tmp_path_factory) -> Path:
    """A processor of either family with a small vocabulary, but with image sizes as real ones have."""
    folder = tmp_path_factory.mktemp("processors") / request.param
    texts = [case.row["question"] for case in BUILDERS.VIRL_CASES.values()] + ["<think></think><answer></answer>"]
    make_processor(FAMILIES[request.param], train_tokenizer(texts)).save_pretrained(folder)
    for file in folder.glob("*processor*.json"):
        settings = json.loads(file.read_text())
        for part in (settings, settings.get("image_processor", {})):
            if "size" in part:
                part["size"] = {"shortest_edge": 56 * 56, "longest_edge": 1003520}
        file.write_text(json.dumps(settings))
    return folder
