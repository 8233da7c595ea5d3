# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The check finds a weight that is off by one rounding step, a missing one, and responses that differ."""

import json

import pytest
import torch

from recipe.release.check import compare_outputs, compare_weights, read_dump

STATE = {"a": torch.tensor([1.0, 1.0 + 2**-10]), "b": torch.ones(2, 2), "tied": torch.full((3,), 0.5)}


def merged() -> dict[str, torch.Tensor]:
    rounded = {name: tensor.bfloat16() for name, tensor in STATE.items()}
    return {**rounded, "head": rounded["tied"]}


def test_rounded_weights_are_equal():
    report = compare_weights(STATE, merged())
    assert report.equal and report.parameters == 3 and report.precision == "bfloat16"


def test_one_rounding_step_is_found():
    wrong = merged()
    wrong["b"][0, 0] = 1.0 + 2**-7
    report = compare_weights(STATE, wrong)
    assert not report.equal and report.differing == ["b"] and "b, ..." in str(report)


def test_absent_and_invented_parameters_are_found():
    wrong = merged()
    del wrong["b"]
    wrong["extra"] = torch.zeros(1)
    report = compare_weights(STATE, wrong)
    assert report.absent == ["b"] and report.invented == ["extra"] and not report.equal


def dump(tmp_path, rows) -> dict:
    path = tmp_path / "2.jsonl"
    path.write_text("".join(json.dumps({"input": i, "gts": g, "output": o}) + "\n" for i, g, o in rows))
    return read_dump(path)


SEVEN, SEVEN_LONGER, EIGHT = (
    f"<think>{thought}</think>\n<answer>{answer}</answer>" for thought, answer in (("a", 7), ("b", 7), ("a", 8))
)


def test_responses_of_one_prompt_are_compared_as_a_set(tmp_path):
    logged = dump(tmp_path, [("p", "7", SEVEN), ("p", "7", EIGHT), ("q", "8", EIGHT)])
    same = compare_outputs(logged, {("p", "7"): [EIGHT, SEVEN], ("q", "8"): [EIGHT]})
    assert (same.prompts, same.identical, same.same_answer) == (3, 1.0, 1.0)
    # Each logged response counts once.
    twice = compare_outputs(logged, {("p", "7"): [SEVEN, SEVEN]})
    assert (twice.identical, twice.same_answer) == (0.5, 0.5)
    other_words = compare_outputs(logged, {("p", "7"): [SEVEN_LONGER]})
    assert (other_words.identical, other_words.same_answer) == (0.0, 1.0)


def test_prompts_of_another_file_are_refused(tmp_path):
    logged = dump(tmp_path, [("p", "7", SEVEN)])
    with pytest.raises(ValueError, match=r"data\.val_files"):
        compare_outputs(logged, {("other", "7"): [SEVEN]})
