"""GRPO: reinforcement learning that compares several answers to the same question, and needs no value network.

Group Relative Policy Optimization is from DeepSeekMath (Shao et al., 2024); the mean-centred advantage, the unbiased
KL estimate, the masking of off-policy sequences and the kept sampling mask are those of DeepSeek-V3.2 (2025).
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor

from ..presets import PRESETS
from ..transformer import TransformerLM
from .optimizer import OptimizerConfig, adamw, backward, clip, learning_rate, update
from .precision import autocast
from .prompts import PROMPTS, Prompt
from .rollout import Rollout, generate, token_log_probs
from .stage import stage

__all__ = [
    "GRPO",
    "GRPOConfig",
    "GRPOTrainer",
    "advantages",
    "grpo_loss",
    "kl_estimate",
    "policy_loss",
    "sequence_mask",
]


@dataclass(frozen=True, kw_only=True)
class GRPOConfig:
    """A GRPO run.

    Raises:
        ValueError: there is no such preset or task, or a number is out of range.
    """

    category: ClassVar[str] = "Training"

    preset: str = "nano"
    task: str = "arithmetic"  # one of PROMPTS
    steps: int = 200
    prompts: int = 32  # questions of one step
    group_size: int = 8  # answers to each question
    max_new_tokens: int = 4
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 0.98
    updates: int = 2  # times that the answers of one step are learnt from
    clip_ratio: float = 0.2  # how far a token's probability may move and still be followed
    kl_weight: float = 0.01
    off_policy_limit: float = 0.5  # mean log(old / new) of a bad answer above which it is left out; nats per token
    normalize: bool = False  # divide a group's advantages by their standard deviation
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(peak=3e-4, warmup_steps=10, weight_decay=0.0)
    )
    checkpoint_every: int = 50  # steps
    seed: int = 0

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"there is no preset {self.preset!r}; choose from {', '.join(PRESETS)}")
        if self.task not in PROMPTS:
            raise ValueError(f"there is no task {self.task!r}; choose from {', '.join(PROMPTS)}")
        for name in ("steps", "prompts", "max_new_tokens", "updates", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.group_size < 2:
            raise ValueError(f"group_size is {self.group_size}; answers are compared, so it takes at least 2")
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}; it must be positive")


def _large(preset: str, peak: float) -> GRPOConfig:
    return GRPOConfig(
        preset=preset,
        task="word-problems",
        steps=1000,
        prompts=32,
        group_size=16,
        max_new_tokens=256,
        optimizer=OptimizerConfig(peak=peak, warmup_steps=20, weight_decay=0.0),
    )


GRPO: dict[str, GRPOConfig] = {
    "nano": GRPOConfig(),
    **{name: _large(name, 2e-6 if "large" in name else 5e-6) for name in PRESETS if name != "nano"},
}
"""A run for every preset of the model. On a CPU, `nano` takes minutes; the others want a GPU."""


class Loss(NamedTuple):
    """The terms of a GRPO loss, all scalars: the loss is `policy + kl_weight · kl`."""

    loss: Tensor
    policy: Tensor
    kl: Tensor
    kept: Tensor  # the share of answers that were not left out as off-policy


@stage("Data pipeline")
def sample_prompts(source: Iterator[Prompt], count: int) -> list[Prompt]:
    """Take the questions of a step."""
    return [next(source) for _ in range(count)]


@stage("Data pipeline")
def repeat(prompts: Sequence[Prompt], group_size: int) -> list[str]:
    """Ask every question several times: the answers to it make a group, and stand together."""
    return [prompt.text for prompt in prompts for _ in range(group_size)]


@stage("Training")
def reward(prompts: Sequence[Prompt], rollout: Rollout) -> Tensor:
    """Judge every answer: `[prompts, group]`, 1 where it is right, else 0."""
    size = len(rollout.completions) // len(prompts)
    scores = [
        prompts[row // size].reward(completion, prompts[row // size].answer)
        for row, completion in enumerate(rollout.completions)
    ]
    return torch.tensor(scores).view(len(prompts), size)


@stage("Training")
def advantages(rewards: Tensor, normalize: bool) -> Tensor:
    """How much better an answer is than its group: `[prompts, group]` → `[prompts · group]`.

    A = R - mean(R), as in DeepSeek-V3.2. With `normalize`, divided by the group's standard deviation, as in
    DeepSeekMath, which gives questions that are nearly always or never answered more weight.
    """
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    if normalize:
        centred = centred / (rewards.std(dim=1, keepdim=True) + 1e-6)
    return centred.flatten()


@stage("Training")
@torch.no_grad()
def reference_log_probs(reference: TransformerLM, rollout: Rollout, temperature: float) -> Tensor:
    """How likely the frozen reference finds every token of the answers: `[rows, new]`."""
    with autocast(rollout.tokens.device):
        return token_log_probs(reference, rollout, temperature)


@stage("Training")
def policy_log_probs(model: TransformerLM, rollout: Rollout, temperature: float) -> Tensor:
    """How likely the model as it is now finds every token of the answers: `[rows, new]`."""
    with autocast(rollout.tokens.device):
        return token_log_probs(model, rollout, temperature)


def policy_loss(log_probs: Tensor, old: Tensor, advantage: Tensor, clip_ratio: float) -> Tensor:
    """The clipped loss of every token (PPO; Schulman et al., 2017): `[rows, new]`, for `advantage` `[rows]`.

    -min(r · A, clip(r, 1 ± ε) · A) with r = π / π_old: a token's probability is moved in the direction of the
    advantage until it has changed by the share ε, and no further.
    """
    ratio = (log_probs - old).exp()
    scale = advantage[:, None]
    return -torch.minimum(ratio * scale, ratio.clamp(1 - clip_ratio, 1 + clip_ratio) * scale)


def kl_estimate(log_probs: Tensor, old: Tensor, reference: Tensor) -> Tensor:
    """KL(π ‖ π_ref) from one sample per token: `[rows, new]`.

    (π / π_old) · (π_ref / π - log(π_ref / π) - 1). Without the first factor (DeepSeekMath) the estimate is unbiased
    only while the tokens come from π itself; weighted by it, it and its gradient are for any π_old (DeepSeek-V3.2).
    """
    difference = reference - log_probs
    return (log_probs - old).exp() * (difference.exp() - difference - 1)


def sequence_mask(log_probs: Tensor, old: Tensor, mask: Tensor, advantage: Tensor, limit: float) -> Tensor:
    """Which answers to learn from, `[rows]`: all but the bad ones that the policy has moved far away from.

    Left out are those with a negative advantage whose mean of log(π_old / π) over the tokens is above `limit`
    (DeepSeek-V3.2, "Off-Policy Sequence Masking").
    """
    distance = _mean((old - log_probs).detach(), mask)
    return (advantage >= 0) | (distance <= limit)


@stage("Training")
def grpo_loss(log_probs: Tensor, reference: Tensor, rollout: Rollout, advantage: Tensor, config: GRPOConfig) -> Loss:
    """The loss of a step: the mean over the answers of the mean over their tokens of policy loss and weighted KL."""
    kept = sequence_mask(log_probs, rollout.log_probs, rollout.mask, advantage, config.off_policy_limit)
    policy = _mean(policy_loss(log_probs, rollout.log_probs, advantage, config.clip_ratio), rollout.mask)
    kl = _mean(kl_estimate(log_probs, rollout.log_probs, reference), rollout.mask).mean()
    followed = (policy * kept).mean()
    return Loss(followed + config.kl_weight * kl, followed, kl, kept.float().mean())


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens that count: `[rows, new]` → `[rows]`."""
    return (values * mask).sum(dim=1) / mask.sum(dim=1)


