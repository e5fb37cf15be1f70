"""On the page, many outputs of one box are in a box that opens."""

from __future__ import annotations

import torch

from ptgraph import trace
from ptgraph.graph.view.build import view
from ptgraph.page.document import MOST_AT_FIRST, diagram
from ptgraph.page.output_groups import with_output_groups
from tests.support.many_outputs import Decoder


def test_outputs_of_one_box_are_in_a_box_that_opens() -> None:
    graph = trace(Decoder().eval(), torch.zeros(1, 3, dtype=torch.int64))
    plain = view(graph)
    grouped = with_output_groups(plain, plain.opened(None, MOST_AT_FIRST))
    groups = {box.title: box for box in grouped.boxes.values() if box.kind == "group"}
    assert {title: len(box.parts) for title, box in groups.items()} == {"cache ×12": 12, "states ×6": 6}
    assert grouped.links == plain.links
    inside = {part for box in groups.values() for part in box.parts}
    assert set(grouped.boxes[grouped.root].parts) == {*plain.boxes[plain.root].parts} - inside | {
        box.id for box in groups.values()
    }
    order = list(grouped.boxes)
    assert all(order.index(box.id) < order.index(part) for box in groups.values() for part in box.parts)
    found = diagram(graph, grouped)
    assert found["opened"] == ["/"]
    drawn = {(source, target) for source, target, *_ in found["scopes"]["/"]["links"]}
    assert {target for _, target in drawn} >= inside


def test_a_few_outputs_are_boxes_of_their_own() -> None:
    plain = view(trace(Decoder(layers=1).eval(), torch.zeros(1, 3, dtype=torch.int64)))
    outputs = [box for box in plain.boxes.values() if box.kind == "output"]
    assert len(outputs) == 4  # of two boxes
    assert with_output_groups(plain, plain.opened(None, MOST_AT_FIRST)) is plain
