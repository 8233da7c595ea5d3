# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A byte-level BPE tokenizer with Qwen's special tokens, trained in a second on the task's own text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from tokenizers import pre_tokenizers
from tokenizers.trainers import BpeTrainer
from transformers import Qwen2Tokenizer

PAD = "<|endoftext|>"
EOS = "<|im_end|>"
IMAGE_PAD = "<|image_pad|>"
VIDEO_PAD = "<|video_pad|>"
SPECIAL_TOKENS = (PAD, "<|im_start|>", EOS, "<|vision_start|>", "<|vision_end|>", IMAGE_PAD, VIDEO_PAD)

# Qwen2.5-VL's form of a conversation, without its default system message: a tiny model has no use for one.
CHAT_TEMPLATE = """\
{%- for message in messages -%}
    {{- '<|im_start|>' + message.role + '\\n' -}}
    {%- if message.content is string -%}
        {{- message.content -}}
    {%- else -%}
        {%- for part in message.content -%}
            {%- if part.type == 'image' -%}
                {{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
            {%- elif part.type == 'video' -%}
                {{- '<|vision_start|><|video_pad|><|vision_end|>' -}}
            {%- else -%}
                {{- part.text -}}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
"""


def train_tokenizer(texts: Sequence[str], vocab_size: int = 512) -> Qwen2Tokenizer:
    """Train a tokenizer on ``texts``; the same texts give the same tokenizer.

    Words are cut as Qwen2 cuts them, so a tag is several tokens, one of which may reach past it (``>`` and a newline
    are one token): ``<think>`` and ``<answer>`` are ordinary text, as in the real models.

    Args:
        texts: What the model will read and write.
        vocab_size: Most entries it may have, the 256 bytes and the special tokens included.

    Returns:
        A tokenizer that ends a turn with ``<|im_end|>`` and pads with ``<|endoftext|>``.
    """
    # An untrained Qwen2Tokenizer supplies normalizer, word cutting and decoder; training replaces its vocabulary.
    backend = Qwen2Tokenizer(vocab={}).backend_tokenizer
    trainer = BpeTrainer(
        vocab_size=vocab_size - len(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    trained = json.loads(backend.to_str())["model"]
    return qwen_tokenizer(trained["vocab"], [tuple(merge) for merge in trained["merges"]])


def qwen_tokenizer(vocabulary: Mapping[str, int], merges: Sequence[tuple[str, ...]]) -> Qwen2Tokenizer:
    """A tokenizer of these tokens, in byte-level form, and the special ones after them."""
    return Qwen2Tokenizer(
        vocab=dict(vocabulary),
        merges=list(merges),
        unk_token=PAD,
        eos_token=EOS,
        pad_token=PAD,
        extra_special_tokens=list(SPECIAL_TOKENS),
        chat_template=CHAT_TEMPLATE,
    )
