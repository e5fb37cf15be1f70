"""An ONNX file becomes a graph again: its tree of modules, its parameters and its FLOPs, whoever wrote it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import networkx as nx
import onnx
import pytest
import torch
import transformers
from onnx import TensorProto, helper
from onnx.backend.test.case.node import collect_testcases
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import ptgraph
from ptgraph.errors import LoadError
from ptgraph.figure.figure_graph import Stub
from ptgraph.figure.simplify import simplify
from ptgraph.formats.json import document
from ptgraph.formats.network.graph import network
from ptgraph.formats.options import Options
from ptgraph.formats.registry import FORMATS
from ptgraph.graph.model import UNKNOWN_CLASS, ModelGraph
from ptgraph.graph.module_paths import unfolded
from ptgraph.graph.view.build import view
from ptgraph.onnx.reading.flop_formulas import flops
from ptgraph.onnx.reading.read import graph_of_model, read
from tests.support.small_onnx import branch, model_of, zeros

IDS = {"input_ids": torch.zeros(1, 8, dtype=torch.int64)}
SMALL: dict[str, Any] = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32, "intermediate_size": 64}
GPT2: dict[str, Any] = {"n_embd": 32, "n_layer": 2, "n_head": 4, "bos_token_id": 1, "eos_token_id": 2}
WHISPER: dict[str, Any] = {
    f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in (("layers", 2), ("ffn_dim", 64))
}
WHISPER |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "d_model": 32, "num_mel_bins": 8}
WHISPER |= {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}

# A table of positions that is smaller than these would be looked up by torch.onnx, and its rows kept instead of it.
ARCHITECTURES: dict[str, Any] = {
    "llama": lambda: (
        transformers.LlamaForCausalLM(
            transformers.LlamaConfig(**SMALL, num_key_value_heads=2, vocab_size=100, use_cache=False)
        ),
        IDS,
    ),
    "bert": lambda: (
        transformers.BertForSequenceClassification(transformers.BertConfig(**SMALL, vocab_size=100)),
        IDS,
    ),
    "vit": lambda: (
        transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL, image_size=32, patch_size=8)),
        {"pixel_values": torch.zeros(1, 3, 32, 32)},
    ),
    "gpt2": lambda: (
        transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2, vocab_size=100, use_cache=False)),
        IDS,
    ),
    "whisper": lambda: (
        transformers.WhisperForConditionalGeneration(
            transformers.WhisperConfig(**WHISPER, vocab_size=100, max_source_positions=300, use_cache=False)
        ),
        {"input_features": torch.zeros(1, 8, 600), "decoder_input_ids": IDS["input_ids"]},
    ),
}

UNREADABLE = "protobuf cannot read it; it takes branches within branches to a depth of about 30"


@cache
def both(name: str) -> tuple[ModelGraph, ModelGraph]:
    """Return the graph of an architecture from Python, and that of its file by torch.onnx.export, as it is by default.

    Its weights are random: torch.onnx keeps equal ones, such as those of all new norms, once.
    """
    torch.manual_seed(0)
    model, inputs = ARCHITECTURES[name]()
    model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    program = torch.onnx.export(model, (), kwargs=inputs, dynamo=True, verbose=False)
    assert program is not None
    return ptgraph.trace(model, **inputs, name=name), graph_of_model(program.model_proto, name)


def parts(graph: ModelGraph, *fields: str) -> dict[str, tuple[Any, ...]]:
    return {path: tuple(node[f] for f in fields) for path, node in graph.components.nodes(data=True)}


def alike(graph: ModelGraph, paths: set[str]) -> set[frozenset[str]]:
    """Return which of the modules at *paths* are the same block."""
    blocks = defaultdict(set)
    for path, node in graph.components.nodes(data=True):
        if path in paths and node["block"] is not None:
            blocks[node["block"]].add(path)
    return {frozenset(found) for found in blocks.values() if len(found) > 1}


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_file_of_torch_onnx_has_the_components_of_the_model(name: str) -> None:
    """Path, class, category, own and all parameters, runs, FLOPs and shape of every component are those from Python.

    What is missing has no parameter, and no operation that is left in the file: dropout, which does nothing, and
    rotary embeddings, which torch.onnx has computed once and for all.
    """
    from_python, from_file = both(name)
    fields = ("type", "category", "own_params", "total_params", "calls", "flops", "shape")
    expected, found = parts(from_python, *fields), parts(from_file, *fields)
    missing = {path: row for path, row in expected.items() if path not in found}
    assert {row[0].rpartition(".")[2] for row in missing.values()} <= {"Dropout", "LlamaRotaryEmbedding"}
    assert {row[3] for row in missing.values()} <= {0}
    assert found == {path: row for path, row in expected.items() if path not in missing}


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_pictures_of_a_file_of_torch_onnx_fold_the_same_layers(name: str) -> None:
    folds = [
        sorted(box.paths for box in view(graph).boxes.values() if box.repeat > 1 and not box.paths[0].endswith("norm"))
        for graph in both(name)
    ]
    assert folds[0] == folds[1] != []


class Twice(nn.Module):
    """Runs a module twice, ties two weights, and has parts that compute nothing, and some that nothing reads."""

    category = "Peculiar"

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 40)
        self.part = nn.Sequential(nn.Linear(40, 40), nn.ReLU())
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(40, 40), nn.Identity(), nn.GELU()) for _ in range(3))
        self.norm = nn.BatchNorm1d(8)
        self.attention = nn.MultiheadAttention(40, 4, batch_first=True)
        self.head = nn.Linear(40, 50, bias=False)
        self.head.weight = self.embedding.weight
        self.unused = nn.Linear(3, 4)
        self.register_buffer("scale", torch.rand(40))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.part(self.embedding(ids))
        x = self.part(self.norm(x)) * self.scale
        for block in self.blocks:
            x = block(x)
        return self.head(self.attention(x, x, x, need_weights=False)[0])

    def example_inputs(self) -> torch.Tensor:
        return torch.zeros(2, 8, dtype=torch.int64)


def exported(graph: ModelGraph, **options: Any) -> onnx.ModelProto:
    """Return the ONNX that ptgraph writes of a graph."""
    return onnx.ModelProto.FromString(b"".join(FORMATS["onnx"].render(graph, Options(**options))["onnx"]))


@pytest.mark.parametrize("structure", ["functions", "flat"])
@pytest.mark.parametrize("name", ["tiny", "twice", "whisper"])
def test_a_file_of_ptgraph_is_read_as_the_same_tree(name: str, structure: Any, tiny: ModelGraph) -> None:
    graph = {"tiny": lambda: tiny, "twice": lambda: ptgraph.trace(Twice().eval()), "whisper": lambda: both(name)[0]}[
        name
    ]()
    back = graph_of_model(exported(graph, structure=structure), graph.name)
    fields = ("type", "category", "own_params", "total_params", "tied", "flops")
    assert parts(back, *fields) == parts(graph, *fields)
    ran = {path for path, (calls,) in parts(back, "calls").items() if calls}
    assert all(path in ran or not row[0] or not row[1] for path, row in parts(graph, "calls", "own_params").items())
    assert {p: r for p, r in parts(back, "calls", "shape").items() if p in ran} == {
        p: r for p, r in parts(graph, "calls", "shape").items() if p in ran
    }
    assert alike(back, ran) == alike(graph, ran)
    held = [
        {(p.name, p.count, p.kind, p.tied_to) for p in g.parameters if p.kind == "parameter"} for g in (graph, back)
    ]
    assert held[0] == held[1]


class Branches(nn.Module):
    """Computes by a part or by another."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda x: self.a(x), lambda x: self.b(self.b(x)), (x,))


