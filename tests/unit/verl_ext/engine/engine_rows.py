# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Rows with and without images, responses to pool or not: the plain model's answers, and a batch for the engine."""

import torch

PROMPT_IMAGE = (True, False, True, True, False, True)
RESPONSES = (
    "<think>4 squares. 4+6=10</think>\n<answer>10</answer>",
    "<think>2</think><answer>3</answer>",
    "7",
    "<think>3 squares and then some more words</think>\n<answer>9</answer>",
    "",
    "<think>1+1=2",
)
"""The fifth row's response is a single token that is not pooled."""


def make_rows(processor, questions):
    """Prompt + response of each row, and the mask of the response tokens to pool: every other one."""
    from recipe.tiny.prompts import chat

    rows = []
    for question, with_image, response in zip(questions, PROMPT_IMAGE, RESPONSES, strict=True):
        messages = chat(question)
        if not with_image:
            messages = [{"role": "user", "content": question.question}]
        text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        inputs = dict(processor(text=[text], images=[question.image] if with_image else None, return_tensors="pt"))
        ids = processor.tokenizer(response)["input_ids"] + [processor.tokenizer.eos_token_id]
        response_ids = torch.tensor(ids)
        prompt_len = inputs["input_ids"].shape[1]
        inputs["input_ids"] = torch.cat([inputs["input_ids"], response_ids[None]], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        types = inputs.pop("mm_token_type_ids", torch.zeros(1, prompt_len, dtype=torch.long))
        inputs["mm_token_type_ids"] = torch.cat([types, torch.zeros(1, len(ids), dtype=types.dtype)], dim=1)
        pool = torch.arange(len(ids)) % 2 if response else torch.zeros(len(ids), dtype=torch.long)
        rows.append({"inputs": inputs, "prompt_len": prompt_len, "response_ids": response_ids, "pool": pool})
    return rows


@torch.no_grad()
def plain_answers(model, rows):
    """Pooled last hidden states and response log-probs of the plain model, one row at a time."""
    model.eval()
    pooled, log_probs = [], []
    for row in rows:
        output = model(**row["inputs"], output_hidden_states=True)
        hidden, start = output.hidden_states[-1][0], row["prompt_len"]
        chosen = hidden[start:][row["pool"] == 1]
        pooled.append(chosen.mean(dim=0) if len(chosen) else torch.zeros(hidden.shape[-1]))
        logits = output.logits[0, start - 1 : -1].float()
        log_probs.append(logits.log_softmax(-1).gather(-1, row["response_ids"][:, None])[:, 0])
    return torch.stack(pooled), log_probs


def make_batch(rows, processor, micro_rows=None, tokens=None, request=False, packed=False):
    """The batch a verl worker receives: jagged fields, position ids with the text's own as the first of four."""
    from verl.utils import tensordict_utils as tu

    def jagged(tensors):
        return torch.nested.as_nested_tensor(tensors, layout=torch.jagged)

    fields, positions, images = {"input_ids": [], "loss_mask": [], "responses": [], "pool": []}, [], []
    for row in rows:
        inputs = row["inputs"]
        ids = inputs["input_ids"]
        rope = {key: inputs[key] for key in ("image_grid_thw", "mm_token_type_ids") if key in inputs}
        vision, _ = processor.get_rope_index(input_ids=ids, attention_mask=torch.ones_like(ids), **rope)
        positions.append(torch.cat([torch.arange(ids.shape[1])[None], vision[:, 0]]))
        images.append({key: inputs[key] for key in ("pixel_values", "image_grid_thw") if key in inputs} or None)
        fields["input_ids"].append(ids[0])
        fields["loss_mask"].append((torch.arange(ids.shape[1]) >= row["prompt_len"]).long())
        fields["responses"].append(row["response_ids"])
        fields["pool"].append(row["pool"])
    settings = {"temperature": 1.0, "pad_mode": "no_padding", "use_remove_padding": packed, "calculate_entropy": False}
    settings |= {"use_dynamic_bsz": tokens is not None, "max_token_len_per_gpu": tokens}
    settings["micro_batch_size_per_gpu"] = micro_rows
    if request:
        settings["care_think_embeddings"] = True
    batch = tu.get_tensordict(
        {
            "input_ids": jagged(fields["input_ids"]),
            "loss_mask": jagged(fields["loss_mask"]),
            "responses": jagged(fields["responses"]),
            "care_pool_mask": jagged(fields["pool"]),
            "position_ids": tu.nested_tensor_from_tensor_list(positions, ragged_idx=2),
            "multi_modal_inputs": images,
        },
        non_tensor_dict={key: value for key, value in settings.items() if value is not None},
    )
    return batch


def response_log_probs(output, rows):
    """Log-probs verl gives for a whole row, cut to its response: entry ``i`` predicts token ``i + 1``."""
    whole = list(output["log_probs"].unbind())
    return [row_lp[row["prompt_len"] - 1 : -1] for row_lp, row in zip(whole, rows, strict=True)]
