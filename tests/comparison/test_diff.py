"""Two models compared: what is the same stays so, and every kind of change is found, named and put in its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ptgraph
from ptgraph import trace
from ptgraph.comparison.alignment import CELLS, match
from ptgraph.comparison.diff import compare
from ptgraph.comparison.features import Part
from ptgraph.comparison.result import GraphDiff, Renamed
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import view
from ptgraph.models import build
from tests.support.zoo import RUNS, graph_of

X = torch.zeros(2, 8)


class Net(nn.Module):
    """Modules in a row, by name."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        for part in self.children():
            x = part(x)
        return x


class Block(nn.Module):
    """A residual block that knows its number."""

    def __init__(self, inner: int, number: int) -> None:
        super().__init__()
        self.layer_idx = number
        self.up, self.down = nn.Linear(8, inner), nn.Linear(inner, 8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.down(self.up(x).relu())
        return y


class Stack(nn.Module):
    """Blocks, each of its own inner width."""

    def __init__(self, *inner: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block(width, number) for number, width in enumerate(inner))
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Any:
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


class Call(nn.Module):
    """A model that a function is."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.inner = function
        self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self, x)


def parts() -> dict[str, nn.Module]:
    return {
        "first": nn.Linear(8, 16),
        "act": nn.ReLU(),
        "middle": nn.Linear(16, 16),
        "norm": nn.LayerNorm(16),
        "last": nn.Linear(16, 4),
    }


def row(**changed: nn.Module | None) -> ModelGraph:
    kept = {name: part for name, part in {**parts(), **changed}.items() if part is not None}
    return trace(Net(**kept), X)


def in_order(*names: str, **more: nn.Module) -> ModelGraph:
    known = {**parts(), **more}
    return trace(Net(**{name: known[name] for name in names}), X)


def stack(*inner: int) -> ModelGraph:
    return trace(Stack(*inner), X)


def called(function: Callable[..., Tensor]) -> ModelGraph:
    return trace(Call(function), X)


def preset(name: str, **changed: Any) -> ModelGraph:
    with torch.device("meta"):
        return trace(build(name, **changed))


def entries(found: GraphDiff) -> list[tuple[str, str]]:
    return [(change.status, change.title) for change in found.changes]


def what(found: GraphDiff, title: str) -> dict[str, tuple[Any, Any]]:
    (change,) = (change for change in found.changes if change.title == title)
    return {name: (before, after) for name, before, after in change.what}


def check(found: GraphDiff, a: ModelGraph, b: ModelGraph) -> None:
    """Check what holds of every comparison."""
    boxes = {side: view(graph, patterns=False).boxes for side, graph in (("a", a), ("b", b))}
    assert {side: set(status) for side, status in found.status.items()} == {s: set(known) for s, known in boxes.items()}
    assert all(x in boxes["a"] and y in boxes["b"] for x, y in found.pairs.items())
    assert {box for box, status in found.status["a"].items() if status == "removed"}.isdisjoint(found.pairs)
    assert {box for box, status in found.status["b"].items() if status == "added"}.isdisjoint(found.pairs.values())
    for side, other in {"a": "added", "b": "removed"}.items():
        status = found.status[side]
        assert other not in status.values()
        for box in boxes[side].values():
            inner = {status[part] for part in box.parts}
            if status[box.id] == "same":
                assert inner <= {"same"}
    for change in found.changes:
        assert (change.a is None, change.b is None) == {
            "added": (True, False),
            "removed": (False, True),
            "changed": (False, False),
        }[change.status]
        assert change.what
    for word in ("added", "removed", "changed"):
        assert found.summary[word] == sum(change.status == word for change in found.changes)
    assert json.loads(json.dumps(found.data(), allow_nan=False)) == found.data()


def compared(a: ModelGraph, b: ModelGraph) -> GraphDiff:
    found = compare(a, b)
    check(found, a, b)
    assert compare(a, b) == found
    return found


# Nothing is different


@pytest.mark.parametrize("name", sorted({name for name, _ in RUNS}))
def test_a_model_is_the_same_as_itself(name: str) -> None:
    graph = graph_of(name, next(device for known, device in RUNS if known == name))
    found = compared(graph, graph)
    assert found.changes == () and found.renamed == ()
    assert set(found.status["a"].values()) == set(found.status["b"].values()) == {"same"}
    assert all(x == y for x, y in found.pairs.items()) and len(found.pairs) == len(found.status["a"])
    assert found.summary["same"] == len(found.pairs)


def test_two_builds_of_a_model_are_the_same() -> None:
    assert compared(row(), row()).changes == ()


# Presets


def test_a_larger_preset_has_the_same_parts(tiny: ModelGraph) -> None:
    found = compared(tiny, preset("small"))
    assert {change.status for change in found.changes} == {"changed"}
    assert what(found, "layers.0–11")["repeat"] == (12, 16)
    assert what(found, "layers.0–11.attention.q_proj") == {
        "in_features": (512, 768),
        "out_features": (512, 768),
        "weight": ("512×512 float32", "768×768 float32"),
        "shape": ("2×16×512", "2×16×768"),
        "parameters": (262144, 589824),
    }
    assert what(found, "layers.0–11.attention: scaled_dot_product_attention") == {"shape": ("2×8×16×64", "2×12×16×64")}
    assert what(found, "tiny")["num_layers"] == (12, 16)
    assert found.pairs["/layers.0.attention"] == "/layers.0.attention"
    assert found.status["b"]["/rope"] == "same"
    assert found.summary["params"] == [85327872, 177930240]
    assert found.summary["flops"][0] < found.summary["flops"][1]
    assert found.summary["bytes"][0] < found.summary["bytes"][1]


def test_more_layers_are_a_change_of_one_fold(tiny: ModelGraph) -> None:
    found = compared(tiny, preset("tiny", num_layers=16))
    assert entries(found) == [("changed", "tiny"), ("changed", "layers.0–11")]
    assert what(found, "layers.0–11") == {"repeat": (12, 16), "parameters": (33816576, 45088768)}
    assert found.status["a"]["/layers.0"] == "changed"
    assert found.status["a"]["/layers.0.attention"] == "same"


def test_sparse_attention_adds_an_indexer(tiny: ModelGraph) -> None:
    found = compared(tiny, preset("tiny", attention="sparse"))
    assert [entry for entry in entries(found) if entry[0] == "added"] == [
        ("added", "index_rope"),
        ("added", "layers.0–11.indexer"),
        ("added", "layers.0–11: unsqueeze"),
    ]
    mask = what(found, "layers.0–11.attention: scaled_dot_product_attention")
    assert mask["reads"] == (None, "layers.0–11: unsqueeze") and mask["is_causal"] == ("True", None)
    assert found.status["b"]["/layers.0.indexer"] == found.status["b"]["/layers.0.indexer.q_proj"] == "added"
    assert found.status["b"]["/layers.0.attention"] == "inside"
    assert found.status["b"]["/layers.0.feed_forward"] == "same"


def test_tied_weights_are_a_change_of_the_head(tiny: ModelGraph) -> None:
    found = compared(tiny, preset("tiny", tie_embeddings=True))
    assert entries(found) == [("changed", "tiny"), ("changed", "head")]
    assert what(found, "head") == {
        "weight": ("50304×512 float32", "50304×512 float32 tied to embedding.weight"),
    }


# One change


def test_what_is_inserted_is_added_and_nothing_else() -> None:
    extra = {"extra": nn.Linear(16, 16), "extra_act": nn.GELU()}
    found = compared(row(), in_order("first", "act", "extra", "extra_act", "middle", "norm", "last", **extra))
    assert entries(found) == [("added", "extra"), ("added", "extra_act")]
    assert what(found, "extra") == {
        "class": (None, "Linear"),
        "operation": (None, "aten.linear.default"),
        "shape": (None, "2×16"),
        "parameters": (None, 272),
    }
    assert found.status["a"]["/"] == found.status["b"]["/"] == "inside"
    assert found.pairs["/middle"] == "/middle"


def test_what_is_missing_is_removed_and_nothing_else() -> None:
    found = compared(row(), row(middle=None))
    assert entries(found) == [("removed", "middle")]
    assert found.status["a"]["/middle"] == "removed" and found.status["a"]["/norm"] == "same"


def test_a_wider_layer_is_changed_with_what_follows_from_it() -> None:
    found = compared(row(), row(first=nn.Linear(8, 32), middle=nn.Linear(32, 16)))
    assert entries(found) == [("changed", "first"), ("changed", "act"), ("changed", "middle")]
    assert what(found, "act") == {"shape": ("2×16", "2×32")}
    assert what(found, "middle") == {
        "in_features": (16, 32),
        "weight": ("16×16 float32", "16×32 float32"),
        "parameters": (272, 528),
    }
    assert found.status["a"]["/norm"] == "same"


def test_structure_counts_before_names() -> None:
    a, b = row(), trace(Net(**{f"{name}_layer": part for name, part in parts().items()}), X)
    found = compared(a, b)
    assert found.changes == ()
    assert found.renamed == tuple(Renamed(f"/{n}", f"/{n}_layer", n, f"{n}_layer") for n in parts())
    assert found.pairs["/first"] == "/first_layer"
    swapped = parts()
    names = trace(Net(middle=swapped["first"], act=swapped["act"], first=swapped["middle"]), X)
    assert compared(in_order("first", "act", "middle"), names).pairs["/first"] == "/middle"


def test_names_decide_between_equals() -> None:
    same = {
        f"{kind}{k}": make() for k in range(4) for kind, make in (("linear", lambda: nn.Linear(8, 8)), ("act", nn.ReLU))
    }
    fewer = {name: part for name, part in same.items() if name not in ("linear1", "act1")}
    found = compared(trace(Net(**same), X), trace(Net(**fewer), X))
    assert entries(found) == [("removed", "linear1"), ("removed", "act1")] and found.renamed == ()


def test_a_sequential_that_loses_a_layer_is_not_renamed() -> None:
    def chain(*widths: int) -> ModelGraph:
        return trace(nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(widths))), X)

    found = compared(chain(8, 16, 16, 4), chain(8, 16, 4))
    assert entries(found) == [("removed", "1")] and found.renamed == ()
    assert found.pairs["/2"] == "/1"


def test_swapped_layers_read_something_else() -> None:
    found = compared(row(), in_order("first", "act", "norm", "middle", "last"))
    assert found.pairs["/middle"] == "/middle" and found.pairs["/norm"] == "/norm"
    assert {change.title: change.what for change in found.changes} == {
        "middle": (("reads", "act", "norm"),),
        "norm": (("reads", "middle", "act"),),
        "last": (("reads", "norm", "middle"),),
    }


def test_another_class_of_the_same_name_is_a_change() -> None:
    found = compared(row(), row(act=nn.GELU()))
    assert entries(found) == [("changed", "act")]
    assert what(found, "act")["class"] == ("ReLU", "GELU")


def test_a_class_of_another_name_that_computes_the_same_is_matched() -> None:
    other = type("Renamed", (Block,), {})
    a, b = trace(Net(body=Block(8, 0)), X), trace(Net(trunk=other(8, 0)), X)
    found = compared(a, b)
    assert entries(found) == [("changed", "body")]
    assert what(found, "body") == {"class": ("Block", "Renamed")}
    assert found.pairs["/body.up"] == "/trunk.up"


def test_settings_dtype_and_frozen_weights_are_changes() -> None:
    frozen = nn.Linear(16, 16).requires_grad_(False)
    found = compared(row(), row(middle=frozen, norm=nn.LayerNorm(16, eps=1e-3)))
    assert what(found, "middle")["weight"] == ("16×16 float32", "16×16 float32 frozen")
    assert what(found, "norm") == {"eps": ("1e-05", "0.001")}
    double = compared(row(), trace(Net(**parts()).double(), X.double()))
    assert what(double, "first")["dtype"] == ("float32", "float64")
    assert what(double, "first")["weight"] == ("16×8 float32", "16×8 float64")


def test_attributes_of_operations_are_changes() -> None:
    found = compared(called(lambda m, x: (x + 1).softmax(-1)), called(lambda m, x: (x + 2).softmax(0)))
    assert what(found, "add") == {"other": (1, 2)}
    assert what(found, "softmax") == {"dim": (-1, 0)}


def test_an_operation_is_no_other_one_and_no_module_without_anything_in_common() -> None:
    found = compared(called(lambda m, x: m.one(x.sin())), called(lambda m, x: m.one(x.cos())))
    assert entries(found) == [("removed", "sin"), ("added", "cos")] or entries(found) == [
        ("added", "cos"),
        ("removed", "sin"),
    ]
    found = compared(called(lambda m, x: x.sin()), called(lambda m, x: m.one(x)))
    assert {status for status, _ in entries(found)} == {"removed", "added"}


def test_an_operation_and_a_module_that_is_it_are_matched() -> None:
    class Function(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.relu()

    a = trace(Net(first=nn.Linear(8, 8), act=nn.ReLU()), X)
    b = called(lambda m, x: m.one(x).relu())
    found = compared(a, b)
    assert found.pairs["/act"] == "relu"
    assert what(found, "act")["class"] == ("ReLU", "aten.relu.default")


def test_other_wiring_is_a_change() -> None:
    found = compared(called(lambda m, x: m.one(x) - m.two(x)), called(lambda m, x: m.one(x) - m.two(m.one(x))))
    assert ("changed", "two") in entries(found)
    found = compared(called(lambda m, x: m.one(x) - m.two(x)), called(lambda m, x: -m.two(x) + m.one(x)))
    assert found.changes


def test_another_result_of_the_same_operation_is_a_change() -> None:
    def first(m: Any, x: Tensor) -> Tensor:
        one, two = x.chunk(2, -1)
        return one.sin() - two.cos()

    def second(m: Any, x: Tensor) -> Tensor:
        one, two = x.chunk(2, -1)
        return two.sin() - one.cos()

    assert {title for _, title in entries(compared(called(first), called(second)))} == {"sin", "cos"}


def test_another_weight_of_the_same_shape_is_a_change() -> None:
    class Scale(nn.Module):
        def __init__(self, swap: bool) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.ones(8)), nn.Parameter(torch.ones(8))
            self._swap = swap

        def forward(self, x: Tensor) -> Tensor:
            one, two = (self.b, self.a) if self._swap else (self.a, self.b)
            return (x * one).sin() * two

    found = compared(trace(Scale(False), X), trace(Scale(True), X))
    assert [change.what for change in found.changes] == [(("argument 1", "a", "b"),), (("argument 1", "b", "a"),)]


def test_inputs_are_matched_by_name() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x.sin() + y

    class Other(nn.Module):
        def forward(self, y: Tensor, z: Tensor) -> Tensor:
            return z.sin() + y

    found = compared(trace(Two(), X, X), trace(Other(), X, X))
    assert found.pairs["y"] == "y"


# Wrappers


def test_layers_that_move_into_a_module_stay_themselves() -> None:
    known = parts()
    body = nn.Sequential(known["first"], known["act"], nn.Dropout(), known["middle"], nn.GELU())
    a, b = row(), trace(Net(body=body, norm=known["norm"], last=known["last"]), X)
    found = compared(a, b)
    assert entries(found) == [("added", "body")]
    assert found.pairs["/first"] == "/body.0" and found.pairs["/middle"] == "/body.3"
    assert [(names.before, names.after) for names in found.renamed] == [
        ("first", "body.0"),
        ("act", "body.1"),
        ("middle", "body.3"),
    ]
    assert found.status["b"]["/body"] == found.status["b"]["/body.4"] == "added"
    assert found.status["b"]["/body.0"] == "same"
    back = compared(b, a)
    assert entries(back) == [("removed", "body")]
    assert back.pairs["/body.0"] == "/first" and back.status["a"]["/body.4"] == "removed"


def test_wrappers_in_wrappers_are_told_once() -> None:
    known = parts()
    inner = Net(trunk=Net(first=known["first"], act=known["act"]), middle=known["middle"])
    found = compared(row(), trace(Net(body=inner, norm=known["norm"], last=known["last"]), X))
    assert entries(found) == [("added", "body")]
    assert found.status["b"]["/body.trunk"] == "added" and found.status["b"]["/body.trunk.first"] == "same"


# Folds


def test_one_wider_block_among_equal_ones_is_the_only_change() -> None:
    a, b = stack(*[32] * 6), stack(32, 32, 64, 32, 32, 32)
    found = compared(a, b)
    assert entries(found) == [("changed", "layers.2.up"), ("changed", "layers.2: relu"), ("changed", "layers.2.down")]
    assert what(found, "layers.2.up")["out_features"] == (32, 64)
    assert found.summary["added"] == found.summary["removed"] == 0
    assert found.status["a"]["/layers.0"] == "inside" and found.status["a"]["/layers.0.up"] == "changed"
    assert found.status["b"]["/layers.0"] == "same" and found.status["b"]["/layers.2"] == "inside"
    assert found.pairs["/layers.0"] == "/layers.3"  # the fold of most blocks
    back = compared(b, a)
    assert entries(back) == entries(found)
    assert what(back, "layers.2.up")["out_features"] == (64, 32)


def test_a_block_that_is_inserted_in_a_fold_is_added() -> None:
    found = compared(stack(*[32] * 6), stack(32, 32, 32, 64, 32, 32, 32))
    assert entries(found) == [("added", "layers.3")]
    assert set(found.status["a"].values()) == {"same", "inside"}


def test_fewer_blocks_of_which_one_is_wider() -> None:
    found = compared(stack(*[32] * 6), stack(32, 32, 64, 32, 32))
    assert what(found, "layers.0–5") == {"repeat": (6, 5)}
    assert ("changed", "layers.2.up") in entries(found)


# Scale and safety


def test_long_lists_are_aligned() -> None:
    def items(numbers: list[int]) -> list[Part]:
        return [Part(str(k), 0, "op", str(n % 97), "", n, n % 97, n % 97, ()) for k, n in enumerate(numbers)]

    a = list(range(4000))
    b = [-1, *(n for n in a if n % 1000), *range(5000, 5100)]
    assert len(a) * len(b) > CELLS
    aligned, moved = match(items(a), items(b))
    assert aligned == [(n, b.index(n)) for n in a if n in set(b)] and moved == []
    ones = items([n % 2 for n in range(4001)])
    other = items([(n + 1) % 2 for n in range(3000)])
    assert len(match(ones, other)[0]) == 3000


def test_a_flat_model_of_two_thousand_operations() -> None:
    def flat(*without: int) -> ModelGraph:
        def run(_: Any, x: Tensor) -> Tensor:
            for k in range(2000):
                if k not in without:
                    x = (torch.sin, torch.relu, torch.tanh, torch.exp, torch.neg)[k * k * 7 % 5](x) if k % 37 else x + k
            return x

        return called(run)

    found = compared(flat(), flat(3, 500, 501, 1444, 1998))
    assert [status for status, _ in entries(found)] == ["removed"] * 5


HOSTILE = ["</script><img onerror=x>", '"quotes"', "\u2028line", "\u202eright", "a→b", "#model", "x" * 10_000]


def test_names_from_the_model_are_only_text() -> None:
    def hostile(width: int) -> ModelGraph:
        net = nn.Sequential()
        for name in HOSTILE:
            part = type("<b>" + name, (nn.Linear,), {})(8, 8)
            part.note = name + str(width)
            net.add_module(name, part)
        net.add_module("last", nn.Linear(8, width))
        return trace(net, X)

    found = compared(hostile(2), hostile(3))
    assert [change.title for change in found.changes] == [*HOSTILE, "last", "output"]
    assert what(found, HOSTILE[0]) == {"note": (HOSTILE[0] + "2", HOSTILE[0] + "3")}
    assert found.renamed == ()


# The package


def test_settings_count_only_where_both_sides_know_them() -> None:
    saved = trace(torch.export.export(Net(**parts()), (X,)))
    assert compared(saved, row()).changes == compared(row(), saved).changes == ()


def test_the_api_takes_graphs_and_models(tiny: ModelGraph) -> None:
    assert ptgraph.compare(tiny, build("tiny", num_layers=13)).summary["changed"] == 2


def test_a_name_that_is_no_file_name_is_refused_before_any_work(tiny: ModelGraph) -> None:
    with pytest.raises(ptgraph.UsageError, match="the name 'a/b' is no file name"):
        ptgraph.export_comparison(tiny, tiny, name="a/b")
