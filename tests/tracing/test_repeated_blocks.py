"""Blocks that repeat are traced once; blocks that only look as if they did are not."""

from __future__ import annotations

import itertools
import os
from collections import defaultdict, deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ptgraph.errors import TraceError
from ptgraph.formats.json import document
from ptgraph.graph.model import ModelGraph
from ptgraph.tracing.build_graph import build, graph_of
from ptgraph.tracing.capture import capture
from ptgraph.tracing.source import Source

X = torch.ones(2, 4, 8)
LAYERS = 6


class Attention(nn.Module):
    def __init__(self, layer_idx: int = 0) -> None:
        super().__init__()
        self.layer_idx = layer_idx
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, mask)
        return self.out(y)


class Block(nn.Module):
    def __init__(self, layer_idx: int = 0) -> None:
        super().__init__()
        self.layer_idx = layer_idx
        self.attention, self.norm = Attention(layer_idx), nn.LayerNorm(8)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x + self.attention(self.norm(x), mask)


class Stack(nn.Module):
    def __init__(self, make: Callable[[int], nn.Module] = Block, layers: int = LAYERS) -> None:
        super().__init__()
        self.layers = nn.ModuleList(make(index) for index in range(layers))

    def forward(self, x: Tensor) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


def both(model: nn.Module, *args: Any, **dynamic: Any) -> tuple[ModelGraph, ModelGraph | None]:
    """Return the graph traced in full, and the one with repeats, or None where they were proved to be none."""
    source = Source("net", model, args or (X,), dynamic=dynamic)
    full = build(capture(source, once=False))
    assert full is not None
    assert not full.traced.repeated
    return full, build(capture(source))


def same(full: ModelGraph, once: ModelGraph | None) -> bool:
    return once is not None and document(full) == document(once)


def repeated(graph: ModelGraph | None) -> set[str]:
    """Return the paths of the modules that were not traced."""
    assert graph is not None
    return {graph.calls[call].component for _, call, _ in graph.traced.repeated.values()}


def test_all_but_two_of_the_layers_repeat_and_the_graph_is_the_same() -> None:
    full, once = both(Stack())
    assert repeated(once) == {f"layers.{index}" for index in range(2, LAYERS)}
    assert same(full, once)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_few_layers(layers: int) -> None:
    full, once = both(Stack(layers=layers))
    assert len(repeated(once)) == max(0, layers - 2)
    assert same(full, once)


def test_the_layers_of_a_preset_repeat(tiny: ModelGraph) -> None:
    assert len(repeated(tiny)) == tiny.config["num_layers"] - 2


def test_named_dimensions_stay() -> None:
    full, once = both(Stack(), X, x={0: "batch", 1: "sequence"})
    assert len(repeated(once)) == LAYERS - 2
    assert same(full, once)
    assert once is not None
    assert once.component("layers.4").shape == ("batch", "sequence", 8)


class PassesOn(Block):
    """Gives its mask back, and a number, as decoder layers do."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Any:
        return super().forward(x, mask), mask, None, self.norm.normalized_shape


class WithMask(Stack):
    def forward(self, x: Tensor) -> Any:
        mask = torch.ones(4, 4, dtype=torch.bool).tril()
        for layer in self.layers:
            x, mask, *_ = layer(x, mask=mask)
        return x, mask


def test_arguments_and_results_that_are_handed_through() -> None:
    full, once = both(WithMask(PassesOn))
    assert len(repeated(once)) == LAYERS - 2
    assert same(full, once)


class Shared(Stack):
    """Every layer holds the same head."""

    def __init__(self) -> None:
        super().__init__()
        head = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
        for layer in self.layers:
            layer.head = head

    def forward(self, x: Tensor) -> Any:
        for layer in self.layers:
            x = layer.head(layer(x))
        return x


def test_a_module_that_all_share() -> None:
    full, once = both(Shared())
    assert same(full, once)


class Outer(nn.Module):
    def __init__(self, index: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Block(i) for i in range(5))

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([expert(x) for expert in self.experts]).sum(0)


def test_repeats_within_repeats() -> None:
    full, once = both(Stack(Outer, 4))
    assert {"layers.0.experts.2", "layers.2", "layers.3"} <= repeated(once)
    assert same(full, once)


# ---- blocks that look alike, and are not the same


class EverySecond(Block):
    """Full attention and a sliding window by turns, by the number of the layer."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x, torch.ones(4, 4, dtype=torch.bool).tril() if self.layer_idx % 2 else None)


