"""The text of boxes."""

from __future__ import annotations

from pathlib import Path

import onnx

from ptgraph.drawing.shapes import Text
from ptgraph.figure.compose import figure
from ptgraph.loading.target import load
from ptgraph.tracing.build_graph import graph_of

SEQUENCE = """
<ir_version: 8, opset_import: ["" : 17]>
made (float[N, 8] x) => (seq(float[N, 8]) values) { values = SequenceConstruct(x, x) }
"""


def test_an_output_that_has_no_shape_says_its_whole_type(tmp_path: Path) -> None:
    file = tmp_path / "sequence.onnx"
    onnx.save(onnx.parser.parse_model(SEQUENCE), file)
    drawing = figure(graph_of(load(str(file))))
    texts = [mark.text for item in drawing.items for mark in item.marks if isinstance(mark, Text)]
    assert "sequence of N×8 float32" in texts
