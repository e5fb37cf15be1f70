"""The ONNX file: it runs and agrees with torch when it has weights, and is small, honest and legible without."""

from __future__ import annotations

import fnmatch
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import nn
from torch._higher_order_ops.scan import scan

import ptgraph
from ptgraph.errors import ExportError
from ptgraph.formats.onnx import render
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.writing.naming.node_names import name_main
from ptgraph.onnx.writing.simplify import SplitsForSlices
from ptgraph.tracing.build_graph import build
from ptgraph.tracing.capture import capture
from ptgraph.tracing.source import Source
from tests.support.one_translation import translated_once
from tests.support.onnx_models import SMALL, ConvNet, models, transformer
from tests.support.valid_onnx import check_onnx
from tests.support.zoo import graph_of


def proto_of(graph: ModelGraph, **options: Any) -> onnx.ModelProto:
    return onnx.load_from_string(b"".join(render(graph, Options(**options))["onnx"]))


@pytest.fixture(scope="module")
def tiny_protos(tiny: ModelGraph) -> dict[str, onnx.ModelProto]:
    """The ONNX of the preset tiny in each structure; no test changes it."""
    with translated_once():
        return {structure: proto_of(tiny, structure=structure) for structure in ("functions", "flat")}


def leaves(result: Any) -> list[torch.Tensor]:
    return [t for t in torch.utils._pytree.tree_leaves(result) if isinstance(t, torch.Tensor)]


def run(path: Path, inputs: dict[str, torch.Tensor]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})


def agree(path: Path, model: nn.Module, inputs: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        expected = leaves(model(**inputs))
    got = run(path, inputs)
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected, strict=True):
        scale = max(theirs.abs().max().item(), 1e-6)
        assert np.abs(ours - theirs.numpy()).max() / scale < 1e-4


@pytest.mark.parametrize("name", list(models()))
def test_it_runs_and_agrees_with_torch(name: str, tmp_path: Path) -> None:
    model, inputs = models()[name]
    graph = ptgraph.trace(model.eval(), name="m", **inputs)  # type: ignore[arg-type]
    with translated_once():
        flat = ptgraph.export(graph, tmp_path / "flat", "onnx", weights="embedded", structure="flat")
        functions = ptgraph.export(graph, tmp_path / "functions", "onnx", weights="external", structure="functions")
    assert [path.name for path in flat] == ["m.onnx", "m.netron.json"]
    assert [path.name for path in functions] == ["m.onnx.data", "m.onnx", "m.netron.json"]
    for folder in ("flat", "functions"):
        onnx.checker.check_model(str(tmp_path / folder / "m.onnx"), full_check=True)
        agree(tmp_path / folder / "m.onnx", model, inputs)


@pytest.mark.parametrize("overrides", [{}, {"attention": "sparse", "index_top_k": 4}], ids=["dense", "sparse"])
def test_dynamic_dimensions_keep_their_names_and_vary(overrides: dict[str, Any], tmp_path: Path) -> None:
    model = transformer(**overrides)
    graph = ptgraph.trace(model, torch.zeros(2, 16, dtype=torch.int64), dynamic={"input_ids": {0: "batch", 1: "time"}})
    ptgraph.export(graph, tmp_path, "onnx", name="m", weights="embedded")
    proto = onnx.load(tmp_path / "m.onnx")
    assert [d.dim_param for d in proto.graph.input[0].type.tensor_type.shape.dim] == ["batch", "time"]
    assert [d.dim_param or d.dim_value for d in proto.graph.output[0].type.tensor_type.shape.dim] == [
        *("batch", "time"),
        SMALL["vocab_size"],
    ]
    named = {d.dim_param for v in proto.graph.value_info for d in v.type.tensor_type.shape.dim if d.dim_param}
    assert {word for text in named for word in re.findall(r"[A-Za-z_]\w*", text)} <= {"batch", "time", "Max", "Min"}
    for shape in ((3, 5), (1, 64)):
        agree(tmp_path / "m.onnx", model, {"input_ids": torch.randint(0, 96, shape)})


