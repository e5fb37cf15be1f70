"""Branches and loops: the inputs that a scan slices, and the FLOPs of the operations in bodies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import networkx as nx
import onnx

from ptgraph.graph.model import Call


def sliced(node: onnx.NodeProto, count: int) -> dict[int, int]:
    """Return which of the *count* inputs of its body a scan slices, each with the dimension that it goes along."""
    if node.op_type != "Scan":
        return {}
    found = {attribute.name: attribute for attribute in node.attribute}
    first = count - (found["num_scan_inputs"].i if "num_scan_inputs" in found else 0)
    along = [*found["scan_input_axes"].ints] if "scan_input_axes" in found else [0] * (count - first)
    return dict(enumerate(along, first))


def weigh(ops: nx.DiGraph[str], calls: Mapping[str, Call], types: Mapping[str, str], steps: Mapping[str, int]) -> None:
    """Correct the FLOPs of *ops*, in place: of the branches of a condition only the dearest counts, and the body of a
    scan counts once for each of its *steps*. A loop counts once, since nobody knows how often it runs.
    """
    bodies = {key: types[call.component] for key, call in calls.items() if call.parent is not None}
    bodies = {key: type_ for key, type_ in bodies.items() if type_.startswith(("onnx.If.", "onnx.Scan."))}
    if not bodies:
        return
    sums: dict[str, int] = defaultdict(int)
    for op in ops.nodes.values():
        sums[op["call"]] += op["flops"]
    factors: dict[str, int] = {}
    dearest: dict[str, str] = {}
    for key, call in reversed([*calls.items()]):  # a call stands after the one that made it
        parent = call.parent
        if parent is None:
            continue
        if bodies.get(key, "").startswith("onnx.If."):
            best = dearest.setdefault(parent, key)
            if best != key and sums[key] >= sums[best]:
                sums[parent] -= sums[best]
                factors[best], dearest[parent] = 0, key
            elif best != key:
                factors[key] = 0
                continue
        elif key in bodies:
            factors[key] = steps.get(parent, 1)
        sums[parent] += sums[key] * factors.get(key, 1)
    whole: dict[str | None, int] = {None: 1}
    for key, call in calls.items():
        whole[key] = whole[call.parent] * factors.get(key, 1)
    for op in ops.nodes.values():
        op["flops"] *= whole[op["call"]]


__all__ = ["sliced", "weigh"]