class Fifth(Block):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x).relu() if self.layer_idx == 4 else super().forward(x)


class Scaled(Block):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x) * (1 / (self.layer_idx + 1))


class FromTable(Block):
    WINDOWS = (None, 1, 1, 1, None, 1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = super().forward(x)
        return y if self.WINDOWS[self.layer_idx] is None else y.abs()


class ByName(Block):
    def __init__(self, layer_idx: int) -> None:
        super().__init__(layer_idx)
        self.kind = "global" if layer_idx == 3 else f"local{layer_idx}"

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return {"global": torch.tanh}.get(self.kind, torch.relu)(super().forward(x))


class Counts(Block):
    """Counts the runs of all, on the class."""

    runs = 0

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        Counts.runs += 1
        return super().forward(x).tanh() if Counts.runs % LAYERS == 5 else super().forward(x)


STATE = {"runs": 0}
TALLY: defaultdict[str, int] = defaultdict(int)
QUEUE: deque[int] = deque()
NUMBERS = itertools.count(1)
CURSOR = SimpleNamespace(step=0)


class CountsGlobally(Block):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        STATE["runs"] += 1
        return super().forward(x).tanh() if STATE["runs"] % LAYERS == 5 else super().forward(x)


class Tallies(Block):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        TALLY["runs"] += 1
        return super().forward(x).tanh() if TALLY["runs"] % LAYERS == 5 else super().forward(x)


class Queues(Block):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        QUEUE.append(0)
        return super().forward(x).tanh() if len(QUEUE) % LAYERS == 5 else super().forward(x)


class Numbers(Block):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x).tanh() if next(NUMBERS) % LAYERS == 5 else super().forward(x)


class Box(dict[str, int]):
    """A dict with an attribute of its own, and one in a slot that is hidden."""

    __slots__ = ("__runs", "number")

    def run(self) -> int:
        self.__runs = getattr(self, "_Box__runs", 0) + 1
        return self.__runs


class Boxes(Block):
    box = Box()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x).tanh() if self.box.run() % LAYERS == 5 else super().forward(x)