def test_a_weightless_file_is_small_and_checked_and_shows_each_weight_on_its_node(tiny: ModelGraph) -> None:
    (data,) = render(tiny, Options())["onnx"]
    assert len(data) < 400_000
    proto = onnx.load_from_string(data)
    onnx.checker.check_model(proto)
    assert [value.name for value in proto.graph.input] == ["input_ids"]
    shown = {item.values.name: (tuple(item.dims), item.values.data_type) for item in proto.graph.sparse_initializer}
    assert shown == {p.name: (p.shape, onnx.TensorProto.FLOAT) for p in tiny.parameters}
    read = {name for node in proto.graph.node for name in node.input}
    assert set(shown) <= read
    assert not {i.name for i in proto.graph.initializer} & set(shown)


def test_a_weightless_file_says_so(tiny: ModelGraph, tiny_protos: dict[str, onnx.ModelProto]) -> None:
    proto = tiny_protos["functions"]
    props = {p.key: p.value for p in proto.metadata_props}
    assert props["ptgraph.weights"] == "none"
    assert props["ptgraph.parameters"] == str(tiny.component("").total_params)
    assert "no weights" in proto.doc_string and "85,327,872 parameters" in proto.doc_string


def test_scalars_and_bfloat16_have_a_weightless_form(tmp_path: Path) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.0, dtype=torch.bfloat16))
            self.linear = nn.Linear(4, 4, dtype=torch.bfloat16)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x) * self.scale

    proto = proto_of(ptgraph.trace(Scaled(), torch.zeros(2, 4, dtype=torch.bfloat16)))
    onnx.checker.check_model(proto)
    kinds = {item.values.data_type for item in proto.graph.sparse_initializer}
    assert kinds == {onnx.TensorProto.BFLOAT16}
    (scalar,) = [item for item in proto.graph.initializer if item.name == "scale"]
    assert np.isnan(onnx.numpy_helper.to_array(scalar).astype(np.float32))


@pytest.mark.parametrize("structure", ["functions", "flat"])
def test_every_edge_has_a_shape_and_every_node_says_where_it_is_from(
    tiny: ModelGraph, tiny_protos: dict[str, onnx.ModelProto], structure: str
) -> None:
    proto = tiny_protos[structure]
    for graph in (proto.graph, *proto.functions):
        infos = [*graph.value_info, *(graph.output if graph is proto.graph else ())]
        shaped = {v.name for v in infos if v.type.tensor_type.HasField("shape")}
        assert {name for node in graph.node for name in node.output} <= shaped
        assert graph is proto.graph or set(graph.input) <= shaped
        names = [node.name for node in graph.node]
        assert len(set(names)) == len(names)
        for node in (node for node in graph.node if node.op_type != "Constant"):
            props = {p.key: p.value for p in node.metadata_props}
            shown = props["ptgraph.module"]
            meant = [path for path in (*tiny.components, tiny.name) if fnmatch.fnmatchcase(path, shown)]
            assert meant
            assert props["ptgraph.class"] in tiny.classes
            assert node.name.startswith("" if shown == tiny.name else shown)
            assert props["namespace"].split("/")[0] == "tiny: TransformerLM"
            assert props["namespace"].split("/")[-1] == f"{shown}: {tiny.classes[props['ptgraph.class']].name}"
            if meant[0] in tiny.components:
                assert int(props["ptgraph.parameters"]) <= tiny.component(meant[0]).total_params
                assert int(props["ptgraph.flops"]) <= tiny.component(meant[0]).flops
            assert re.fullmatch(r"(ptgraph|torch)/[\w/]+\.py:\d+", props["ptgraph.source"])


