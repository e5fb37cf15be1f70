"""Odd models, with and without weights: each is traced, drawn, and described as what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, NamedTuple
from xml.etree import ElementTree

import jsonschema
import networkx as nx
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan
from torch._higher_order_ops.while_loop import while_loop
from torch.nn.utils import parametrizations

from ptgraph import trace
from ptgraph.errors import ExportError
from ptgraph.formats import onnx
from ptgraph.formats.json import document
from ptgraph.formats.options import Options
from ptgraph.graph.analysis import analyze
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import view
from ptgraph.onnx.verifying.compare import compare
from ptgraph.tracing.source import Dynamic, Source
from tests.drawings import draw


class Two(nn.Module):
    """Two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 2), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Any:
        return self.a(x), self.b(x)


class Dictionary(Two):
    """A dictionary, with another in it."""

    def forward(self, x: Tensor) -> Any:
        return {"logits": self.a(x), "more": {"hidden": [self.b(x), None, 3]}, "output": x}


class Named(NamedTuple):
    logits: Tensor
    states: list[Tensor]


class GivesNamed(Two):
    """A NamedTuple."""

    def forward(self, x: Tensor) -> Any:
        return Named(self.a(x), [self.b(x)])


@dataclass
class Result:
    logits: Tensor
    loss: Tensor | None = None
    inner: Any = field(default_factory=dict)


class GivesDataclass(Two):
    """A dataclass that torch has never heard of, with another in it."""

    def forward(self, x: Tensor) -> Any:
        return Result(self.a(x), None, {"deep": Result(self.b(x))})


class TiedWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(7, 4), nn.Linear(4, 7)
        self.head.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Any:
        return self.head(self.embed(ids))


class DataIf(Two):
    def forward(self, x: Tensor) -> Any:
        return self.a(x) if x.isnan().any() else self.b(x)


class Unused(Two):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.ones(5))
        self.register_buffer("idle", torch.ones(3))

    def forward(self, x: Tensor) -> Any:
        return self.a(x)


class Reuse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x: Tensor) -> Any:
        return self.part(x) + self.part(x.exp())


class Half(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 4, dtype=torch.bfloat16), nn.LayerNorm(4, dtype=torch.bfloat16)

    def forward(self, x: Tensor) -> Any:
        return self.norm(self.linear(x))


class Alias(nn.Module):
    """One module under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.BatchNorm1d(4)
        self.second = self.first
        self.extra = nn.Parameter(torch.ones(4))
        self.third = nn.Linear(4, 4)
        self.third.bias = self.extra

    def forward(self, x: Tensor) -> Any:
        x = self.first(x)
        x = self.second(x)
        return self.third(x) + self.extra


class Buffers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.register_buffer("scale", torch.ones(3, 1, 1))
        self.register_buffer("hidden", torch.ones(2), persistent=False)
        self.register_buffer("none", None)
        self.plain = torch.ones(3, 1, 1)

    def forward(self, x: Tensor) -> Any:
        return self.norm(x) * self.scale + self.plain + self.hidden.sum()


class Nested(nn.Module):
    """Containers in containers, a part that is None, and one that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [
                nn.ModuleDict({"main": nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU())), "0": nn.Linear(4, 4)}),
                nn.ModuleDict({"main": nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU())), "add": nn.Tanh()}),
            ]
        )
        self.parameters_ = nn.ParameterDict({"w": nn.Parameter(torch.ones(4))})
        self.nothing = None
        self.idle = nn.Sequential(nn.Identity(), nn.ModuleList())

    def forward(self, x: Tensor) -> Any:
        for stage in self.stages:
            for name, part in stage.items():
                x = part(x) if name != "add" else x + part(x)
        return x * self.parameters_["w"]


class Arguments(Two):
    """Positional, optional, keyword-only and any other arguments, in lists and dictionaries."""

    def forward(  # type: ignore[override]
        self,
        xs: list[Tensor],
        table: dict[str, Any],
        flag: bool = True,
        mask: Tensor | None = None,
        *,
        k: int,
        **more: Any,
    ) -> Any:
        x = xs[0] + xs[1] + table["a"]["b"]
        return self.a(x if mask is None else x * mask) * k + more["z"] if flag else x


class InPlace(Two):
    def forward(self, x: Tensor) -> Any:
        y = self.a(x)
        y[:, 0] = 1.0
        y += 1
        return y.relu_()


