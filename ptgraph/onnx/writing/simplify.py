"""A flat ONNX graph, easier to read: what only computes a shape that is known becomes a constant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import numpy as np
import onnx_ir as ir

from ptgraph.onnx.writing.provenance import NodeOrigin, origin_of, set_origin


def make_legible(model: ir.Model, without: Collection[str] = ()) -> None:
    """Simplify in place: shapes that are known, or are those of the input, and scales of one, become constants.

    *without* names those of `SIMPLIFICATIONS` that are left out.
    """
    steps = {op_type: step for name, (op_type, step) in _STEPS.items() if name not in without}
    for node in list(model.graph):
        if node.op_type in steps and not node.domain:
            steps[node.op_type](model.graph, node)
    if _SPLITS not in without:
        _split(model.graph)
    ir.passes.common.RemoveUnusedNodesPass()(model)


def _constant_shape(graph: ir.Graph, node: ir.Node) -> None:
    """Give a Reshape a constant shape where each dimension is known, kept from the input, or the only other one."""
    before, after = node.inputs[0], node.outputs[0]
    wanted = node.inputs[1]
    if before is None or wanted is None or wanted.const_value is not None or after.shape is None:
        return
    sizes = list(before.shape) if before.shape is not None else []
    shape: list[int] = []
    for index, size in enumerate(after.shape):
        kept = index < len(sizes) and not isinstance(size, int) and _same(size, sizes[index])
        shape.append(size if isinstance(size, int) else 0 if kept else -1)
    if shape.count(-1) > 1 or any(size == 0 for size in after.shape if isinstance(size, int)):
        return
    node.replace_input_with(1, _constant(graph, "shape", np.array(shape, dtype=np.int64)))
    node.attributes.pop("allowzero", None)  # a zero means: as in the input


def _same(one: object, other: object) -> bool:
    return not isinstance(other, int) and str(one) == str(other) and str(one) != "None"


def _constant_scale(graph: ir.Graph, node: ir.Node) -> None:
    """Give a norm without a weight, which gets ones as large as its input, a scale of 1 that serves any size."""
    scale = node.inputs[1]
    fill = scale.producer() if scale is not None else None
    if scale is None or fill is None or fill.op_type != "ConstantOfShape":
        return
    value = fill.attributes.get_tensor("value")
    if value is None or float(value.numpy().reshape(-1)[0]) != 1.0:
        return
    dtype = (scale.dtype or ir.DataType.FLOAT).numpy()
    node.replace_input_with(1, _constant(graph, "one", np.ones(1, dtype=dtype)))


def _whole_mask(graph: ir.Graph, node: ir.Node) -> None:
    """Give Attention a mask with a row for each query where it has one for all: ONNX Runtime does not broadcast it."""
    query, mask = node.inputs[0], node.inputs[3] if len(node.inputs) > 3 else None
    if query is None or mask is None or mask.shape is None or query.shape is None or len(query.shape) != 4:
        return
    rank, rows = len(mask.shape), query.shape[2]
    if rank < 2 or mask.shape[rank - 2] != 1 or rows == 1:
        return
    ones = [1] * rank
    if isinstance(rows, int):
        sizes = _constant(graph, "rows", np.array([*ones[2:], rows, 1], dtype=np.int64))
        made = []
    else:
        one = _constant(graph, "ones", np.ones(1, dtype=np.int64))
        count = ir.Node("", "Shape", [query], [ir.AttrInt64("start", 2), ir.AttrInt64("end", 3)])
        together = ir.Node("", "Concat", [*[one] * (rank - 2), count.outputs[0], one], [ir.AttrInt64("axis", 0)])
        made, sizes = [count, together], together.outputs[0]
        for size, length in ((count.outputs[0], 1), (sizes, rank)):
            size.shape, size.type = ir.Shape([length]), ir.TensorType(ir.DataType.INT64)
    expand = ir.Node("", "Expand", [mask, sizes])
    expand.outputs[0].type = mask.type
    expand.outputs[0].shape = ir.Shape([*mask.shape[: rank - 2], rows, mask.shape[rank - 1]])
    for new in (*made, expand):
        set_origin(new, origin_of(node))
    graph.insert_before(node, [*made, expand])
    node.replace_input_with(3, expand.outputs[0])


def _split(graph: ir.Graph) -> None:
    """Put one Split in the place of the Slices that together are all of a value along one axis."""
    slices: dict[tuple[ir.Value | None, int, str], list[tuple[int, int, ir.Node]]] = defaultdict(list)
    position = {node: number for number, node in enumerate(graph)}
    for node in position:
        found = _slice_of(node)
        if found is not None:
            axis, start, end = found
            slices[node.inputs[0], axis, origin_of(node).call].append((start, end, node))
    for (_, axis, call), parts in slices.items():
        source = parts[0][-1].inputs[0]  # it may be what a Split yields by now
        assert source is not None and source.shape is not None
        parts.sort(key=lambda part: part[:2])
        size = source.shape[axis]
        edges = [0, *(end for _, end, _ in parts)]
        if len(parts) < 2 or edges[-1] != size or [start for start, _, _ in parts] != edges[:-1]:
            continue
        first = min((node for _, _, node in parts), key=position.__getitem__)
        sizes = np.array([end - start for start, end, _ in parts], dtype=np.int64)
        split = ir.Node(
            "",
            "Split",
            [source, _constant(graph, "split", sizes)],
            [ir.AttrInt64("axis", axis)],
            num_outputs=len(parts),
        )
        set_origin(split, NodeOrigin(call, origin_of(first).op))
        graph.insert_before(first, split)
        for (_, _, node), output in zip(parts, split.outputs, strict=True):
            output.shape, output.type = node.outputs[0].shape, node.outputs[0].type
            node.outputs[0].replace_all_uses_with(output, replace_graph_outputs=True)
            graph.remove(node, safe=True)


def _slice_of(node: ir.Node) -> tuple[int, int, int] | None:
    """Return axis, start and end of a Slice along one axis of known size, or None if it is something else."""
    if node.op_type != "Slice" or node.domain or node.inputs[0] is None or node.inputs[0].shape is None:
        return None
    given = [value.const_value if value is not None else None for value in node.inputs[1:]]
    if len(given) < 3 or any(tensor is None or tensor.size != 1 for tensor in given):
        return None
    start, end, axis, *step = (int(tensor.numpy().reshape(-1)[0]) for tensor in given if tensor is not None)
    axis %= len(node.inputs[0].shape)
    size = node.inputs[0].shape[axis]
    if not isinstance(size, int) or step not in ([], [1]):
        return None
    return axis, max(start + size, 0) if start < 0 else start, min(end + size if end < 0 else end, size)


_STEPS = {
    "constant shapes": ("Reshape", _constant_shape),
    "constant scales": ("RMSNormalization", _constant_scale),
    "masks with a row for each query": ("Attention", _whole_mask),
}
_SPLITS = "splits in the place of slices"
SIMPLIFICATIONS = (*_STEPS, _SPLITS)


def _constant(graph: ir.Graph, word: str, array: np.ndarray) -> ir.Value:
    """Return an initializer with this value: one for all who need it."""
    name = f"{word} {'x'.join(map(str, array.reshape(-1).tolist()))} {array.dtype}"
    if name not in graph.initializers:
        tensor = ir.tensor(array, name=name)
        value = ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
        graph.register_initializer(value)
    return graph.initializers[name]


__all__ = ["SIMPLIFICATIONS", "make_legible"]
