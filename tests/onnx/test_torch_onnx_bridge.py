"""What ptgraph takes for granted of torch.onnx, onnxscript and ONNX Runtime. A test that fails says what changed."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from onnxscript import opset18 as op
from torch import nn

import ptgraph
from ptgraph.errors import ExportError
from ptgraph.onnx.metadata import CLASS_HIERARCHY, FX_NODE, GRAPH_SIGNATURE, NAME_SCOPES, NAMESPACE, STACK_TRACE
from ptgraph.onnx.writing import torch_onnx_bridge as bridge
from ptgraph.onnx.writing.model import RUNNABLE
from ptgraph.onnx.writing.provenance import origin_of
from ptgraph.onnx.writing.translate import translate


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.Sequential(nn.Linear(4, 4), nn.Softmax(-1), nn.Linear(4, 4, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.parts(x) * 2


def program() -> torch.export.ExportedProgram:
    return torch.export.export(Two().eval(), (torch.zeros(2, 4),))


@pytest.fixture(scope="module")
def written() -> ir.Model:
    return bridge.to_onnx(program(), 20, {})


def test_the_metadata_of_nodes_has_its_keys_and_forms(written: ir.Model) -> None:
    for node in written.graph:
        for key in (NAMESPACE, CLASS_HIERARCHY, NAME_SCOPES, FX_NODE, STACK_TRACE):
            assert key in node.metadata_props, f"torch.onnx no longer writes {key} on a node"
        paths = ast.literal_eval(node.metadata_props[NAME_SCOPES])
        classes = ast.literal_eval(node.metadata_props[CLASS_HIERARCHY])
        assert len(paths) == len(classes), (
            f"torch.onnx no longer writes as many of {NAME_SCOPES} as of {CLASS_HIERARCHY}"
        )
        assert paths[0] == "", f"torch.onnx no longer names the root first in {NAME_SCOPES}"
        assert classes[0].endswith("Two"), (
            f"torch.onnx no longer writes classes with their modules in {CLASS_HIERARCHY}"
        )
        assert node.metadata_props[NAMESPACE].count("/") == len(paths) - 1, (
            f"torch.onnx no longer joins {NAMESPACE} by /"
        )
        assert "(args" in node.metadata_props[FX_NODE], f"torch.onnx no longer prints the FX node in {FX_NODE}"
    scopes = {path for node in written.graph for path in ast.literal_eval(node.metadata_props[NAME_SCOPES])}
    assert {"parts", "parts.0", "parts.2"} <= scopes, f"torch.onnx no longer writes module paths in {NAME_SCOPES}"


def test_the_file_has_the_signature_of_the_program(written: ir.Model) -> None:
    text = written.graph.metadata_props.get(GRAPH_SIGNATURE, "") + written.metadata_props.get(GRAPH_SIGNATURE, "")
    assert "PARAMETER target='parts.0.weight'" in text, f"torch.onnx no longer prints parameters in {GRAPH_SIGNATURE}"


def test_an_fx_node_carries_a_number_to_its_onnx_nodes() -> None:
    exported = program()
    nodes = [node for node in exported.graph.nodes if node.op == "call_function"]
    before = [node.meta["nn_module_stack"] for node in nodes]
    with bridge.numbers_carried(exported.graph_module, nodes):
        model = bridge.to_onnx(exported, 20, {})
    found = {bridge.number_of(node) for node in model.graph}
    assert found == set(range(len(nodes))), (
        "torch.onnx no longer copies the stack of modules of an FX node to ONNX nodes"
    )
    assert [node.meta["nn_module_stack"] for node in nodes] == before


def test_an_own_translation_replaces_that_of_an_operator() -> None:
    seen: list[tuple[Any, ...]] = []

    @bridge.in_place_of(bridge.torchlib("aten_softmax"))
    def translation(self: Any, *rest: Any, **named: Any) -> Any:
        seen.append((*rest, *named.values()))
        return bridge.record(ir.Node("", "Tanh", [self])).outputs[0]

    model = bridge.to_onnx(program(), 20, {torch.ops.aten.softmax.int: translation})
    operators = [node.op_type for node in model.graph]
    assert seen, "torch.onnx no longer calls the functions of custom_translation_table"
    assert operators.count("Tanh") == 1, "onnxscript no longer keeps what is added to evaluator.default().nodes"
    plain = all(isinstance(argument, int) for argument in seen[0])
    assert plain and seen[0][0] == -1, "torch.onnx no longer tells attributes by the signature of a translation"


@pytest.mark.parametrize("name", ["aten_conv1d", "aten_conv2d", "aten_conv3d", "aten_lstm"])
def test_translations_of_onnxscript_are_functions_with_the_parameters_of_torch(name: str) -> None:
    theirs = bridge.torchlib(name)
    assert hasattr(theirs, "func"), f"onnxscript's {name} no longer has its Python function as .func"
    first = list(inspect.signature(theirs.func).parameters)[:3]
    expected = ["input", "hx", "params"] if name == "aten_lstm" else ["input", "weight", "bias"]
    assert first == expected, f"onnxscript's {name} no longer takes {', '.join(expected)}"


def test_the_nodes_of_a_body_are_collected_apart() -> None:
    bodies: list[list[ir.Node]] = []

    @bridge.in_place_of(bridge.torchlib("aten_softmax"))
    def translation(self: Any, *rest: Any, **named: Any) -> Any:
        with bridge.body_recorded() as nodes:
            op.Sin(op.Cos(self))
        bodies.append(nodes)
        return op.Tanh(self)

    model = bridge.to_onnx(program(), 20, {torch.ops.aten.softmax.int: translation})
    collected = [[node.op_type for node in nodes] for nodes in bodies]
    assert collected == [["Cos", "Sin"]], "onnxscript's evaluator no longer collects nodes in .nodes, each its own"
    operators = {node.op_type for node in model.graph}
    assert "Tanh" in operators and not {"Cos", "Sin"} & operators, "onnxscript's default_as no longer sets an evaluator"


def test_an_initializer_has_the_tensor_of_torch(written: ir.Model) -> None:
    value = written.graph.initializers["parts.0.weight"]
    assert isinstance(bridge.raw_tensor(value), torch.Tensor), "torch.onnx no longer keeps a weight as const_value.raw"
    assert bridge.raw_tensor(ir.Value(name="x")) is None


def test_constants_are_folded() -> None:
    exported = torch.export.export(Shifted(), (torch.zeros(3),))
    model = bridge.to_onnx(exported, 20, {})
    assert "Range" in {node.op_type for node in model.graph}
    bridge.fold_constants(model)
    ir.passes.common.RemoveUnusedNodesPass()(model)
    left = {node.op_type for node in model.graph} - {"Constant"}
    assert left == {"Add"}, "onnxscript.optimizer.fold_constants no longer computes what is constant"


class Shifted(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.arange(3)


def test_what_has_no_translation_is_told_in_a_sentence() -> None:
    with torch.library._scoped_library("ptgraph_bridge", "DEF") as library:
        library.define("strange(Tensor x) -> Tensor")
        library.impl("strange", torch.clone, "CompositeExplicitAutograd")
        library.impl("strange", torch.empty_like, "Meta")

        class Strange(nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return torch.ops.ptgraph_bridge.strange(x)

        exported = torch.export.export(Strange(), (torch.zeros(2),))
        with pytest.raises(ExportError) as caught, bridge.explained("Strange"):
            bridge.to_onnx(exported, 20, {})
    said = str(caught.value)
    assert said.startswith("torch.onnx cannot translate Strange: Error when translating node")
    assert "No ONNX function found" in said, "torch.onnx no longer says in an error's causes why it fails"
    assert "\n" not in said and "\x1b" not in said and "See the" not in said, (
        "torch.onnx words its errors in another way"
    )


def test_a_node_that_a_decomposition_adds_is_in_the_call_of_what_reads_it() -> None:
    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x[:, 0:, :])

    alone = translate(ptgraph.trace(nn.Sequential(WholeSlice()), torch.zeros(1, 3, 4)), 20)
    assert [node.op_type for node in alone.model.graph] in ([], ["Identity"])
    both = translate(ptgraph.trace(nn.Sequential(Whole()), torch.zeros(1, 3, 4)), 20)
    assert {origin_of(node).call for node in both.model.graph} <= {"0", "0.linear"}


class WholeSlice(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0:, :]


def test_a_last_resort_is_asked_where_there_is_no_translation_or_it_fails() -> None:
    class Both(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.softmax(-1).mode(1).values

    asked: list[str] = []

    def last_resort(node: torch.fx.Node, args: Any, kwargs: Any) -> Any:
        asked.append(node.target.name())
        made = bridge.record(ir.Node("own", "Made", [args[0]], num_outputs=2))
        return made.outputs if "mode" in node.target.name() else made.outputs[0]

    def failing(*args: Any, **named: Any) -> Any:
        op.Sin(args[0])
        raise ValueError("no")

    refused: set[str] = set()
    exported = torch.export.export(Both(), (torch.zeros(2, 4),))
    model = bridge.to_onnx(exported, 20, {torch.ops.aten.softmax.int: failing}, last_resort, refused)
    assert asked == ["aten::softmax.int", "aten::mode"], "torch.onnx finds translations in another way than by dispatch"
    assert refused == {"aten::softmax.int"}
    operators = [node.op_type for node in model.graph if node.op_type != "Constant"]
    assert operators == ["Made", "Made"], "the nodes of a translation that failed are not taken back"


def test_onnx_runtime_has_no_random_operators_of_later_opsets() -> None:
    shape = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2])
    for version, runs in ((RUNNABLE, True), (RUNNABLE + 1, False)):
        node = onnx.helper.make_node("RandomNormal", [], ["y"], shape=[2])
        opset = [onnx.helper.make_opsetid("", version)]
        proto = onnx.helper.make_model(
            onnx.helper.make_graph([node], "g", [], [shape]), opset_imports=opset, ir_version=10
        )
        try:
            onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        except Exception:
            assert not runs
        else:
            assert runs, "ONNX Runtime has RandomNormal of opset 22 now: `NOT_RUN` may be shorter"


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (None, "torch.onnx writes no metadata 'pkg.torch.onnx.name_scopes'"),
        ("['', 'parts', 'parts.0', 'linear']", "torch.onnx takes modules from elsewhere"),
        ("['linear']", "torch.onnx does not read the metadata 'nn_module_stack'"),
    ],
)
def test_names_are_not_lost_in_silence(text: str | None, changed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.onnx says of nodes what it would say if it had no numbers."""
    real = bridge.to_onnx

    def to_onnx(*args: Any) -> ir.Model:
        model = real(*args)
        for node in model.graph:
            node.metadata_props.pop(NAME_SCOPES)
            if text is not None:
                node.metadata_props[NAME_SCOPES] = text
        return model

    monkeypatch.setattr("ptgraph.onnx.writing.translate.to_onnx", to_onnx)
    with pytest.raises(ExportError, match=f"^{changed}.*please report it$"):
        translate(ptgraph.trace(Two(), torch.zeros(2, 4)), 20)


def test_onnx_runtime_gives_numbers_that_numpy_lacks_to_torch() -> None:
    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [3])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.BFLOAT16, [3])
    node = onnx.helper.make_node("Cast", ["x"], ["y"], to=onnx.TensorProto.BFLOAT16)
    graph = onnx.helper.make_graph([node], "g", [given], [result])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {"x": onnxruntime.OrtValue.ortvalue_from_numpy(torch.tensor([1.0, 2.0, -0.5]).numpy())}
    (value,) = session.run_with_ort_values(None, feeds)
    assert hasattr(value, "_get_c_value"), "an OrtValue of ONNX Runtime no longer has _get_c_value()"
    found = torch.utils.dlpack.from_dlpack(value._get_c_value())
    same = found.dtype == torch.bfloat16 and found.tolist() == [1.0, 2.0, -0.5]
    assert same, "the value behind an OrtValue of ONNX Runtime is no longer a DLPack of its own type"