class Cond(Two):
    def forward(self, x: Tensor) -> Any:
        return torch.cond(x.sum() > 0, lambda x: self.a(x).sin(), lambda x: self.a(x + 1), (x,))


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Any:
        start = torch.zeros((), dtype=torch.int64, device=x.device)
        return while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, self.step(x)), (start, x))[1]


class Scan(Loop):
    def forward(self, x: Tensor) -> Any:
        return scan(lambda carry, item: (self.step(carry) + item, carry * 1), torch.zeros_like(x[0]), x)


class NoParameters(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Any:
        return F.softmax(x @ y, dim=-1)


class Scalar(nn.Module):
    def forward(self, x: Tensor) -> Any:
        return x.sum()


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Any:
        return torch.fft.ifft(torch.fft.fft(x) * self.weight * (1 + 2j)).real


class Frozen(Two):
    def __init__(self) -> None:
        super().__init__()
        self.a.requires_grad_(False)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, power: int) -> Tensor:
        ctx.save_for_backward(x)
        return x**power

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return 2 * grad * ctx.saved_tensors[0], None


class CustomGradient(Two):
    def forward(self, x: Tensor) -> Any:
        return Square.apply(self.a(x), 2)


class Contexts(Two):
    """What runs under a context manager is no less a part of it."""

    def forward(self, x: Tensor) -> Any:
        with torch.no_grad():
            y = self.a(x)
        with torch.autocast(x.device.type if x.device.type != "meta" else "cpu", dtype=torch.bfloat16):
            z = self.b(x)
        with torch.enable_grad():
            return y.sum() + z.sum()


class MadeOnTheWay(Two):
    """A module that is made while it runs belongs to nobody."""

    def forward(self, x: Tensor) -> Any:
        return nn.GELU()(self.a(nn.Sequential(nn.ReLU(), nn.Tanh())(x)))


class Identity(nn.Module):
    def forward(self, x: Tensor) -> Any:
        return x


class GivesItsWeight(Two):
    def forward(self, x: Tensor) -> Any:
        return self.a.weight, x


class SameTwice(nn.Module):
    def forward(self, x: Tensor) -> Any:
        y = x + x
        return y, y, {"again": y}


class Constant(nn.Module):
    """It has no tensor to read."""

    def forward(self, size: int) -> Any:
        return torch.ones(size) * 2


class CallsItself(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor, depth: int = 2) -> Any:
        return self(self.linear(x), depth - 1) if depth else x


class Names(nn.Module):
    """Arguments and results whose names are those of other things."""

    def forward(self, input: Tensor, max: Tensor, output: Tensor, add: Tensor) -> Any:
        return {"output": input + max, "input": add + output, "a.b": max, "a": {"b": output}, "": add}


class HostileNames(nn.Module):
    """Modules may be called anything without a dot."""

    NAMES = (
        "add",
        "0",
        "we@1",
        "we",
        "ü ß",
        "→",
        "a→b",
        "x" * 200,
        "<&\">'",
        "a[0]",
        "/",
        "#",
        "/#positions",
        "\\N\\l",
        "%2192",
        "&bogus;",
        "\x07",
    )

    def __init__(self) -> None:
        super().__init__()
        for name in self.NAMES:
            self.add_module(name, nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU()))

    def forward(self, x: Tensor) -> Any:
        for name in self.NAMES:
            x = self._modules[name](x) + 1  # type: ignore[misc]
        return self._modules["we"](x)  # type: ignore[misc]


class Weights(nn.Module):
    """Weights that are computed from others."""

    def __init__(self) -> None:
        super().__init__()
        self.normed = parametrizations.weight_norm(nn.Linear(4, 4))
        self.orthogonal = parametrizations.orthogonal(nn.Linear(4, 4, bias=False), use_trivialization=False)

    def forward(self, x: Tensor) -> Any:
        return self.orthogonal(self.normed(x))


class Indices(nn.Module):
    """Nothing but integers."""

    def forward(self, ids: Tensor) -> Any:
        return (ids + torch.arange(4, device=ids.device)).clamp(max=9)[:, None] == ids


