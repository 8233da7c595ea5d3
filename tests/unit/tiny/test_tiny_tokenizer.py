# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The tokenizer is Qwen's kind, loses nothing, and treats the tags as text."""

import pytest
from transformers import AutoTokenizer

from recipe.tiny.dataset import draw, rng_for
from recipe.tiny.prompts import INSTRUCTION, chat, target_text, texts
from recipe.tiny.tasks import TASKS
from recipe.tiny.tokenizer import SPECIAL_TOKENS, train_tokenizer


@pytest.fixture(scope="module")
def corpus():
    return texts(draw(TASKS["count_add"], 200, rng_for(0, "tests"), set()))


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return train_tokenizer(corpus)


def test_training_is_deterministic(corpus, tokenizer):
    again = train_tokenizer(corpus)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_ids_are_dense_and_within_the_size_asked_for(corpus, tokenizer):
    assert sorted(tokenizer.get_vocab().values()) == list(range(len(tokenizer)))
    assert len(train_tokenizer(corpus, vocab_size=300)) == 300


@pytest.mark.parametrize("text", ["<think>4 squares. 4+6=10</think>\n<answer>10</answer>", "naïve 中文 \t 😀\n\n"])
def test_any_text_survives(tokenizer, text):
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_only_qwens_special_tokens_are_special(tokenizer):
    assert set(tokenizer.all_special_tokens) == set(SPECIAL_TOKENS)
    assert {str(token) for token in tokenizer.added_tokens_decoder.values()} == set(SPECIAL_TOKENS)
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    assert all(len(tokenizer(token)["input_ids"]) == 1 for token in SPECIAL_TOKENS)
    assert all(len(tokenizer(tag)["input_ids"]) > 1 for tag in ("<think>", "</think>", "<answer>", "</answer>"))


def test_a_response_is_cut_the_same_alone_and_after_its_prompt(tokenizer, questions):
    prompt = tokenizer.apply_chat_template(chat(questions[0]), tokenize=False, add_generation_prompt=True)
    response = target_text(questions[0])
    alone = tokenizer(prompt)["input_ids"] + tokenizer(response)["input_ids"]
    assert tokenizer(prompt + response)["input_ids"] == alone


def test_chat_template(tokenizer, questions):
    messages = [{"role": "system", "content": "Be brief."}, *chat(questions[0])]
    assert tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>"
        f"{questions[0].question}\n{INSTRUCTION}<|im_end|>\n<|im_start|>assistant\n"
    )


def test_it_is_the_same_after_saving(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert type(loaded) is type(tokenizer)
    assert loaded.get_vocab() == tokenizer.get_vocab()
    assert loaded.chat_template == tokenizer.chat_template
    text = "<|im_start|><think>4+6=10</think>\n<answer>10</answer><|im_end|>"
    assert loaded(text)["input_ids"] == tokenizer(text)["input_ids"]
