"""Capture → ModelGraph: every operation and component with its metadata, parameter counts and FLOPs."""

from __future__ import annotations

from .blocks import block_ids
from .components import components, config_of, parameters, tensors_of
from .graph import ModelGraph
from .reader import Reader
from .tracer import Capture


def build(capture: Capture) -> ModelGraph:
    """Return the graph of a traced model. Nothing of *capture* is changed."""
    tensors = tensors_of(capture)
    reader = Reader(capture, {name: held.first for name, held in tensors.items()})
    reader.read(capture.graph, "")
    reader.finish()
    tree, classes = components(capture, reader.ops, reader.calls, reader.types, tensors)
    graph = ModelGraph(
        name=capture.name,
        ops=reader.ops,
        components=tree,
        calls=reader.calls,
        parameters=parameters(tensors, reader.ops),
        classes=dict(sorted(classes.items())),
        tracer=capture.tracer,
        attempts=capture.attempts,
        config=config_of(capture.model),
        dimensions=capture.dimensions,
        program=capture.program,
    )
    blocks = block_ids(graph)
    for call, block in blocks.items():
        node = tree.nodes[graph.calls[call].component]
        node["block"] = node["block"] or block
    return graph


__all__ = ["build"]