class Empty(nn.Module):
    """A dimension of size zero, and a weight of that size."""

    def __init__(self) -> None:
        super().__init__()
        self.none = nn.Parameter(torch.ones(0, 4))

    def forward(self, x: Tensor) -> Any:
        return torch.cat([x, self.none]).sum(0)


@dataclass(frozen=True)
class Case:
    """A model, the shapes of its inputs, and what its graph must say.

    ``outputs`` maps the names of the outputs to their shapes; spaces tell equal names apart.
    """

    make: Callable[[], nn.Module]
    args: Callable[[], tuple[Any, ...]]
    outputs: dict[str, tuple[int, ...]]
    tracer: str = "torch.export"
    kwargs: Callable[[], dict[str, Any]] = dict
    unused: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu", "meta")


def x(*shape: int, dtype: torch.dtype = torch.float32) -> Callable[[], tuple[Tensor]]:
    return lambda: (torch.ones(shape, dtype=dtype),)


LONG = torch.int64
ZOO = {
    "lstm": Case(lambda: nn.LSTM(4, 5, 2), x(3, 2, 4), {"0": (3, 2, 5), "1.0": (2, 2, 5), "1.1": (2, 2, 5)}),
    "transformer": Case(
        lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
        lambda: (*x(2, 3, 8)(), *x(2, 4, 8)()),
        {"output": (2, 4, 8)},
    ),
    "two": Case(Two, x(1, 4), {"0": (1, 2), "1": (1, 3)}),
    "dictionary": Case(Dictionary, x(1, 4), {"logits": (1, 2), "more.hidden.0": (1, 3), "output": (1, 4)}),
    "named": Case(GivesNamed, x(1, 4), {"logits": (1, 2), "states.0": (1, 3)}),
    "dataclass": Case(GivesDataclass, x(1, 4), {"logits": (1, 2), "inner.deep.logits": (1, 3)}),
    "tied": Case(TiedWeights, x(2, 3, dtype=LONG), {"output": (2, 3, 7)}),
    "if": Case(DataIf, x(1, 4), {"output": (1, 3)}, "torch.export.draft_export", unused=("a.weight", "a.bias")),
    "unused": Case(Unused, x(1, 4), {"output": (1, 2)}, unused=("token", "b.weight", "b.bias", "idle")),
    "reuse": Case(Reuse, x(1, 4), {"output": (1, 4)}),
    "half": Case(Half, x(1, 4, dtype=torch.bfloat16), {"output": (1, 4)}),
    "alias": Case(
        Alias, x(2, 4), {"output": (2, 4)}, unused=("first.num_batches_tracked", "second.num_batches_tracked")
    ),
    "buffers": Case(Buffers, x(1, 3, 2, 2), {"output": (1, 3, 2, 2)}, unused=("norm.num_batches_tracked",)),
    "nested": Case(Nested, x(1, 4), {"output": (1, 4)}),
    "arguments": Case(
        Arguments,
        lambda: ([*x(1, 4)(), *x(1, 4)()], {"a": {"b": torch.ones(4)}}),
        {"output": (1, 2)},
        kwargs=lambda: {"k": 3, "mask": torch.ones(4), "z": torch.ones(2)},
        unused=("b.weight", "b.bias"),
    ),
    "in-place": Case(InPlace, x(1, 4), {"output": (1, 2)}, unused=("b.weight", "b.bias")),
    "cond": Case(Cond, x(1, 4), {"output": (1, 2)}, unused=("b.weight", "b.bias")),
    "while": Case(Loop, x(1, 4), {"output": (1, 4)}),
    "scan": Case(Scan, x(3, 4), {"0": (4,), "1": (3, 4)}),
    "no parameters": Case(NoParameters, lambda: (*x(2, 3)(), *x(3, 2)()), {"output": (2, 2)}),
    "linear": Case(lambda: nn.Linear(3, 4), x(2, 3), {"output": (2, 4)}),
    "scalar": Case(Scalar, x(3), {"output": ()}),
    "complex": Case(Complex, x(2, 3), {"output": (2, 3)}),
    "frozen": Case(Frozen, x(1, 4), {"0": (1, 2), "1": (1, 3)}),
    "gradient": Case(CustomGradient, x(1, 4), {"output": (1, 2)}, unused=("b.weight", "b.bias")),
    "contexts": Case(Contexts, x(1, 4), {"output": ()}),
    "on the way": Case(MadeOnTheWay, x(1, 4), {"output": (1, 2)}, unused=("b.weight", "b.bias")),
    "identity": Case(Identity, x(2), {"output": (2,)}),
    "weight": Case(GivesItsWeight, x(2), {"0": (2, 4), "1": (2,)}, unused=("a.bias", "b.weight", "b.bias")),
    "same twice": Case(SameTwice, x(2), {"0": (2,), "1": (2,), "2.again": (2,)}),
    "constant": Case(Constant, lambda: (3,), {"output": (3,)}, devices=("cpu",)),
    "itself": Case(CallsItself, x(1, 4), {"output": (1, 4)}),
    "names": Case(
        Names,
        lambda: tuple(torch.ones(2) for _ in range(4)),
        {"output": (2,), "input": (2,), "a.b": (2,), "a.b ": (2,), "output ": (2,)},
    ),
    "hostile": Case(HostileNames, x(1, 4), {"output": (1, 4)}),
    "weights": Case(Weights, x(1, 4), {"output": (1, 4)}, devices=("cpu",)),
    "indices": Case(Indices, x(2, 4, dtype=LONG), {"output": (2, 2, 4)}),
    "empty": Case(Empty, x(2, 4), {"output": (4,)}),
}
SCHEMA = json.loads((files("ptgraph.formats") / "schema.json").read_text(encoding="utf-8"))
RUNS = [(name, device) for name, case in ZOO.items() for device in case.devices]
GRAPHS: dict[tuple[str, str], tuple[nn.Module, ModelGraph]] = {}


