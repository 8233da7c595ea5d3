# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What distances between rationales are measured with: the run's own embeddings, words in common, or a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from recipe.care.errors import CareDataError
from recipe.care.method.lexical import lexical_embeddings
from recipe.care.text.regions import find_regions
from recipe.replay.dump import Rollout
from recipe.replay.records import unpack_embedding
from verl_ext.cpu.torchvision_ops import ensure_torchvision_ops

LONGEST = 8192
"""Tokens of a text that are embedded; what comes after is left out, so that one endless response takes no memory."""
_WORDS_AT_A_TIME = 256
_ROWS_AT_A_TIME = 8

RECORDED, WORDS, MODEL = "recorded", "words", "model"
"""Where embeddings come from."""


class Embedded(NamedTuple):
    """The embeddings of a step."""

    origin: str
    vectors_BH: np.ndarray


Embedder = Callable[[Sequence[Rollout], Sequence[Sequence[int]]], Embedded]
"""Rollouts, and the ids of each rationale's tokens, to their embeddings."""


def by_words(rollouts: Sequence[Rollout], contents: Sequence[Sequence[int]]) -> Embedded:
    """Hashed counts of words and pairs of words, as ``algorithm.care.selector=lexical`` has them of tokens."""
    parts = []
    for start in range(0, len(contents), _WORDS_AT_A_TIME):
        ids_BT, mask_BT = padded([content[:LONGEST] for content in contents[start : start + _WORDS_AT_A_TIME]])
        parts.append(lexical_embeddings(ids_BT, mask_BT))
    return Embedded(WORDS, torch.cat(parts).numpy())


def as_recorded(rollouts: Sequence[Rollout], contents: Sequence[Sequence[int]]) -> Embedded:
    """The run's own, where every failure of a step has one; else by words.

    A run need not look at correct rollouts besides its anchors. One without an embedding gets zeros, which are at
    distance 1 from everything, so that a method with several anchors measures from those that were looked at.

    Raises:
        CareDataError: They do not fit together.
    """
    packed = [None if one.record is None else one.record.embedding for one in rollouts]
    vectors = [None if one is None else unpack_embedding(one) for one in packed]
    widths = {len(vector) for vector in vectors if vector is not None}
    unseen = (one.acc == 0.0 for one, vector in zip(rollouts, vectors, strict=True) if vector is None)
    if not widths or any(unseen):
        return by_words(rollouts, contents)
    if len(widths) != 1:
        raise CareDataError(f"{rollouts[0].file}: embeddings of different widths in one step; use --embeddings lexical")
    nothing = np.zeros(widths.pop(), np.float32)
    return Embedded(RECORDED, np.stack([nothing if vector is None else vector for vector in vectors]))


class HiddenStates:
    """Means of a model's last hidden states over the rationale, without the images, which a dump does not have."""

    def __init__(self, path: str) -> None:
        """Load a model folder.

        Raises:
            CareDataError: There is none.
        """
        ensure_torchvision_ops()  # before a model that sees imports torchvision
        from transformers import (
            MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
            AutoConfig,
            AutoModelForCausalLM,
            AutoModelForImageTextToText,
            AutoTokenizer,
        )

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(path)
            sees = type(AutoConfig.from_pretrained(path)) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
            # The kind with a head, as it was saved: AutoModel takes a checkpoint's names for others and leaves the
            # weights as they were drawn.
            kind = AutoModelForImageTextToText if sees else AutoModelForCausalLM
            model, loaded = kind.from_pretrained(path, dtype=torch.float32, output_loading_info=True)
        except (OSError, ValueError) as error:
            raise CareDataError(f"--model {path}: no model that can be loaded ({error})") from error
        if missing := [name for name in loaded["missing_keys"] if "lm_head" not in name]:
            raise CareDataError(f"--model {path}: the checkpoint has no weights {min(missing)}")
        self._model = model.base_model.eval()

    def __call__(self, rollouts: Sequence[Rollout], contents: Sequence[Sequence[int]]) -> Embedded:
        """The embeddings of some rollouts; one without a token is zero."""
        parts = (rollouts[start : start + _ROWS_AT_A_TIME] for start in range(0, len(rollouts), _ROWS_AT_A_TIME))
        return Embedded(MODEL, np.concatenate([self._embed(part) for part in parts]))

    def _embed(self, rollouts: Sequence[Rollout]) -> np.ndarray:
        prompts = [self._ids(one.input) for one in rollouts]
        responses = [self._ids(one.output) for one in rollouts]
        ids_BT, mask_BT = padded([prompt + response for prompt, response in zip(prompts, responses, strict=True)])
        pooled_BT = torch.zeros_like(mask_BT)
        for row, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
            own_1T = torch.tensor([response], dtype=torch.int64)
            every_1T = torch.ones_like(own_1T, dtype=torch.bool)
            think_1T = find_regions(own_1T, every_1T, self._tokenizer, include_tags=False).think_mask
            pooled_BT[row, len(prompt) : len(prompt) + len(response)] = think_1T if think_1T.any() else every_1T
        with torch.inference_mode():
            states_BTH = self._model(input_ids=ids_BT, attention_mask=mask_BT.long()).last_hidden_state
        total_BH = (states_BTH * pooled_BT.unsqueeze(-1)).sum(dim=1)
        return (total_BH / pooled_BT.sum(dim=1, keepdim=True).clamp(min=1)).numpy()

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"][:LONGEST]


def padded(sequences: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, T) ids on the left and their mask; at least one column."""
    width = max(1, *map(len, sequences))
    ids_BT, mask_BT = np.zeros((len(sequences), width), np.int64), np.zeros((len(sequences), width), np.bool_)
    for row, ids in enumerate(sequences):
        ids_BT[row, : len(ids)] = ids
        mask_BT[row, : len(ids)] = True
    return torch.from_numpy(ids_BT), torch.from_numpy(mask_BT)
