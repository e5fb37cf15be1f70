"""The same graph for every viewer: ``python -m benchmarks.viewer_inputs MODEL FOLDER FORMAT…``.

MODEL is a preset, the folder of a config, or ``synthetic``. FORMAT is ``html`` (ptgraph's page), ``onnx`` (as ptgraph
writes it), ``flat.onnx`` (a node an operation), ``model-explorer.json`` or ``pyvis.html``. Writes FOLDER/graph.FORMAT
and prints figures as JSON: operations, and of ptgraph's page the size and the seconds from the graph to the file.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import ptgraph
from ptgraph.formats.options import Options
from ptgraph.formats.registry import FORMATS
from ptgraph.graph.labels import op_title
from ptgraph.graph.model import ModelGraph

from .synthetic_graph import synthetic_graph

DRAWN = ("input", "op", "output")  # weights are no nodes here: every viewer gets what ptgraph's page has boxes for


def page(graph: ModelGraph) -> Iterable[bytes]:
    """Return ptgraph's page."""
    return FORMATS["html"].render(graph, Options())["html"]


def onnx(graph: ModelGraph) -> Iterable[bytes]:
    """Return the ONNX file of ptgraph, whose modules are functions."""
    return FORMATS["onnx"].render(graph, Options())["onnx"]


def flat_onnx(graph: ModelGraph) -> Iterable[bytes]:
    """Return an ONNX file with a node for each operation, as other tools write it; it shows and does not run."""
    from onnx import TensorProto, helper

    unknown = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in graph.ops]
    values = dict(zip(graph.ops, unknown, strict=True))
    nodes = [
        helper.make_node(op_title(op["target"]), _reads(graph, name), [name], name, domain="torch")
        for name, op in graph.ops.nodes(data=True)
        if op["kind"] == "op"
    ]
    ends = [source for name in graph.of_kind("output") for source in _reads(graph, name)]
    inputs = [values[name] for name in graph.of_kind("input")]
    made = helper.make_graph(nodes, graph.name, inputs, [values[name] for name in dict.fromkeys(ends)])
    domains = [helper.make_opsetid("", 18), helper.make_opsetid("torch", 1)]
    yield helper.make_model(made, opset_imports=domains).SerializeToString()


def model_explorer(graph: ModelGraph) -> Iterable[bytes]:
    """Return ptgraph's file for Model Explorer; its layers are the runs of modules, nested as in ptgraph's page."""
    return FORMATS["model-explorer"].render(graph, Options())["model-explorer.json"]


def pyvis(graph: ModelGraph) -> Iterable[bytes]:
    """Return what pyvis makes of it by itself: all operations, and physics to place them."""
    from pyvis.network import Network

    network = Network(height="850px", width="100%", directed=True, cdn_resources="in_line")
    drawn = {name: op_title(op["target"]) for name, op in _drawn(graph)}  # given at once: add_node() is quadratic
    network.nodes = [{"id": name, "label": label, "shape": "box"} for name, label in drawn.items()]
    network.edges = [{"from": s, "to": t, "arrows": "to"} for s, t in graph.ops.edges if s in drawn and t in drawn]
    yield network.generate_html().encode()


def _drawn(graph: ModelGraph) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((name, op) for name, op in graph.ops.nodes(data=True) if op["kind"] in DRAWN)


def _reads(graph: ModelGraph, name: str) -> list[str]:
    return [source for source in graph.ops.predecessors(name) if graph.ops.nodes[source]["kind"] in DRAWN]


VIEWER_FORMATS: dict[str, Callable[[ModelGraph], Iterable[bytes]]] = {
    "html": page,
    "onnx": onnx,
    "flat.onnx": flat_onnx,
    "model-explorer.json": model_explorer,
    "pyvis.html": pyvis,
}


def main(model: str, folder: str, *formats: str) -> None:
    """Write the files, and print the figures."""
    graph = synthetic_graph() if model == "synthetic" else ptgraph.trace(ptgraph.load_target(model))
    figures: dict[str, float] = {"operations": len(graph.of_kind("op"))}
    for format in formats:
        path = Path(folder) / f"graph.{format}"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        path.write_bytes(b"".join(VIEWER_FORMATS[format](graph)))
        if format == "html":
            figures |= {"written": time.perf_counter() - start, "megabytes": path.stat().st_size / 1e6}
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