def made(name: str, device: str = "cpu") -> tuple[nn.Module, ModelGraph]:
    """Return a model of the zoo and its graph, traced once."""
    if (name, device) not in GRAPHS:
        case = ZOO[name]
        with torch.device(device):
            model, args, kwargs = case.make(), case.args(), case.kwargs()
        GRAPHS[name, device] = model, trace(model, *args, **kwargs)
    return GRAPHS[name, device]


def graph_of(name: str, device: str = "cpu") -> ModelGraph:
    return made(name, device)[1]


@pytest.mark.parametrize(("name", "device"), RUNS)
def test_each_is_traced_as_expected(name: str, device: str) -> None:
    case, (model, graph) = ZOO[name], made(name, device)
    assert graph.tracer == case.tracer
    assert bool(graph.attempts) == (case.tracer != "torch.export")
    outputs = [(graph.op(op).target, graph.op(op).shape) for op in graph.of_kind("output")]
    assert outputs == [(key.strip(), shape) for key, shape in case.outputs.items()]
    assert [p.name for p in graph.parameters if not p.used] == [
        n for n in (p.name for p in graph.parameters) if n in case.unused
    ]
    assert {p.name for p in graph.parameters if not p.used} == set(case.unused)
    totals = analyze(graph).totals
    assert totals["total_params"] == sum(p.numel() for p in set(model.parameters()))
    assert totals["trainable_params"] == sum(p.numel() for p in set(model.parameters()) if p.requires_grad)
    unused = {id(t): t.numel() for n, t in model.named_parameters() if n in case.unused}
    assert totals["unused_params"] == sum(unused.values())
    assert list(graph.components) == [path for path, _ in model.named_modules(remove_duplicate=False)]


@pytest.mark.parametrize(("name", "device"), RUNS)
def test_each_has_a_sound_graph(name: str, device: str) -> None:
    graph = graph_of(name, device)
    order = {op: index for index, op in enumerate(graph.ops)}
    assert nx.is_directed_acyclic_graph(graph.ops)
    assert all(order[s] < order[t] for s, t in graph.ops.edges)
    for op in graph.of_kind("output"):
        assert graph.ops.in_degree(op) == 1
        assert graph.ops.out_degree(op) == 0
    for op in graph.ops:
        assert graph.calls[graph.op(op).call].component == graph.op(op).scope
        assert graph.op(op).scope in graph.components
    for call in graph.calls.values():
        assert call.component in graph.components
        assert call.parent is None or call.parent in graph.calls
    names = {graph.op(op).target for op in graph.of_kind("parameter", "buffer")}
    assert names <= {p.name for p in graph.parameters if p.tied_to is None}
    assert len(names) == len(graph.of_kind("parameter", "buffer"))


