"""Operators that have no ONNX: nodes of an own domain, which the checker accepts, and which are named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import ptgraph
from ptgraph.errors import ExportError, PtgraphWarning
from ptgraph.onnx.metadata import MODULE, OPERATOR, UNTRANSLATED, metadata_of
from ptgraph.onnx.writing.own_operators import all_nodes

FILE = """
import torch
from torch import nn

class Middle(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.Linear(4, 4)

    def forward(self, x):
        return self.parts(x).median(1).values

    def example_inputs(self):
        return torch.ones(3, 4)
"""


@pytest.fixture(scope="module", autouse=True)
def library() -> Iterator[None]:
    with torch.library._scoped_library("ptgraph_own", "DEF") as made:
        made.define("mix(Tensor x, float by, Tensor?[] others, str how='sum', int[] sizes=[]) -> (Tensor, Tensor)")
        made.impl("mix", lambda x, *_, **__: (x * 2, x.sum()), "CompositeExplicitAutograd")
        made.define("fill_(Tensor(a!) x, float by) -> ()")
        made.impl("fill_", lambda x, by: (x.mul_(by), None)[1], "CompositeExplicitAutograd")
        made.impl("fill_", lambda x, by: None, "Meta")
        made.impl("mix", lambda x, *_, **__: (torch.empty_like(x), x.new_empty(())), "Meta")
        yield


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = torch.ops.ptgraph_own.mix(self.inner(x), 0.5, [None, x], "mean", [1, 2])
        return a.relu() + b


class Stack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return x.median()


class Of(nn.Module):
    """Applies a function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *given: torch.Tensor) -> Any:
        return self.function(*given)


def test_an_operator_without_onnx_is_a_node_with_arguments_shapes_and_metadata(tmp_path: Path) -> None:
    with pytest.warns(PtgraphWarning, match="2 operators of Stack have no ONNX: ") as told:
        (path, *_) = ptgraph.export(Stack(), tmp_path, "onnx", structure="flat", args=(torch.ones(3, 4),))
    said = next(str(warning.message) for warning in told if "no ONNX" in str(warning.message))
    assert "ptgraph_own.mix (4 nodes)" in said and "aten.median" in said, said
    assert said.endswith("Netron shows them, and a runtime cannot run them"), said
    proto = onnx.load(path)
    onnx.checker.check_model(proto)
    assert {opset.domain for opset in proto.opset_import} == {"", "ptgraph.aten", "ptgraph.ptgraph_own"}
    assert metadata_of(proto)[UNTRANSLATED] == "ptgraph_own.mix, aten.median"
    nodes = [node for node in proto.graph.node if node.domain == "ptgraph.ptgraph_own"]
    assert [node.op_type for node in nodes] == ["mix"] * 4
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in nodes[1].attribute}
    assert attributes == {"by": 0.5, "how": b"mean", "sizes": [1, 2], "inputs": [b"x", b"others[1]"]}
    assert len(nodes[1].input) == 2 and len(nodes[1].output) == 2
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in proto.graph.value_info}
    assert [shapes[name] for name in nodes[1].output] == [[3, 4], []]
    assert metadata_of(nodes[1])[MODULE] == "blocks.1" and "mix" in metadata_of(nodes[1])[OPERATOR]


def test_modules_that_hold_such_an_operator_share_a_function(tmp_path: Path) -> None:
    with pytest.warns(PtgraphWarning, match=r"mix, aten\.median; "):
        paths = ptgraph.export(Stack(), tmp_path, "onnx", args=(torch.ones(3, 4),))
    proto = onnx.load(paths[0])
    onnx.checker.check_model(proto)
    (function,) = [f for f in proto.functions if f.name.startswith("Block")]
    assert "ptgraph.ptgraph_own" in {opset.domain for opset in function.opset_import}
    assert [node.op_type for node in all_nodes(proto)].count("mix") == 1
    assert [node.op_type for node in proto.graph.node].count(function.name) == 4


def filled(x: torch.Tensor) -> torch.Tensor:
    y = x + 1
    torch.ops.ptgraph_own.fill_(y, 2.0)
    return y * 2


