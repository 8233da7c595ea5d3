# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The public surface: names, signatures and fields that other people's code relies on."""

import dataclasses
import importlib
import inspect

import pytest

import recipe.care
from recipe.care.config import CareConfig

SIGNATURES = {
    "recipe.care.advantage.care_advantages": "acc, rewards, group, think_len, answer_len, embeddings, seq_logp, "
    "config, valid=None, repaired=None",
    "recipe.care.config.CareConfig.from_omegaconf": "node",
    "recipe.care.regions.find_regions": "response_ids, response_mask, tokenizer, include_tags=True",
    "recipe.care.regions.token_advantages": "advantages, response_mask, regions, acc, config",
    "recipe.care.reward.compute_score": "data_source, solution_str, ground_truth, extra_info=None, "
    "format_weight=0.1, prompt_opens_think=False, **kwargs",
}
FIELDS = {
    path: names.split()
    for path, names in {
        "recipe.care.advantage.CareResult": "advantages role anchor_of k_prime",
        "recipe.care.regions.Regions": "think_mask answer_mask think_len answer_len",
        "recipe.care.config.CareConfig": "k m neg_scale eps equalize anchor selector rescue regions rgr",
        "recipe.care.config.RescueConfig": "enable delta normalize logp",
        "recipe.care.config.RegionsConfig": "enable gamma_pos rationale_share include_tags",
        "recipe.care.config.RgrConfig": "enable target on_fail neg_scale template candidates temperature top_p "
        "max_tokens",
    }.items()
}


def find(path: str) -> object:
    module, *names = path.split(".")
    while True:
        try:
            found: object = importlib.import_module(module)
        except ModuleNotFoundError:
            raise AssertionError(path) from None
        if hasattr(found, names[0]) and not inspect.ismodule(getattr(found, names[0])):
            break
        module = f"{module}.{names.pop(0)}"
    for name in names:
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("path", SIGNATURES)
def test_functions_take_what_they_took(path):
    shown = []
    for parameter in inspect.signature(find(path)).parameters.values():
        star = "**" if parameter.kind is inspect.Parameter.VAR_KEYWORD else ""
        default = "" if parameter.default is inspect.Parameter.empty else f"={parameter.default!r}"
        shown.append(f"{star}{parameter.name}{default}")
    assert ", ".join(shown) == SIGNATURES[path]


@pytest.mark.parametrize("path", FIELDS)
def test_dataclasses_have_the_fields_they_had(path):
    fields = [field.name for field in dataclasses.fields(find(path))]
    assert [name for name in fields if name in FIELDS[path]] == FIELDS[path]


def test_the_papers_defaults():
    assert (CareConfig().k, CareConfig().m, CareConfig().neg_scale, CareConfig().eps) == (4, 6, 0.5, 1e-6)
    assert CareConfig.from_omegaconf(None) == CareConfig()


@pytest.mark.parametrize("name", recipe.care.__all__)
def test_the_package_gives_the_public_names(name):
    home = next(path for path in (*SIGNATURES, *FIELDS, "recipe.care.advantage.Role") if path.split(".")[3] == name)
    assert getattr(recipe.care, name) is find(home.split(".from_omegaconf")[0])
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = recipe.care.nothing_of_the_kind
