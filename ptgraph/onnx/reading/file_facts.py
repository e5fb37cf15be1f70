"""File facts: what an ONNX file says of itself, its nodes and its tensors, beyond what is computed from it."""

from __future__ import annotations

from typing import Any

import onnx

from ptgraph.onnx.metadata import is_known, metadata_of
from ptgraph.onnx.reading.flat_graph import Flat


def file_facts(model: onnx.ModelProto, flat: Flat) -> dict[str, Any]:
    """Return the facts, JSON-plain: of the ``model``, and by name those of ``ops`` and ``parameters``.

    A node has its name in the file as ``node``, and those of its results as ``outputs``. Each may have a ``doc`` and
    ``metadata``. What the file does not say is left out.
    """
    graph = model.graph
    producer = f"{model.producer_name} {model.producer_version}".strip()
    about = {
        "ir_version": model.ir_version,
        "opsets": {opset.domain or "ai.onnx": opset.version for opset in model.opset_import},
        "producer": producer,
        "domain": model.domain,
        "version": model.model_version,
        "graph": graph.name,
        "graph_doc": graph.doc_string,
    }
    ops = {value.name.strip("/"): _said(value) for value in (*graph.input, *graph.output)}
    for node in flat.nodes:
        outputs = [output for output in node.proto.output if output]
        ops[node.name.strip("/")] = {"node": node.proto.name, "outputs": outputs, **_said(node.proto)}
    found = {
        "model": about | _said(model),
        "ops": _without_empty(ops),
        "parameters": {tensor.name: _said(tensor) for tensor in graph.initializer},
    }
    return {kind: _without_empty(said) for kind, said in found.items()}


def _said(item: Any) -> dict[str, Any]:
    """Return the doc string and the metadata of a message."""
    metadata = {key: value for key, value in metadata_of(item).items() if not is_known(key)}
    return _without_empty({"doc": item.doc_string, "metadata": metadata})


def _without_empty(found: dict[str, Any]) -> dict[str, Any]:
    kept = {name: _without_empty(value) if isinstance(value, dict) else value for name, value in found.items()}
    return {name: value for name, value in kept.items() if value or value is False}


__all__ = ["file_facts"]
