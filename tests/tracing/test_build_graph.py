"""The graph: what it says of every operation, edge and component, and that its numbers are torch's own."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers.pytorch_utils import Conv1D

from ptgraph import trace
from ptgraph.graph.analysis import analyze
from ptgraph.graph.model import ClassInfo, Component, ModelGraph, Op
from ptgraph.models import build as preset
from ptgraph.tracing.capture import capture
from ptgraph.tracing.source import Source
from tests.support.eager_run import eager_run

HERE = "tests/tracing/test_build_graph.py"


class Attend(nn.Module):
    """Grouped-query attention: four heads of queries share two of keys."""

    category = "Attention"

    def __init__(self) -> None:
        super().__init__()
        self.q, self.kv, self.out = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        q = self.q(x).unflatten(-1, (4, 4)).transpose(1, 2)
        k, v = self.kv(x).unflatten(-1, (2, 2, 4)).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.out(y.transpose(1, 2).flatten(2))

    def heads(self, count: int = 4, callback: Callable[..., Any] = print, default: object = object()) -> int:
        """Return how many there are."""
        return count

    def _private(self) -> None:
        """Nobody should read this."""


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm(self.conv(x)))


class ConvNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 7, stride=2)
        self.stages = nn.ModuleList([nn.Sequential(Residual(), Residual()), nn.Sequential(Residual())])
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.head(self.up(self.depthwise(x)).mean((2, 3)))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(12, 4), nn.Linear(4, 12, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.embed(ids))


class Twice(nn.Module):
    """It runs the same part on two shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Sequential(nn.Linear(4, 4), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.part(x) @ self.part(x[:1]).mT


MODELS: dict[str, tuple[Callable[[], nn.Module], dict[str, tuple[int, ...]]]] = {
    "conv": (ConvNet, {"x": (2, 3, 20, 20)}),
    "lstm": (lambda: nn.LSTM(4, 6, num_layers=2, bidirectional=True), {"input": (3, 2, 4)}),
    "gru": (lambda: nn.GRU(4, 6, batch_first=True), {"input": (3, 2, 4)}),
    "encoder": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2),
        {"src": (2, 5, 16)},
    ),
    "transformer": (
        lambda: nn.Transformer(16, 2, 1, 1, 32, batch_first=True),
        {"src": (2, 5, 16), "tgt": (2, 3, 16)},
    ),
    "gqa": (Attend, {"x": (2, 6, 16)}),
    "tied": (Tied, {"ids": (2, 5)}),
    "twice": (Twice, {"x": (3, 4)}),
    "sparse": (lambda: preset("tiny", num_layers=1, vocab_size=64, attention="sparse"), {"input_ids": (1, 8)}),
}


def inputs(name: str, device: str) -> dict[str, Any]:
    dtype = torch.int64 if name in ("tied", "sparse") else torch.float32
    return {key: torch.ones(shape, dtype=dtype, device=device) for key, shape in MODELS[name][1].items()}


def made(name: str, device: str) -> nn.Module:
    with torch.device(device):
        return MODELS[name][0]().eval()


@pytest.fixture(scope="module")
def graphs(tiny: ModelGraph) -> dict[str, ModelGraph]:
    """All models of this file, traced once, on meta; and tiny."""
    return {**{name: trace(made(name, "meta"), **inputs(name, "meta")) for name in MODELS}, "tiny": tiny}


NAMES = [*MODELS, "tiny"]


# Numbers


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_counted_once(name: str, graphs: dict[str, ModelGraph]) -> None:
    with torch.device("meta"):
        model = preset("tiny") if name == "tiny" else made(name, "meta")
    graph = graphs[name]
    totals = analyze(graph).totals
    assert totals["total_params"] == sum(p.numel() for p in set(model.parameters())) > 0
    assert totals["trainable_params"] == totals["total_params"]
    assert totals["unused_params"] == totals["frozen_params"] == 0
    assert totals["buffer_elements"] == sum(b.numel() for b in set(model.buffers()))
    for path, module in model.named_modules(remove_duplicate=False):
        component = graph.component(path)
        assert component.total_params == sum(p.numel() for p in set(module.parameters()))
        assert component.own_params == sum(p.numel() for p in set(module.parameters(recurse=False)))
        assert component.own_buffers == sum(b.numel() for b in set(module.buffers(recurse=False)))
    names = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    assert [p.name for p in graph.parameters] == [key for key, _ in names]
    assert set(model.state_dict()) <= {p.name for p in graph.parameters}


