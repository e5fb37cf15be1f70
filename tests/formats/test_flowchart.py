"""What languages for diagrams are told: every box once, arrows between what shows, and words that were asked for."""

from __future__ import annotations

import pytest

from ptgraph.figure.options import FigureOptions
from ptgraph.formats.flowchart import box_lines, chart
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from tests.support.zoo import graph_of


@pytest.mark.parametrize("depth", [None, 1, 9])
def test_arrows_lead_from_what_shows_to_what_shows(depth: int | None) -> None:
    for name in ("transformer", "reuse", "names", "hostile", "constant"):
        made = chart(graph_of(name), Options(depth=depth))
        shown = list(made.inside(made.root))
        closed = set(shown) - made.frames
        stubs = {stub for inside in made.stubs.values() for stub, _ in inside}
        assert len(shown) == len(set(shown))
        assert made.frames <= set(shown)
        assert {arrow.target for arrow in made.arrows} <= closed
        assert {arrow.source for arrow in made.arrows} <= closed | stubs
        assert {arrow.source for arrow in made.arrows if arrow.shared} == stubs
        assert len(set(made.identifiers().values())) == len(shown) + len(stubs)


def test_boxes_say_what_was_asked_for(tiny: ModelGraph) -> None:
    made = chart(tiny, Options(depth=1))
    boxes = {box.title: box for box in map(made.boxes.__getitem__, made.inside(made.root))}
    assert box_lines(tiny, boxes["layers.0–11"], ("params",)) == ["layers.0–11 ×12", "TransformerBlock · 33.8M in all"]
    assert box_lines(tiny, boxes["head"], ("flops", "dtype")) == ["head", "Linear · 1.65G FLOPs · float32"]
    assert box_lines(tiny, boxes["input_ids"], ("shapes", "dtype")) == ["input_ids", "int64 2×16"]
    assert box_lines(tiny, boxes["input_ids"], ()) == ["input_ids"]
    plain = chart(tiny, Options(depth=1, figure=FigureOptions(show=())))
    assert {arrow.label for arrow in plain.arrows} == {""}
    assert "2×16×512" in {arrow.label for arrow in made.arrows}
