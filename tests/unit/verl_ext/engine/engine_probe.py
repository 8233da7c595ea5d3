# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""verl's real FSDP engine on a tiny model, in a process of its own: ``engine_probe.py FAMILY FOLDER``.

verl patches transformers' classes for the whole process, so the plain model's answers are taken first. Prints one JSON
object on the last line: what was measured, by case. ``test_engine.py`` says what it should be.
"""

import json
import sys
from pathlib import Path

import torch
from engine_rows import RESPONSES, make_batch, make_rows, plain_answers, response_log_probs

torch.set_num_threads(1)


def make_adapter(base, folder):
    """A saved LoRA adapter that changes the model, and the plain model with it merged in."""
    from peft import LoraConfig, get_peft_model

    from recipe.tiny.models import load

    model, _ = load(base)
    tuned = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=r".*language_model.*(q_proj|up_proj)"))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    tuned.save_pretrained(folder)
    return tuned.merge_and_unload()


def make_engine(base, strategy, checkpointing=False, adapter=None, packed=False, pad_to_length=False):
    """The engine verl would build for the actor."""
    from verl.trainer.config import CheckpointConfig
    from verl.workers.config import FSDPEngineConfig, FSDPOptimizerConfig, HFModelConfig
    from verl.workers.engine import EngineRegistry

    model_config = HFModelConfig(
        path=str(base),
        use_remove_padding=packed,
        enable_gradient_checkpointing=checkpointing,
        override_config={"attn_implementation": "eager"},
        lora_rank=4 if adapter else 0,
        lora_adapter_path=str(adapter) if adapter else None,
    )
    precision = {"param_dtype": "fp32", "reduce_dtype": "fp32", "buffer_dtype": "fp32"}
    engine_config = FSDPEngineConfig(
        strategy=strategy, mixed_precision=precision, use_torch_compile=False, pad_to_length=pad_to_length
    )
    engine = EngineRegistry.new(
        model_type="language_model",
        backend=strategy,
        model_config=model_config,
        engine_config=engine_config,
        optimizer_config=FSDPOptimizerConfig(lr=1e-3, total_training_steps=10),
        checkpoint_config=CheckpointConfig(),
    )
    engine.initialize()
    return engine


def infer(engine, batch):
    """What the worker does for the old-log-prob pass."""
    with engine.eval_mode():
        return engine.infer_batch(batch)["model_output"]


def loss_of(model_output, data, dp_group=None):
    """Mean log-prob of the whole rows, with a metric; any differentiable loss does."""
    values = model_output["log_probs"].values()
    return -values.mean(), {"keys": sorted(model_output)}


def weights_of(engine):
    """Sum and sum of squares of all weights after a step, exactly."""
    total = [0.0, 0.0]
    for parameter in engine.module.parameters():
        value = parameter.full_tensor() if hasattr(parameter, "full_tensor") else parameter
        total[0] += value.double().sum().item()
        total[1] += value.double().square().sum().item()
    return total


def train(engine, batch):
    """One optimizer step: loss, gradient norm, output keys and the weights after it."""
    with engine.train_mode():
        output = engine.train_batch(batch, loss_function=loss_of)
    norm = float(output["metrics"]["grad_norm"])
    return {
        "loss": output["loss"],
        "grad_norm": norm,
        "keys": output["metrics"]["keys"],
        "weights": weights_of(engine),
        "output": sorted(output["model_output"]),
    }


def largest(first, second):
    """Largest absolute difference over pairs of tensors."""
    return max((one - two).abs().max().item() for one, two in zip(first, second, strict=True))


def hooks_on(engine):
    """Forward hooks left on the final norm."""
    from verl_ext.engine.pooling import find_final_norm

    return len(find_final_norm(engine.module)._forward_hooks)


def inference_case(engine, rows, processor, expected, layouts, packed=False):
    """Every layout of micro-batches, with and without the request."""
    embeddings, log_probs = expected
    case = {"hooks_before": hooks_on(engine)}
    for name, layout in layouts.items():
        silent = infer(engine, make_batch(rows, processor, **layout, packed=packed))
        asked = infer(engine, make_batch(rows, processor, **layout, request=True, packed=packed))
        case[name] = {
            "silent_keys": sorted(silent),
            "asked_keys": sorted(asked),
            "shape": list(torch.stack(asked["think_embeddings"].unbind()).shape),
            "embedding_error": largest(asked["think_embeddings"].unbind(), embeddings),
            "log_prob_error": largest(response_log_probs(asked, rows), log_probs),
            "log_probs_identical": bool(torch.equal(silent["log_probs"].values(), asked["log_probs"].values())),
            "empty_row_is_zero": not asked["think_embeddings"].unbind()[4].any(),
        }
    case["hooks_after"] = hooks_on(engine)
    return case


def equally_long_case(engine, row, processor, expected):
    """Rows CARE replaced may all have one length, and a rank may get a single one."""
    case = {}
    for count in (1, 3):
        for name, layout in {"fixed": {"micro_rows": 1}, "dynamic": {"tokens": 160}}.items():
            rows = [row] * count
            found = response_log_probs(infer(engine, make_batch(rows, processor, **layout)), rows)
            case[f"{count}_{name}"] = largest(found, [expected] * count)
    return case


def steps_case(base, strategy, rows, processor):
    """One optimizer step of verl's own engine, of ours when it is not asked for embeddings, and when it is."""
    from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

    steps = {}
    for who in ("stock", "silent", "asked"):
        engine = make_engine(base, strategy)
        if who == "stock":
            engine.__class__ = FSDPEngineWithLMHead
        steps[who] = train(engine, make_batch(rows, processor, micro_rows=2, request=who == "asked"))
    return steps


