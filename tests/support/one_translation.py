"""Sharing a translation to ONNX, which takes most of an export's time, between files of one graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.writing.translate import Translated, translate


@contextmanager
def translated_once() -> Iterator[None]:
    """Translate each graph once for each opset: its further files are made of copies of the flat ONNX.

    For tests of what is done with the flat ONNX: local functions, names, numbers, files.
    """
    kept: dict[tuple[int, int, bool], tuple[ModelGraph, Translated]] = {}  # the graph, so that its id stays its own

    def once(graph: ModelGraph, opset: int, *, fold: bool = True) -> Translated:
        key = id(graph), opset, fold
        if key not in kept:
            kept[key] = graph, translate(graph, opset, fold=fold)
        model, weights = kept[key][1]
        return Translated(model.clone(), dict(weights))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ptgraph.onnx.writing.model.translate", once)
        yield
