"""ONNX: the model as Netron and a runtime open it, with the numbers that Netron shows beside it."""

from __future__ import annotations

from collections.abc import Iterable

from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.writing.model import onnx_files


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the model as ``onnx``, its numbers as ``netron.json``, and external weights as ``onnx.data``.

    Reads ``weights``, ``structure`` and ``opset``.
    Raises ExportError if the model has no ONNX (see `ptgraph.onnx.writing.model.onnx_files`).
    """
    return onnx_files(graph, options.onnx)


__all__ = ["render"]
