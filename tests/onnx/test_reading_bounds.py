"""Small ONNX files that stand for much: each is read, or refused with a limit, in seconds and in little memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from ptgraph.common.limits import LIMITS, limits, remedy
from ptgraph.errors import LoadError
from ptgraph.graph.module_paths import unfolded
from ptgraph.onnx.metadata import TREE
from ptgraph.onnx.reading.read import graph_of_model, read_target
from tests.support.small_onnx import model_of, zeros

node = helper.make_node
NESTED, DEEPEST = LIMITS["nesting"].default, LIMITS["parts"].default


@pytest.fixture(autouse=True)
def bounded() -> Any:
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    assert time.process_time() - begun < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kB


def relu(**more: Any) -> onnx.ModelProto:
    return model_of([node("Relu", ["x"], ["y"])], {"x": [2, 4]}, {"y": [2, 4]}, **more)


def chain(count: int, body: Callable[[int], list[onnx.NodeProto]]) -> onnx.ModelProto:
    """A model of functions f0 … that call each other."""
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("mine", 1)]
    last = [node("Relu", ["x"], ["y"])]
    made = [
        helper.make_function("mine", f"f{i}", ["x"], ["y"], body(i + 1) if i < count else last, imports)
        for i in range(count + 1)
    ]
    return model_of([node("f0", ["x"], ["y"], domain="mine")], {"x": [2]}, {"y": [2]}, functions=made)


def call(number: int, given: str, made: str) -> onnx.NodeProto:
    return node(f"f{number}", [given], [made], domain="mine")


def refused(model: onnx.ModelProto) -> str:
    with pytest.raises(LoadError) as caught:
        graph_of_model(model, "m")
    return str(caught.value)


def test_functions_that_call_each_other_twice() -> None:
    said = refused(chain(20, lambda i: [call(i, "x", "h"), call(i, "h", "y")]))
    nodes = f"{3 * 2**20 - 1:,}"
    assert (
        said
        == f"with its functions written out it has {nodes} nodes, and ptgraph reads at most 500,000; {remedy('nodes')}"
    )
    assert "about 10^30 nodes" in refused(chain(99, lambda i: [call(i, "x", "h"), call(i, "h", "y")]))


def test_functions_within_each_other() -> None:
    assert refused(chain(3000, lambda i: [call(i, "x", "y")])) == (
        f"functions and branches are nested 3,001 deep, and ptgraph reads at most {NESTED}; {remedy('nesting')}"
    )
    graph = graph_of_model(chain(NESTED - 1, lambda i: [call(i, "x", "y")]), "m")
    assert len(graph.of_kind("op")) == 1


def test_a_file_beyond_the_limits_is_read_if_they_are_raised() -> None:
    deep = chain(3 * NESTED, lambda i: [call(i, "x", "y")])
    with limits(nesting=3 * NESTED + 1):
        assert len(graph_of_model(deep, "m").of_kind("op")) == 1
    long = model_of([node("Relu", ["x"], ["y"], "a/" * (3 * DEEPEST) + "b")], {"x": [2]}, {"y": [2]})
    with limits(parts=3 * DEEPEST + 1):
        assert len(graph_of_model(long, "m").components) == 3 * DEEPEST + 1


def test_functions_in_a_circle() -> None:
    model = chain(3, lambda i: [call(i, "x", "y")])
    model.functions[3].node[0].CopyFrom(call(1, "x", "y"))
    assert refused(model) == "the function f1 calls itself, which ONNX does not allow"


def test_branches_nested_deeper_than_protobuf_reads(tmp_path: Path) -> None:
    def field(number: int, data: bytes) -> bytes:
        size, text = len(data), b""
        while size > 127:
            text, size = text + bytes([size & 127 | 128]), size >> 7
        return bytes([number << 3 | 2]) + text + bytes([size]) + data

    inner = node("Relu", ["x"], ["o"]).SerializeToString()
    for _ in range(300):
        body = field(1, inner) + field(12, field(1, b"o"))
        branch = field(1, b"then_branch") + field(6, body) + b"\xa0\x01\x05"
        inner = field(1, b"c") + field(2, b"o") + field(4, b"If") + field(5, branch)
    file = tmp_path / "m.onnx"
    file.write_bytes(b"\x08\x0a" + field(7, field(1, inner) + field(12, field(1, b"o"))))
    with pytest.raises(
        LoadError, match=r"is not an ONNX model, or it is damaged: protobuf cannot read it; it takes branches"
    ):
        read_target(file)


@pytest.mark.parametrize("name", ["/" * 100_000, "a/" * 100_000 + "b", "a." * 5000 + "b", "a.b/" * 200])
@pytest.mark.parametrize("where", ["node", "weight"])
def test_names_without_end(name: str, where: str) -> None:
    own = {"node": "MatMul", "weight": "w", where: name}
    model = model_of(
        [node("MatMul", ["x", own["weight"]], ["y"], own["node"])], {"x": [2, 4]}, {"y": [2, 4]}, [zeros("w", 4, 4)]
    )
    model.graph.initializer[0].name = own["weight"]
    assert refused(model).endswith(f" parts, and ptgraph reads at most {DEEPEST}; {remedy('parts')}")


def test_a_name_as_deep_as_is_read() -> None:
    nodes = [node("Relu", ["x"], ["y"], "a/" * (DEEPEST - 1) + "b")]
    assert len(graph_of_model(model_of(nodes, {"x": [2]}, {"y": [2]}), "m").components) == DEEPEST


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("namespace", "/" * 100_000),
        ("namespace", "/".join(f"{'a.' * number}a: M" for number in range(1000))),
        ("pkg.torch.onnx.class_hierarchy", "[" * 100_000),
        ("pkg.torch.onnx.class_hierarchy", "-" * 100_000 + "1"),
        ("pkg.torch.onnx.class_hierarchy", "{[]: 1}"),
        ("pkg.torch.onnx.name_scopes", "[" + "'a'," * 10**6 + "]"),
    ],
)
def test_modules_of_a_node_without_end(key: str, value: str) -> None:
    model = relu()
    for own in ("pkg.torch.onnx.class_hierarchy", "pkg.torch.onnx.name_scopes"):
        model.graph.node[0].metadata_props.add(key=own, value=value if own == key else "[" + "'a'," * 1000 + "]")
    if key == "namespace":
        model.graph.node[0].metadata_props.add(key=key, value=value)
    assert len(graph_of_model(model, "m").of_kind("op")) == 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a.{0–999999999}", f"'a.{{0–999999999}}' stands for more than 300,000 paths; {remedy('modules')}"),
        ("{0–9}." * 12 + "x", f"… stands for more than 300,000 paths; {remedy('modules')}"),
        ("{0,1}" * 5000, f"… stands for more than 300,000 paths; {remedy('modules')}"),
        ("{0–99999999999999999999}", "'0–99999999999999999999' is no list of ranges"),
        ("{" + "9" * 5000 + "}", "is no list of ranges"),
        ("{–3}", "is no list of ranges"),
        ("a." * 5000 + "a", f"… has more than {DEEPEST} parts; {remedy('parts')}"),
    ],
)
def test_ranges_of_modules_without_end(path: str, reason: str) -> None:
    model = relu()
    model.metadata_props.add(key=TREE, value='{"modules":{"L":["' + path + '"]}}')
    said = refused(model)
    assert said.startswith(f"its metadata '{TREE}' is damaged: ")
    assert said.endswith(reason)


def test_a_module_tree_nested_without_end() -> None:
    model = relu()
    model.metadata_props.add(key=TREE, value="[" * 100_000)
    assert refused(model) == f"its metadata '{TREE}' is damaged: it is nested too deeply"


def test_braces_in_paths() -> None:
    assert [*unfolded("{{" * 1000 + "a.{1,3}")] == ["{" * 1000 + f"a.{number}" for number in (1, 3)]
    assert [*unfolded("a.{3–1}")] == []


def tensor(code: int, *sizes: int) -> TensorProto:
    return TensorProto(name="w", data_type=code, dims=sizes)


@pytest.mark.parametrize("kind", ["initializer", "constant", "sparse"])
def test_tensors_that_say_many_elements(kind: str) -> None:
    for code in TensorProto.DataType.values():
        graph = graph_of_model(with_tensor(kind, code), "m")
        assert graph.op("Add").kind == "op"


def with_tensor(kind: str, code: int) -> onnx.ModelProto:
    nodes = [node("Add", ["x", "w"], ["y"])]
    if kind == "constant":
        nodes.insert(0, node("Constant", [], ["w"], value=tensor(code, 10**12)))
    model = model_of(nodes, {"x": [2, 4]}, {"y": [2, 4]}, [tensor(code, 10**12)] if kind == "initializer" else [])
    if kind == "sparse":
        model.graph.sparse_initializer.add(dims=[10**6, 10**6]).values.CopyFrom(tensor(code, 0))
    return model


def integers(name: str, sizes: list[int], values: list[int]) -> TensorProto:
    return TensorProto(name=name, data_type=TensorProto.INT64, dims=sizes, int64_data=values)


def test_small_constants_that_make_large_ones() -> None:
    wide = [integers(f"w{i}", [64 if i == axis else 1 for axis in range(8)], [1] * 64) for i in range(8)]
    large = integers("large", [2], [2**33, 2**31])
    nodes = [
        node("Max", [each.name for each in wide], ["m"]),
        node("Reshape", ["x", "m"], ["a"]),
        node("ConstantOfShape", ["large"], ["c"]),
        node("ConstantOfShape", [], ["none"]),
        node("Add", ["a", "c"], ["y"]),
    ]
    graph = graph_of_model(model_of(nodes, {"x": [2, 4]}, {"y": None}, [*wide, large]), "m")
    assert len(graph.of_kind("op")) == 5


def test_a_size_that_inference_would_take_for_a_number_of_dimensions() -> None:
    """ONNX's own inference joins two lists of sizes, of which one has as many as the indices."""
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Constant", [], ["zero"], value=integers("", [10**12], [0])),
        node("Gather", ["s", "zero"], ["n"]),
        node("Concat", ["n", "s"], ["y"], axis=0),
    ]
    limits = resource.getrlimit(resource.RLIMIT_AS)
    graph = graph_of_model(model_of(nodes, {"x": ["N", 8]}, {"y": None}), "m")
    assert len(graph.of_kind("op")) == 3
    assert resource.getrlimit(resource.RLIMIT_AS) == limits


