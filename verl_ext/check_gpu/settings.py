# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the check runs: a model's size, how much of it, and verl's settings for a GPU or the CPU stack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recipe.tiny.overrides import hydra_value

METHODS = ("grpo", "care", "care_no_rgr", "grpo_live", "care_live", "care_no_rgr_live")
"""In turn, one step each; ``_live`` leaves out the rows that teach nothing (``algorithm.care.skip_dead_rows``)."""
WARM_UP = 2
"""Steps before the rounds, of the first methods. The first step's weights are the model's as it was made, as are the
second's: the learning rate begins at 0."""
METHOD = "check/method"
"""Metric with the place of a step's method in ``METHODS``."""
OUT = "CARE_CHECK_OUT"
"""Environment variable: the folder for what a run leaves."""
RECORDS = "records"
"""In that folder: what CARE chose."""
EXPERIMENT = "check_gpu"
"""verl files cached rollouts under this name, so that every run finds them."""
MODULE = "verl_ext.check_gpu"


@dataclass(frozen=True)
class Shape:
    """Widths and depth of a transformer."""

    hidden: int
    layers: int
    intermediate: int
    heads: int
    kv_heads: int


@dataclass(frozen=True)
class Size:
    """A model to check with, and the batch it is checked on.

    Attributes:
        text: The language model; None for the tiny model of the demo.
        vision: The vision tower; it has no key-value heads of its own.
        tied: Input and output embeddings are one matrix.
        picture: Pixels on a side of an image.
        prompts: Prompts of a step.
        response: Longest response, in tokens.
        mean_response: Mean length the responses have, for a model with random weights stops at random.
        micro_tokens: Tokens of a micro-batch.
        gpu_memory_utilization: vLLM's share of the GPU.
        groups: Groups of the batch that CARE's own arithmetic is timed on.
    """

    text: Shape | None
    vision: Shape | None
    tied: bool
    picture: int
    prompts: int
    response: int
    mean_response: int
    micro_tokens: int
    gpu_memory_utilization: float
    groups: int = 512


_VISION = Shape(1280, 32, 3420, 16, 16)
SIZES = {
    "tiny": Size(None, None, False, 56, 12, 48, 24, 2048, 0.2, groups=64),
    "0.3b": Size(Shape(768, 8, 2048, 12, 4), Shape(640, 8, 1720, 8, 8), True, 224, 32, 512, 256, 16384, 0.3),
    "3b": Size(Shape(2048, 36, 11008, 16, 2), _VISION, True, 448, 16, 512, 256, 16384, 0.4),
    "7b": Size(Shape(3584, 28, 18944, 28, 4), _VISION, False, 448, 16, 512, 256, 8192, 0.35),
}
"""Qwen2.5-VL's own dimensions for 3b and 7b, and its vocabulary for all but tiny. With all weights trained, 7b needs
more than 80 GB."""
VOCABULARY = 151_936
ROLLOUTS = 8


@dataclass(frozen=True)
class Plan:
    """One check.

    Attributes:
        size: A key of ``SIZES``.
        out: Where everything goes.
        rounds: Measured steps of each method.
        on_gpu: Whether there is a GPU to check.
        packed: Whether flash-attn is there for packed rows.
    """

    size: str
    out: Path
    rounds: int
    on_gpu: bool
    packed: bool

    @property
    def shape(self) -> Size:
        """The size."""
        return SIZES[self.size]

    @property
    def saved_step(self) -> int:
        """The last step of the measured rounds, after which the run is saved and killed."""
        return WARM_UP + len(METHODS) * self.rounds

    @property
    def model(self) -> Path:
        """Folder of the model."""
        return self.out / "model"

    @property
    def questions(self) -> Path:
        """The training file."""
        return self.out / "questions.parquet"


def method_of(step: int) -> str:
    """The method of a step, counted from 1."""
    return METHODS[step - 1 if step <= WARM_UP else (step - 1 - WARM_UP) % len(METHODS)]