def test_a_branch_of_a_file_of_ptgraph_counts_once_and_is_its_modules() -> None:
    graph = ptgraph.trace(Branches().eval(), torch.zeros(2, 4))
    back = graph_of_model(exported(graph), "Branches")
    assert parts(back, "own_params", "total_params", "flops") == parts(graph, "own_params", "total_params", "flops")
    assert back.component("").flops == 128
    assert back.classes[back.component("").type].doc == "Computes by a part or by another."


def test_a_file_of_ptgraph_with_weights_elsewhere_is_read_without_them(tmp_path: Path) -> None:
    graph = ptgraph.trace(Twice().eval())
    ptgraph.export(graph, tmp_path, "onnx", weights="external")
    (tmp_path / "Twice.onnx.data").unlink()
    back = read(tmp_path / "Twice.onnx", "Twice")
    assert back.component("").total_params == graph.component("").total_params


def test_names_of_nodes_are_the_tree_of_a_file_of_the_old_exporter() -> None:
    model, data = Twice().eval(), io.BytesIO()
    torch.onnx.export(model, (model.example_inputs(),), data, dynamo=False)  # type: ignore[arg-type]
    graph = graph_of_model(onnx.ModelProto.FromString(data.getvalue()), "Twice")
    found = parts(graph, "total_params", "calls", "type")
    assert (found["part"], found["part.0"]) == ((1640, 2, UNKNOWN_CLASS), (1640, 2, "onnx.MatMul"))
    assert found["blocks"] == (4920, 0, "torch.nn.modules.container.ModuleList")
    assert [found[f"blocks.{i}.0"] for i in range(3)] == [(1640, 1, "onnx.MatMul")] * 3
    assert parts(graph, "category")["blocks.0.0"] == ("Linear",)
    assert len({graph.component(f"blocks.{i}").block for i in range(3)}) == 1
    assert graph.component("").flops == ptgraph.trace(model).component("").flops
    assert set(found) == {
        *("", "embedding", "part", "part.0", "part.1", "norm", "attention", "head", "blocks"),
        *(f"blocks.{i}{part}" for i in range(3) for part in ("", ".0", ".2")),
    }


