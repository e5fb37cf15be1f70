"""How weights move: the groups, the rate, and the gradient, each against plain arithmetic."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from ptgraph.models.training.data import Batch
from ptgraph.models.training.optimizer import OptimizerConfig, adamw, backward, clip, learning_rate, update
from ptgraph.models.training.pretrain import forward, language_loss
from tests.models.small import make, tokens


class Everything(nn.Module):
    """A parameter of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 4)
        self.norm = nn.LayerNorm(4)
        self.inner = nn.Linear(4, 3)
        self.kernel = nn.Conv1d(3, 3, 2)
        self.frozen = nn.Linear(3, 3).requires_grad_(False)


def names_by_group(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, set[str]]:
    names = {id(parameter): name for name, parameter in model.named_parameters(remove_duplicate=False)}
    return {group["name"]: {names[id(parameter)] for parameter in group["params"]} for group in optimizer.param_groups}


def test_every_kind_of_parameter_has_its_group() -> None:
    model = Everything()
    optimizer = adamw(model, OptimizerConfig(embedding_scale=0.5, weight_decay=0.3))
    assert names_by_group(model, optimizer) == {
        "embeddings": {"words.weight"},
        "vectors": {"norm.weight", "norm.bias", "inner.bias", "kernel.bias"},
        "matrices": {"inner.weight", "kernel.weight"},
    }
    assert {group["name"]: (group["scale"], group["weight_decay"]) for group in optimizer.param_groups} == {
        "embeddings": (0.5, 0.0),
        "vectors": (1.0, 0.0),
        "matrices": (1.0, 0.3),
    }


@pytest.mark.parametrize("attention", ["dense", "sparse"])
@pytest.mark.parametrize("tied", [False, True])
def test_each_parameter_of_the_model_is_in_one_group(attention: str, tied: bool) -> None:
    model = make(attention=attention, tie_embeddings=tied)
    optimizer = adamw(model, OptimizerConfig())
    members = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    assert sorted(members) == sorted(map(id, model.parameters()))
    groups = names_by_group(model, optimizer)
    assert groups["embeddings"] == {"head.weight" if tied else "embedding.weight"}  # the last name of the same one
    assert ("head.weight" in groups["matrices"]) is not tied


# The rate


@pytest.mark.parametrize(("warmup", "steps"), [(20, 200), (1, 50), (0, 50), (5, 6), (10, 12)])
def test_the_rate_rises_to_the_peak_and_falls_to_the_floor(warmup: int, steps: int) -> None:
    config = OptimizerConfig(peak=0.01, floor=0.1, warmup_steps=warmup)
    rates = [learning_rate(config, step, steps) for step in range(steps)]
    assert rates[:warmup] == pytest.approx([0.01 * (step + 1) / warmup for step in range(warmup)])
    assert rates[warmup] == max(rates) == 0.01
    assert rates[: warmup + 1] == sorted(rates[: warmup + 1])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)
    if steps > warmup + 1:
        assert rates[-1] == min(rates[warmup:]) == pytest.approx(0.001)
    for beyond in (steps, 10 * steps):  # resumed with fewer steps
        assert learning_rate(config, beyond, steps) == pytest.approx(0.001)


def test_the_fall_is_half_a_cosine() -> None:
    config = OptimizerConfig(peak=1.0, floor=0.2, warmup_steps=10)
    # Between step 10 and step 110, at a quarter, a half and three quarters of the way.
    expected = [0.2 + 0.8 * (0.5 + math.sqrt(0.5) / 2), 0.6, 0.2 + 0.8 * (0.5 - math.sqrt(0.5) / 2)]
    assert [learning_rate(config, step, 111) for step in (35, 60, 85)] == pytest.approx(expected)