@pytest.mark.parametrize("number", [2**62, -(2**62), -1])
def test_numbers_of_inputs_of_a_scan(number: int) -> None:
    scan = node("Scan", ["x"], ["y"], num_scan_inputs=number, body=helper.make_graph([], "b", [], []))
    assert graph_of_model(model_of([scan], {"x": [2, 4]}, {"y": [2, 4]}), "m")


def test_text_that_is_no_utf8(tmp_path: Path) -> None:
    model = relu()
    model.graph.node[0].doc_string = "a doc string"
    file = tmp_path / "m.onnx"
    file.write_bytes(model.SerializeToString().replace(b"a doc string", b"\xff doc string"))
    with pytest.raises(LoadError, match=r"is damaged: there is text in it that is no UTF-8$"):
        read_target(file)


def test_a_function_of_a_module_that_is_called_outside_of_it() -> None:
    model = chain(0, lambda i: [])
    model.functions[0].metadata_props.add(key="ptgraph.module", value="layers.*")
    for each in (model.graph.node[0], model.functions[0].node[0]):
        each.metadata_props.add(key="namespace", value=": M/layers.0: Block/layers.0: relu")
    model.graph.node[0].metadata_props[0].value = ": M/layers: call"
    model.functions[0].node[0].metadata_props.add(key="pkg.torch.onnx.class_hierarchy", value="['M', 'Block', 'relu']")
    assert len(graph_of_model(model, "m").of_kind("op")) == 1