class Heads(nn.Module):
    """Computes in heads, as sizes say."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, size, _ = x.shape
        return self.b(self.a(x).reshape(batch, size, 2, 4).transpose(2, 3).reshape(batch, size, 8).relu())


class Patches(nn.Module):
    """Puts a token before patches: the old exporter expands it to sizes that it computes of constants."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.token = nn.Conv2d(3, 8, 2, 2), nn.Parameter(torch.rand(1, 1, 8))
        self.blocks = nn.ModuleList(Heads() for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        for block in self.blocks:
            x = block(x)
        return x


@pytest.fixture(scope="module")
def patches() -> ModelGraph:
    data = io.BytesIO()
    torch.onnx.export(Patches().eval(), (torch.zeros(1, 3, 8, 8),), data, dynamo=False)  # type: ignore[arg-type]
    return graph_of_model(onnx.ModelProto.FromString(data.getvalue()), "Patches")


def test_sizes_that_follow_from_constants_are_known(patches: ModelGraph) -> None:
    kept = {name: op["shape"] for name, op in patches.ops.nodes(data=True) if op["kind"] == "op"}
    assert kept["Expand"] == (1, 1, 8)
    assert not [name for name, shape in kept.items() if {"?", "…"}.intersection(shape)]
    traced = ptgraph.trace(Patches().eval(), torch.zeros(1, 3, 8, 8))
    assert patches.component("").flops == traced.component("").flops
    assert [b.title for b in view(patches).boxes.values() if b.repeat == 3] == ["blocks.0–2"]


def test_pictures_show_no_sizes_and_no_class_that_nobody_knows(patches: ModelGraph) -> None:
    """What computes the sizes that a tensor is expanded or reshaped to is in the graph alone."""
    shown = [(b.title, b.subtitle) for b in view(patches).boxes.values() if b.kind != "input"]
    assert shown[:4] == [("Patches", ""), ("patch", "Conv"), ("Reshape", ""), ("Transpose", "")]
    assert ("blocks.0–2", "") in shown and ("a", "MatMul") in shown
    assert not {"positions & masks", "Where", "ConstantOfShape"} & {title for title, _ in shown}
    labels = set(nx.get_node_attributes(network(patches), "label").values())
    assert {"Patches", "patch · Conv", "blocks · ModuleList"} <= labels
    token = next(item for item in simplify(patches, view(patches)).stubs.values())
    assert token == (Stub("token"),)


def test_a_norm_that_was_folded_into_a_convolution_is_gone() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
    program = torch.onnx.export(model, (torch.zeros(1, 3, 8, 8),), dynamo=True, verbose=False)
    assert program is not None
    graph = graph_of_model(program.model_proto, "m")
    assert parts(graph, "own_params", "category", "type") == {
        "": (0, "Core architecture", "torch.nn.modules.container.Sequential"),
        "0": (3 * 8 * 9 + 8, "Convolution", "onnx.Conv"),
        "2": (0, "Activation", "torch.nn.modules.activation.ReLU"),
    }


def test_a_file_that_says_nothing_of_modules_is_flat() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Foo", ["h"], ["y"], domain="mine")]
    graph = graph_of_model(model_of(nodes, {"x": ["batch", 4]}, {"y": None}, [zeros("w", 4, 8)]), "m")
    assert list(graph.components) == [""]
    assert {n: (o["kind"], o["target"], o["shape"], o["flops"]) for n, o in graph.ops.nodes(data=True)} == {
        "x": ("input", "x", ("batch", 4), 0),
        "w": ("parameter", "w", (4, 8), 0),
        "MatMul": ("op", "onnx.MatMul", ("batch", 8), 64),
        "Foo": ("op", "mine.Foo", ("…",), 0),
        "output": ("output", "y", ("…",), 0),
    }
    assert (graph.component("").total_params, graph.dimensions) == (32, {"batch": "batch"})
    assert [box.title for box in view(graph).boxes.values()] == ["m", "x", "MatMul", "Foo", "y"]


def test_each_call_of_a_function_is_a_component_and_equal_ones_fold() -> None:
    body = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    function = helper.make_function("mine", "Layer", ["x", "w"], ["y"], body, [helper.make_opsetid("", 21)])
    calls = [helper.make_node("Layer", [f"x{i}", f"w{i}"], [f"x{i + 1}"], f"layer{i}", domain="mine") for i in range(3)]
    weights = [zeros(f"w{i}", 4, 4) for i in range(3)]
    graph = graph_of_model(model_of(calls, {"x0": [2, 4]}, {"x3": [2, 4]}, weights, [function]), "m")
    assert parts(graph, "type", "calls", "total_params", "flops", "shape") == {
        "": ("Module", 1, 48, 192, (2, 4)),
        **{f"layer{i}": ("mine.Layer", 1, 16, 64, (2, 4)) for i in range(3)},
    }
    assert [box.title for box in view(graph).boxes.values() if box.repeat == 3] == ["layer0 … layer2"]


def test_attributes_of_a_call_are_those_of_the_nodes_of_its_function() -> None:
    body = [helper.make_node("LeakyRelu", ["x"], ["y"])]
    body[0].attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT))
    function = helper.make_function("mine", "F", ["x"], ["y"], body, [helper.make_opsetid("", 21)], ["slope"])
    calls = [helper.make_node("F", ["x"], ["y"], domain="mine", slope=0.25)]
    graph = graph_of_model(model_of(calls, {"x": [2]}, {"y": [2]}, functions=[function]), "m")
    assert graph.op("F/LeakyRelu").attributes == {"alpha": 0.25}


