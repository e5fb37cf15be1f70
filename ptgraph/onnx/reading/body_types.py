"""Branches and loops for the shape inference of ONNX: their bodies are in the flat graph already.

A node with bodies gets bodies that yield the values of the flat graph, so ONNX joins the types of branches and adds the
dimension of a scan. The state of a loop has what its first value and the value after a turn have in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import onnx
from onnx import AttributeProto, TensorProto, helper

from ptgraph.onnx.reading.flat_graph import Flat, Node


def of_bodies(node: Node) -> Iterator[onnx.NodeProto]:
    """Yield nodes with the types of the results of *node*, which has bodies; none if they do not fit its operator."""
    own = len(node.proto.input)
    read, yielded = node.inputs[:own], node.inputs[own:]
    operator = node.proto.op_type
    if operator == "If" and len(yielded) == 2 * len(node.outputs):
        yield _joined(read[0], yielded[: len(node.outputs)], yielded[len(node.outputs) :], node.outputs)
    elif operator == "Loop" and len(yielded) > len(read) - 2:
        count = len(read) - 2
        states = [i for i, name in enumerate(node.outputs[:count]) if name]
        if states:
            keep = yielded[0]
            first, last = [read[2 + i] for i in states], [yielded[1 + i] for i in states]
            yield _joined(keep, first, last, [node.outputs[i] for i in states])
        scanned = list(zip(node.outputs[count:], yielded[1 + count :], strict=False))
        if scanned:
            given = [_info("turn", TensorProto.INT64), _info("keep", TensorProto.BOOL)]
            body = _body(["keep", *(value for _, value in scanned)], given)
            yield helper.make_node("Loop", [read[0], ""], [name for name, _ in scanned], body=body)
    elif operator == "Scan" and "num_scan_inputs" in node.attributes:
        body = _body(yielded, [onnx.ValueInfoProto(name=f"given {i}") for i in range(len(read))])
        scan = helper.make_node("Scan", read, node.outputs, body=body)
        scan.attribute.extend(a for a in node.attributes.values() if a.type != AttributeProto.GRAPH)
        yield scan


def slices(flat: Flat, values: Iterable[str]) -> Iterator[tuple[str, onnx.NodeProto]]:
    """Yield those of *values* that a scan slices from others, each with a node that has the type of the slice."""
    for value in values:
        if value in flat.slices:
            index = f"{value}: turn"
            yield index, helper.make_node("Gather", [flat.slices[value], index], [value], axis=flat.slice_axes[value])


def _joined(condition: str, first: Sequence[str], second: Sequence[str], results: Sequence[str]) -> onnx.NodeProto:
    return helper.make_node("If", [condition], [*results], then_branch=_body(first, []), else_branch=_body(second, []))


def _body(values: Sequence[str], given: Sequence[onnx.ValueInfoProto]) -> onnx.GraphProto:
    results = [f"result {number}" for number, _ in enumerate(values)]
    nodes = [helper.make_node("Identity", [value], [name]) for value, name in zip(values, results, strict=True)]
    return helper.make_graph(nodes, "body", given, [onnx.ValueInfoProto(name=name) for name in results])


def _info(name: str, code: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, code, [])


__all__ = ["of_bodies", "slices"]
