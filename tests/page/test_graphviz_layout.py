"""Where boxes stand on the page: what is too much for Graphviz is laid out in layers, and Graphviz ends by itself."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest

from ptgraph.errors import ExportError
from ptgraph.page import graphviz_layout as layout
from ptgraph.page.layered_layout import BELOW, Layers
from tests.conftest import ROOT

Edges = list[tuple[int, int]]


def dense(layers: int) -> tuple[int, Edges]:
    """Each layer is a concatenation of all before it, and three operations."""
    edges: Edges = []
    ends, count = [0], 1
    for _ in range(layers):
        edges += [(end, count) for end in ends] + [(count + k, count + k + 1) for k in range(3)]
        count += 4
        ends.append(count - 1)
    return count, edges


def chain(count: int, skips: int) -> tuple[int, Edges]:
    """A chain with edges that skip a random part of it."""
    chance = random.Random(0)
    pairs = [sorted(chance.sample(range(count), 2)) for _ in range(skips)]
    return count, [*pairwise(range(count)), *((a, b) for a, b in pairs)]


def unet(depth: int) -> tuple[int, Edges]:
    """A chain whose k-th part from the start goes to the k-th from the end."""
    return 6 * depth, [*pairwise(range(6 * depth)), *((3 * k, 6 * depth - 3 * k - 1) for k in range(depth))]


def ladder(rungs: int) -> tuple[int, Edges]:
    """Two rails with rungs, and every step of one read at the end."""
    steps = range(0, 2 * rungs - 2, 2)
    rails = [(k, k + 2) for k in steps] + [(k + 1, k + 3) for k in steps] + [(k, k + 3) for k in steps]
    return 2 * rungs + 1, rails + [(k, 2 * rungs) for k in steps]


def wide(count: int) -> tuple[int, Edges]:
    """Everything in one row is read by everything in the next."""
    return 2 * count, [(a, count + b) for a in range(count) for b in range(count)]


def circle(count: int) -> tuple[int, Edges]:
    """A chain of closed boxes, the last of which the first reads too."""
    _, edges = chain(count, count)
    return count, [*edges, (count - 1, 0)]


FLAT = {
    "dense": dense(100),
    "chain": chain(2000, 1000),
    "u-net": unet(150),
    "ladder": ladder(300),
    "wide": wide(120),
    "circle": circle(400),
}


@pytest.mark.parametrize("name", FLAT)
def test_boxes_of_a_large_flat_graph_stand_apart_and_below_what_they_read(name: str) -> None:
    count, edges = FLAT[name]
    chance = random.Random(1)
    sizes = tuple((float(chance.randint(72, 200)), chance.choice([30.0, 44.0])) for _ in range(count))
    layers = Layers(count, edges)
    assert layers.span > layout.LARGEST
    scope = layout._in_layers(layout._Graph(sizes, tuple(edges)), layers)
    assert [(place.width, place.height) for place in scope.places] == [*sizes]
    rows: dict[float, list[layout.Place]] = {}
    for place in scope.places:
        assert place.x - place.width / 2 >= -0.1 and place.x + place.width / 2 <= scope.width + 0.1
        assert place.y - place.height / 2 >= -0.1 and place.y + place.height / 2 <= scope.height + 0.1
        rows.setdefault(place.y, []).append(place)
    for row in rows.values():
        row.sort(key=lambda place: place.x)
        assert all(a.x + a.width / 2 < b.x - b.width / 2 for a, b in pairwise(row))
    up = [(a, b) for a, b in edges if scope.places[a].y > scope.places[b].y - BELOW]
    assert up == ([(count - 1, 0)] if name == "circle" else [])


def test_what_no_edge_skips_is_one_column() -> None:
    count, edges = dense(100)
    places = Layers(count, edges).places([(100.0, 30.0)] * count)
    assert {x for x, _ in places} == {50.0}


def test_a_box_that_only_gives_stands_just_above_the_first_that_takes() -> None:
    layers = Layers(12, [*pairwise(range(10)), (10, 8), (11, 4), (11, 9)])
    assert (layers.of[10], layers.of[11]) == (7, 3)


def test_graphviz_that_does_not_end_is_ended_by_its_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is the program's, and holds also when nobody waits for it any more."""
    monkeypatch.setattr(layout, "SECONDS", 1)
    count, edges = dense(60)
    scope = layout._Graph(((100.0, 30.0),) * count, tuple(edges))
    with pytest.raises(ExportError, match="Graphviz did not end within 1 seconds of processor time"):
        layout.run(layout._dot(scope), "plain")


def test_text_is_measured_at_the_sizes_that_the_page_sets_it_in() -> None:
    script = (ROOT / "ptgraph/page/web/src/layout/metrics.js").read_text(encoding="utf-8")
    sizes = dict(re.findall(r"export const (\w+) = `(?:600 )?(\d+)px \$\{FONT\}`", script))
    assert (sizes["TITLE"], sizes["SUBTITLE"]) == (str(layout.TITLE), str(layout.SUBTITLE))