def test_branches_are_components_and_the_dearest_counts() -> None:
    dear = branch("dear", [helper.make_node("MatMul", ["x", "w"], ["a"])], "a")
    cheap = branch("cheap", [helper.make_node("MatMul", ["v", "s"], ["b"])], "b")
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        helper.make_node("Cast", ["m"], ["c"], to=TensorProto.BOOL),
        helper.make_node("If", ["c"], ["y"], "choose", then_branch=dear, else_branch=cheap),
    ]
    weights = [zeros("w", 4, 4), zeros("s", 1, 4)]
    graph = graph_of_model(model_of(nodes, {"x": [2, 4], "v": [2, 1]}, {"y": [2, 4]}, weights), "m")
    assert parts(graph, "type", "flops") == {
        "": (UNKNOWN_CLASS, 64),
        "choose": ("onnx.If", 64),
        "choose.then_branch": ("onnx.If.then_branch", 64),
        "choose.else_branch": ("onnx.If.else_branch", 0),
    }
    assert set(graph.ops.predecessors("choose")) == {"Cast", "choose/MatMul", "choose/MatMul_1"}
    assert set(graph.ops.predecessors("choose/MatMul_1")) == {"x", "choose.then_branch.w"}


def test_a_loop_reads_what_its_body_yields() -> None:
    steps = [("i", TensorProto.INT64, []), ("keep", TensorProto.BOOL, []), ("state", TensorProto.FLOAT, [2, 4])]
    nodes = [helper.make_node("Identity", ["keep"], ["on"]), helper.make_node("Add", ["state", "x"], ["next"])]
    body = branch("body", nodes, "next", steps)
    body.output.insert(0, helper.make_tensor_value_info("on", TensorProto.BOOL, []))
    loop = helper.make_node("Loop", ["n", "", "x"], ["y"], "loop", body=body)
    n = onnx.numpy_helper.from_array(torch.tensor(3).numpy(), "n")
    graph = graph_of_model(model_of([loop], {"x": [2, 4]}, {"y": [2, 4]}, [n]), "m")
    assert set(graph.ops.predecessors("loop")) == {"n", "x", "loop/Identity", "loop/Add"}
    assert graph.op("loop/Add").scope == "loop.body"