@pytest.mark.parametrize(("name", "device"), RUNS)
def test_each_is_drawn_and_written(name: str, device: str) -> None:
    graph = graph_of(name, device)
    picture = view(graph)
    for link in picture.links:
        assert not picture.boxes[link.source].parts
        assert not picture.boxes[link.target].parts
    for box in picture.boxes.values():
        assert all(picture.boxes[part].parent == box.id for part in box.parts)
    for depth in (None, 1, 9):
        assert set(picture.shown(picture.opened(depth)).values()) == set(picture.visible(picture.opened(depth)))
        ElementTree.fromstring(draw(graph, Options(depth=depth)))
    jsonschema.validate(json.loads(json.dumps(document(graph), allow_nan=False)), SCHEMA)


TRACED = [name for name, case in ZOO.items() if case.tracer == "torch.export"]
NO_ONNX = {"dictionary", "complex", "weights"}  # an integer as a result, complex numbers, a matrix exponential
BFLOAT16 = {"half", "contexts"}  # ONNX Runtime has no products of this type on a CPU


@pytest.mark.parametrize("name", TRACED)
def test_each_has_an_onnx_that_is_valid_and_agrees_or_none(name: str) -> None:
    model, graph = made(name)
    case = ZOO[name]
    if name in NO_ONNX:
        with pytest.raises(ExportError):
            onnx.render(graph, Options(weights="embedded"))
    elif name in BFLOAT16:
        assert onnx.render(graph, Options(weights="embedded"))
    else:
        found = compare(Source(graph.name, model, case.args(), case.kwargs()), graph)
        assert [(item.output, item.case, item.reason) for item in found if not item.agrees] == []


def test_tied_weights_are_counted_once_and_say_of_whom() -> None:
    graph = graph_of("tied")
    assert {p.name: p.tied_to for p in graph.parameters} == {
        "embed.weight": None,
        "head.weight": "embed.weight",
        "head.bias": None,
    }
    assert graph.component("head").tied == {"head.weight": "embed.weight"}
    assert graph.component("head").total_params == 7 * 4 + 7
    (weight,) = (n for n in graph.of_kind("parameter") if graph.op(n).target == "embed.weight")
    assert {graph.op(n).scope for n in graph.ops.successors(weight)} == {"embed", "head"}


def test_a_data_dependent_if_shows_the_branch_that_the_example_takes_and_says_why_the_others_failed() -> None:
    graph = graph_of("if")
    assert {op.scope for op in map(graph.op, graph.of_kind("op"))} == {"", "b"}
    (first, _), (second, _) = graph.attempts
    assert (first, second) == ("torch.export", "torch.export (strict)")
    assert "data-dependent" in graph.attempts[0][1]
    assert graph.attempts[1][1] == "Data-dependent branching"
    assert [graph.op(n).target for n in graph.of_kind("op") if graph.op(n).shape is None] == []


def test_a_module_that_runs_twice_has_two_frames() -> None:
    graph = graph_of("reuse")
    assert graph.component("part").calls == graph.component("part.0").calls == 2
    picture = view(graph)
    frames = [box for box in picture.boxes.values() if box.component == "part"]
    assert [frame.title for frame in frames] == ["part", "part · run 2"]
    assert {len(frame.parts) for frame in frames} == {2}
    assert {frame.params for frame in frames} == {20}
    assert {frame.flops for frame in frames} == {2 * 4 * 4}
    assert analyze(graph)["flops"] == 2 * 2 * 4 * 4
    assert "part · run 2" in draw(graph, Options(depth=1))


def test_a_model_in_bfloat16_is_that_throughout() -> None:
    graph = graph_of("half")
    assert {op.dtype for op in map(graph.op, graph.ops)} == {"bfloat16"}
    assert {p.dtype for p in graph.parameters} == {"bfloat16"}
    assert {c["dtype"] for _, c in graph.components.nodes(data=True)} == {"bfloat16"}


def test_a_module_under_two_names_runs_once_under_each_and_counts_once() -> None:
    graph = graph_of("alias")
    assert {path: graph.component(path).calls for path in graph.components} == {
        "": 1,
        "first": 1,
        "second": 1,
        "third": 1,
    }
    assert graph.component("second").total_params == graph.component("first").total_params == 8
    tied = {p.name: p.tied_to for p in graph.parameters if p.tied_to}
    state = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert tied == {**{f"second.{n}": f"first.{n}" for n in state}, "third.bias": "extra"}
    assert analyze(graph)["buffer_elements"] == 4 + 4 + 1


