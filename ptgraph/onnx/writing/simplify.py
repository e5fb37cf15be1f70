"""Passes that make a flat ONNX graph easier to read: what only computes a known shape becomes a constant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult, Sequential
from onnx_ir.passes.common import RemoveUnusedNodesPass

from ptgraph.onnx.writing.provenance import NodeOrigin, origin_of, set_origin


def simplify(model: ir.Model, without: Collection[str] = ()) -> None:
    """Run the passes of `SIMPLIFICATIONS` on the main graph but for those that *without* names, in place."""
    passes = [made() for name, made in _PASSES.items() if name not in without]
    Sequential(*passes, RemoveUnusedNodesPass())(model)


class _NodePass(InPlacePass):
    """Rewrites the nodes of one operator; subclasses say which, and how."""

    op_type: str

    def call(self, model: ir.Model) -> PassResult:
        nodes = [node for node in model.graph if node.op_type == self.op_type and not node.domain]
        modified = [self.rewrite(model.graph, node) for node in nodes]
        return PassResult(model, any(modified))

    def rewrite(self, graph: ir.Graph, node: ir.Node) -> bool:
        """Rewrite *node*, in place; return whether anything was changed."""
        raise NotImplementedError


class ConstantShapes(_NodePass):
    """Gives a Reshape a constant shape if each dimension but one is known, or is that of the input."""

    op_type = "Reshape"

    def rewrite(self, graph: ir.Graph, node: ir.Node) -> bool:
        before, after = node.inputs[0], node.outputs[0]
        wanted = node.inputs[1]
        if before is None or wanted is None or wanted.const_value is not None or after.shape is None:
            return False
        sizes = list(before.shape) if before.shape is not None else []
        shape: list[int] = []
        for index, size in enumerate(after.shape):
            kept = index < len(sizes) and not isinstance(size, int) and _same(size, sizes[index])
            shape.append(size if isinstance(size, int) else 0 if kept else -1)
        if shape.count(-1) > 1 or any(size == 0 for size in after.shape if isinstance(size, int)):
            return False
        node.replace_input_with(1, _constant(graph, "shape", np.array(shape, dtype=np.int64)))
        node.attributes.pop("allowzero", None)  # a zero means: as in the input
        return True


def _same(one: object, other: object) -> bool:
    return not isinstance(other, int) and str(one) == str(other) and str(one) != "None"


class ConstantScales(_NodePass):
    """Gives a norm without a weight, which gets ones as large as its input, a scale of 1 that serves any size."""

    op_type = "RMSNormalization"

    def rewrite(self, graph: ir.Graph, node: ir.Node) -> bool:
        scale = node.inputs[1]
        fill = scale.producer() if scale is not None else None
        if scale is None or fill is None or fill.op_type != "ConstantOfShape":
            return False
        value = fill.attributes.get_tensor("value")
        if value is None or float(value.numpy().reshape(-1)[0]) != 1.0:
            return False
        dtype = (scale.dtype or ir.DataType.FLOAT).numpy()
        node.replace_input_with(1, _constant(graph, "one", np.ones(1, dtype=dtype)))
        return True


class WholeMasks(_NodePass):
    """Gives Attention a mask with a row for each query where it has one for all, which ONNX Runtime does not take."""

    op_type = "Attention"

    def rewrite(self, graph: ir.Graph, node: ir.Node) -> bool:
        query, mask = node.inputs[0], node.inputs[3] if len(node.inputs) > 3 else None
        if query is None or mask is None or mask.shape is None or query.shape is None or len(query.shape) != 4:
            return False
        rank, rows = len(mask.shape), query.shape[2]
        if rank < 2 or mask.shape[rank - 2] != 1 or rows == 1:
            return False
        if isinstance(rows, int):
            sizes = _constant(graph, "rows", np.array([*[1] * (rank - 2), rows, 1], dtype=np.int64))
            made = []
        else:
            made = _sizes_with_rows(graph, query, rank)
            sizes = made[-1].outputs[0]
        expand = ir.Node("", "Expand", [mask, sizes])
        expand.outputs[0].type = mask.type
        expand.outputs[0].shape = ir.Shape([*mask.shape[: rank - 2], rows, mask.shape[rank - 1]])
        for new in (*made, expand):
            set_origin(new, origin_of(node))
        graph.insert_before(node, [*made, expand])
        node.replace_input_with(3, expand.outputs[0])
        return True


def _sizes_with_rows(graph: ir.Graph, query: ir.Value, rank: int) -> list[ir.Node]:
    """Return nodes, of which the last yields the sizes [1, …, rows, 1], with as many rows as *query* has."""
    one = _constant(graph, "ones", np.ones(1, dtype=np.int64))
    count = ir.Node("", "Shape", [query], [ir.AttrInt64("start", 2), ir.AttrInt64("end", 3)])
    together = ir.Node("", "Concat", [*[one] * (rank - 2), count.outputs[0], one], [ir.AttrInt64("axis", 0)])
    for node, length in ((count, 1), (together, rank)):
        node.outputs[0].shape, node.outputs[0].type = ir.Shape([length]), ir.TensorType(ir.DataType.INT64)
    return [count, together]


class SplitsForSlices(InPlacePass):
    """Replaces Slices of one module call, which together are all of a value along one axis, by one Split."""

    def call(self, model: ir.Model) -> PassResult:
        graph = model.graph
        slices: dict[tuple[ir.Value | None, int, str], list[tuple[int, int, ir.Node]]] = defaultdict(list)
        position = {node: number for number, node in enumerate(graph)}
        for node in position:
            found = _slice_of(node)
            if found is not None:
                axis, start, end = found
                slices[node.inputs[0], axis, origin_of(node).call].append((start, end, node))
        modified = False
        for (_, axis, _), parts in slices.items():
            parts.sort(key=lambda part: part[:2])
            if _are_whole(parts, axis):
                _replace_by_split(graph, parts, axis, min((node for _, _, node in parts), key=position.__getitem__))
                modified = True
        return PassResult(model, modified)


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


def _are_whole(parts: list[tuple[int, int, ir.Node]], axis: int) -> bool:
    """Return whether several slices, in order, are all of their value, and nothing of it twice."""
    source = parts[0][-1].inputs[0]  # it may be what a Split yields by now
    assert source is not None and source.shape is not None
    edges = [0, *(end for _, end, _ in parts)]
    return len(parts) > 1 and edges[-1] == source.shape[axis] and [start for start, _, _ in parts] == edges[:-1]


def _replace_by_split(graph: ir.Graph, parts: list[tuple[int, int, ir.Node]], axis: int, first: ir.Node) -> None:
    """Put a Split before *first*, the slice that stands first of *parts*, and remove them, in place."""
    sizes = np.array([end - start for start, end, _ in parts], dtype=np.int64)
    split = ir.Node(
        "",
        "Split",
        [parts[0][-1].inputs[0], _constant(graph, "split", sizes)],
        [ir.AttrInt64("axis", axis)],
        num_outputs=len(parts),
    )
    set_origin(split, NodeOrigin(origin_of(first).call, origin_of(first).op))
    graph.insert_before(first, split)
    for (_, _, node), output in zip(parts, split.outputs, strict=True):
        output.shape, output.type = node.outputs[0].shape, node.outputs[0].type
        node.outputs[0].replace_all_uses_with(output, replace_graph_outputs=True)
        graph.remove(node, safe=True)


def _constant(graph: ir.Graph, word: str, array: np.ndarray) -> ir.Value:
    """Return an initializer with this value: one for all who need it."""
    name = f"{word} {'x'.join(map(str, array.reshape(-1).tolist()))} {array.dtype}"
    if name not in graph.initializers:
        tensor = ir.tensor(array, name=name)
        value = ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
        graph.register_initializer(value)
    return graph.initializers[name]


_PASSES: dict[str, Callable[[], InPlacePass]] = {
    "constant shapes": ConstantShapes,
    "constant scales": ConstantScales,
    "masks with a row for each query": WholeMasks,
    "splits in the place of slices": SplitsForSlices,
}
SIMPLIFICATIONS = tuple(_PASSES)

__all__ = ["SIMPLIFICATIONS", "simplify"]
