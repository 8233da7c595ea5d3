# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A prompt carries one instruction about the form of the answer, ours, and the whole question."""

import json

import pyarrow.parquet as pq
import pytest

from data_prep import vision_r1_cold
from data_prep.row.instructions import without_instructions
from data_prep.row.prompts import INSTRUCTION

FORMS = [
    "Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end.",
    "Hint: Please answer the question requiring an integer answer and provide the final value, e.g., 1, at the end.",
    "Return the final answer as 'Final Answer: X'.",
    "Return the final answer as Final Answer:<letter>",
    "Please return your final answer in \\boxed{}.",
    "Please provide the final answer inside <answer></answer> tags.",
    "Put your final answer within \\boxed{}.",
    "Give the answer as a single letter.",
    "Answer with the option's letter from the given choices directly.",
    "Answer the question using a single word or phrase.",
    "Please reason step by step, and put your final answer within \\boxed{}.",
    "Let's think step by step.",
    "Please think step by step before answering.",
    "First perform reasoning, then finally give the answer.",
    "Your final answer should be in the form 'Answer: X'.",
    "The answer must be one of the letters.",
    "End your response with 'The answer is X'.",
    "Output the final answer only.",
    "Respond with just the letter.",
    "Please select the correct answer from the options above.",
]
QUESTIONS = [
    "How many bars are over 30?",
    "In the figure, AB is 5. How long is BC?",
    "Find x. Round your answer to the nearest tenth.",
    "Find x. Write your answer as a fraction in simplest form.",
    "Find x. Give the answer in terms of π.",
    "Find the area. Give your answer in square cm.",
    "Return the value of f(3) for the function shown.",
    "Hint: use the law of cosines.\nHow long is BC?",
    "What is the answer to the riddle? Give a reason.",
    "Which option is right?\n(A) Put the answer in the box (B) Take it out",
    "What does the sign say, e.g. in the corner?",
    "Write the final state of the reaction.",
    "The choices made by step-by-step readers are shown. How many are there?",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "layout", ["{q} {f}", "{q}\n{f}", "{f}\n{q}", "{f}\nQuestion: {q}", "<image>\n{f}\nQuestion: {q}"]
)
def test_a_sentence_about_the_form_goes(form, layout):
    question = "How many bars are over 30?"
    found = without_instructions(layout.format(q=question, f=form))
    assert found.removeprefix("<image>").strip().removeprefix("Question: ") == question


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_stays_as_it_is(question):
    assert without_instructions(question) == question


@pytest.mark.parametrize("form", FORMS)
def test_a_prompt_is_never_left_empty(form):
    assert without_instructions(f"<image>\n{form}") == f"<image>\n{form}"


def test_in_the_cold_start_set(build, tmp_path):
    (tmp_path / "a.png").write_bytes(build.picture())
    asked = [f"{FORMS[0]}\nQuestion: How many?\nChoices:\n(A) 1\n(B) 2", "<image>How many? " + FORMS[2], "How many?"]
    said = "<think>Two bars.</think> <answer>2</answer>"
    rows = [{"image": "a.png", "conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": said}]}
            for q in asked]  # fmt: skip
    (tmp_path / "vision_r1_llava_cot_full.json").write_text(json.dumps(rows))
    arguments = ["--input", str(tmp_path), "--images", str(tmp_path), "--output", str(tmp_path / "out")]
    assert vision_r1_cold.main(arguments) == 0
    parquet = tmp_path / "out" / "vision_r1_cold.parquet"
    prompts = [row["messages"][0]["content"] for row in pq.read_table(parquet).to_pylist()]
    questions = ["How many?\nChoices:\n(A) 1\n(B) 2", "How many?", "How many?"]
    assert prompts == [f"<image>{question}\n{INSTRUCTION}" for question in questions]
    assert build.manifest(parquet)["repaired"] == {"instruction_removed": 2}