def test_buffers_are_told_from_parameters_and_constants() -> None:
    graph = graph_of("buffers")
    kinds = {p.name: p.kind for p in graph.parameters}
    assert {name for name, kind in kinds.items() if kind == "parameter"} == {"norm.weight", "norm.bias"}
    assert {"scale", "hidden"} <= {name for name, kind in kinds.items() if kind == "buffer"}
    assert [graph.op(n).attributes for n in graph.of_kind("constant")] == [{"value": [[[1.0]]] * 3}]
    assert not any(p.trainable for p in graph.parameters if p.kind == "buffer")
    assert graph.component("").own_buffers == 3 + 2


def test_containers_that_are_not_called_stand_in_the_tree_all_the_same() -> None:
    graph = graph_of("nested")
    assert graph.component("stages").calls == 0
    assert graph.component("stages.0.main.1").calls == 1
    assert graph.component("idle").calls == 0
    assert {graph.calls[c].parent for c in graph.calls if graph.calls[c].component == "stages.0.main"} == {""}
    titles = {box.title for box in view(graph).boxes.values()}
    assert {"stages.0.main", "stages.1.main", "stages.0.0"} <= titles


def test_arguments_in_containers_are_inputs_of_their_own_and_those_that_are_no_tensors_are_none() -> None:
    graph = graph_of("arguments")
    names = {graph.op(name).target for name in graph.of_kind("input")}
    assert names == {"xs_0", "xs_1", "table_a_b", "mask", "z"}
    (scale,) = (n for n in graph.of_kind("op") if graph.op(n).attributes == {"other": 3})
    assert graph.op(scale).target == "aten.mul.Tensor"


@pytest.mark.parametrize(("name", "target", "words"), [
    ("cond", "cond", ["aten.linear.default", "aten.sin.default"]),
    ("while", "while_loop", ["aten.lt.Scalar", "aten.linear.default"]),
    ("scan", "scan", ["aten.linear.default", "aten.mul.Tensor"]),
])  # fmt: skip
def test_a_higher_order_operator_says_what_it_runs(name: str, target: str, words: list[str]) -> None:
    graph = graph_of(name)
    (op,) = (graph.op(n) for n in graph.of_kind("op") if graph.op(n).target == target)
    text = "\n".join(value for value in op.attributes.values() if isinstance(value, str))
    for word in words:
        assert word in text
    weights = sum(p.count for p in graph.parameters if p.used)
    assert op.params == weights > 0


def test_a_linear_alone_is_a_root_with_one_operation() -> None:
    graph = graph_of("linear")
    assert graph.of_kind("op") == ["linear"]
    assert graph.component("").category == "Linear"
    picture = view(graph)
    assert [picture.boxes[part].kind for part in picture.boxes["/"].parts] == ["input", "op", "output"]
    assert {(link.source, link.target) for link in picture.links} == {("input", "linear"), ("linear", "output")}


def test_numbers_may_be_complex() -> None:
    graph = graph_of("complex")
    assert {op.dtype for op in map(graph.op, graph.of_kind("op"))} == {"complex64", "float32"}
    assert "(1+2j)" in {value for n in graph.of_kind("op") for value in graph.op(n).attributes.values()}


def test_frozen_parameters_are_told_from_the_others() -> None:
    graph = graph_of("frozen")
    assert {p.name for p in graph.parameters if not p.trainable} == {"a.weight", "a.bias"}
    totals = analyze(graph).totals
    assert (totals["frozen_params"], totals["trainable_params"]) == (4 * 2 + 2, 4 * 3 + 3)
    assert (graph.component("a").trainable_params, graph.component("a").total_params) == (0, 10)


def test_what_runs_under_a_context_manager_is_part_of_the_graph() -> None:
    graph = graph_of("contexts")
    scopes = [(op.target, op.scope) for op in map(graph.op, graph.of_kind("op"))]
    assert ("aten.linear.default", "a") in scopes
    assert ("aten.linear.default", "b") in scopes
    assert not [target for target, _ in scopes if target.startswith("wrap")]
    assert analyze(graph)["flops"] == 2 * 4 * 2 + 2 * 4 * 3
    assert nx.has_path(graph.ops, "x", "output")


