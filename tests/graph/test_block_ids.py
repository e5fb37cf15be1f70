"""Blocks: modules have one id exactly when they do the same thing, whatever they are called and whatever they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ptgraph import trace
from ptgraph.graph.block_ids import block_ids
from ptgraph.graph.model import ModelGraph
from tests.support.zoo import ZOO, made


class Block(nn.Module):
    """A block with everything in it that two of a kind may differ by."""

    def __init__(self, **choices: Any) -> None:
        super().__init__()
        self.choices = {"window": 1, "p": 0.1, "hidden": 4, "scale": 2.0, "layer_idx": 0, **choices}
        self.one = nn.Linear(4, self.choices["hidden"], bias=choices.get("bias", True))
        self.two = nn.Linear(4, self.choices["hidden"], bias=choices.get("bias", True))
        self.out = nn.Linear(self.choices["hidden"], 4)
        self.drop = nn.Dropout(self.choices["p"])
        self.register_buffer("table", torch.full((4,), float(choices.get("table", 1))))
        self.constant = torch.full((4,), float(choices.get("constant", 1)))
        self.layer_idx = self.choices["layer_idx"]

    def forward(self, x: Tensor) -> Tensor:
        c = self.choices
        mask = torch.ones(4, 4, device=x.device).tril().triu(-c["window"])
        a, b = self.one(x), self.two(x)
        if c.get("reuse"):
            b = self.one(x)
        y = b - a if c.get("swap") else a - b
        y = mask @ self.out(self.drop(y)) * c["scale"] * self.table
        order = torch.arange(3, -1, -1, device=x.device) if c.get("backwards") else torch.arange(4, device=x.device)
        y = y[:, order] if c.get("columns") else y[order]
        if c.get("constants", True):
            y = y + self.constant * torch.tensor([0.1, c.get("literal", 0.2), 0.3, 0.4], device=x.device)
        low, high = y.chunk(2, dim=1)
        y = torch.cat([high, low] if c.get("crossed") else [low, high], dim=1)
        y = y + torch.stack([a, b, a] if c.get("order") else [a, a, b])[1].mean()
        if c.get("cond"):
            y = torch.cond(y.sum() > 0, lambda y: y * 2, lambda y: y * c["cond"], (y,))
        if c.get("complex"):
            y = (y * c["complex"]).real
        z = F.gelu(y, approximate=c.get("approximate", "none"))
        return y + z * 0 if c.get("early") else z + y * 0


class Twin(Block):
    """The same code under another name."""


class Chain(nn.Module):
    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


def ids(graph: ModelGraph, *paths: str) -> list[str | None]:
    return [graph.component(path).block for path in paths]


def behave(block: Block, like: Block) -> Tensor:
    """Return what *block* makes of some numbers with the weights of another one."""
    with torch.no_grad():
        weights = dict(like.named_parameters())
        for name, parameter in block.named_parameters():
            parameter.copy_(weights[name])
        block.table.copy_(like.table)  # type: ignore[arg-type]
        return block.eval()(torch.linspace(-1, 1, 16).reshape(4, 4))


DIFFERENT: list[dict[str, Any]] = [
    {"window": 2},
    {"scale": 3.0},
    {"swap": True},
    {"reuse": True},
    {"constant": 5},
    {"literal": 0.7},
    {"backwards": True},
    {"columns": True, "backwards": True},
    {"crossed": True},
    {"order": True},
    {"cond": 3},
    {"cond": 4},
    {"complex": 2j},
    {"complex": 2 + 1j},
    {"approximate": "tanh"},
    {"early": True},
]


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_blocks_that_differ_only_in_what_they_are_called_or_hold_are_the_same(device: str) -> None:
    constants = device == "cpu"
    with torch.device(device):
        blocks = [Block(constants=constants, **choices) for choices in ({}, {"layer_idx": 7}, {"table": 3}, {})]
        graph = trace(Chain(*blocks), torch.ones(4, 4))
    found = ids(graph, *(f"blocks.{i}" for i in range(4)))
    assert len(set(found)) == 1
    assert None not in found
    assert len(set(ids(graph, *(f"blocks.{i}.one" for i in range(4))))) == 1


def test_constants_that_nobody_knows_are_not_taken_for_the_same() -> None:
    with torch.device("meta"):
        graph = trace(Chain(Block(), Block(constant=5)), torch.ones(4, 4))
    first, second = ids(graph, "blocks.0", "blocks.1")
    assert first != second


@pytest.mark.parametrize("choices", DIFFERENT, ids=str)
def test_blocks_that_look_alike_and_behave_differently_are_not(choices: dict[str, Any]) -> None:
    """With equal weights they give other numbers; that is what makes them other blocks."""
    torch.manual_seed(0)
    plain = Block()
    assert not torch.equal(behave(Block(**choices), plain), behave(Block(), plain))
    graph = trace(Chain(Block(), Block(**choices), Block(**choices)), torch.ones(4, 4))
    first, second, third = ids(graph, "blocks.0", "blocks.1", "blocks.2")
    assert first != second == third


def test_all_of_them_are_told_from_one_another() -> None:
    known = [choices for choices in DIFFERENT if not choices.keys() & {"constant", "literal"}]
    with torch.device("meta"):
        model = Chain(*(Block(constants=False, **choices) for choices in [{}, *known]))
        graph = trace(model, torch.ones(4, 4))
    found = ids(graph, *(f"blocks.{i}" for i in range(len(model.blocks))))
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("choices", "part"),
    [({"p": 0.3}, "drop"), ({"hidden": 6}, "one"), ({"bias": False}, "one")],
    ids=str,
)
def test_other_settings_make_other_blocks_of_the_part_and_of_the_whole(choices: dict[str, Any], part: str) -> None:
    graph = trace(Chain(Block(), Block(**choices)), torch.ones(4, 4))
    for path in ("", f".{part}"):
        first, second = ids(graph, f"blocks.0{path}", f"blocks.1{path}")
        assert first != second
    same = set(ids(graph, "blocks.0.two", "blocks.1.two", "blocks.0.one"))
    assert len(same) == (1 if part == "drop" else 2)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda: Block(), lambda: Twin()),
        (lambda: Block(), lambda: Block().double()),
        (lambda: nn.ReLU(), lambda: nn.ReLU6()),
        (lambda: nn.Softmax(0), lambda: nn.Softmax(1)),
        (lambda: nn.LayerNorm(4), lambda: nn.LayerNorm(4, eps=1e-3)),
    ],
)
def test_another_class_dtype_or_argument_is_another_block(
    first: Callable[[], nn.Module], second: Callable[[], nn.Module]
) -> None:
    class Cast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList([first(), second()])

        def forward(self, x: Tensor) -> Any:
            return [block(x.to(getattr(next(block.parameters(), x), "dtype", x.dtype))) for block in self.blocks]

    one, two = ids(trace(Cast(), torch.ones(4, 4)), "blocks.0", "blocks.1")
    assert None not in (one, two)
    assert one != two


def test_which_result_a_block_gives_away_is_part_of_it() -> None:
    class Gives(nn.Module):
        def __init__(self, early: bool) -> None:
            super().__init__()
            self.early = early
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            early = self.a(x)
            late = self.b(early)
            return early if self.early else late

    graph = trace(Chain(Gives(True), Gives(False), Gives(True)), torch.ones(4, 4))
    first, second, third = ids(graph, "blocks.0", "blocks.1", "blocks.2")
    assert first == third != second


def test_a_weight_that_two_blocks_share_is_not_a_weight_of_their_own() -> None:
    class Shares(nn.Module):
        def __init__(self, linear: nn.Linear) -> None:
            super().__init__()
            self.linear = linear

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, self.linear.weight)

    shared = nn.Linear(4, 4, bias=False)
    graph = trace(Chain(Shares(shared), Shares(shared), Shares(nn.Linear(4, 4, bias=False))), torch.ones(4, 4))
    first, second, third = ids(graph, "blocks.0", "blocks.1", "blocks.2")
    assert first == third
    assert second != first


def test_every_run_has_an_id_and_runs_of_one_module_have_the_same() -> None:
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = Block()

        def forward(self, x: Tensor) -> Tensor:
            return self.block(self.block(x)) + self.block(x)

    graph = trace(Again(), torch.ones(4, 4))
    found = block_ids(graph)
    assert set(found) == set(graph.calls)
    assert found["block"] == found["block@1"] == found["block@2"]
    assert found["block.one"] == found["block.two@2"]
    assert found[""] != found["block"]


def test_the_layers_of_a_preset_are_one_block(tiny: ModelGraph) -> None:
    layers = [path for path in tiny.components if path.startswith("layers.") and path.count(".") == 1]
    assert len(set(ids(tiny, *layers))) == 1
    kinds = Counter(path.split(".", 2)[2] for path in tiny.components if path.count(".") >= 2)
    for part, count in kinds.items():
        assert count == len(layers)
        assert len(set(ids(tiny, *(f"{layer}.{part}" for layer in layers)))) == 1
    assert len({*ids(tiny, "layers.0", "layers.0.attention", "layers.0.feed_forward", "norm")}) == 4
    q, k, v = ids(tiny, *(f"layers.0.attention.{n}_proj" for n in "qkv"))
    assert k == v != q


@pytest.mark.parametrize("name", ZOO)
def test_ids_do_not_depend_on_the_run(name: str) -> None:
    """They are made of what the graph says, in its order, and of nothing that differs from trace to trace."""
    _, graph = made(name)
    model, args, kwargs = ZOO[name].make(), ZOO[name].args(), ZOO[name].kwargs()
    assert block_ids(trace(model, *args, **kwargs)) == block_ids(graph)
