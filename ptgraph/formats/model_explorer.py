"""Google's Model Explorer: every operation as a node, in layers that are the calls of modules.

The form is that of its ``GraphCollection``. Weights and constants that an operation reads are in its attributes.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from ptgraph.drawing.palettes import style
from ptgraph.formats.nested_names import namespaces
from ptgraph.formats.options import Options
from ptgraph.graph.labels import op_title, shape_text
from ptgraph.graph.model import ClassInfo, ModelGraph, Op
from ptgraph.graph.traversal import chains, results

_STORED = ("parameter", "buffer", "constant")  # no nodes, but attributes of the operations that read them
_CATEGORY = {"input": "Input", "output": "Output"}


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the graph as one file, ``model-explorer.json``. Reads no options."""
    text = json.dumps(collection(graph), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return {"model-explorer.json": [text.encode("utf-8", "backslashreplace")]}


def collection(graph: ModelGraph) -> dict[str, Any]:
    """Return what the file holds, JSON-plain. A module with one operation is that operation's node, and no layer."""
    layers = namespaces(graph)
    drawn = {name: op for name, op in graph.ops.nodes(data=True) if op["kind"] not in _STORED}
    above = chains(graph.calls)
    inside = Counter(call for op in drawn.values() for call in above.get(op["call"], ()))
    nodes = []
    for name, op in drawn.items():
        alone = [call for call in above.get(op["call"], ()) if inside[call] == 1 and call]
        names = layers.get(op["call"], ())
        parted = len(names) - len(alone)
        nodes.append(_node(graph, name, _path(names[:parted]), ".".join(names[parted:])))
    paths = {key: _path(layers[key]) for key in layers if inside[key] > 1 or not key}
    groups = {path: _layer(graph, graph.calls[key].component) for key, path in paths.items()}
    colours = _colours({path: group["category"] for path, group in groups.items() if path})
    shown = {"id": graph.name, "nodes": nodes, "groupNodeAttributes": groups, "groupNodeConfigs": colours}
    return {"label": graph.name, "graphs": [shown]}


def _path(names: Iterable[str]) -> str:
    r"""Return names of layers as one path, where ``\/`` is a slash within a name."""
    return "/".join(name.replace("\\", "∖").replace("/", "\\/") for name in names)


def _node(graph: ModelGraph, name: str, path: str, module: str) -> dict[str, Any]:
    """Return the node of an operation at *path*; it is all of the *module* of that name, if there is one."""
    op = graph.op(name)
    look = style(graph.component(op.scope).category if module else _CATEGORY.get(op.kind, ""))
    colours = {"backgroundColor": look.fill, "borderColor": look.border}
    return {
        "id": name,
        "label": module or (op_title(op.target) if op.kind == "op" else op.target),
        "namespace": path,
        "attrs": _pairs(_attributes(graph, name, op)),
        "incomingEdges": [
            {"sourceNodeId": source, "sourceNodeOutputId": str(output), "targetNodeInputId": str(slot)}
            for slot, source, output in sorted(_reads(graph, name))
        ],
        "outputsMetadata": [
            {"id": str(number), "attrs": _pairs({"tensor_shape": shape_text(shape), "dtype": dtype or ""})}
            for number, (shape, dtype) in results(graph.ops, name).items()
        ],
        **({"style": colours} if module or op.kind in _CATEGORY else {}),
    }


def _reads(graph: ModelGraph, name: str) -> Iterable[tuple[int, str, int]]:
    """Yield slot, source and number of the source's result of all that an operation reads from nodes."""
    for source, _, edge in graph.ops.in_edges(name, data=True):
        if graph.ops.nodes[source]["kind"] not in _STORED:
            yield from ((slot, source, output) for slot, output in zip(edge["slots"], edge["outputs"], strict=True))


def _attributes(graph: ModelGraph, name: str, op: Op) -> dict[str, str]:
    found: dict[str, str] = {"kind": op.kind}
    if op.kind == "op":
        module = graph.component(op.scope)
        found = {"operator": op.target, "module": op.scope, "class": module.type, "category": module.category}
    for source in graph.ops.predecessors(name):
        stored = graph.op(source)
        if stored.kind in _STORED:
            key = stored.target.removeprefix(f"{op.scope}.") if op.scope else stored.target
            found[key] = f"{stored.kind} {stored.target}, {stored.dtype} {shape_text(stored.shape)}"
    found |= {key: _text(value) for key, value in op.attributes.items()}
    return found | _numbers(op.params, op.flops, op.activation_bytes) | _source(op.file, op.line)


def _layer(graph: ModelGraph, path: str) -> dict[str, str]:
    """Return the attributes of a module, for the side panel."""
    module = graph.component(path)
    code: ClassInfo = graph.classes[module.type]
    found = ({"path": path} if path else {}) | {"class": module.type, "category": module.category}
    found |= _numbers(module.total_params, module.flops, module.activation_bytes)
    found |= {"output": f"{module.dtype} {shape_text(module.shape)}"} if module.shape is not None else {}
    return found | {key: _text(value) for key, value in module.settings.items()} | _source(code.file, code.line)


def _numbers(params: int, flops: int, activation_bytes: int) -> dict[str, str]:
    counts = {"parameters": params, "FLOPs": flops, "activation bytes": activation_bytes}
    return {key: f"{count:,}" for key, count in counts.items() if count}


def _source(file: str | None, line: int | None) -> dict[str, str]:
    return {"source": f"{file}:{line}"} if file else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items() if value]


def _colours(categories: dict[str, str]) -> list[dict[str, str]]:
    """Return rules of colours for layers, from path → category. Of the rules that match a path, the first counts.

    Paths that differ in numbers alone are one pattern, if they have one category.
    """
    alike: dict[str, list[str]] = defaultdict(list)
    for path in categories:
        alike[re.sub(r"\d+", "0", path)].append(path)
    patterns: dict[bool, dict[str, list[str]]] = {exact: defaultdict(list) for exact in (True, False)}
    for paths in alike.values():
        exact = len({categories[path] for path in paths}) > 1
        for path in paths if exact else paths[:1]:
            literal = re.escape(path.replace("\\/", "/"))
            patterns[exact][categories[path]].append(literal if exact else re.sub(r"\d+", r"\\d+", literal))
    return [
        {
            "namespaceRegex": f"^({'|'.join(found)})$",
            "backgroundColor": style(category).fill,
            "borderColor": style(category).border,
        }
        for exact in (True, False)
        for category, found in patterns[exact].items()
    ]


__all__ = ["collection", "render"]