def test_a_floor_of_one_is_a_constant_rate() -> None:
    config = OptimizerConfig(peak=0.5, floor=1.0, warmup_steps=0)
    assert {learning_rate(config, step, 30) for step in range(30)} == {0.5}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        *(
            (name, value, f"{name} is")
            for name in ("peak", "embedding_scale", "clip_norm")
            for value in (0, -1, math.nan)
        ),
        ("floor", 1.1, "floor is 1.1"),
        ("floor", -0.1, "floor is -0.1"),
        ("warmup_steps", -1, "warmup_steps"),
        ("weight_decay", -0.1, "weight_decay"),
    ],
)
def test_a_config_says_what_is_wrong(field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OptimizerConfig(**{field: value})


# The gradient


@pytest.mark.parametrize("longest", [0.5, 5.0, 5.001, 100.0])
def test_a_gradient_is_cut_to_length(longest: float) -> None:
    gradients = [torch.tensor([3.0, 0.0]), torch.tensor([[0.0], [4.0]])]  # together of length 5
    before = gradients[0]
    assert clip(gradients, longest).item() == pytest.approx(5.0)
    factor = min(1.0, longest / 5.0)
    assert gradients[0].tolist() == pytest.approx([3.0 * factor, 0.0], rel=1e-6)
    assert gradients[1].flatten().tolist() == pytest.approx([0.0, 4.0 * factor], rel=1e-6)
    assert gradients[0] is before  # in place: what the optimiser reads
    if longest > 5:
        assert gradients[0].tolist() == [3.0, 0.0]


def test_micro_batches_add_up_to_one_large_batch() -> None:
    """The gradient of four batches of two is that of one batch of eight."""
    text = tokens(8, 21)
    whole = Batch(text[:, :-1], text[:, 1:])
    model = make().double()
    large = backward(language_loss(forward(model, whole), 1), list(model.parameters()))
    model = make().double()
    for rows in range(0, 8, 2):
        part = Batch(whole.input_ids[rows : rows + 2], whole.labels[rows : rows + 2])
        small = backward(language_loss(forward(model, part), 4), list(model.parameters()))
    assert len(small) == len(list(model.parameters()))
    assert all(gradient.abs().max() > 0 for gradient in small)
    torch.testing.assert_close(small, large, rtol=1e-9, atol=1e-12)


# The step


def test_the_first_step_is_adamw() -> None:
    """In its first step, AdamW moves every number by its rate against its gradient's sign, after the decay."""
    model = Everything()
    config = OptimizerConfig(peak=1.0, embedding_scale=0.5, weight_decay=0.25)
    optimizer = adamw(model, config)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.where(torch.rand_like(parameter) < 0.5, -2.0, 3.0)
    signs = {name: p.grad.sign() for name, p in model.named_parameters() if p.grad is not None}
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    moved = update(optimizer, gradients, torch.tensor(1.0), rate=0.01)
    assert {id(parameter) for parameter in moved} == {id(p) for p in model.parameters() if p.requires_grad}
    for name, parameter in model.named_parameters():
        rate = 0.01 * (0.5 if name == "words.weight" else 1.0)
        decay = 0.25 if name in ("inner.weight", "kernel.weight") else 0.0
        expected = before[name] * (1 - rate * decay) - rate * signs.get(name, torch.zeros(()))
        if name.startswith("frozen"):
            expected = before[name]
        torch.testing.assert_close(parameter.detach(), expected, rtol=1e-5, atol=1e-7)
        assert parameter.grad is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_moves_nothing(bad: float) -> None:
    model = Everything()
    optimizer = adamw(model, OptimizerConfig())
    before = [parameter.detach().clone() for parameter in model.parameters()]

    def step(first: float) -> None:
        loss = sum(p.sum() for p in model.parameters() if p.requires_grad)
        assert isinstance(loss, torch.Tensor)
        gradients = backward(loss, list(model.parameters()))
        gradients[0][0, 0] = first
        update(optimizer, gradients, clip(gradients, 1.0), rate=0.1)
        assert all(parameter.grad is None for parameter in model.parameters())

    step(bad)
    assert all(map(torch.equal, model.parameters(), before))
    assert not optimizer.state
    step(1.0)  # the next one is as if nothing had been
    assert all(p.isfinite().all() for p in model.parameters())
    assert not torch.equal(model.words.weight, before[0])
