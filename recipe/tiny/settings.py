# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""What the tiny model depends on, apart from the code that makes it: looking up what is there loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

ARCHITECTURES = ("qwen2_5_vl", "qwen3_vl")
"""What ``recipe.tiny.models`` can build."""


@dataclass(frozen=True)
class BaseSettings:
    """What the untrained model depends on."""

    family: str
    task: str
    seed: int
    tokenizer_questions: int = 512
    """Questions whose text the tokenizer is trained on."""


@dataclass(frozen=True)
class WarmStartSettings:
    """What the warm-started model depends on, besides the model and the data it starts from."""

    task: str
    seed: int
    steps: int = 200
    batch_size: int = 64
    learning_rate: float = 1e-3
    ramp_steps: int = 20
    """Steps over which the learning rate rises to its value."""
    decay_share: float = 0.3
    """Share of the steps, at the end, over which it falls to nothing."""
    eval_every: int = 100
    """Steps between two looks at the probe."""
    repair_share: float = 0.2
    """Share of the lessons that repair a mistake."""
    careful_share: float = 0.0
    """Share of the steps, the first ones, whose teacher makes no mistakes: what is hard to see is learned sooner."""
    probe: int = 256
    """Questions of the probe, which appear nowhere else."""
    samples: int = 8
    """Samples a prompt in the closing report on groups."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps={self.steps}: at least one is needed.")
        for name in ("repair_share", "careful_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)}: must be between 0 and 1.")

    def rate(self, step: int) -> float:
        """Learning rate of the step that follows ``step`` steps, as a share of ``learning_rate``."""
        left = self.steps - step
        return min(1.0, (step + 1) / self.ramp_steps, left / max(1.0, self.decay_share * self.steps))
