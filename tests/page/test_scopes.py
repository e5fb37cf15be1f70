"""Where boxes stand on the page: as in the figure, or by Graphviz, which ends by itself, or in layers."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from itertools import combinations, pairwise

import pytest

from ptgraph.common import graphviz_program
from ptgraph.errors import ExportError
from ptgraph.figure.layout.scope_layout import Scope, ScopeBox
from ptgraph.page import box_sizes, graphviz_layout, scopes
from ptgraph.page.layered_layout import Layers
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


def scope_of(count: int, edges: Edges, stubs: int = 0, entries: tuple[tuple[int, ...], ...] = ()) -> Scope:
    """Return a scope of boxes of random sizes, *stubs* of which read a value or two without a line."""
    chance = random.Random(1)
    sizes = [(float(chance.randint(72, 200)), chance.choice([30.0, 44.0])) for _ in range(count)]
    told = {box: ((40.0, 18.0),) * chance.randint(1, 3) for box in chance.sample(range(count), stubs)}
    boxes = tuple(ScopeBox(*size, told.get(box, ())) for box, size in enumerate(sizes))
    return Scope(boxes, tuple(edges), entries, (count - 1,))


def apart(places: Iterable[scopes.Place]) -> bool:
    """Return whether no place overlaps another; those of a sorted line are compared with the ones that may."""
    open_: list[scopes.Place] = []
    for place in sorted(places, key=lambda place: place.y - place.height / 2):
        open_ = [other for other in open_ if other.y + other.height / 2 > place.y - place.height / 2 + 0.2]
        if any(abs(other.x - place.x) + 0.2 < (other.width + place.width) / 2 for other in open_):
            return False
        open_.append(place)
    return True


@pytest.mark.parametrize("name", FLAT)
def test_boxes_of_a_large_flat_graph_stand_apart_and_below_what_they_read(name: str) -> None:
    count, edges = FLAT[name]
    scope = scope_of(count, edges)
    for layout in (scopes._in_layers(scope), scopes._layouts([scope])[scope]):
        assert [(place.width, place.height) for place in layout.places] == [
            (box.width, box.height) for box in scope.boxes
        ]
        assert apart(layout.places)
        for place in layout.places:
            assert place.x - place.width / 2 >= -0.1 and place.x + place.width / 2 <= layout.width + 0.1
            assert place.y - place.height / 2 >= -0.1 and place.y + place.height / 2 <= layout.height + 0.1
        down = [(a, b) for a, b in edges if layout.places[a].y + layout.places[a].height / 2 < layout.places[b].y]
        assert set(edges) - set(down) == ({(count - 1, 0)} if name == "circle" else set())


def tangle(count: int, pairs: int) -> tuple[int, Edges]:
    """Boxes of which each reads any before it."""
    chance = random.Random(0)
    return count, sorted(
        (min(pair), max(pair)) for pair in {tuple(chance.sample(range(count), 2)) for _ in range(pairs)}
    )


SMALL = {
    "chain": chain(12, 0),
    "skips": chain(12, 4),
    "u-net": unet(4),
    "dense": dense(4),
    "diamond": (4, [(0, 1), (0, 2), (1, 3), (2, 3)]),
    "circle": (3, [(0, 1), (1, 2), (2, 0)]),
    "apart": (3, []),
    "random": tangle(14, 25),
}


@pytest.mark.parametrize("stubs", [0, 3])
@pytest.mark.parametrize("name", SMALL)
def test_a_small_scope_has_nothing_over_another_and_no_line_through_a_box(name: str, stubs: int) -> None:
    count, edges = SMALL[name]
    scope = scope_of(count, edges, stubs, ((0,), (0, count - 1)))
    layout = scopes._layouts([scope])[scope]
    assert apart(layout.places)
    assert runs_through(layout) == []


NORM = [(2, 4), (4, 5), (0, 6), (5, 6), (3, 7), (6, 7), (1, 8), (7, 8), (6, 9), (9, 10), (8, 10)]


@pytest.mark.parametrize("reader", [4, 6, 7, 8, 9])
def test_a_value_that_enters_beside_branches_that_cross_runs_through_no_box(reader: int) -> None:
    """Weights are reshaped, multiplied and read by two: a value from above that one of them reads stays beside."""
    for seed in range(4):
        boxes = scope_of(11, NORM).boxes
        scope = Scope(boxes[seed:] + boxes[:seed], tuple(NORM), ((reader,),), (10,))
        layout = scopes._layouts([scope])[scope]
        assert apart(layout.places) and runs_through(layout) == []


def runs_through(layout: scopes.BoxLayout) -> list[tuple[float, float, scopes.Place]]:
    """Return the lines that run through a box, by their ends, with the box."""
    found = []
    for source, target, *numbers in layout.lines:
        corners = list(zip(numbers[::2], numbers[1::2], strict=True))
        passed = [place for box, place in enumerate(layout.places) if box not in (source, target)]
        for (x, y), (u, v) in pairwise(corners):
            assert x == u or y == v
            for place in passed:
                beside = max(x, u) < place.x - place.width / 2 or min(x, u) > place.x + place.width / 2
                above = max(y, v) < place.y - place.height / 2 or min(y, v) > place.y + place.height / 2
                if not (beside or above):
                    found.append((source, target, place))
    return found


@pytest.mark.parametrize("name", ["chain", "skips", "u-net", "dense"])
def test_what_all_values_go_through_is_one_spine(name: str) -> None:
    scope = scope_of(*SMALL[name])
    layout = scopes._layouts([scope])[scope]
    assert {place.x for place in layout.places} == {layout.spine}
    lanes = {(source, x, top, bottom) for source, _, _, _, _, _, x, top, _, bottom, *_ in layout.lines}
    for one, other in combinations(lanes, 2):  # two values never run in one lane at one height
        assert one[0] == other[0] or abs(one[1] - other[1]) > 5 or one[3] <= other[2] or other[3] <= one[2]


def test_stubs_stand_at_the_left_of_their_reader() -> None:
    scope = Scope((ScopeBox(80.0, 30.0), ScopeBox(80.0, 44.0, ((40.0, 18.0), (60.0, 18.0)))), ((0, 1),))
    _, reader, *stubs = scopes._layouts([scope])[scope].places
    for stub in stubs:
        assert stub.x + stub.width / 2 < reader.x - reader.width / 2
        assert abs(stub.y - reader.y) < reader.height / 2


def test_branches_that_cross_are_laid_out_by_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[graphviz_layout.FlatGraph] = []

    def centres(graphs: list[graphviz_layout.FlatGraph]) -> list[list[tuple[float, float]]]:
        asked.extend(graphs)
        return graphviz_layout.centres(graphs)

    monkeypatch.setattr(scopes, "centres", centres)
    scopes._layouts([scope_of(*SMALL[name]) for name in SMALL if name != "random"])
    assert not asked
    scopes._layouts([scope_of(*SMALL["random"])])
    assert len(asked) == 1


def test_what_no_edge_skips_is_one_column() -> None:
    count, edges = dense(100)
    places = Layers(count, edges).places([(100.0, 30.0)] * count)
    assert {x for x, _ in places} == {50.0}


def test_a_box_that_only_gives_stands_just_above_the_first_that_takes() -> None:
    layers = Layers(12, [*pairwise(range(10)), (10, 8), (11, 4), (11, 9)])
    assert (layers.of[10], layers.of[11]) == (7, 3)


def test_graphviz_that_does_not_end_is_ended_by_its_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is the program's, and holds also when nobody waits for it any more."""
    monkeypatch.setattr(graphviz_program, "SECONDS", 1)
    count, edges = dense(60)
    graph = graphviz_layout.FlatGraph(((100.0, 30.0),) * count, tuple(edges))
    with pytest.raises(ExportError, match="Graphviz did not end within 1 seconds of processor time"):
        graphviz_layout.centres([graph])


def test_text_is_measured_at_the_sizes_that_the_page_sets_it_in() -> None:
    script = (ROOT / "ptgraph/page/web/src/layout/metrics.js").read_text(encoding="utf-8")
    sizes = dict(re.findall(r"export const (\w+) = `(?:600 )?(\d+)px \$\{FONT\}`", script))
    assert (sizes["TITLE"], sizes["SUBTITLE"]) == (str(box_sizes.TITLE), str(box_sizes.SUBTITLE))
