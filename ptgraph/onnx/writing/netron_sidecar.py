"""The sidecar of an ONNX file for Netron: parameters, FLOPs and activation bytes of its nodes.

Netron reads it when it is opened after the model. It finds a node by its name, and shows a value as it stands, so a
number is text with commas. A node of a function that several modules share has the numbers of one of them. What is zero
or unknown is left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import onnx_ir as ir

from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.writing.node_costs import Counts
from ptgraph.tracing.fx_graph.node import example_size

Entry = dict[str, str]


def attachment(graph: ModelGraph, counts: Counts) -> bytes:
    """Return the sidecar of the model whose nodes, which have names, are those of *counts*: it is *graph* as ONNX."""
    sizes = _example_sizes(graph)
    root = graph.component("")
    metrics = _entries("model", "", {"parameters": root.total_params, "FLOPs": root.flops})
    for node, (parameters, flops) in counts.nodes.items():
        yields = [value for value in node.outputs if value not in counts.fixed]
        numbers = {"parameters": parameters, "FLOPs": flops, "activation bytes": _bytes(yields, sizes)}
        metrics += _entries("node", node.name or "", numbers)
    return _text(_of_functions(graph, counts), metrics)


def _of_functions(graph: ModelGraph, counts: Counts) -> list[Entry]:
    """Return what one call of each function has, by its name if it is the only one of that name.

    This is metadata, since Netron has but one set of metrics for all graphs of a file.
    """
    names = Counter([graph.name, *(function.name for function in counts.calls)])
    entries: list[Entry] = []
    for function, call in counts.calls.items():
        if names[function.name] == 1:
            parameters, flops = counts.nodes[call]
            entries += _entries("graph", function.name, {"run parameters": parameters, "run FLOPs": flops})
    return entries


def _entries(kind: str, target: str, numbers: dict[str, int]) -> list[Entry]:
    return [
        {"kind": kind, "target": target, "name": name, "value": f"{number:,}"}
        for name, number in numbers.items()
        if number
    ]


def _text(metadata: list[Entry], metrics: list[Entry]) -> bytes:
    """Return the file: JSON with an entry on each line."""
    lists = {
        name: ",".join(f"\n  {json.dumps(entry, ensure_ascii=False)}" for entry in entries)
        for name, entries in (("metadata", metadata), ("metrics", metrics))
    }
    body = ",\n".join(f' "{name}": [{lines}\n ]' for name, lines in lists.items())
    return f'{{\n "signature": "netron:attachment",\n{body}\n}}\n'.encode("utf-8", "backslashreplace")


def _bytes(values: Sequence[ir.Value], sizes: dict[str, int]) -> int:
    """Return the size of those of *values* that something reads, or 0 where it cannot be known."""
    known = [_size(value, sizes) for value in values if value.is_graph_output() or value.uses()]
    return 0 if None in known else sum(size or 0 for size in known)


def _size(value: ir.Value, sizes: dict[str, int]) -> int | None:
    if value.shape is None or not isinstance(value.type, ir.TensorType) or value.type.dtype == ir.DataType.STRING:
        return None
    bits = value.type.dtype.bitwidth
    for dimension in value.shape:
        size = dimension if isinstance(dimension, int) else _evaluate(dimension, sizes)
        if size is None:
            return None
        bits *= size
    return -(-bits // 8)


def _evaluate(dimension: ir.SymbolicDim, sizes: dict[str, int]) -> int | None:
    """Return a dimension that may vary as it is in the example."""
    name = str(dimension)
    if name not in sizes:
        try:
            size = dimension.evaluate(sizes)
        except ValueError:  # a function that onnx_ir does not know
            return None
        if not isinstance(size, int):
            return None
        sizes[name] = size
    return sizes[name]


def _example_sizes(graph: ModelGraph) -> dict[str, int]:
    """Return the size that each dimension with a name has in the example inputs."""
    inputs = [node.meta.get("val") for node in graph.program.graph.nodes if node.op == "placeholder"]
    dimensions = [size for value in inputs for size in getattr(value, "shape", ()) if not isinstance(size, int)]
    return {graph.dimensions.get(str(size), str(size)): example_size(size) for size in dimensions}


__all__ = ["attachment"]
