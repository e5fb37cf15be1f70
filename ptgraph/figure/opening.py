"""Opening: which closed boxes of a figure say more when they are open, and which of them open together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.graph.view.model import Box

Kind = tuple[object, ...]
_COLUMNS = "in columns"
_LEVELS = 3


def kinds(
    figure: FigureGraph, opened: set[str], columns: Sequence[tuple[str, str]], *, any_box: bool
) -> dict[Kind, list[Box]]:
    """Return the closed boxes that are worth opening, by kind: those of one kind are all open, or all closed.

    Boxes of one class in boxes of one class are of one kind, such as the stages of a network that differ in width, and
    so are those in a closed pattern, which is open where they are. An
    encoder and its decoder are, given as *columns*, and so are their layers. With *any_box*, boxes of operations are
    worth opening too.
    """
    inside = {column for pair in columns for column in pair}
    found: dict[Kind, list[Box]] = {}
    for name in _through_patterns(figure, figure.visible(opened)):
        box = figure.boxes[name]
        if not box.parts or not _worth_opening(figure, box, any_box=any_box):
            continue
        around = figure.chain(name)
        above = next(figure.boxes[at] for at in around[1:] if figure.boxes[at].kind != "pattern")
        kind: Kind = box.class_name, above.class_name, _content(figure, box)
        if box.kind == "stage":
            kind = (box.kind,)
        elif inside.intersection(around):
            level = str(len(around)) if name in inside or box.repeat > 1 else box.class_name
            kind = _COLUMNS, level
        found.setdefault(kind, []).append(box)
    return found


def _through_patterns(figure: FigureGraph, names: Sequence[str]) -> Iterator[str]:
    """Yield boxes, and those in the patterns among them."""
    for name in names:
        yield name
        if figure.boxes[name].kind == "pattern":
            yield from _through_patterns(figure, figure.boxes[name].parts)


def size(box: Box) -> float:
    """Return how much of the model is in a box: its parameters, or else by its FLOPs."""
    return box.params or box.flops / 1e3


def in_columns(kind: Kind) -> bool:
    """Return whether the boxes of a *kind* are in an encoder and its decoder."""
    return kind[0] == _COLUMNS


def one_for_all(kind: Kind, boxes: Sequence[Box]) -> Box | None:
    """Return the one of the *boxes* of a *kind* that may be open for all, where not all of them fit, if there is one.

    They are equal in width, too, by the parameters of a block, or it stands for more blocks than all others, which are
    the first or the last. None is of an encoder and its decoder.
    """
    most = max(boxes, key=size)
    if in_columns(kind):
        return None
    if len({size(box) / box.repeat for box in boxes}) == 1:
        return most
    others = sum(box.repeat for box in boxes) - most.repeat
    return most if most.repeat > others > 0 else None


def with_several_values(figure: FigureGraph, opened: set[str]) -> set[str]:
    """Return the closed boxes with parts of which one gives as many values to the other as a U has levels."""
    at = {leaf: box for box in figure.visible(opened) for leaf in figure.leaves(box)}
    values: dict[tuple[str, str], set[str]] = {}
    for flow in figure.flows:
        pair = at[flow.source], at[flow.target]
        if pair[0] != pair[1] and all(figure.boxes[box].parts for box in pair):
            values.setdefault(pair, set()).add(flow.source)
    return {box for pair, given in values.items() if len(given) >= _LEVELS for box in pair}


def _content(figure: FigureGraph, box: Box) -> frozenset[str]:
    """Return the classes in a container of torch, which says nothing of what is in it; of other classes nothing."""
    if box.category != "Container" and box.kind == "module":
        return frozenset()
    parts = [figure.boxes[part] for part in _through_patterns(figure, box.parts)]
    return frozenset(part.class_name for part in parts if part.kind == "module")


def _worth_opening(figure: FigureGraph, box: Box, *, any_box: bool) -> bool:
    """Return whether the parts of a box say more than its name: they are modules, and not mostly operations."""
    parts = [figure.boxes[part] for part in box.parts]
    modules = [part for part in parts if part.kind == "module" or (part.kind == "pattern" and part.paths)]
    details = [part for part in parts if part not in modules and part.id not in figure.signs and not part.flops]
    if len(parts) == 1 and not parts[0].parts:
        return False
    if box.category == "Normalization":
        return False
    return any_box or (bool(modules) and len(details) <= len(modules) + 1)


__all__ = ["Kind", "in_columns", "kinds", "one_for_all", "size", "with_several_values"]
