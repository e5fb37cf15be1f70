"""What must hold of every figure, whatever it shows: nothing on top of anything, and all words to be read."""

from __future__ import annotations

from itertools import combinations, pairwise
from math import hypot

from ptgraph.drawing.shapes import Circle, Drawing, Item, Path, Rect, Text
from tests.support import fonts

Spot = tuple[float, float, float, float]  # left, top, right, bottom
NEAR = 0.3  # points: as good as the same place


def spot(mark: Rect | Circle) -> Spot:
    if isinstance(mark, Circle):
        return mark.x - mark.radius, mark.y - mark.radius, mark.x + mark.radius, mark.y + mark.radius
    return mark.x, mark.y, mark.x + mark.width, mark.y + mark.height


def body(item: Item) -> Spot:
    """Return where an item is: its last rectangle or circle, for one below looks out of the stack."""
    return spot([mark for mark in item.marks if isinstance(mark, Rect | Circle)][-1])


def words(text: Text) -> Spot:
    width = fonts.width(text.text, text.size, bold=text.bold)
    left = text.x - {"start": 0.0, "middle": width / 2, "end": width}[text.anchor]
    return left, text.y - 0.72 * text.size, left + width, text.y + 0.2 * text.size


def overlap(one: Spot, other: Spot) -> bool:
    across = one[0] < other[2] - NEAR and other[0] < one[2] - NEAR
    return across and one[1] < other[3] - NEAR and other[1] < one[3] - NEAR


def holds(outer: Spot, inner: Spot) -> bool:
    left, right = outer[0] - NEAR <= inner[0], inner[2] <= outer[2] + NEAR
    return left and right and outer[1] - NEAR <= inner[1] and inner[3] <= outer[3] + NEAR


def of_kind(drawing: Drawing, *kinds: str) -> list[Item]:
    return [item for item in drawing.items if item.kind.split()[0] in kinds]


def check(drawing: Drawing, *, widest: float, smallest: float = 6.0, straight: bool = True) -> None:
    """Assert all of it; *widest* and *smallest*, of text, are in points. *straight*: lines run right and down only."""
    assert drawing.width <= widest + NEAR
    ids = [item.id for item in drawing.items]
    assert len(ids) == len(set(ids))
    solid = {item.id: body(item) for item in of_kind(drawing, "box", "sign", "stub", "connector")}
    frames = {item.id: body(item) for item in of_kind(drawing, "frame")}
    for (one, here), (other, there) in combinations(solid.items(), 2):
        assert not overlap(here, there), (one, other)
    for (one, here), (other, there) in combinations(frames.items(), 2):
        assert holds(here, there) or holds(there, here) or not overlap(here, there), (one, other)
    for one, here in solid.items():
        for frame, around in frames.items():
            assert holds(around, here) or not overlap(around, here), (one, frame)
    page = 0.0, 0.0, drawing.width, drawing.height
    assert all(holds(page, place) for place in [*solid.values(), *frames.values()])
    _check_text(drawing, solid, smallest)
    _check_lines(drawing, solid, straight=straight)


def _check_text(drawing: Drawing, solid: dict[str, Spot], smallest: float) -> None:
    loose: list[tuple[str, Spot]] = []
    for item in drawing.items:
        for text in (mark for mark in item.marks if isinstance(mark, Text)):
            assert text.size >= smallest - 0.01, (item.id, text)
            place = words(text)
            if item.kind.split()[0] in ("box", "stub", "frame"):
                assert holds(body(item), place), (item.id, text)
            if item.kind.split()[0] in ("label", "frame"):
                loose.append((item.id, place))
    for (one, here), (other, there) in combinations(loose, 2):
        assert one == other or not overlap(here, there), (one, other)
    for one, here in loose:
        for other, there in solid.items():
            assert not overlap(here, there), (one, other)


def _check_lines(drawing: Drawing, solid: dict[str, Spot], *, straight: bool) -> None:
    titles = [words(t) for item in of_kind(drawing, "frame") for t in item.marks if isinstance(t, Text)]
    labels = [words(t) for item in of_kind(drawing, "label") for t in item.marks if isinstance(t, Text)]
    round_ones = {item.id for item in of_kind(drawing, "sign")}
    for item in of_kind(drawing, "edge"):
        paths = [mark for mark in item.marks if isinstance(mark, Path)]
        assert [path.arrow for path in paths] == [False] * (len(paths) - 1) + [True], item.id
        for start, end in (pair for path in paths for pair in pairwise(path.points)):
            is_straight = abs(start[0] - end[0]) < 0.05 or abs(start[1] - end[1]) < 0.05
            assert is_straight or not straight, item.id
            line = *start, *end
            for name, place in solid.items():
                inside = crosses(line, place) if straight or name not in round_ones else enters(line, place)
                assert not inside, (item.id, name)
            for place in [*titles, *labels]:
                assert not crosses(line, place), (item.id, place)


def enters(line: Spot, place: Spot) -> bool:
    """Return whether a line, by its two ends, goes through the inside of the circle in a square place."""
    x, y, end_x, end_y = line
    middle_x, middle_y = (place[0] + place[2]) / 2, (place[1] + place[3]) / 2
    length = hypot(end_x - x, end_y - y) or 1.0
    along = ((middle_x - x) * (end_x - x) + (middle_y - y) * (end_y - y)) / length
    share = min(max(along / length, 0.0), 1.0)
    away = hypot(x + share * (end_x - x) - middle_x, y + share * (end_y - y) - middle_y)
    return away < (place[2] - place[0]) / 2 - NEAR


def crosses(line: Spot, place: Spot) -> bool:
    """Return whether a line, by its two ends, goes through the inside of a place, and not just to its border."""
    begin, end = 0.0, 1.0  # the share of the line that is inside
    for axis in (0, 1):
        start, way = line[axis], line[axis + 2] - line[axis]
        low, high = place[axis] + NEAR, place[axis + 2] - NEAR
        if way == 0:
            if not low < start < high:
                return False
        else:
            first, last = sorted(((low - start) / way, (high - start) / way))
            begin, end = max(begin, first), min(end, last)
    return begin < end
