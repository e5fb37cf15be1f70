"""Pretraining: predict the next token of streaming text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..presets import PRESETS
from ..transformer import LossOutput, TransformerLM
from .data import Batch, PackedStream, unigram_entropy
from .optimizer import OptimizerConfig, adamw, backward, clip, learning_rate, update
from .precision import autocast
from .stage import stage

__all__ = ["PRETRAIN", "PretrainConfig", "Pretrainer", "forward", "language_loss"]


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """A pretraining run.

    Raises:
        ValueError: there is no such preset, or a number is not positive.
    """

    category: ClassVar[str] = "Training"

    preset: str = "nano"
    steps: int = 400
    batch_size: int = 16  # sequences of one forward pass
    accumulation: int = 1  # forward passes of one step
    sequence_length: int = 128
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    evaluate_every: int = 50  # steps
    evaluation_batches: int = 8
    held_out_documents: int = 200  # of each source: never trained on
    checkpoint_every: int = 50  # steps
    seed: int = 0

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"there is no preset {self.preset!r}; choose from {', '.join(PRESETS)}")
        for name in ("steps", "batch_size", "accumulation", "sequence_length", "evaluate_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")


def _large(preset: str, peak: float, accumulation: int) -> PretrainConfig:
    return PretrainConfig(
        preset=preset,
        steps=20_000,
        batch_size=8,
        accumulation=accumulation,
        sequence_length=2048,
        optimizer=OptimizerConfig(peak=peak, warmup_steps=500),
        evaluate_every=500,
        checkpoint_every=500,
    )


PRETRAIN: dict[str, PretrainConfig] = {
    "nano": PretrainConfig(),
    "tiny": _large("tiny", 1e-3, 4),
    "small": _large("small", 8e-4, 8),
    "medium": _large("medium", 6e-4, 16),
    "medium-large": _large("medium-large", 6e-4, 16),
    "large": _large("large", 4e-4, 32),
    "xlarge": _large("xlarge", 3e-4, 64),
}
"""A run for every preset of the model. On a CPU, `nano` takes a minute; the others want a GPU."""


@stage("Training")
def forward(model: TransformerLM, batch: Batch) -> LossOutput:
    """Run the model: the logits of every next token, and the loss."""
    device = model.head.weight.device
    with autocast(device):
        output = model(batch.input_ids.to(device), batch.labels.to(device))
    assert isinstance(output, LossOutput)
    return output


@stage("Training")
def language_loss(output: LossOutput, accumulation: int) -> Tensor:
    """The cross-entropy of the next token (with the indexers' loss, if attention is sparse), averaged over a step."""
    return output.loss / accumulation


class Pretrainer:
    """A model in training. Each `step` moves it once and says how that went.

    All that changes is in `state_dict`: with it, another trainer of the same config goes on bit for bit.
    """

    category: ClassVar[str] = "Training"

    def __init__(
        self, config: PretrainConfig, model: TransformerLM, batches: PackedStream, held_out: Sequence[Batch] = ()
    ) -> None:
        self.config = config
        self.model = model
        self.batches = batches
        self.held_out = held_out
        self.parameters = list(model.parameters())
        self.optimizer = adamw(model, config.optimizer)
        self.done = 0  # steps

    def step(self) -> dict[str, float]:
        """Learn from `accumulation` batches; return loss (nats per token), rate and gradient norm, by name."""
        config = self.config
        rate = learning_rate(config.optimizer, self.done, config.steps)
        total = 0.0
        gradients: list[Tensor] = []
        for _ in range(config.accumulation):
            output = forward(self.model, next(self.batches))
            loss = language_loss(output, config.accumulation)
            gradients = backward(loss, self.parameters)
            total += loss.item()
        norm = clip(gradients, config.optimizer.clip_norm)
        update(self.optimizer, gradients, norm, rate)
        self.done += 1
        report = {"step": self.done, "loss": total, "rate": rate, "gradient_norm": norm.item()}
        if self.held_out and (self.done % config.evaluate_every == 0 or self.done == config.steps):
            report["held_out_loss"] = self.evaluate()
            report["unigram_entropy"] = unigram_entropy(self.held_out)
        return report

    @torch.no_grad()
    def evaluate(self) -> float:
        """The mean loss on the held-out batches, in nats per token."""
        return sum(forward(self.model, batch).loss.item() for batch in self.held_out) / len(self.held_out)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "batches": self.batches.state_dict(),
            "done": self.done,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where another trainer was when it gave `state`."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.batches.load_state_dict(state["batches"])
        self.done = state["done"]
