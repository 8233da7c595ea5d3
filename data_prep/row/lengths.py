# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""How many tokens a prompt has for a given model, counted as verl's agent loop will.

A prompt with images that is longer than ``data.max_prompt_length`` stops verl's run at the step that meets it. Nothing
is resized here: the processor says how many patches an image of a given size has.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from data_prep.errors import InputError
from data_prep.row.images import CheckedImage
from data_prep.row.schema import IMAGE

PACKAGES = ("transformers", "qwen-vl-utils")
"""What the counts depend on besides the model."""


class PromptMeter:
    """Counts prompt tokens with a model's own processor and patch size."""

    def __init__(self, model: str) -> None:
        """Load the processor of ``model``: a hub id or a folder."""
        # Only here: a conversion without --model imports neither torch nor transformers.
        from verl_ext.cpu.torchvision_ops import ensure_torchvision_ops

        ensure_torchvision_ops()
        from qwen_vl_utils.vision_process import smart_resize
        from transformers import AutoProcessor

        try:
            self._processor = AutoProcessor.from_pretrained(model)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"--model {model}: no processor can be loaded from it ({reason})") from error
        images = getattr(self._processor, "image_processor", None)
        if images is None or not hasattr(images, "get_number_of_image_patches") or not hasattr(images, "merge_size"):
            raise InputError(f"--model {model}: prompts are measured for Qwen2.5-VL and Qwen3-VL, this is neither")
        self._smart_resize = smart_resize
        self.patch_size = int(images.patch_size)
        self._merge = int(images.merge_size)

    @property
    def identity(self) -> str:
        """A hash of what the counts depend on."""
        processor = self._processor
        basis = [processor.image_processor.to_dict(), processor.chat_template, processor.tokenizer.get_vocab()]
        return hashlib.sha256(json.dumps(basis, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def tokens(self, prompt: str, images: Sequence[CheckedImage], response: str = "") -> int:
        """Count the tokens of a prompt, chat template and image tokens included, and of a response if there is one.

        Args:
            prompt: The user's message with its placeholders.
            images: The images, in order.
            response: The target of an SFT row.

        Returns:
            The number verl compares with ``data.max_prompt_length``, or with an SFT run's ``data.max_length``.
        """
        text = self.render(prompt, response)
        written = len(self._processor.tokenizer(text, add_special_tokens=False)["input_ids"])
        # The template has written one token for every image.
        return written + sum(self._image_tokens(image) - 1 for image in images)

    def render(self, prompt: str, response: str = "") -> str:
        """The text the model reads: chat template applied, one token in the place of every image."""
        pieces = [piece for piece in re.split(f"({IMAGE})", prompt) if piece]
        parts = [{"type": "image"} if piece == IMAGE else {"type": "text", "text": piece} for piece in pieces]
        content: object = parts if IMAGE in prompt else prompt
        messages = [{"role": "user", "content": content}]
        if response:
            messages.append({"role": "assistant", "content": [{"type": "text", "text": response}]})
        text = self._processor.apply_chat_template(messages, add_generation_prompt=not response, tokenize=False)
        return str(text)

    def _image_tokens(self, image: CheckedImage) -> int:
        """Tokens of an image: verl resizes it with qwen-vl-utils first, then the processor does with its own limits."""
        height, width = self._smart_resize(image.height, image.width, factor=self.patch_size * self._merge)
        patches = self._processor.image_processor.get_number_of_image_patches(height, width, {})
        return int(patches) // self._merge**2
