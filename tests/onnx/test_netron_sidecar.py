"""The sidecar for Netron: each entry names a node of the file, and its number is what the graph, or a run, says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from math import prod
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import ptgraph
from ptgraph.formats.onnx import render
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.options import OPSETS
from ptgraph.onnx.writing.model import OPSET
from tests.models.small import make, tokens
from tests.support.onnx_models import models
from tests.support.zoo import graph_of

Numbers = dict[str, dict[str, int]]  # by target and name


def written(graph: ModelGraph, **options: Any) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """Return the file, and its sidecar."""
    files = {suffix: b"".join(chunks) for suffix, chunks in render(graph, Options(**options)).items()}
    return onnx.load_from_string(files["onnx"]), json.loads(files["netron.json"])


def numbers(entries: Iterable[dict[str, str]], kind: str) -> Numbers:
    found: Numbers = defaultdict(dict)
    for entry in entries:
        if entry["kind"] == kind:
            assert entry["name"] not in found[entry["target"]]
            found[entry["target"]][entry["name"]] = int(entry["value"].replace(",", ""))
    return found


def pages(proto: onnx.ModelProto) -> dict[tuple[str, str], list[onnx.NodeProto]]:
    """Return the nodes that Netron draws: those of the main graph, whose name is ("", ""), and of each function."""
    graphs = {("", ""): proto.graph.node, **{(f.domain, f.name): f.node for f in proto.functions}}
    return {name: [node for node in nodes if node.op_type != "Constant"] for name, nodes in graphs.items()}


pytestmark = pytest.mark.usefixtures("one_translation")


@cache
def traced(name: str) -> ModelGraph:
    model, inputs = models()[name]
    return ptgraph.trace(model.eval(), name="m", **inputs)  # type: ignore[arg-type]


@cache
def case(name: str, structure: str, opset: int) -> tuple[onnx.ModelProto, dict[str, Any]]:
    return written(traced(name), structure=structure, opset=opset)


CASES = [
    *((name, structure, OPSET) for name in models() for structure in ("functions", "flat")),
    ("dense", "functions", min(OPSETS)),  # where attention takes many nodes
]
cases = pytest.mark.parametrize(("name", "structure", "opset"), CASES)


@cases
def test_each_entry_is_of_one_node_and_says_something(name: str, structure: str, opset: int) -> None:
    proto, data = case(name, structure, opset)
    assert data.keys() == {"signature", "metadata", "metrics"}
    assert data["signature"] == "netron:attachment"
    names = [node.name for nodes in pages(proto).values() for node in nodes]
    assert len(names) == len(set(names))
    found = numbers(data["metrics"], "node")
    assert set(found) <= set(names)
    assert min(value for each in found.values() for value in each.values()) > 0


@cases
def test_what_is_on_a_page_adds_up_to_what_the_page_is(name: str, structure: str, opset: int) -> None:
    graph = traced(name)
    proto, data = case(name, structure, opset)
    found = numbers(data["metrics"], "node")
    (model,) = numbers(data["metrics"], "model").values()
    root = graph.component("")
    assert model == {"parameters": root.total_params, **({"FLOPs": root.flops} if root.flops else {})}
    shown = pages(proto)
    wholes = {("", ""): model}
    for node in (node for nodes in shown.values() for node in nodes):
        if (node.domain, node.op_type) in shown:
            wholes.setdefault((node.domain, node.op_type), found[node.name])
    assert set(wholes) == set(shown)
    operations = [node for nodes in shown.values() for node in nodes if not node.domain]
    multiplying = {node.op_type for node in operations if "FLOPs" in found[node.name]}
    assert multiplying <= {"Attention", "Conv", "Gemm", "LSTM", "MatMul"}
    for page, whole in wholes.items():
        assert sum(found[node.name].get("FLOPs", 0) for node in shown[page]) == whole.get("FLOPs", 0)
        if name not in ("tied head", "several outputs"):  # which read a parameter twice and count it once
            assert sum(found[node.name].get("parameters", 0) for node in shown[page]) == whole.get("parameters", 0)


def says(node: onnx.NodeProto) -> dict[str, int]:
    """Return the numbers that the file itself has of a node."""
    props = {item.key: item.value for item in node.metadata_props}
    return {
        "parameters": int(props["ptgraph.parameters"]),
        "FLOPs": int(props["ptgraph.flops"]),
    }


@cases
def test_the_file_says_of_a_node_what_the_sidecar_says(name: str, structure: str, opset: int) -> None:
    proto, data = case(name, structure, opset)
    found = numbers(data["metrics"], "node")
    for node in (node for nodes in pages(proto).values() for node in nodes):
        assert says(node) == {word: found[node.name].get(word, 0) for word in ("parameters", "FLOPs")}


@pytest.mark.parametrize("opset", [min(OPSETS), OPSET])
@pytest.mark.parametrize("structure", ["functions", "flat"])
@pytest.mark.parametrize("name", ["tiny", "transformer", "lstm", "cond", "contexts"])
def test_the_nodes_of_a_file_add_up_to_its_model(name: str, structure: str, opset: int, tiny: ModelGraph) -> None:
    graph = tiny if name == "tiny" else graph_of(name)
    shown = pages(written(graph, structure=structure, opset=opset)[0])

    def total(page: tuple[str, str], word: str) -> int:
        """Add up what is on a page, and on those that it calls, each time that it does."""
        calls = [(node, (node.domain, node.op_type)) for node in shown[page]]
        return sum(total(called, word) if called in shown else says(node)[word] for node, called in calls)

    used = sum(p.count for p in graph.parameters if p.kind == "parameter" and p.used)
    assert total(("", ""), "parameters") == used
    assert total(("", ""), "FLOPs") == graph.component("").flops
    if name == "tiny":
        assert used == graph.component("").total_params
    for nodes in shown.values():
        for node in nodes:
            if (node.domain, node.op_type) in shown:
                assert says(node) == {word: total((node.domain, node.op_type), word) for word in says(node)}


def test_an_operation_that_became_several_nodes_counts_once() -> None:
    graph = ptgraph.trace(nn.Linear(3, 5), torch.zeros(2, 4, 3), name="m")
    proto, _ = written(graph, structure="flat")
    assert [(node.op_type, *says(node).values()) for node in proto.graph.node] == [
        ("Transpose", 3 * 5, 0),
        ("MatMul", 0, 2 * 8 * 3 * 5),
        ("Add", 5, 0),
    ]


@pytest.mark.parametrize("name", list(models()))
def test_a_call_has_the_numbers_of_its_module(name: str) -> None:
    graph = traced(name)
    proto, data = case(name, "functions", OPSET)
    found = numbers(data["metrics"], "node")
    functions = numbers(data["metadata"], "graph")
    shown = pages(proto)
    for node in (node for nodes in shown.values() for node in nodes if (node.domain, node.op_type) in shown):
        (pattern,) = [item.value for item in node.metadata_props if item.key == "ptgraph.module"]
        modules = [graph.component(path) for path in graph.components if fnmatchcase(path, pattern)]
        assert modules
        for module in modules:
            assert found[node.name].get("parameters", 0) == module.total_params
            assert found[node.name].get("FLOPs", 0) == module.flops
            assert functions[node.op_type].get("run parameters", 0) == module.total_params
            assert functions[node.op_type].get("run FLOPs", 0) == module.flops


@pytest.mark.parametrize("attention", ["dense", "sparse"])
def test_activations_have_the_size_that_they_have_in_a_run(attention: str) -> None:
    ids = tokens(2, 16)
    dynamic = {"input_ids": {0: "batch", 1: "time"}}
    graph = ptgraph.trace(make(attention=attention), ids, dynamic=dynamic)
    proto, data = written(graph, structure="flat", weights="embedded")
    found = numbers(data["metrics"], "node")
    infos = {info.name: info for info in proto.graph.value_info}
    taken = {value.name for value in proto.graph.output}
    read = {name for node in proto.graph.node for name in node.input}
    yielded = {node.name: [o for o in node.output if o in read | taken] for node in proto.graph.node}
    proto.graph.output.extend(infos[name] for names in yielded.values() for name in names if name not in taken)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = [value.name for value in proto.graph.output]
    arrays: dict[str, np.ndarray] = dict(zip(wanted, session.run(wanted, {"input_ids": ids.numpy()}), strict=True))
    follow = {"input_ids"}
    for node in proto.graph.node:
        if follow & set(node.input):
            follow |= set(node.output)
            assert found[node.name]["activation bytes"] == sum(arrays[name].nbytes for name in yielded[node.name])
        else:  # a weight in another form, say
            assert "activation bytes" not in found[node.name]


def test_in_a_function_activations_have_the_size_that_their_shape_says(tiny: ModelGraph) -> None:
    proto, data = written(tiny)
    found = numbers(data["metrics"], "node")
    checked = 0
    for function in proto.functions:
        shapes = {info.name: info.type.tensor_type for info in function.value_info}
        for node in function.node:
            if "activation bytes" in found[node.name]:
                types = [shapes[name] for name in node.output]
                sizes = [onnx.helper.tensor_dtype_to_np_dtype(t.elem_type).itemsize for t in types]
                counts = [prod(d.dim_value for d in t.shape.dim) for t in types]
                assert found[node.name]["activation bytes"] == sum(np.multiply(sizes, counts))
                checked += 1
    assert checked > len(proto.functions)


def test_a_dimension_that_may_vary_counts_as_in_the_example(tiny: ModelGraph, tiny_dynamic: ModelGraph) -> None:
    still, moving = (numbers(written(graph)[1]["metrics"], "node") for graph in (tiny, tiny_dynamic))
    calls = [f"layers.{k}" for k in range(12)] + ["embedding", "norm", "head"]
    assert {name: still[name] for name in calls} == {name: moving[name] for name in calls}


class Chosen(nn.Module):
    """Yields something of a known size, and some rows of it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.relu()
        return x, self.linear(x[x[:, 0] > 0])


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Chosen()

    def forward(self, x: Tensor) -> Tensor:
        known, chosen = self.inner(x)
        return known.sum() + chosen.sum()