class GRPOTrainer:
    """A model that learns from the rewards of its own answers. Each `step` asks, judges, and moves it.

    All that changes is in `state_dict`: with it, another trainer of the same config goes on bit for bit.
    """

    category: ClassVar[str] = "Training"

    def __init__(self, config: GRPOConfig, model: TransformerLM, tokenizer: Tokenizer) -> None:
        self.config = config
        self.model = model
        self.tokenizer = tokenizer
        self.reference = copy.deepcopy(model).requires_grad_(False)
        self.parameters = list(model.parameters())
        self.optimizer = adamw(model, config.optimizer)
        self.generator = torch.Generator(model.head.weight.device).manual_seed(config.seed)
        self.done = 0  # steps
        self._rewind()

    def _rewind(self) -> None:
        self.source = PROMPTS[self.config.task](self.config.seed)
        for _ in range(self.done * self.config.prompts):
            next(self.source)

    def step(self) -> dict[str, float]:
        """Ask, judge and learn; return reward, loss, KL (nats per token), rate and gradient norm, by name."""
        config = self.config
        rate = learning_rate(config.optimizer, self.done, config.steps)
        prompts = sample_prompts(self.source, config.prompts)
        with autocast(self.model.head.weight.device):
            rollout = generate(
                self.model,
                repeat(prompts, config.group_size),
                self.tokenizer,
                config.max_new_tokens,
                config.temperature,
                config.top_k,
                config.top_p,
                self.generator,
            )
        rewards = reward(prompts, rollout)
        advantage = advantages(rewards, config.normalize).to(rollout.tokens.device)
        reference = reference_log_probs(self.reference, rollout, config.temperature)
        for _ in range(config.updates):
            log_probs = policy_log_probs(self.model, rollout, config.temperature)
            terms = grpo_loss(log_probs, reference, rollout, advantage, config)
            gradients = backward(terms.loss, self.parameters)
            norm = clip(gradients, config.optimizer.clip_norm)
            update(self.optimizer, gradients, norm, rate)
        self.done += 1
        return {
            "step": self.done,
            "reward": rewards.mean().item(),
            "loss": terms.loss.item(),
            "kl": terms.kl.item(),
            "kept": terms.kept.item(),
            "rate": rate,
            "gradient_norm": norm.item(),
        }

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "model": self.model.state_dict(),
            "reference": self.reference.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "done": self.done,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where another trainer was when it gave `state`."""
        self.model.load_state_dict(state["model"])
        self.reference.load_state_dict(state["reference"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.done = state["done"]
        self._rewind()