@pytest.mark.parametrize(
    ("function", "given", "operators"),
    [
        (filled, [(3, 4)], {"ptgraph_own.fill_"}),
        (
            lambda x: torch.cond(x.sum() > 0, lambda x: x.mode(1).values, lambda x: x.sum(1), (x,)),
            [(3, 4)],
            {"aten.mode"},
        ),
        (lambda x: torch.linalg.inv(x).relu(), [(4, 4)], {"aten.linalg_inv"}),
        (lambda x: torch.sparse.mm(x.to_sparse(), x).relu(), [(4, 4)], {"aten._to_sparse", "aten._sparse_addmm"}),
        (lambda x: torch.complex(x, x).cumsum(0).real, [(3, 4)], {"aten.cumsum"}),
        (lambda x: torch.linalg.svd(x)[1] * 2, [(4, 4)], {"aten._linalg_svd"}),
    ],
)
def test_kinds_of_operators_without_onnx(function: Any, given: Any, operators: set[str], tmp_path: Path) -> None:
    with pytest.warns(PtgraphWarning, match="no ONNX"):
        paths = ptgraph.export(Of(function), tmp_path, "onnx", args=tuple(torch.rand(size) for size in given))
    proto = onnx.load(paths[0])
    onnx.checker.check_model(proto)
    assert set(metadata_of(proto)[UNTRANSLATED].split(", ")) == operators


def test_strict_and_verify_fail_and_name_the_operators(tmp_path: Path) -> None:
    given: dict[str, Any] = {"args": (torch.rand(3, 4),)}
    model = Of(lambda x: x.median())
    for weights in ("none", "embedded"):
        with pytest.raises(ExportError, match=r"1 operator of Of has no ONNX: aten\.median; Netron shows it, and a"):
            ptgraph.export(model, tmp_path, "onnx,json", weights=weights, strict=True, **given)
    assert [path.name for path in tmp_path.iterdir()] == ["Of.json"]
    with pytest.raises(ExportError, match=r"operator of Of has no ONNX: aten\.median"):
        ptgraph.verify(model, **given)
    with pytest.warns(PtgraphWarning, match=r"aten\.median"):
        (file,) = (
            f for f in ptgraph.export(model, tmp_path, "onnx", weights="embedded", **given) if f.suffix == ".onnx"
        )
    with pytest.raises(ExportError, match=r"operator of Of\.onnx has no ONNX: aten\.median"):
        ptgraph.verify(model, file, **given)
    with pytest.raises(Exception, match="not a registered"):
        onnxruntime.InferenceSession(str(file))


def test_a_file_with_such_an_operator_is_a_target(tmp_path: Path) -> None:
    with pytest.warns(PtgraphWarning, match=r"aten\.median"):
        ptgraph.export(Of(lambda x: x.median(1).values.relu()), tmp_path, "onnx", args=(torch.rand(3, 4),))
    graph = ptgraph.trace(ptgraph.load_target(str(tmp_path / "Of.onnx")))
    assert "ptgraph.aten.median" in {op["target"] for op in graph.ops.nodes.values()}


def test_the_command_line_says_it_and_strict_exits_with_5(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FILE)
    target = str(tmp_path / "net.py:Middle")
    said = "1 operator of Middle has no ONNX: aten.median; Netron shows it, and a runtime cannot run it"
    done = cli("export", target, "-o", str(tmp_path / "out"), "-f", "onnx", "--weights", "embedded")
    assert done.returncode == 0 and done.stderr.strip() == f"ptgraph: warning: {said}", done.stderr
    strict = cli("export", target, "-o", str(tmp_path / "strict"), "--strict", "-f", "onnx,json")
    assert strict.returncode == 5 and strict.stderr.strip() == f"ptgraph: error: {said}", strict.stderr
    assert [path.name for path in (tmp_path / "strict").iterdir()] == ["Middle.json"]
    verified = cli("verify", target)
    assert verified.returncode == 5 and said in verified.stderr
    other = cli("export", target, "-o", str(tmp_path / "strict"), "--strict", "-f", "json")
    assert other.returncode == 2 and "--strict is about ONNX" in other.stderr