def test_a_size_that_depends_on_the_numbers_is_left_out() -> None:
    proto, data = written(ptgraph.trace(Outer(), torch.randn(4, 3)))
    found = numbers(data["metrics"], "node")
    (function,) = [function for function in proto.functions if function.name == "Chosen"]
    relu = next(node for node in function.node if node.op_type == "Relu")
    assert found[relu.name] == {"activation bytes": 4 * 3 * 4}
    for node in (*function.node, *proto.graph.node):
        if "inner.linear" in node.name or node.op_type == "Chosen":
            assert set(found[node.name]) == {"parameters", "FLOPs"}


def test_a_size_that_only_torch_can_work_out_is_left_out() -> None:
    class Half(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.interpolate(x.relu(), scale_factor=0.5)

    graph = ptgraph.trace(Half(), torch.zeros(2, 3, 17), dynamic={"x": {0: "batch", 2: "time"}})
    proto, data = written(graph)
    assert "TruncToInt" in proto.graph.output[0].type.tensor_type.shape.dim[2].dim_param
    relu = next(node for node in proto.graph.node if node.op_type == "Relu")
    assert numbers(data["metrics"], "node") == {relu.name: {"activation bytes": 2 * 3 * 17 * 4}}


def test_a_branch_has_the_numbers_of_what_it_holds() -> None:
    class Branch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 5)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cond(x.sum() > 0, self.linear, lambda x: self.linear(-x), (x,))

    graph = ptgraph.trace(Branch(), torch.ones(4, 3))
    proto, data = written(graph)
    (branch,) = [node for node in proto.graph.node if node.op_type == "If"]
    (operation,) = [graph.op(name) for name in graph.ops if graph.op(name).target == "cond"]
    numbers_of_it = {"parameters": 3 * 5 + 5, "FLOPs": operation.flops, "activation bytes": 4 * 5 * 4}
    assert numbers(data["metrics"], "node")[branch.name] == numbers_of_it


def test_it_is_the_same_with_weights_and_without() -> None:
    graph = ptgraph.trace(make(), tokens(2, 16))
    texts = {
        weights: b"".join(render(graph, Options(weights=weights))["netron.json"])
        for weights in ("none", "embedded", "external")
    }
    assert len(set(texts.values())) == 1
    for line in texts["none"].decode().splitlines():
        assert len(line) < 200  # an entry on each


class Linear(nn.Module):
    """Of the same name as another class."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x).relu()


def test_functions_of_one_name_have_no_numbers_since_netron_could_not_tell_them_apart() -> None:
    model = nn.Sequential(Linear(), nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    proto, data = written(ptgraph.trace(model, torch.zeros(2, 2, 3), name="m"))
    assert sorted(function.name for function in proto.functions) == ["Linear", "Linear", "Sequential"]
    assert set(numbers(data["metadata"], "graph")) == {"Sequential"}
