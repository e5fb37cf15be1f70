"""Which initializers of an ONNX file are parameters, what they are called, and which module holds them.

Three sources, from the best: the module tree in a file of ptgraph, the signature of the program in a file of
``torch.onnx.export``, and in any other file the operators that read an initializer.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from ptgraph.onnx.metadata import GRAPH_SIGNATURE, MODEL, TREE, metadata_of
from ptgraph.onnx.reading.flat_graph import Flat
from ptgraph.onnx.reading.model_info import ModelInfo
from ptgraph.onnx.reading.parameters.by_use import by_use
from ptgraph.onnx.reading.parameters.initializers import Initializer
from ptgraph.onnx.reading.parameters.of_ptgraph import of_ptgraph
from ptgraph.onnx.reading.parameters.of_torch import of_torch


def model_info(model: onnx.ModelProto, flat: Flat, initializers: Mapping[str, Initializer]) -> ModelInfo:
    """Return what *model* says of its parameters and modules. Raises Contradiction if it is not what ptgraph writes."""
    metadata = metadata_of(model)
    signature = _signature(model)
    if TREE in metadata or metadata.get(MODEL):
        return of_ptgraph(model, flat, initializers)
    if signature:
        return of_torch(model, flat, initializers, signature)
    return by_use(flat, initializers)


def says_parameters(model: onnx.ModelProto) -> bool:
    """Return whether *model* says itself which of its initializers are parameters."""
    metadata = metadata_of(model)
    return TREE in metadata or bool(metadata.get(MODEL) or _signature(model))


def _signature(model: onnx.ModelProto) -> str:
    return metadata_of(model.graph).get(GRAPH_SIGNATURE) or metadata_of(model).get(GRAPH_SIGNATURE, "")


__all__ = ["model_info", "says_parameters"]