def test_a_file_in_another_order_is_read_in_one_that_runs() -> None:
    nodes = [helper.make_node("Relu", ["h"], ["y"], "last"), helper.make_node("Tanh", ["x"], ["h"], "first")]
    graph = graph_of_model(model_of(nodes, {"x": [2]}, {"y": [2]}), "m")
    assert graph.of_kind("op") == ["first", "last"]


def test_nodes_without_a_name_or_with_the_same_have_one_each() -> None:
    nodes = [helper.make_node("Relu", [a], [b], n) for a, b, n in [("x", "a", "r"), ("a", "b", "r"), ("b", "y", "")]]
    graph = graph_of_model(model_of(nodes, {"x": [2]}, {"y": [2]}), "m")
    assert graph.of_kind("op") == ["r", "r_1", "Relu"]


def test_what_contradicts_itself_is_an_error_that_says_what() -> None:
    def wrong(*nodes: onnx.NodeProto, **more: Any) -> str:
        with pytest.raises(LoadError) as caught:
            graph_of_model(model_of(nodes, {"x": [2]}, {"y": [2]}, **more), "m")
        return str(caught.value)

    relu = helper.make_node
    circle = [relu("Add", ["x", "b"], ["a"], "one"), relu("Relu", ["a"], ["b"], "two"), relu("Relu", ["a"], ["y"])]
    assert wrong(*circle) == "nodes read each other's results in a circle: one, two"
    assert wrong(relu("Add", ["x", "y"], ["y"])) == "the node Add (which yields 'y') reads its own result"
    assert wrong(relu("Relu", ["z"], ["y"], "r")) == "the node r reads 'z', which nothing gives"
    assert wrong(relu("Relu", ["x"], ["z"])) == "the graph yields what nothing in it makes: y"
    call = relu("F", ["x"], ["y"], domain="mine")
    itself = helper.make_function("mine", "F", ["x"], ["y"], [call], [helper.make_opsetid("mine", 1)])
    assert wrong(call, functions=[itself]) == "the function F calls itself, which ONNX does not allow"