def test_what_runs_under_a_context_manager_says_where_it_is_from() -> None:
    graph = graph_of("contexts")
    found = set()
    for node in proto_of(graph, structure="flat").graph.node:
        props = {p.key: p.value for p in node.metadata_props}
        found.add((props["ptgraph.module"], props["ptgraph.operator"]))
    scopes = {(op.scope or graph.name, op.target) for op in map(graph.op, graph.of_kind("op"))}
    assert found == scopes
    assert ("b", "aten.linear.default") in scopes
    assert [function.name for function in proto_of(graph).functions] == ["Linear"]  # b; a is one node
    assert not any("forward" in vars(body) for body in graph.program.graph_module.modules())


class LoopInBranch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def step(carry: torch.Tensor, row: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            carry = self.linear(carry) + row
            return carry, carry * 2

        def yes(x: torch.Tensor) -> torch.Tensor:
            return scan(step, torch.zeros(4), x)[1]

        return torch.cond(x.sum() > 0, yes, lambda x: x * 2 - 1, (x.relu(),))


@pytest.mark.parametrize("structure", ["functions", "flat"])
def test_a_loop_in_a_branch_reads_what_is_outside_of_both(structure: Any, tmp_path: Path) -> None:
    model = nn.Sequential(LoopInBranch(), nn.Tanh())
    graph = ptgraph.trace(model, torch.ones(3, 4))
    ptgraph.export(graph, tmp_path, "onnx", name="m", weights="embedded", structure=structure)
    proto = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(proto, full_check=True)
    assert [len(function.input) for function in proto.functions] == ([3] if structure == "functions" else [])
    for sign in (1, -1):
        agree(tmp_path / "m.onnx", model, {"input": sign * torch.ones(3, 4)})


def test_every_module_with_more_than_one_operation_is_a_function(
    tiny: ModelGraph, tiny_protos: dict[str, onnx.ModelProto]
) -> None:
    proto = tiny_protos["functions"]
    config = tiny.config
    blocks = [node for node in proto.graph.node if node.op_type == "TransformerBlock"]
    assert [node.name for node in blocks] == [f"layers.{i}" for i in range(config["num_layers"])]
    assert {node.domain for node in blocks} == {"ptgraph.models.block"}
    functions = {(f.domain, f.name): f for f in proto.functions}
    block = functions["ptgraph.models.block", "TransformerBlock"]
    assert block.doc_string == tiny.classes["ptgraph.models.block.TransformerBlock"].doc
    named = {node.name: node for node in block.node}
    assert {"layers.*.attention", "layers.*.feed_forward", "layers.*/Add", "layers.*/Add_1"} <= set(named)
    assert named["layers.*.attention_norm"].op_type == "RMSNormalization"  # one operation: no function
    attention = functions["ptgraph.models.attention", "Attention"]
    linears = {n.name.rpartition(".")[2]: n.op_type for n in attention.node if n.domain == "torch.nn.modules.linear"}
    width, narrow = config["hidden_size"], config["num_kv_heads"] * config["head_dim"]
    assert linears == {
        "q_proj": f"Linear_{width}_{width}",
        "k_proj": f"Linear_{width}_{narrow}",
        "v_proj": f"Linear_{width}_{narrow}",
        "o_proj": f"Linear_{width}_{width}",
    }
    assert [n.op_type for n in functions["torch.nn.modules.linear", linears["q_proj"]].node] == ["Transpose", "MatMul"]
    called = {(n.domain, n.op_type) for graph in (proto.graph, *proto.functions) for n in graph.node if n.domain}
    assert called == set(functions)
    assert not {n.op_type for f in proto.functions for n in f.node} & {"Shape", "Gather", "Cast", "Expand", "Unsqueeze"}


def test_a_block_is_few_nodes(tiny_dynamic: ModelGraph, tiny_protos: dict[str, onnx.ModelProto]) -> None:
    for proto in (tiny_protos["flat"], proto_of(tiny_dynamic, structure="flat")):
        nodes = [n for n in proto.graph.node if n.name.startswith("layers.5")]
        assert len([n for n in nodes if n.op_type != "Constant"]) <= 45


def test_what_is_traced_once_gives_the_same_bytes_as_what_is_traced_in_full() -> None:
    source = Source("net", transformer(num_layers=5), (), {"input_ids": torch.zeros(2, 16, dtype=torch.int64)})
    once, full = build(capture(source)), build(capture(source, once=False))
    assert once is not None
    assert full is not None
    assert len(once.traced.repeated) == 3
    with translated_once():
        for structure in ("functions", "flat"):
            ours, theirs = (render(g, Options(weights="embedded", structure=structure)) for g in (once, full))
            assert [b"".join(chunks) for chunks in ours.values()] == [b"".join(chunks) for chunks in theirs.values()]


class Forms(nn.Module):
    """Linears of one class in several forms, a wrapper, and a branch that repeats."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down, self.plain = nn.Linear(4, 8), nn.Linear(8, 4), nn.Linear(4, 8, bias=False)
        self.wrapped = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(self.up(x) + self.plain(x)) + self.down(self.wrapped(x))


def test_forms_of_one_class_are_named_by_what_differs() -> None:
    proto = proto_of(ptgraph.trace(Forms(), torch.zeros(2, 3, 4)))
    names = {node.name: node.op_type for node in proto.graph.node if node.domain}
    assert names["up"] != names["plain"]
    assert names["down"] == names["down_1"]
    inside = {f.name: f for f in proto.functions}
    (outer,) = inside[names["wrapped"]].node
    assert [n.op_type for n in inside[outer.op_type].node] == [names["up"], "Relu"]
    assert {names["up"], names["down"], names["plain"]} == {"Linear_4_8_bias", "Linear_8_4_bias", "Linear_4_8_no_bias"}


@pytest.mark.parametrize("opset", [18, 21, 24])
def test_another_opset(opset: int, tmp_path: Path) -> None:
    model, inputs = models()["dense"]
    ptgraph.export(model, tmp_path, "onnx", name="m", weights="embedded", opset=opset, kwargs=inputs)
    proto = onnx.load(tmp_path / "m.onnx")
    assert {o.version for o in proto.opset_import if not o.domain} == {opset}
    assert {o.version for f in proto.functions for o in f.opset_import if not o.domain} == {opset}
    agree(tmp_path / "m.onnx", model, inputs)


def test_a_mask_with_one_row_for_all_queries_runs(tmp_path: Path) -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    mask = torch.zeros(2, 7, dtype=torch.bool)
    mask[1, 5:] = True
    inputs = {"src": torch.randn(2, 7, 16), "src_key_padding_mask": mask}
    ptgraph.export(model, tmp_path, "onnx", name="m", weights="embedded", kwargs=inputs)
    agree(tmp_path / "m.onnx", model, inputs)


class Unread(nn.Module):
    """Holds a parameter that nothing reads, and two names of one."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.spare = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(3, 3)
        self.two.weight = self.one.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.two(self.one(x))


def test_every_parameter_is_in_the_file_once() -> None:
    graph = ptgraph.trace(Unread(), torch.zeros(2, 4))
    proto = proto_of(graph, weights="embedded")
    sizes = {i.name: int(np.prod(i.dims)) for i in proto.graph.initializer}
    assert sizes == {name: p.numel() for name, p in Unread().named_parameters()}
    elements = ptgraph.analyze(graph).elements
    assert elements["onnx"] == sum(sizes.values()) == elements["model"]
    assert elements["state_dict"] == sum(t.numel() for t in Unread().state_dict().values())
    assert elements["merged"] == 16


def test_weights_keep_their_names_and_values_once(tmp_path: Path) -> None:
    model = transformer(tie_embeddings=True)
    graph = ptgraph.trace(model, torch.zeros(2, 16, dtype=torch.int64))
    held = {i.name: onnx.numpy_helper.to_array(i) for i in proto_of(graph, weights="embedded").graph.initializer}
    distinct = dict(model.named_parameters())
    assert set(held) >= set(distinct)
    assert "head.weight" not in held
    for name, parameter in distinct.items():
        assert np.array_equal(held[name], parameter.detach().numpy())


def test_weights_of_a_model_on_meta_are_refused(tiny: ModelGraph) -> None:
    with pytest.raises(ExportError, match=r"tiny has no weights to write .*meta device.*--weights none"):
        render(tiny, Options(weights="external"))


def test_too_much_for_one_file_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = ptgraph.trace(ConvNet(), torch.zeros(2, 3, 8, 8))
    monkeypatch.setattr("ptgraph.onnx.writing.weight_storage.PROTOBUF_LIMIT", 100)
    with pytest.raises(ExportError, match="--weights external"):
        render(graph, Options(weights="embedded"))


def test_the_program_is_left_as_it_was(tiny: ModelGraph) -> None:
    before = str(tiny.program.graph)
    render(tiny, Options())
    assert str(tiny.program.graph) == before


# Names: none of an argument, module or parameter decides whether there is an ONNX


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(4), nn.Linear(4, 4)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return input + self.linear(self.norm(input))


class Called(nn.Module):
    """Arguments that are called like builtins of Python, weights, their places in a graph, and outputs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weight, self.unread = nn.Parameter(torch.randn(4)), nn.Parameter(torch.randn(4))
        self.Add = nn.Parameter(torch.randn(3))
        self.blocks = nn.Sequential(*[Block() for _ in range(4)])
        self.register_buffer("state", torch.ones(4))

    def forward(
        self,
        input: torch.Tensor,
        *args: torch.Tensor,
        weight: torch.Tensor,
        p_weight: torch.Tensor,
        **more: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        y = self.blocks(input * self.weight + weight) + args[0] * self.state
        return {"weight": y, "unread": y + p_weight, "id": more["id"] * more["type"] + more["unread"], "type": input}


def test_names_of_arguments_do_not_matter() -> None:
    inputs: dict[str, Any] = {name: torch.randn(2, 4) for name in ("weight", "p_weight", "id", "type", "unread")}
    args = torch.randn(2, 4), torch.randn(2, 4)
    model = Called()
    found = ptgraph.verify(model, args=args, kwargs=inputs)
    assert all(item.agrees for item in found)
    proto = proto_of(ptgraph.trace(model, *args, **inputs))
    assert [value.name for value in proto.graph.input] == [
        *("input", "args_0", "weight_1", "p_weight", "id", "type", "unread_1")
    ]
    assert {"weight", "unread", "Add", "state"} <= {item.values.name for item in proto.graph.sparse_initializer}


class Mutating(nn.Module):
    """Writes buffers that nothing reads, and its input."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.spare = nn.Linear(4, 4), nn.Linear(4, 4)
        self.register_buffer("seen", torch.zeros(4))
        self.register_buffer("one", torch.zeros(4))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        y = self.a(input)
        self.seen.copy_(y.mean(0))
        self.one.fill_(1.0)
        input.add_(1)
        return y + input


def test_what_is_written_and_never_read_stays_in_the_program() -> None:
    model = Mutating()
    assert all(item.agrees for item in ptgraph.verify(model, args=(torch.randn(2, 4),)))


def test_dynamic_dimensions_of_arguments_with_odd_names() -> None:
    model = nn.Sequential(*[Block() for _ in range(4)]).eval()
    found = ptgraph.verify(model, args=(torch.zeros(3, 4),), dynamic={"input": {0: "batch"}})
    assert {item.case for item in found} > {"batch=3"}
    assert all(item.agrees for item in found)


def test_a_program_that_keeps_the_signatures_of_its_modules_has_an_onnx() -> None:
    model = nn.Sequential(Block(), Block()).eval()
    program = torch.export.export(model, (torch.zeros(3, 4),), preserve_module_call_signature=("0", "1.linear"))
    assert all(item.agrees for item in ptgraph.verify(program))


ODD = [chr(code) for code in range(32, 127) if chr(code) != "."] + [
    *("\0", "\n", "\r\n", "\t", "\x1b[31m", "\x7f", "\x9b", "\u2028", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800"),
    *("→", "e\u0301", "😀", "a\\", "''", '"""', "{}", "{0}", "{{1}", "a~b", "</script>", "]]>", "graph", "None", "if"),
]
OTHERS = "svg,json,dot,mermaid,tikz,graphml,gexf,cytoscape,tensorboard,model-explorer"


class Odd(nn.Module):
    """Modules, parameters and buffers of odd names."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        for name in names:
            self.add_module(name, nn.Sequential(nn.ReLU(), nn.Module()))
            held = self._modules[name][1]  # type: ignore[index]
            held._parameters[name] = nn.Parameter(torch.randn(4))
            held._buffers[f"{name}b"] = torch.ones(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name, module in self._modules.items():
            x = module[0](x) * module[1]._parameters[name] + module[1]._buffers[f"{name}b"]  # type: ignore[index]
        return x


def test_names_of_modules_and_parameters_do_not_matter(tmp_path: Path) -> None:
    model = Odd(ODD)
    graph = ptgraph.trace(model, torch.ones(2, 4), name="odd")
    ptgraph.export(graph, tmp_path, "onnx", weights="embedded")
    agree(tmp_path / "odd.onnx", model, {"x": torch.ones(2, 4)})
    read = ptgraph.load_target(str(tmp_path / "odd.onnx")).graph
    assert read is not None
    assert {p.name.replace("\\ud800", "\ud800") for p in read.parameters} == {p.name for p in graph.parameters}


def test_every_other_format_takes_any_name(tmp_path: Path) -> None:
    graph = ptgraph.trace(Odd(ODD), torch.ones(2, 4), name="odd")
    files = ptgraph.export(graph, tmp_path, OTHERS)
    assert len(files) >= len(OTHERS.split(","))
    for file in files:
        if file.suffix in (".svg", ".graphml", ".gexf"):
            ElementTree.parse(file)
        elif file.suffix == ".json":
            json.loads(file.read_bytes())


# Validity


def halves(x: torch.Tensor) -> torch.Tensor:
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), -1)


class PartialRotary(nn.Module):
    """Turns a part of each head only, as GPT-NeoX, Phi and StableLM do: slices of slices."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k = nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        found = []
        for linear in (self.q, self.k):
            head = linear(x).view(2, 5, 2, 8).transpose(1, 2)
            turned, rest = head[..., :4], head[..., 4:]
            found.append(torch.cat((turned * cos + halves(turned) * sin, rest), -1))
        return found[0] @ found[1].transpose(-1, -2)


class Slices(nn.Module):
    """Slices that meet, overlap, are negative, empty, repeated or of one another."""

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        y = x[:, :4]
        late = x[:, 3:].relu()
        return [
            *(x[:, -3:], x[:, :-3], x[:, 1:-1], x[:, :4] + x[:, 3:], x[:, 7:], x[:, ::2]),
            *(y[:, :2] * y[:, 2:], y[:, :2] + 1, y[:, 1:], y[:1], y[1:], x[:, :3] * late.sum(), late),
        ]


def test_slices_of_slices_are_split_in_order() -> None:
    inputs = (torch.randn(2, 5, 16), torch.randn(5, 4), torch.randn(5, 4))
    assert all(item.agrees for item in ptgraph.verify(PartialRotary(), args=inputs))
    assert all(item.agrees for item in ptgraph.verify(Slices(), args=(torch.randn(2, 7),)))
    graph = ptgraph.trace(PartialRotary(), *inputs)
    kinds = Counter(node.op_type for node in proto_of(graph, structure="flat").graph.node)
    assert (kinds["Split"], kinds["Slice"]) == (4, 0)


class Recurrent(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 5, proj_size=3, **options)

    def forward(self, hidden: torch.Tensor, state: Any = None) -> Any:
        return self.lstm(hidden, state)


@pytest.mark.parametrize("options", [
    {},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"bias": False, "num_layers": 2},
], ids=["plain", "bidirectional", "no bias"])  # fmt: skip
def test_an_lstm_with_projections_agrees(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    found = ptgraph.verify(Recurrent(**options), args=(torch.randn(2, 3, 4),))
    assert all(item.agrees for item in found)


class Convolutions(nn.Module):
    """Convolutions of one number of dimensions without a bias, and one with."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                convolution(count)(4, 4, 3, bias=False),
                convolution(count)(4, 6, 3, groups=2, stride=2, padding=1, dilation=2, bias=False),
                convolution(count)(4, 6, 3, padding="same", bias=False),
                getattr(nn, f"ConvTranspose{count}d")(4, 6, 3, groups=2, stride=2, output_padding=1, bias=False),
                convolution(count)(4, 6, 3, padding=1),
            ]
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [layer(x) for layer in self.layers] + [self.layers[0](x[0])]


def convolution(count: int) -> Any:
    return getattr(nn, f"Conv{count}d")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_convolution_has_no_bias_that_the_model_has_not(count: int, tmp_path: Path) -> None:
    model, x = Convolutions(count).eval(), torch.randn(2, 4, *[7] * count)
    ptgraph.export(model, tmp_path, "onnx", name="m", weights="embedded", structure="flat", kwargs={"x": x})
    proto = onnx.load(tmp_path / "m.onnx")
    biases = [node.input[2:] for node in proto.graph.node if node.op_type in ("Conv", "ConvTranspose")]
    assert sorted(map(list, biases)) == [[], [], [], [], [], ["layers.4.bias"]]
    agree(tmp_path / "m.onnx", model, {"x": x})


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> ModelGraph:
    """A graph with slices, which are not put together as they should be."""

    def swap(self: SplitsForSlices, model: ir.Model) -> ir.passes.PassResult:
        first = next(iter(model.graph))
        model.graph.remove(first)
        model.graph.append(first)
        return ir.passes.PassResult(model, True)

    monkeypatch.setattr(SplitsForSlices, "call", swap)
    return ptgraph.trace(Forms(), torch.zeros(2, 3, 4))


def test_a_simplification_that_makes_a_file_invalid_is_left_out_and_named(faulty: ModelGraph, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Forms.onnx is without splits in the place of slices, .* sorted"):
        files = ptgraph.export(faulty, tmp_path, "onnx", structure="flat")
    check_onnx(files[0].read_bytes())


def test_a_file_that_is_invalid_in_any_case_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def misnamed(main: ir.Graph, graph: ModelGraph, weights: Any) -> None:
        name_main(main, graph, weights)
        main.inputs[0].name = "two"
        next(iter(main)).outputs[0].name = "two"

    (tmp_path / "Forms.onnx").write_bytes(b"older")
    monkeypatch.setattr("ptgraph.onnx.writing.model.name_main", misnamed)
    with pytest.raises(ExportError, match=r"Forms has no ONNX, since .* is invalid .*'two'"):
        ptgraph.export(Forms(), tmp_path, "onnx", args=(torch.zeros(2, 3, 4),))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("Forms.onnx", b"older")]


def test_what_fails_within_torch_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise torch._export.verifier.SpecViolationError("Input spec name a does not match\nnode name b")

    monkeypatch.setattr("ptgraph.onnx.writing.translate.reduced", broken)
    graph = ptgraph.trace(Forms(), torch.zeros(2, 3, 4))
    with pytest.raises(
        ExportError, match=r"^torch.onnx cannot translate Forms: [^\n]*Input spec name a[^\n]*$"
    ) as caught:
        render(graph, Options())
    assert isinstance(caught.value.__cause__, torch._export.verifier.SpecViolationError)