@pytest.mark.parametrize("name", NAMES)
def test_flops_are_those_of_torch(name: str, graphs: dict[str, ModelGraph]) -> None:
    with torch.device("meta"):
        model = preset("tiny") if name == "tiny" else made(name, "meta")
        given = model.example_inputs() if name == "tiny" else inputs(name, "meta")
        expected = eager_run(model, *given.values()).flops
    assert analyze(graphs[name])["flops"] == expected > 0
    assert sum(graphs[name].op(op).flops for op in graphs[name].ops) == expected


@pytest.mark.parametrize("name", ["conv", "lstm", "encoder", "gqa"])
def test_flops_do_not_depend_on_the_device(name: str, graphs: dict[str, ModelGraph]) -> None:
    """On ``cpu`` torch's own counter sees fused kernels, of which it knows no FLOPs."""
    on_cpu = trace(made(name, "cpu"), **inputs(name, "cpu"))
    assert analyze(on_cpu)["flops"] == analyze(graphs[name])["flops"]


@pytest.mark.parametrize("name", NAMES)
def test_the_flops_of_a_component_are_its_own_and_those_of_its_parts(name: str, graphs: dict[str, ModelGraph]) -> None:
    graph = graphs[name]
    own: dict[str, int] = dict.fromkeys(graph.components, 0)
    by_call: dict[str, int] = dict.fromkeys(graph.calls, 0)
    for op in map(graph.op, graph.of_kind("op")):
        own[op.scope] += op.flops
        by_call[op.call] += op.flops
        assert graph.calls[op.call].component == op.scope
    for call in reversed(list(graph.calls)):  # a call comes after the one that made it
        if (parent := graph.calls[call].parent) is not None:
            assert list(graph.calls).index(parent) < list(graph.calls).index(call)
            by_call[parent] += by_call[call]
    for path in graph.components:
        calls = [call for call, run in graph.calls.items() if run.component == path]
        assert graph.component(path).calls == len(calls)
        assert graph.component(path).flops == sum(by_call[call] for call in calls)
    assert sum(own.values()) == graph.component("").flops


def test_a_part_that_runs_twice_counts_twice(graphs: dict[str, ModelGraph]) -> None:
    graph = graphs["twice"]
    for path in ("part", "part.0"):
        assert graph.component(path).calls == 2
        assert graph.component(path).flops == 2 * 4 * 4 * (3 + 1)
    assert {call: (run.component, run.parent) for call, run in graph.calls.items()} == {
        "": ("", None),
        "part": ("part", ""),
        "part.0": ("part.0", "part"),
        "part.1": ("part.1", "part"),
        "part@1": ("part", ""),
        "part.0@1": ("part.0", "part@1"),
        "part.1@1": ("part.1", "part@1"),
    }


