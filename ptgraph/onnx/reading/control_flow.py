"""Branches and loops: the inputs that a scan slices, and the FLOPs of the operations in bodies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import networkx as nx
import onnx

from ptgraph.graph.model import Call
from ptgraph.onnx.reading.uncounted import BRANCHES, LOOP

_CONTROL = ("onnx.If", "onnx.Loop")
_BODIES = ("onnx.If.", "onnx.Loop.", "onnx.Scan.")


def sliced(node: onnx.NodeProto, count: int) -> dict[int, int]:
    """Return which of the *count* inputs of its body a scan slices, each with the dimension that it goes along."""
    if node.op_type != "Scan":
        return {}
    found = {attribute.name: attribute for attribute in node.attribute}
    number = found["num_scan_inputs"].i if "num_scan_inputs" in found else 0
    first = count - max(0, min(number, count))
    along = [*found["scan_input_axes"].ints] if "scan_input_axes" in found else [0] * (count - first)
    return dict(enumerate(along, first))


def weigh(ops: nx.DiGraph[str], calls: Mapping[str, Call], types: Mapping[str, str], steps: Mapping[str, int]) -> None:
    """Correct the FLOPs of *ops*, in place: of the branches of a condition only the dearest counts, and the body of a
    scan counts once for each of its *steps*. A loop counts once, since nobody knows how often it runs. Conditions and
    loops say so, if it makes a difference.
    """
    bodies = {key: types[call.component] for key, call in calls.items() if call.parent is not None}
    bodies = {key: type_.split(".")[1] for key, type_ in bodies.items() if type_.startswith(_BODIES)}
    if not bodies:
        return
    sums: dict[str, int] = defaultdict(int)
    for op in ops.nodes.values():
        sums[op["call"]] += op["flops"]
    factors, reasons = _factors(sums, calls, bodies, steps)
    whole: dict[str | None, int] = {None: 1}
    for key, call in calls.items():
        whole[key] = whole[call.parent] * factors.get(key, 1)
    for op in ops.nodes.values():
        op["flops"] *= whole[op["call"]]
        if op["target"] in _CONTROL:
            op["uncounted"] = reasons.get(op["call"], "") or op["uncounted"]


def _factors(
    sums: dict[str, int], calls: Mapping[str, Call], bodies: Mapping[str, str], steps: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, str]]:
    """Return how often the FLOPs of calls count, where that is not once, and why those of calls are not known.

    *sums* are the FLOPs of each call's own operations; those of the calls in it are added, in place. *bodies* maps the
    calls that are bodies to the operator.
    """
    factors: dict[str, int] = {}
    dearest: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for key, call in reversed([*calls.items()]):  # a call stands after the one that made it
        parent = call.parent
        if parent is None:
            continue
        if bodies.get(key) == "If":
            best = dearest.setdefault(parent, key)
            if sums[key] != sums[best]:
                reasons[parent] = BRANCHES
            if best != key and sums[key] >= sums[best]:
                sums[parent] -= sums[best]
                factors[best], dearest[parent] = 0, key
            elif best != key:
                factors[key] = 0
                continue
        elif bodies.get(key) == "Scan":
            factors[key] = steps.get(parent, 1)
        elif key in bodies and sums[key]:
            reasons[parent] = LOOP
        sums[parent] += sums[key] * factors.get(key, 1)
    return factors, reasons


__all__ = ["sliced", "weigh"]
