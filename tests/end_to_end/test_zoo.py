"""Odd models, with and without weights: each is traced, drawn, and described as what it is."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import pytest
import torch
from torch import Tensor, nn

from ptgraph import trace
from ptgraph.formats import onnx
from ptgraph.formats.json import document
from ptgraph.formats.options import Options
from ptgraph.graph.analysis import analyze
from ptgraph.graph.view.build import view
from ptgraph.onnx.verifying.compare import compare
from ptgraph.tracing.source import Dynamic, Source
from tests.support.json_schema import validator
from tests.support.sample_drawing import draw
from tests.support.zoo import RUNS, ZOO, HostileNames, graph_of, made


@pytest.mark.parametrize(("name", "device"), RUNS)
def test_each_is_traced_as_expected(name: str, device: str) -> None:
    case, (model, graph) = ZOO[name], made(name, device)
    assert graph.tracer == case.tracer
    assert bool(graph.attempts) == (case.tracer != "torch.export")
    outputs = [(graph.op(op).target, graph.op(op).shape) for op in graph.of_kind("output")]
    assert outputs == list(case.outputs.items())
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
    validator.validate(json.loads(json.dumps(document(graph), allow_nan=False)))


TRACED = [name for name, case in ZOO.items() if case.tracer == "torch.export"]
NOT_RUN = {"half", "contexts"}  # ONNX Runtime has no products of bfloat16 on a CPU


@pytest.mark.parametrize("name", TRACED)
def test_each_has_an_onnx_that_is_valid_and_agrees(name: str) -> None:
    model, graph = made(name)
    case = ZOO[name]
    if name in NOT_RUN:
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


def test_a_module_that_is_called_on_two_branches_has_one_frame() -> None:
    graph = graph_of("reuse")
    assert graph.component("part").calls == graph.component("part.0").calls == 2
    (frame,) = (box for box in view(graph).boxes.values() if box.component == "part")
    assert (frame.title, frame.repeat, len(frame.parts), frame.params) == ("part", 2, 2, 20)
    assert frame.flops == analyze(graph)["flops"] == 2 * 2 * 4 * 4
    assert "×2" in draw(graph, Options(depth=1))


def test_a_module_that_is_called_again_later_has_two_frames() -> None:
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part, self.between = nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.LayerNorm(4)

        def forward(self, x: Tensor) -> Any:
            return self.part(self.between(self.part(x)))

    graph = trace(Again(), torch.ones(1, 4))
    boxes = view(graph).boxes.values()
    frames = [box for box in boxes if box.component == "part"]
    assert [frame.title for frame in frames] == ["part", "part (2nd call)"]
    assert {(len(frame.parts), frame.params, frame.flops) for frame in frames} == {(2, 20, 2 * 4 * 4)}
    assert [box.title for box in boxes if box.component == "part.0"] == ["0", "0"]  # the frame says which call
    assert "part (2nd call)" in draw(graph, Options(depth=1))


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
        assert titles == ([name, f"{name} (2nd call)"] if name == "we" else [name])
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