def test_of_a_condition_the_dearest_branch_counts_and_of_a_scan_every_step() -> None:
    from torch._higher_order_ops.scan import scan

    class Higher(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            y = torch.cond(x.sum() > 0, lambda x: self.one(x), lambda x: self.two(self.two(x)), (x,))
            carry, _ = scan(lambda c, item: (self.one(c) + item, c + 0), torch.zeros(4), y)
            return carry

    linear = 2 * 4 * 4
    assert analyze(trace(Higher(), torch.ones(3, 4)))["flops"] == 2 * (3 * linear) + 3 * linear


class Vmap(nn.Module):
    """It runs over examples one by one, and within that over others."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.func.vmap(lambda a: torch.func.vmap(lambda b: self.linear(a) @ b.diag())(y))(x)
        return both, torch.func.vmap(self.linear)(y) @ self.linear.weight


def test_within_vmap_every_example_counts_and_results_are_not_lost() -> None:
    with torch.device("meta"):
        model, args = Vmap(), (torch.ones(3, 2, 4), torch.ones(5, 4))
    graph = trace(model, *args)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*args)
    assert analyze(graph)["flops"] == counter.get_total_flops() > 0
    assert [graph.op(name).shape for name in graph.of_kind("output")] == [(3, 5, 2, 4), (5, 4)]


# Operations and edges


class Ops(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("mask", torch.ones(4))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        square = x * x
        power = torch.pow(
            square,
            3,
        )
        low, high = power.chunk(2, dim=1)
        mixed = torch.cat([high, low, y, high], dim=1)
        top, where = mixed.topk(2)
        picked = mixed[:, [1, 0]]
        both = self.linear(x) * self.mask + self.linear.weight
        return (torch.sub(y, square[:, :2], alpha=2), top, where, picked, both)


@pytest.fixture(scope="module")
def ops() -> ModelGraph:
    return trace(Ops(), torch.ones(4, 4), torch.ones(4, 2))


def test_the_ends_of_a_graph_are_named_after_arguments_and_results(ops: ModelGraph) -> None:
    assert {n: ops.op(n).target for n in ops.of_kind("input")} == {"x": "x", "y": "y"}
    assert [ops.op(n).target for n in ops.of_kind("output")] == ["0", "1", "2", "3", "4"]
    assert {ops.op(n).target for n in ops.of_kind("parameter")} == {"linear.weight", "linear.bias"}
    assert {ops.op(n).target for n in ops.of_kind("buffer")} == {"mask"}
    assert [ops.op(n).dtype for n in ops.of_kind("output")] == ["float32", "float32", "int64", "float32", "float32"]


def test_an_operation_says_what_it_is_and_where_it_stands(ops: ModelGraph) -> None:
    source, first = inspect.getsourcelines(Ops)
    for name, code in [
        ("pow", "power = torch.pow("),
        ("chunk", "low, high"),
        ("cat", "torch.cat("),
        ("topk", "mixed.topk"),
        ("add", "+ self.linear.weight"),
    ]:
        op = ops.op(name)
        assert (op.kind, op.scope, op.call, op.file) == ("op", "", "", HERE)
        assert op.line == first + next(i for i, line in enumerate(source) if code in line)
    linear = ops.op("linear")
    assert (linear.target, linear.scope, linear.call) == ("aten.linear.default", "linear", "linear")
    assert (linear.shape, linear.dtype, linear.params) == ((4, 4), "float32", 4 * 4 + 4)
    assert (linear.file, linear.params) == ("torch/nn/modules/linear.py", 20)
    assert ops.op("add").params == 4 * 4


def test_an_edge_says_which_slots_it_feeds_and_which_results_it_carries(ops: ModelGraph) -> None:
    edges = {(s, t): (e["slots"], e["outputs"]) for s, t, e in ops.ops.edges(data=True)}
    assert edges["x", "mul"] == ([0, 1], [0, 0])
    assert edges["chunk", "cat"] == ([0, 1, 3], [1, 0, 1])
    assert edges["y", "cat"] == ([2], [0])
    assert edges["topk", "output_1"] == ([0], [0])
    assert edges["topk", "output_2"] == ([0], [1])
    assert (ops.ops.edges["topk", "output_2"]["dtype"], ops.ops.edges["topk", "output_2"]["shape"]) == ("int64", (4, 2))
    (sub,) = (n for n in ops.of_kind("op") if ops.op(n).target.startswith("aten.sub"))
    assert edges["y", sub] == ([0], [0])
    assert ops.op(sub).attributes == {"alpha": 2}


def test_what_is_no_tensor_is_an_attribute_by_the_name_the_operator_gives_it(ops: ModelGraph) -> None:
    assert ops.op("pow").attributes == {"exponent": 3}
    assert ops.op("chunk").attributes == {"chunks": 2, "dim": 1}
    assert ops.op("cat").attributes == {"dim": 1}
    (index,) = (n for n in ops.of_kind("op") if ops.op(n).target == "aten.index.Tensor")
    assert ops.op(index).attributes == {"indices": [None, "tensor"]}
    (constant,) = ops.of_kind("constant")
    assert ops.op(constant).attributes == {"value": [1, 0]}


def test_an_optional_tensor_that_is_not_given_is_told_from_one_that_is() -> None:
    graph = trace(nn.Linear(3, 3, bias=False), torch.ones(2, 3))
    assert graph.op("linear").attributes == {}
    norm = trace(nn.LayerNorm(3, elementwise_affine=False), torch.ones(2, 3))
    assert norm.op("layer_norm").attributes["weight"] is None


class Checks(nn.Module):
    def forward(self, x: Tensor, n: Tensor) -> Tensor:
        size: Any = n.item()
        torch._check(size >= 2)
        torch._check(size < 100)
        assert x.shape[0] == 4
        torch._assert(x.shape[1] > 0, "no")
        return x.detach() + x.new_zeros(size).sum() + torch.tensor(3.0)


def test_the_bookkeeping_of_the_tracer_is_gone() -> None:
    graph = trace(Checks(), torch.ones(4, 4), torch.tensor(5))
    targets = [graph.op(name).target for name in graph.of_kind("op")]
    assert targets == ["aten.item.default", "aten.new_zeros.default", "aten.sum.default", *["aten.add.Tensor"] * 2]
    for name in graph.of_kind("op"):
        assert graph.ops.out_degree(name)


class Dynamic(nn.Module):
    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        flat = ids.flatten()
        cut = ids[:, 1:]
        twice = torch.cat([ids, ids], dim=1)
        return flat, cut, twice, flat[:, None].expand(-1, 3), mask + ids.sum(), ids[::2]


def test_dynamic_dimensions_keep_the_names_of_the_user_in_expressions_too() -> None:
    dynamic = {"ids": {0: "batch", -1: "sequence"}, "mask": {0: "s1"}}
    graph = trace(Dynamic(), torch.zeros(5, 8), torch.zeros(3), dynamic=dynamic)
    assert graph.op("ids").shape == ("batch", "sequence")
    assert graph.op("mask").shape == ("s1",)
    shapes = {graph.op(n).target: graph.op(n).shape for n in graph.of_kind("output")}
    assert shapes["0"] in (("batch*sequence",), ("sequence*batch",))
    assert shapes["1"] == ("batch", "sequence - 1")
    assert shapes["2"] == ("batch", "2*sequence")
    assert shapes["3"] == (shapes["0"][0], 3)
    assert shapes["4"] == ("s1",)
    assert shapes["5"] == ("((batch + 1)//2)", "sequence")
    assert set(graph.dimensions.values()) == {"batch", "sequence", "s1"}
    (expand,) = graph.ops.pred["output_3"]
    assert graph.op(expand).attributes == {"size": [-1, 3]}


def test_a_dynamic_preset_has_no_nameless_dimension(tiny_dynamic: ModelGraph, tiny: ModelGraph) -> None:
    sizes = {size for _, op in tiny_dynamic.ops.nodes(data=True) for size in op["shape"] or () if isinstance(size, str)}
    words = {word for size in sizes for word in size.replace("*", " ").replace("-", " ").replace("+", " ").split()}
    assert {w for w in words if not w.isdigit()} == {"batch", "sequence"}
    assert analyze(tiny_dynamic)["flops"] == analyze(tiny)["flops"]


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(4))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = x.clone()
        row = y[0]
        other = y.exp()
        row.mul_(2)
        y[:, 1] = 0.5
        self.count.add_(1)
        low, _ = y.chunk(2)
        low.zero_()
        return y + self.count, row.neg(), other.abs()


def test_what_is_written_in_place_is_read_as_it_is_afterwards() -> None:
    """A view and what it is a view of are one memory: writing to either changes both, and later readers see it."""
    graph = trace(InPlace(), torch.ones(2, 4))
    path = nx.shortest_path(graph.ops, "x", "output_0")
    targets = [graph.op(name).target.split(".")[1] for name in path[1:-1]]
    assert targets == ["clone", "select", "mul_", "select", "fill_", "chunk", "zero_", "add"]
    (add,) = graph.ops.pred["output_0"]
    assert {graph.op(s).target for s in graph.ops.pred[add]} == {"aten.zero_.default", "aten.add_.Tensor"}
    (neg,) = graph.ops.pred["output_1"]
    assert [graph.op(s).target for s in graph.ops.pred[neg]] == ["aten.zero_.default"]
    (edge,) = (e for _, _, e in graph.ops.in_edges(neg, data=True))
    assert edge["shape"] == (4,)  # as row sees it
    (absolute,) = graph.ops.pred["output_2"]
    (exp,) = graph.ops.pred[absolute]
    assert [graph.op(s).target for s in graph.ops.pred[exp]] == ["aten.clone.default"]
    assert not [n for n in graph.of_kind("op") if graph.op(n).target == "aten.copy_.default"]


@pytest.mark.parametrize("name", [*NAMES, "ops"])
def test_the_graph_is_a_plain_directed_acyclic_graph_in_order_of_execution(
    name: str, graphs: dict[str, ModelGraph], ops: ModelGraph
) -> None:
    graph = {**graphs, "ops": ops}[name]
    assert type(graph.ops) is type(graph.components) is nx.DiGraph
    assert nx.is_directed_acyclic_graph(graph.ops)
    assert nx.is_tree(graph.components)
    order = {op: index for index, op in enumerate(graph.ops)}
    assert all(order[s] < order[t] for s, t in graph.ops.edges)
    for op, record in graph.ops.nodes(data=True):
        assert set(record) == {f.name for f in dataclasses.fields(Op)}
        json.dumps({op: record}, allow_nan=False)
    for path, record in graph.components.nodes(data=True):
        assert set(record) == {f.name for f in dataclasses.fields(Component)}
        json.dumps({path: record}, allow_nan=False)
    for s, t, record in graph.ops.edges(data=True):
        assert set(record) == {"slots", "outputs", "shape", "dtype"}
        assert len(record["slots"]) == len(record["outputs"])
        json.dumps([s, t, record], allow_nan=False)
    for whole in (graph.ops, graph.components):
        text = json.dumps(nx.node_link_data(whole), allow_nan=False)
        again = nx.node_link_graph(json.loads(text))
        assert list(again) == list(whole)
        assert set(again.edges) == set(whole.edges)
        assert nx.cytoscape_data(whole)["elements"]["nodes"]
    for reads, wanted in combinations(sorted(graph.of_kind("op")), 2):
        assert reads != wanted
    for name_ in graph.of_kind("op"):
        slots = sorted(slot for _, _, e in graph.ops.in_edges(name_, data=True) for slot in e["slots"])
        assert slots == list(range(len(slots)))
        assert not Path(graph.op(name_).file or "").is_absolute()


# Components


class Settings(nn.Module):
    """It has attributes of every kind.

    Two paragraphs of it.
    """

    shared: int = 3

    def __init__(self) -> None:
        super().__init__()
        self.size, self.rate, self.name, self.on, self.none = 4, 0.5, "x", True, None
        self.pair, self.table = (1, 2), {"a": [1.5], 3: "three"}
        self.dtype, self.device = torch.bfloat16, torch.device("cpu")
        self.infinite, self.nan, self.complex = float("inf"), float("nan"), 2j
        self.folder, self.separator = str(Path.home() / "data" / "words.txt"), "/"
        self.tensor, self.function, self.class_ = torch.ones(2), print, nn.Linear
        self.many = list(range(1000))
        self.loop: list[Any] = []
        self.loop.append(self.loop)
        self._hidden = 1
        self.part = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.part(x) + 1


def test_settings_are_the_plain_public_attributes() -> None:
    component = trace(Settings(), torch.ones(2)).component("")
    assert component.settings == {
        "size": 4,
        "rate": 0.5,
        "name": "x",
        "on": True,
        "none": None,
        "pair": [1, 2],
        "table": {"a": [1.5], "3": "three"},
        "dtype": "torch.bfloat16",
        "device": "cpu",
        "infinite": "inf",
        "nan": "nan",
        "complex": "2j",
        "folder": "words.txt",
        "separator": "/",
    }


def test_a_class_says_its_documentation_source_and_methods() -> None:
    graph = trace(Attend(), torch.ones(1, 2, 16))
    info = graph.classes[graph.component("").type]
    source, line = inspect.getsourcelines(Attend)
    assert isinstance(info, ClassInfo)
    assert (info.name, info.module, info.file, info.line) == ("Attend", Attend.__module__, HERE, line)
    assert (info.doc, info.source) == (Attend.__doc__, "".join(source))
    methods = {method["name"]: method for method in info.methods}
    assert list(methods) == ["forward", "heads"]
    assert methods["heads"]["doc"] == "Return how many there are."
    assert methods["forward"]["doc"] is None
    assert methods["heads"]["signature"] is not None
    assert "count: 'int' = 4" in methods["heads"]["signature"]
    assert "default: 'object' = <object object>" in methods["heads"]["signature"]
    assert graph.classes["torch.nn.modules.linear.Linear"].file == "torch/nn/modules/linear.py"
    assert set(graph.classes) == {c["type"] for _, c in graph.components.nodes(data=True)}


def test_a_class_from_nowhere_has_no_source() -> None:
    made_up = type("MadeUp", (nn.Module,), {"forward": lambda self, x: x + 1, "__module__": "nowhere"})
    info = trace(made_up(), torch.ones(2)).classes["nowhere.MadeUp"]
    assert (info.name, info.source, info.line, info.file) == ("MadeUp", None, None, None)
    assert [method["name"] for method in info.methods] == ["forward"]


@pytest.mark.parametrize("name", NAMES)
def test_the_tree_is_that_of_the_modules(name: str, graphs: dict[str, ModelGraph]) -> None:
    model = preset("tiny") if name == "tiny" else made(name, "meta")
    graph = graphs[name]
    modules = dict(model.named_modules(remove_duplicate=False))
    assert list(graph.components) == list(modules)
    for path, module in modules.items():
        component = graph.component(path)
        kind = type(module)
        assert (component.path, component.type) == (path, f"{kind.__module__}.{kind.__qualname__}")
        assert list(graph.components.successors(path)) == [
            f"{path}.{child}" if path else child for child, part in module._modules.items() if part is not None
        ]


class Normish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Nothing(Normish):
    pass


class Declares(nn.LayerNorm):
    category = "Data pipeline"


class MyLinear(nn.Linear):
    pass


class WithProperty(nn.Linear):
    @property
    def category(self) -> str:
        return "Loss"


class DoubleConv(nn.Sequential):
    pass


class RouterThing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = Nothing()


@pytest.mark.parametrize(
    ("module", "category"),
    [
        (Declares(3), "Data pipeline"),
        (MyLinear(2, 2), "Linear"),
        (WithProperty(2, 2), "Linear"),
        (nn.Conv2d(1, 1, 1), "Convolution"),
        (nn.BatchNorm1d(2), "Normalization"),
        (nn.RMSNorm(2), "Normalization"),
        (nn.GELU(), "Activation"),
        (nn.Softmax(), "Activation"),
        (nn.MultiheadAttention(4, 2), "Attention"),
        (nn.Embedding(2, 2), "Embedding"),
        (nn.LSTM(2, 2), "Recurrent"),
        (nn.MaxPool1d(2), "Pooling"),
        (nn.Dropout(), "Dropout"),
        (nn.Sequential(), "Container"),
        (DoubleConv(), "Convolution"),
        (nn.CrossEntropyLoss(), "Loss"),
        (nn.TransformerEncoderLayer(4, 2), "Layers & blocks"),
        (Normish(), "Normalization"),
        (Conv1D(2, 2), "Linear"),
        (RouterThing(), "Layers & blocks"),
        (Nothing(), "Other"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_the_category_is_declared_or_told_by_torch_or_by_the_name(module: nn.Module, category: str) -> None:
    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = module

        def forward(self, x: Tensor) -> Tensor:
            return x + 1

    graph = trace(Root(), torch.ones(2))
    assert graph.component("part").category == category
    assert graph.component("").category == "Core architecture"


def test_a_component_says_the_shape_that_its_first_run_yields() -> None:
    class Stats(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.pool = nn.LayerNorm(4), nn.AdaptiveAvgPool1d(1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm(x)
            y.mean()  # it reads its own result for nobody
            return y

    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stats = Stats()

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            y = self.stats(x)
            self.stats(x[:1])
            return {"first": y.sum(0), "second": y.double() + 1}

    graph = trace(Root(), torch.ones(2, 3, 4))
    assert (graph.component("stats").shape, graph.component("stats").dtype) == ((2, 3, 4), "float32")
    assert (graph.component("").shape, graph.component("").dtype) == ((3, 4), "float32")
    assert (graph.component("stats.pool").shape, graph.component("stats.pool").calls) == (None, 0)


def test_the_config_of_a_model_is_kept_plain() -> None:
    @dataclasses.dataclass
    class Inner:
        width: int = 3
        lock: Any = dataclasses.field(default_factory=lambda: (_ for _ in ()))  # it cannot be copied

    @dataclasses.dataclass
    class Config:
        inner: Inner = dataclasses.field(default_factory=Inner)
        plain: list[Inner] = dataclasses.field(default_factory=list)
        sizes: tuple[int, ...] = (1, 2)
        dtype: torch.dtype = torch.float16
        _secret: int = 1

    model: Any = Attend()
    model.config = Config()
    assert trace(model, torch.ones(1, 2, 16)).config == {"plain": [], "sizes": [1, 2], "dtype": "torch.float16"}
    model.config.inner.lock = None
    assert trace(model, torch.ones(1, 2, 16)).config["inner"] == {"width": 3, "lock": None}
    model.config = {"a": 1, "b": print}
    assert trace(model, torch.ones(1, 2, 16)).config == {"a": 1}
    model.config = print
    assert trace(model, torch.ones(1, 2, 16)).config == {}


def test_the_analysis_lists_what_runs_and_says_the_share_of_each(graphs: dict[str, ModelGraph]) -> None:
    graph = graphs["tied"]
    analysis = analyze(graph)
    assert [layer["path"] for layer in analysis["layers"]] == ["", "embed", "head"]
    assert {layer["share"] for layer in analysis["layers"]} == {1.0}
    assert analysis["layers"][2]["output_shape"] == [2, 5, 12]
    assert analysis.to_dict()["total_params"] == analysis["total_params"] == 12 * 4
    assert set(analysis.keys()) == {"totals", *analysis.to_dict()}
    json.dumps(analysis.to_dict(), allow_nan=False)
    with pytest.raises(KeyError, match="'nope'; there are: name, totals"):
        analysis["nope"]


def test_nothing_in_the_capture_is_changed() -> None:
    """Building twice from one capture gives the same graph."""
    from ptgraph.tracing.build_graph import build

    found = capture(Source("model", Ops(), (torch.ones(4, 4), torch.ones(4, 2))))
    one, two = build(found), build(found)
    assert nx.node_link_data(one.ops) == nx.node_link_data(two.ops)
    assert nx.node_link_data(one.components) == nx.node_link_data(two.components)
    assert (one.calls, one.parameters, one.classes) == (two.calls, two.parameters, two.classes)