def test_a_file_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    def wrong(data: bytes | None, size: int = 0) -> str:
        path = tmp_path / "m.onnx"
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)
        if size:
            with path.open("ab") as file:
                file.truncate(size)  # a file with a hole takes no room
        with pytest.raises(LoadError) as caught:
            read(path, "m")
        return str(caught.value).replace(str(path), "FILE")

    assert wrong(None) == "FILE does not exist"
    damaged = "FILE is not an ONNX model, or it is damaged: "
    assert wrong(b"") == damaged + "it holds no graph"
    assert wrong(b"PK\x03\x04 no protobuf at all") == damaged + UNREADABLE
    whole = exported(ptgraph.trace(nn.Linear(2, 2), torch.zeros(1, 2))).SerializeToString()
    assert wrong(whole[: len(whole) // 2]) == damaged + UNREADABLE
    garbled = whole.replace(b"MatMul", b"Mat\xfful").replace(b"Gemm", b"Ge\xffm")
    assert wrong(garbled) == "FILE is damaged: there is text in it that is no UTF-8"
    assert wrong(b"", 3 * 2**30).startswith("FILE has 3.0 GiB and a protobuf message may have 2")


DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
CONTROL = (
    "If",
    "Loop",
    "Scan",
    "SequenceMap",
    "Attention",
    "Optional",
    "Identity",
    "LSTM",
    "StringSplit",
    "TreeEnsemble",
)


@pytest.mark.parametrize("kind", ["pytorch-converted", "pytorch-operator", "simple"])
def test_the_models_of_the_onnx_project_are_read_and_drawn(kind: str) -> None:
    paths = sorted((DATA / kind).glob("**/model.onnx"))
    assert paths
    for path in paths:
        _draw(onnx.load(path))


@pytest.mark.parametrize("operator", CONTROL)
def test_models_of_every_kind_of_value_and_control_are_read_and_drawn(operator: str) -> None:
    for case in collect_testcases(operator):
        assert case.model is not None
        _draw(case.model)


def _draw(model: onnx.ModelProto) -> None:
    graph = graph_of_model(model, "m")
    assert len(graph.of_kind("op", "constant")) >= 1
    assert json.dumps(document(graph), allow_nan=False)
    assert len(view(graph).boxes) > 1


COUNTED: dict[str, tuple[Any, Any]] = {
    "MatMul": (torch.matmul, [(2, 3, 4, 5), (5, 6)]),
    "Gemm": (torch.mm, [(4, 5), (5, 6)]),
    "Conv": (lambda x, w: nn.functional.conv2d(x, w, stride=2, groups=2), [(2, 4, 9, 9), (6, 2, 3, 3)]),
    "ConvTranspose": (nn.functional.conv_transpose2d, [(2, 4, 5, 5), (4, 6, 3, 3)]),
    "Einsum": (lambda a, b: torch.einsum("bij,bjk->bik", a, b), [(2, 3, 4), (2, 4, 5)]),
    "Attention": (nn.functional.scaled_dot_product_attention, [(2, 4, 7, 8), (2, 4, 9, 8), (2, 4, 9, 8)]),
}


@pytest.mark.parametrize("operator", list(COUNTED))
def test_flops_are_those_that_torch_counts(operator: str) -> None:
    function, shapes = COUNTED[operator]
    tensors = [torch.zeros(shape, device="meta") for shape in shapes]
    with FlopCounterMode(display=False) as counter:
        result = function(*tensors)
    attributes = {"equation": "bij,bjk->bik"}
    assert flops(operator, shapes, [tuple(result.shape)], attributes) == counter.get_total_flops() > 0


def test_flops_of_heads_in_one_dimension_are_those_of_four() -> None:
    heads = {"q_num_heads": 4, "kv_num_heads": 2}
    wide = flops("Attention", [(2, 7, 32), (2, 9, 16), (2, 9, 16)], [(2, 7, 32)], heads)
    assert wide == flops("Attention", [(2, 4, 7, 8), (2, 2, 9, 8), (2, 2, 9, 8)], [(2, 4, 7, 8)], {})


def test_folded_paths_unfold() -> None:
    assert list(unfolded("a.{0–2,7}.b.{1,3}")) == [f"a.{i}.b.{j}" for i in (0, 1, 2, 7) for j in (1, 3)]


READ = """
import json, pathlib, sys
from ptgraph.formats.json import document
from ptgraph.onnx.reading.read import read

print(json.dumps(document(read(pathlib.Path(sys.argv[1]), "m"))))
"""


def test_a_graph_is_the_same_in_processes_with_other_hash_seeds(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(exported(ptgraph.trace(Twice().eval())).SerializeToString())
    first, second = (
        subprocess.run(
            [sys.executable, "-c", READ, str(tmp_path / "m.onnx")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in "12"
    )
    assert first.startswith(b'{"')
    assert first == second


def test_the_body_of_a_scan_computes_on_slices_and_reads_what_is_sliced() -> None:
    """One step is 2·2·4·4 = 64 FLOPs, and there are ten; what is sliced may be along another dimension."""

    def read_scan(given: list[int], **more: Any) -> ModelGraph:
        steps = [("state", TensorProto.FLOAT, [2, 4]), ("part", TensorProto.FLOAT, None)]
        body = branch("body", [helper.make_node("Gemm", ["part", "w"], ["a"])], "a", steps)
        body.node.append(helper.make_node("Add", ["state", "a"], ["next"]))
        body.output.insert(0, helper.make_tensor_value_info("next", TensorProto.FLOAT, [2, 4]))
        scan = helper.make_node("Scan", ["s", "x"], ["last", "y"], "scan", body=body, num_scan_inputs=1, **more)
        nodes = [helper.make_node("Relu", ["r"], ["x"])]
        graph = model_of([*nodes, scan], {"s": [2, 4], "r": given}, {"y": [10, 2, 4]}, [zeros("w", 4, 4)])
        graph.graph.value_info.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, given))
        return graph_of_model(graph, "m")

    for graph in (read_scan([10, 2, 4]), read_scan([2, 10, 4], scan_input_axes=[1])):
        assert graph.component("").flops == 640
        assert set(graph.ops.predecessors("scan/Gemm")) == {"Relu", "scan.body.w"}
        assert graph.ops.edges["Relu", "scan/Gemm"]["shape"] == (2, 4)


def test_a_weight_that_a_scan_slices_is_a_parameter_of_its_body() -> None:
    body = branch("body", [helper.make_node("MatMul", ["state", "part"], ["next"])], "next", ())
    for name, shape in {"state": [2, 4], "part": [4, 4]}.items():
        body.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    scan = helper.make_node("Scan", ["x", "w"], ["y"], "scan", body=body, num_scan_inputs=1)
    graph = graph_of_model(model_of([scan], {"x": [2, 4]}, {"y": [2, 4]}, [zeros("w", 10, 4, 4)]), "m")
    assert [(p.name, p.count, p.kind) for p in graph.parameters] == [("scan.body.w", 160, "parameter")]
    assert set(graph.ops.predecessors("scan/MatMul")) == {"x", "scan.body.w"}
    assert graph.component("").flops == 640


@pytest.mark.parametrize("kind", ["input", "constant"])
def test_a_tensor_may_be_called_as_a_module_is(kind: str) -> None:
    """A slash before a name is that of the boxes of modules."""
    nodes = [helper.make_node("Add", ["x", "/fc"], ["h"], "/fc/Add")]
    nodes.append(helper.make_node("Relu", ["h"], ["y"], "/fc/sub/Relu"))
    inputs = {"x": [2, 4]} | ({"/fc": []} if kind == "input" else {})
    weights = [zeros("/fc")] if kind == "constant" else []
    graph = graph_of_model(model_of(nodes, inputs, {"y": [2, 4]}, weights), "m")
    assert (graph.op("fc").kind, graph.op("fc").target) == (kind, "/fc")
    assert view(graph).boxes["/fc"].kind == "module"
    assert network(graph).nodes["/fc"]["kind"] == "module"


def test_a_sparse_weight_of_a_branch_is_one() -> None:
    values, places = zeros("w", 2), onnx.numpy_helper.from_array(torch.tensor([1, 5]).numpy())
    other = branch("other", [helper.make_node("Relu", ["x"], ["b"])], "b")
    sparse = branch("sparse", [helper.make_node("MatMul", ["x", "w"], ["a"])], "a")
    sparse.sparse_initializer.append(helper.make_sparse_tensor(values, places, [4, 4]))
    choose = helper.make_node("If", ["c"], ["y"], "choose", then_branch=sparse, else_branch=other)
    model = model_of([choose], {"x": [2, 4]}, {"y": [2, 4]})
    model.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    graph = graph_of_model(model, "m")
    assert [(p.name, p.shape) for p in graph.parameters] == [("choose.then_branch.w", (4, 4))]
    assert graph.component("").flops == 64


def _damaged(nodes: Any = (), node_says: str = "", **says: str) -> onnx.ModelProto:
    model = model_of(nodes or [helper.make_node("Relu", ["x"], ["y"])], {"x": [2]}, {"y": [2]})
    helper.set_model_props(model, {f"ptgraph.{key}": value for key, value in says.items()})
    if node_says:
        model.graph.node[0].metadata_props.add(key="ptgraph.flops", value=node_says)
    return model


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (_damaged(tree="{"), "its metadata 'ptgraph.tree' is damaged: Expecting property name enclosed in double"),
        (_damaged(tree='{"tied":[]}'), "its metadata 'ptgraph.tree' is damaged: it has something else where"),
        (_damaged(node_says="1e3", flops="1"), "the node Relu has '1e3' for its FLOPs"),
        (_damaged([helper.make_node("Identity", [], ["y"])]), "Node with schema(::Identity:"),
        (
            _damaged([helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Constant", [], [], value_int=1)]),
            "NodeProto (name: , type: Constant) has zero input and zero output.",
        ),
    ],
)
def test_a_model_that_is_damaged_within_is_an_error(model: onnx.ModelProto, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(LoadError) as caught:
        read(path, "m")
    assert str(caught.value).startswith(f"{path} is no valid ONNX model: {reason}")


def test_a_fault_of_ptgraph_is_no_fault_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> Any:
        raise KeyError("ours")

    path = tmp_path / "m.onnx"
    path.write_bytes(_damaged().SerializeToString())
    monkeypatch.setattr("ptgraph.onnx.reading.read.components", broken)
    with pytest.raises(KeyError, match="ours"):
        read(path, "m")


def test_the_domain_of_onnx_has_two_names() -> None:
    nodes = [
        helper.make_node("Constant", [], ["w"], "w", domain="ai.onnx", value=zeros("w", 4, 4)),
        helper.make_node("Gemm", ["x", "w"], ["h"], "g", domain="ai.onnx"),
        helper.make_node("Relu", ["h"], ["y"], "r", domain="ai.onnx"),
    ]
    graph = graph_of_model(model_of(nodes, {"x": [2, 4]}, {"y": [2, 4]}), "m")
    assert {n: (o["kind"], o["target"], o["shape"]) for n, o in graph.ops.nodes(data=True) if n in "wgr"} == {
        "w": ("parameter", "w", (4, 4)),
        "g": ("op", "onnx.Gemm", (2, 4)),
        "r": ("op", "onnx.Relu", (2, 4)),
    }
    assert graph.component("").flops == 64