def test_what_a_module_made_on_the_way_does_is_what_its_maker_does() -> None:
    graph = graph_of("on the way")
    scopes = {graph.op(n).target: graph.op(n).scope for n in graph.of_kind("op")}
    assert scopes == {
        "aten.relu.default": "",
        "aten.tanh.default": "",
        "aten.linear.default": "a",
        "aten.gelu.default": "",
    }


def test_a_result_may_be_an_input_a_weight_or_one_result_again() -> None:
    assert list(graph_of("identity").ops.edges) == [("x", "output")]
    graph = graph_of("weight")
    assert [graph.op(s).target for s, t in graph.ops.edges if t == "output_0"] == ["a.weight"]
    graph = graph_of("same twice")
    assert sorted(graph.ops.successors("add")) == ["output_0", "output_1", "output_2.again"]
    assert graph.ops.edges["x", "add"]["slots"] == [0, 1]


def test_names_that_are_taken_are_told_apart() -> None:
    graph = graph_of("names")
    assert [graph.op(n).target for n in graph.of_kind("input")] == ["input", "max", "output", "add"]
    ends = {}
    for name in graph.of_kind("output"):
        (before,) = graph.ops.pred[name]
        sources = [before] if graph.op(before).kind == "input" else list(graph.ops.pred[before])
        ends[name] = {graph.op(source).target for source in sources}
    assert list(ends.values()) == [{"input", "max"}, {"add", "output"}, {"max"}, {"output"}, {"add"}]


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_modules_may_be_called_anything(device: str) -> None:
    graph = graph_of("hostile", device)
    runs = {name: graph.component(name).calls for name in HostileNames.NAMES}
    assert runs == {name: 2 if name == "we" else 1 for name in HostileNames.NAMES}
    assert {c.component for c in graph.calls.values()} == {
        "",
        *(path for path in graph.components if path),
    }
    assert {graph.op(n).scope for n in graph.of_kind("op")} == {
        "",
        *(f"{name}.{part}" for name in HostileNames.NAMES for part in "01"),
    }
    picture = view(graph)
    assert len([b for b in picture.boxes.values() if b.component in HostileNames.NAMES]) == len(runs) + 1
    for name in HostileNames.NAMES:
        titles = [b.title for b in picture.boxes.values() if b.component == name]
        assert titles == ([name, f"{name} · run 2"] if name == "we" else [name])
    text = "".join(ElementTree.fromstring(draw(graph, Options(depth=2))).itertext())
    text = text.replace("\u2060", "")
    for name in ("ü ß", "a→b", "<&\">'", "a[0]", "\\N\\l", "%2192", "&bogus;", "we@1"):
        assert name in text


def test_a_strict_export_knows_modules_of_any_name() -> None:
    """torch.export (strict) writes paths in Python: ``getattr(L['self'], 'we@1')``."""

    class Strict(HostileNames):
        def forward(self, x: Tensor) -> Any:
            return super().forward(torch.from_numpy(x.numpy() * 2))

    graph = trace(Strict(), torch.ones(1, 4))
    assert graph.tracer == "torch.export (strict)"
    runs = {name: graph.component(name).calls for name in HostileNames.NAMES}
    assert runs == {name: 2 if name == "we" else 1 for name in HostileNames.NAMES}


def test_weights_computed_from_others_lead_back_to_them() -> None:
    graph = graph_of("weights")
    weights = [n for n in graph.of_kind("parameter") if "original" in graph.op(n).target]
    assert len(weights) == 3
    for name in weights:
        assert nx.has_path(graph.ops, name, "output")


def test_a_module_that_calls_itself_does_not_end_the_world() -> None:
    graph = graph_of("itself")
    assert graph.component("linear").calls == 2


def test_dynamic_dimensions_in_a_model_with_containers() -> None:
    case = ZOO["arguments"]
    dynamic: Dynamic = {"mask": {0: "width"}}

    class Sum(nn.Module):
        def forward(self, xs: list[Tensor], mask: Tensor, **more: Tensor) -> Any:
            return xs[0] + mask.sum() + more["z"]

    graph = trace(Sum(), case.args()[0], torch.ones(5), z=torch.ones(4), dynamic=dynamic)
    assert graph.op("mask").shape == ("width",)
    assert graph.op("output").shape == (1, 4)
