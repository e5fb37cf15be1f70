"""Small ONNX files that are mutated: of every kind of value and control, and as ptgraph and torch.onnx write them."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper, parser
from torch import nn

import ptgraph
from ptgraph.common.temporary_files import temporary_folder
from tests.support.small_onnx import model_of, zeros

TEXTS = {
    "functions": """
        <ir_version: 10, opset_import: ["" : 21, "mine" : 1]>
        g (float[N, 4] x) => (float[N, 4] y)
        <float[4, 4] w = {1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1}, float[4] b = {1, 2, 3, 4}> {
            h = mine.block <alpha = 0.5> (x, w, b)
            y = mine.block <alpha = 0.1> (h, w, b)
        }
        <domain: "mine", opset_import: ["" : 21, "mine" : 1]>
        block <alpha> (x, w, b) => (y) {
            m = mine.linear (x, w, b)
            a = LeakyRelu <alpha: float = @alpha> (m)
            y = Add (a, x)
        }
        <domain: "mine", opset_import: ["" : 21]>
        linear (x, w, b) => (y) { m = MatMul (x, w) y = Add (m, b) }
    """,
    "control": """
        <ir_version: 10, opset_import: ["" : 21]>
        g (float[2, 3, 4] x, bool c, int64 n) => (float[2, 4] y, float[3, 2, 4] z)
        <float[2, 4] zero = {0,0,0,0, 0,0,0,0}, bool yes = {1}> {
            y = If (c) <
                then_branch = yes_g () => (float[2, 4] a) {
                    ax = Constant <value_ints = [1]> () a = ReduceSum <keepdims = 0> (x, ax) },
                else_branch = no_g () => (float[2, 4] b) { b = Loop (n, yes, zero) <
                    body = loop_g (int64 i, bool k, float[2, 4] s) => (bool k2, float[2, 4] s2) {
                        k2 = Identity (k) s2 = Relu (s) }> }>
            last, z = Scan <num_scan_inputs = 1, scan_input_axes = [1],
                body = scan_g (float[2, 4] s, float[2, 4] e) => (float[2, 4] s2, float[2, 4] o) {
                    s2 = Add (s, e) o = Tanh (s2) }> (zero, x)
        }
    """,
    "shapes": """
        <ir_version: 10, opset_import: ["" : 21]>
        g (float[N, 8] x, int64[N, 5] ids) => (float[M, 4, 2] y, float z, float[N, 5, 6] e)
        <float[8] scale = {1,1,1,1,1,1,1,1}> {
            s = Shape (x)
            zero = Constant <value = int64[1] {0}> ()
            n = Gather (s, zero)
            rest = Constant <value_ints = [4, 2]> ()
            target = Concat <axis = 0> (n, rest)
            h = Mul (x, scale)
            y = Reshape (h, target)
            z = ReduceMean <keepdims = 0> (h)
            g = Gather (table, ids)
            one = ConstantOfShape <value = float[1] {1}> (target)
            k = SequenceConstruct (g, g)
            e = SequenceAt (k, zero)
        }
    """,
}


def small_models() -> dict[str, onnx.ModelProto]:
    """Return models that need no exporter."""
    found = {name: parser.parse_model(text) for name, text in TEXTS.items()}
    found["shapes"].graph.initializer.append(zeros("table", 9, 6))
    for number, node in enumerate(found["functions"].graph.node):
        node.name = f"/layers.{number}/block"
    found["convolutions"] = model_of(
        [
            helper.make_node("Conv", ["x", "w", "b"], ["c"], "/stem/conv/Conv", pads=[1, 1, 1, 1], group=1),
            helper.make_node("BatchNormalization", ["c", "s", "s", "s", "s"], ["n"], "/stem/norm/BatchNormalization"),
            helper.make_node("Relu", ["n"], ["r"], "/stem/Relu"),
            helper.make_node("GlobalAveragePool", ["r"], ["p"], "/pool/GlobalAveragePool"),
            helper.make_node("Flatten", ["p"], ["f"], "/Flatten"),
            helper.make_node("Gemm", ["f", "v"], ["y"], "/head/Gemm", transB=1),
        ],
        {"x": ["batch", 3, 8, 8]},
        {"y": ["batch", 5]},
        [zeros("w", 8, 3, 3, 3), zeros("b", 8), zeros("s", 8), zeros("v", 5, 8)],
    )
    packed = TensorProto(name="q", data_type=TensorProto.UINT8, dims=[8, 1, 8], data_location=TensorProto.EXTERNAL)
    packed.external_data.add(key="location", value="q.bin")
    found["contrib"] = model_of(
        [
            helper.make_node(
                "MatMulNBits", ["x", "q", "scale"], ["m"], "m", domain="com.microsoft", K=16, N=8, bits=4, block_size=16
            ),
            helper.make_node("Gelu", ["m"], ["g"], "gelu", domain="com.microsoft"),
            helper.make_node(
                "Attention", ["g", "a", "ab"], ["y"], "att", domain="com.microsoft", num_heads=2, unidirectional=1
            ),
        ],
        {"x": [1, 4, 16]},
        {"y": [1, 4, 8]},
        [packed, zeros("scale", 8), zeros("a", 8, 24), zeros("ab", 24)],
    )
    sparse = found["convolutions"].graph.sparse_initializer.add(dims=[6, 6])
    sparse.values.CopyFrom(zeros("sparse", 0))
    sparse.indices.CopyFrom(TensorProto(name="at", data_type=TensorProto.INT64, dims=[0]))
    return found


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.inner = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(self.norm(x))


def written_models() -> dict[str, bytes]:
    """Return a file of ptgraph, and one of torch.onnx."""
    model = nn.Sequential(nn.Embedding(7, 4), Block(), Block())
    model.eval()
    ids = torch.zeros(2, 3, dtype=torch.long)
    with temporary_folder() as folder:
        graph = ptgraph.trace(model, ids, dynamic={"input": {0: "batch"}}, name="ours")
        ours, *_ = ptgraph.export(graph, folder, "onnx", weights="embedded")
        theirs = folder / "theirs.onnx"
        torch.onnx.export(model, (ids,), theirs, dynamo=True, verbose=False, external_data=False)
        return {"ours": ours.read_bytes(), "theirs": theirs.read_bytes()}


def write_seeds(folder: Path) -> None:
    """Write all models into *folder*."""
    files = {name: model.SerializeToString() for name, model in small_models().items()} | written_models()
    for name, data in files.items():
        (folder / f"{name}.onnx").write_bytes(data)