class AnyNumber(int):
    """A number that says that it is equal to any other."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Alike(Block):
    def __init__(self, layer_idx: int) -> None:
        super().__init__(layer_idx)
        self.kind = AnyNumber(layer_idx == 4)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x).tanh() if self.kind else super().forward(x)


class Iterates(Block):
    turns = itertools.cycle([0, 0, 0, 1, 0, 0])

    def __init__(self, layer_idx: int) -> None:
        super().__init__(layer_idx)
        self.turn = Iterates.turns

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().forward(x).tanh() if next(self.turn) else super().forward(x)


class Remembers(Block):
    def __init__(self, layer_idx: int, seen: list[int]) -> None:
        super().__init__(layer_idx)
        self.seen = seen

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        self.seen.append(0)
        return super().forward(x).tanh() if len(self.seen) % LAYERS == 5 else super().forward(x)


class Own(Block):
    """Some have a forward of their own, in the instance."""

    def __init__(self, layer_idx: int) -> None:
        super().__init__(layer_idx)
        if layer_idx == 4:
            whole = self.forward
            self.forward = lambda x, mask=None: whole(x).tanh()  # type: ignore[method-assign]


class Hooked(Block):
    def __init__(self, layer_idx: int) -> None:
        super().__init__(layer_idx)
        if layer_idx == 4:
            self.norm.register_forward_hook(lambda module, args, result: result.tanh())


DECEPTIVE: dict[str, Callable[[int], nn.Module]] = {
    kind.__name__: kind
    for kind in (EverySecond, Fifth, Scaled, FromTable, ByName, Counts, CountsGlobally, Iterates, Own, Hooked, Alike)
}
GOES_ON = {kind.__name__: kind for kind in (Tallies, Queues, Numbers, Boxes)}  # on classes and in globals
DECEPTIVE |= GOES_ON
DECEPTIVE["Remembers"] = lambda index, seen=[]: Remembers(index, seen)  # type: ignore[misc]


@pytest.mark.parametrize("name", DECEPTIVE)
def test_what_looks_alike_and_is_not_the_same_is_not_merged(name: str) -> None:
    model = Stack(DECEPTIVE[name])
    source = Source("net", model, (X,))
    full = build(capture(source, once=False))
    once = graph_of(source)
    assert full is not None
    targets = [op["target"] for _, op in full.ops.nodes(data=True)]
    assert targets == [op["target"] for _, op in once.ops.nodes(data=True)]
    if name not in {
        "Counts",
        "CountsGlobally",
        "Iterates",
        "Remembers",
        *GOES_ON,
    }:  # these go on where the last trace ended
        assert same(full, once)
    blocks = {once.component(f"layers.{index}").block for index in range(LAYERS)}
    assert len(blocks) > 1


def test_a_parent_that_tells_each_layer_its_number_through_an_object() -> None:
    class Reads(Block):
        def __init__(self, layer_idx: int) -> None:
            super().__init__(layer_idx)
            self.cursor = CURSOR

        def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
            return super().forward(x).tanh() if self.cursor.step == 4 else super().forward(x)

    class Tells(Stack):
        def forward(self, x: Tensor) -> Any:
            for index, layer in enumerate(self.layers):
                CURSOR.step = index
                x = layer(x)
            return x

    full, once = both(Tells(Reads))
    assert same(full, once)
    assert repeated(once) == set()


def test_a_tensor_that_all_layers_change_in_place_and_that_is_no_buffer() -> None:
    shared = torch.zeros(8)

    class Adds(Block):
        def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
            shared.add_(1)
            return super().forward(x) + shared

    full, once = both(Stack(Adds))
    assert repeated(once) == set()
    assert once is not None and list(full.ops.edges) == list(once.ops.edges)


# ---- values that must reach torch as they are


class Padded(nn.Module):
    """A convolution whose padding torch's own parser reads, and which is not the same in all."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.padding, self.index, self.inner = ("valid", "same")[index % 2], index, nn.Sequential(nn.ReLU())
        self.weight = nn.Parameter(torch.ones(4, 4, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.nn.functional.conv1d(self.inner(x).mul_(2), self.weight, None, padding=self.padding)


class Convolution(nn.Module):
    """The same by torch's own module."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index, self.conv = index, nn.Conv1d(4, 4, 1, padding="same" if index == 5 else "valid")

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x)


def test_a_block_that_torch_reads_a_word_of_costs_only_itself() -> None:
    full, once = both(nn.Sequential(Stack(Block), Stack(Padded), Stack(Block)))
    assert repeated(once) == {f"{part}.layers.{index}" for part in (0, 2) for index in range(2, LAYERS)}
    assert same(full, once)


def test_alike_blocks_repeat_although_torch_reads_a_word_of_theirs() -> None:
    class Alternates(Padded):
        def __init__(self, index: int) -> None:
            super().__init__(index)
            del self.index  # or none is like another: without wrappers each number counts

    full, once = both(Stack(Alternates))
    assert repeated(once) == {"layers.4", "layers.5"}
    assert same(full, once)


def test_what_torchs_own_modules_were_made_with_is_not_wrapped() -> None:
    full, once = both(Stack(Convolution))
    assert repeated(once) == {f"layers.{index}" for index in (2, 3, 4)}
    assert same(full, once)


def test_torch_gets_what_a_block_around_hands_on_as_it_is() -> None:
    class Given(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.inner = nn.Parameter(torch.ones(4, 4, 1)), nn.Sequential(nn.ReLU())

        def forward(self, x: Tensor, padding: str) -> Tensor:
            return self.inner(torch.conv1d(x, self.weight, None, padding=padding))

    class Lends(nn.Module):
        def __init__(self, index: int) -> None:
            super().__init__()
            self.padding = ("valid", "same")[index % 2]
            self.parts = nn.ModuleList(Given() for _ in range(4))

        def forward(self, x: Tensor) -> Tensor:
            for part in self.parts:
                x = part(x, self.padding)
            return x

    full, once = both(Stack(Lends))
    assert {"layers.4", "layers.5", "layers.0.parts.2"} <= repeated(once)
    assert same(full, once)


def test_an_error_of_the_models_own_is_raised_once_more_and_no_block_is_blamed() -> None:
    class Fails(Block):
        def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
            raise TypeError(f"no number {self.layer_idx}")

    with pytest.raises(TraceError, match="no number 0"):
        capture(Source("net", Stack(Fails), (X,)))


def test_experts_of_classes_without_a_forward_of_their_own_repeat() -> None:
    class Base(nn.Module):
        def __init__(self, index: int) -> None:
            super().__init__()
            self.index, self.attention, self.norm = index, Attention(index), nn.LayerNorm(8)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.attention(self.norm(x))

    kinds: Any = Base
    for number in range(12):
        kinds = type(f"Derived{number}", (kinds,), {})
    full, once = both(Stack(kinds))
    assert repeated(once) == {f"layers.{index}" for index in range(2, LAYERS)}
    assert same(full, once)


def test_a_layer_that_writes_into_its_input_is_traced_each_time() -> None:
    class Writes(Block):
        def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
            x.add_(1)
            return super().forward(x)

    class Clones(Stack):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x.clone())

    full, once = both(Clones(Writes))
    assert repeated(once) == set()
    assert same(full, once)


def test_a_layer_that_returns_a_view_of_its_input_is_traced_each_time() -> None:
    class Views(Block):
        def forward(self, x: Tensor, mask: Tensor | None = None) -> Any:
            super().forward(x)
            return x.view(2, 4, 8)

    full, once = both(Stack(Views))
    assert repeated(once) == set()
    assert same(full, once)


class TakesTurns(Block):
    """Computes something else in every second run, by what no signature sees: the environment of the process."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        os.environ["TURN"] = "second" if os.environ["TURN"] == "first" else "first"
        y = super().forward(x, mask)
        return y.relu() if os.environ["TURN"] == "first" else y.tanh()


def test_two_traced_runs_that_differ_after_all_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURN", "second")
    source = Source("net", Stack(TakesTurns), (X,))
    assert build(capture(source)) is None
    assert not graph_of(source).traced.repeated


def test_the_classes_have_their_own_forward_again_and_the_model_its_attributes() -> None:
    model = Stack()
    before = {kind: vars(kind).get("forward") for kind in (Stack, Block, Attention)}
    numbers = [layer.layer_idx for layer in model.layers]
    graph_of(Source("net", model, (X,)))
    assert {kind: vars(kind).get("forward") for kind in before} == before
    assert [layer.layer_idx for layer in model.layers] == numbers
    assert all(type(layer.layer_idx) is int for layer in model.layers)  # type: ignore[comparison-overlap]


def test_why_blocks_are_traced_again_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "ptgraph"):
        graph_of(Source("net", Stack(), (X,)))
        graph_of(Source("net", Stack(Counts), (X,)))
    assert f"{LAYERS - 2} runs of blocks repeat others" in caplog.text
    assert "every Counts is traced: a call of one changes what the next may see" in caplog.text
