"""The numbers of an ONNX file's nodes, as a sidecar that Netron shows together with what the file itself says.

Netron reads it when it is opened after the model. It finds a node by its name, and shows a value as it stands, so a
number is text with commas. A node of a function that several modules share has the numbers of one run. What is zero
or unknown is left out.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import onnx_ir as ir

from .flops import example_size
from .graph import ModelGraph
from .translation import place_of

# Where an operation became several nodes, its FLOPs are those of the nodes that multiply.
_MULTIPLY = {"Attention", "Conv", "ConvTranspose", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN"}

Entry = dict[str, str]


def attachment(model: ir.Model, graph: ModelGraph) -> bytes:
    """Return the sidecar of *model*, which is *graph* as ONNX, its nodes named."""
    levels = [list(model.graph), *map(list, model.functions.values())]
    calls = _calls(model, levels)
    fixed = _fixed(model, graph, levels, calls)
    sizes = _example_sizes(graph)
    root = graph.component("")
    metrics = _entries("model", "", {"parameters": root.total_params, "FLOPs": root.flops})
    for nodes in levels:
        flops = _flops(nodes, graph)
        for node in nodes:
            parameters = sum(fixed.get(value, 0) for value in dict.fromkeys(_inputs(node)))
            yields = [value for value in node.outputs if value not in fixed]
            numbers = {"parameters": parameters, "FLOPs": flops[node], "activation bytes": _bytes(yields, sizes)}
            metrics += _entries("node", node.name or "", numbers)
    return _text(_of_functions(calls, graph), metrics)


def _of_functions(calls: dict[ir.Function, ir.Node], graph: ModelGraph) -> list[Entry]:
    """Return what one run of each function has, by its name where it is the only one of that name.

    This is metadata, since Netron has but one set of metrics for all graphs of a file.
    """
    names = Counter([graph.name, *(function.name for function in calls)])
    entries: list[Entry] = []
    for function, call in calls.items():
        if names[function.name] == 1:
            parameters, flops = (int(call.metadata_props[f"ptgraph.{word}"]) for word in ("parameters", "flops"))
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
    return f'{{\n "signature": "netron:attachment",\n{body}\n}}\n'.encode()


def _calls(model: ir.Model, levels: Sequence[Sequence[ir.Node]]) -> dict[ir.Function, ir.Node]:
    """Return for each function the first node that calls it."""
    calls: dict[ir.Function, ir.Node] = {}
    for node in (node for nodes in levels for node in nodes):
        function = model.functions.get(node.op_identifier())
        if function is not None:
            calls.setdefault(function, node)
    return calls


def _fixed(
    model: ir.Model, graph: ModelGraph, levels: Sequence[Sequence[ir.Node]], calls: dict[ir.Function, ir.Node]
) -> dict[ir.Value | None, int]:
    """Return the values that the inputs of the model do not change, each with the elements of the parameter it is."""
    counts = {parameter.name: parameter.count for parameter in graph.parameters if parameter.kind == "parameter"}
    fixed: dict[ir.Value | None, int] = {value: counts.get(name, 0) for name, value in model.graph.initializers.items()}
    fixed[None] = 0  # an optional input that is not given
    # Callers come before what they call.
    for node in (node for nodes in levels for node in nodes):
        function = model.functions.get(node.op_identifier())
        if function is not None and calls[function] is node:
            given = zip(function.inputs, node.inputs, strict=True)
            fixed.update({formal: fixed[actual] for formal, actual in given if actual in fixed})
        if all(value in fixed for value in _inputs(node)):
            fixed.update(dict.fromkeys(node.outputs, 0))
    return fixed


def _inputs(node: ir.Node) -> Iterator[ir.Value | None]:
    """Yield what *node* reads, the bodies of a branch or loop included."""
    yield from node.inputs
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            for inner in attribute.as_graph().all_nodes():
                yield from inner.inputs


def _flops(nodes: Sequence[ir.Node], graph: ModelGraph) -> Counter[ir.Node]:
    """Return the FLOPs of each node, so that they add up to those of the operations that *nodes* were made of."""
    flops: Counter[ir.Node] = Counter()
    parts: dict[str, list[ir.Node]] = defaultdict(list)
    for node in nodes:
        operation = place_of(node).op
        if operation is None:
            flops[node] = int(node.metadata_props.get("ptgraph.flops", 0))
        else:
            parts[operation].append(node)
    for operation, made in parts.items():
        workers = [node for node in made if node.op_type in _MULTIPLY] or made
        for node in workers:
            flops[node] = graph.ops.nodes[operation]["flops"] // len(workers)
    return flops


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