LAYOUTS = {
    "one": {"micro_rows": 6},
    # Two of these micro-batches have no image, which verl 0.9.1 cannot run for Qwen2.5-VL without our hook.
    "single": {"micro_rows": 1},
    "fixed": {"micro_rows": 2},
    "halves": {"micro_rows": 3},
    "dynamic": {"tokens": 160},
}


def main(family, folder):
    """Run every case."""
    from recipe.tiny.dataset import draw, rng_for
    from recipe.tiny.models import load
    from recipe.tiny.prepare import prepare_base
    from recipe.tiny.settings import BaseSettings
    from recipe.tiny.tasks import TASKS

    base, adapter = folder / "base", folder / "adapter"
    prepare_base(base, BaseSettings(family, "count_add", seed=0))
    model, plain_processor = load(base)
    rows = make_rows(plain_processor, draw(TASKS["count_add"], len(RESPONSES), rng_for(0, "engine"), set()))
    expected = plain_answers(model, rows)
    expected_tuned = plain_answers(make_adapter(base, adapter), rows)

    import verl  # noqa: F401  (the plugin, as in a run)
    from verl.utils.tokenizer import hf_processor

    from verl_ext.engine.engine import ThinkEmbeddingMixin

    torch.distributed.init_process_group("cpu:gloo", init_method=f"file://{folder}/rendezvous", rank=0, world_size=1)
    # torch lets FSDP1 broadcast its initial weights from accelerators only; gloo can, and there is one rank.
    torch.distributed.fsdp._init_utils._check_module_states_for_sync_module_states = lambda states: None
    processor = hf_processor(str(base))
    results = {
        "rows_differ": largest(expected[0][:1], expected[0][1:2]),
        "adapter_matters": largest(expected[0], expected_tuned[0]),
    }
    cases = {
        "fsdp": ({"strategy": "fsdp"}, expected),
        "fsdp2": ({"strategy": "fsdp2"}, expected),
        "fsdp2_checkpointing": ({"strategy": "fsdp2", "checkpointing": True}, expected),
        "fsdp_lora": ({"strategy": "fsdp", "adapter": adapter}, expected_tuned),
        "fsdp2_lora": ({"strategy": "fsdp2", "adapter": adapter, "checkpointing": True}, expected_tuned),
    }
    for name, (settings, answers) in cases.items():
        engine = make_engine(base, **settings)
        assert isinstance(engine, ThinkEmbeddingMixin), type(engine).__mro__
        results[name] = inference_case(engine, rows, processor, answers, LAYOUTS)
        if "lora" in name:
            with engine.disable_adapter():
                results[name]["adapter_off"] = inference_case(
                    engine, rows, processor, expected, {"fixed": LAYOUTS["fixed"]}
                )
    results["equally_long"] = equally_long_case(make_engine(base, "fsdp2"), rows[0], processor, expected[1][0])
    text_only = [row for row in rows if "pixel_values" not in row["inputs"]]
    for strategy in ("fsdp", "fsdp2"):
        results[f"{strategy}_step"] = steps_case(base, strategy, rows, processor)
        found = train(make_engine(base, strategy), make_batch(text_only, processor, micro_rows=1))
        results[f"{strategy}_text_only_grad_norm"] = found["grad_norm"]

    # For Qwen2.5-VL verl replaces the attention by one that needs flash-attn; Qwen3-VL's own tells packed rows apart.
    if family == "qwen3_vl":
        engine = make_engine(base, "fsdp2", packed=True)
        results["packed"] = inference_case(engine, rows, processor, expected, LAYOUTS, packed=True)
        engine = make_engine(base, "fsdp2", packed=True, pad_to_length=True)
        layouts = {"one": LAYOUTS["one"], "dynamic": LAYOUTS["dynamic"]}
        results["packed_to_length"] = inference_case(engine, rows, processor, expected, layouts, packed=True)
    return results


if __name__ == "__main__":
    found = main(sys.argv[1], Path(sys.argv[2]))
    print(json.dumps(found))