def care_settings(plan: Plan) -> list[str]:
    """``algorithm.care`` of the check: the defaults, and a repair in every mixed group, half as long as a rollout."""
    rgr = {"max_tokens": plan.shape.response // 2, "fill_to": "null"}
    return [
        "algorithm.adv_estimator=care",
        # Every row is compared with the reference, so none may be left out of a pass.
        "+algorithm.care.skip_dead_rows=False",
        *(f"+algorithm.care.rgr.{key}={value}" for key, value in rgr.items()),
    ]


def run_settings(plan: Plan, folder: Path, steps: int, ranks: int) -> list[str]:
    """Verl's settings of a run, without those that say by which method it trains.

    Args:
        plan: The check.
        folder: The run's own.
        steps: Steps of the whole run.
        ranks: GPUs.
    """
    size = plan.shape
    model, rollout, actor = (f"actor_rollout_ref.{part}" for part in ("model", "rollout", "actor"))
    settings = [
        f"data.train_files={hydra_value(plan.questions)}",
        f"data.val_files={hydra_value(plan.questions)}",
        "data.image_key=images",
        f"data.train_batch_size={size.prompts}",
        "data.max_prompt_length=1024",
        f"data.max_response_length={size.response}",
        "data.dataloader_num_workers=0",
        f"{model}.path={hydra_value(plan.model)}",
        f"{actor}.strategy=fsdp2",
        f"{actor}.optim.lr=1e-6",
        # The first update changes nothing, so that two steps can be computed again from the model's folder.
        f"{actor}.optim.lr_warmup_steps=1",
        f"{actor}.ppo_mini_batch_size={size.prompts}",
        f"{actor}.use_dynamic_bsz=True",
        f"{actor}.ppo_max_token_len_per_gpu={size.micro_tokens}",
        f"{actor}.use_kl_loss=False",
        f"{actor}.loss_agg_mode=seq-mean-token-mean",
        f"{actor}.use_torch_compile=False",
        f"{rollout}.name=vllm",
        f"{rollout}.n={ROLLOUTS}",
        f"{rollout}.load_format=auto",
        # Prompt and response, then a failed response, the cue and its repair.
        f"{rollout}.max_model_len={1024 + 2 * size.response + 256}",
        f"{rollout}.calculate_log_probs=True",
        f"{rollout}.scheduling_policy=priority",
        f"{rollout}.log_prob_use_dynamic_bsz=True",
        f"{rollout}.log_prob_max_token_len_per_gpu={size.micro_tokens}",
        f"reward.custom_reward_function.path=pkg://{MODULE}.reward",
        "reward.custom_reward_function.name=compute_score",
        f"trainer.n_gpus_per_node={ranks}",
        f"trainer.total_training_steps={steps}",
        "trainer.total_epochs=1000",
        "trainer.val_before_train=False",
        "trainer.test_freq=-1",
        "trainer.logger=[file]",
        f"trainer.experiment_name={EXPERIMENT}",
        f"trainer.default_local_dir={hydra_value(folder / 'checkpoints')}",
        f"hydra.run.dir={hydra_value(folder / 'hydra')}",
        "skip.rollout_tq.enable=True",
        "skip.rollout_tq.steps=[1]",
        "skip.rollout_tq.action=cache",
        f"skip.rollout_tq.dump_dir={hydra_value(plan.out / 'rollouts')}",
    ]
    return settings + (_on_gpu(plan, ranks) if plan.on_gpu else [])


def _on_gpu(plan: Plan, ranks: int) -> list[str]:
    model, rollout, actor = (f"actor_rollout_ref.{part}" for part in ("model", "rollout", "actor"))
    attention = [] if plan.packed else [f"+{model}.override_config.attn_implementation=sdpa"]
    return [
        "trainer.nnodes=1",
        # A number Ray counts with (docs/troubleshooting.md), so that a small machine does not wait forever.
        "+ray_kwargs.ray_init.address=local",
        f"ray_kwargs.ray_init.num_cpus={max(16, 3 * ranks + 3)}",
        f"+ray_kwargs.ray_init.num_gpus={ranks}",
        "+ray_kwargs.ray_init.include_dashboard=False",
        "transfer_queue.backend.SimpleStorage.num_data_storage_units=1",
        f"{model}.use_remove_padding={plan.packed}",
        f"{model}.enable_gradient_checkpointing=True",
        *attention,
        # fp32 weights and moments of a 3B model would leave vLLM no room on one GPU.
        f"{actor}.fsdp_config.model_dtype=bf16",
        f"{rollout}.gpu_memory_utilization={plan.shape.gpu_memory_utilization}",
        f"{rollout}.tensor_model_parallel_size=1",
        f"{rollout}.agent.num_workers=4",
        "reward.num_workers=4",
    ]
