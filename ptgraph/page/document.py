"""The diagram that the page draws of a graph: boxes, where they stand, and the links between them, JSON-plain.

Fields of a box that have their usual value (`PLAIN`) are left out. Boxes whose insides look alike share one layout, and
equal blocks are stored once, as the first of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ptgraph.common.messages import shortened
from ptgraph.graph.analysis import analyze
from ptgraph.graph.labels import count_text, shape_text
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.box_ids import block_id
from ptgraph.graph.view.model import Box, View
from ptgraph.page.box_sizes import SIGN, box_size
from ptgraph.page.scopes import BoxLayout
from ptgraph.page.scopes import scopes as laid_out
from ptgraph.page.signs import signs_of

MOST_AT_FIRST = 14  # boxes that the page may show when it opens
LONGEST_LINE = 48  # characters of a line in a box
PLAIN: dict[str, Any] = {
    "kind": "op",
    "sign": "",
    "subtitle": "",
    "one": None,
    "category": "Operation",
    "component": "",
    "parts": [],
    "op": None,
    "repeat": 1,
    "params": 0,
    "flops": 0,
    "bytes": 0,
    "dtype": "",
    "shape": "",
    "runs": [],
    "carries": [],
}


def diagram(graph: ModelGraph, picture: View, depth: int | None = None) -> dict[str, Any]:
    """Return the diagram of *graph*, whose view is *picture*. Lengths are in points.

    ``boxes``: id → fields of the box (see `ptgraph.graph.view.model.Box`), its ``size``, its ``sign`` if it is a ⊕ or a
    ⊗, and of a fold the subtitle of ``one`` of its blocks. ``scopes``: id of a box with parts → the number of its
    layout in ``layouts``; its ``stubs`` (a value, and the box that reads it); the ``entries``, values from outside with
    the number that they have in the lines of the layout; and the ``links`` between its parts (source, target, shape,
    whether shared, slots). A layout has its size, the x of its ``spine``, the places of parts and stubs as [x, y,
    width, height], and the ``lines`` that are not straight, as [source, target, x, y, x, y, …]: numbers of parts,
    -1 - k for the entry k, and for a target -1 the outside. Its ``u`` is the same, as a U, for all parts closed, with
    all lines. ``opened`` are the boxes that are open at first.
    Raises ExportError if a scope needs Graphviz, and that is missing or fails.
    """
    signs = signs_of(graph, picture)
    sizes = {
        box.id: (SIGN, SIGN) if box.id in signs else box_size(*_longest(picture, box)) for box in picture.boxes.values()
    }
    scopes = laid_out(picture, sizes, signs)
    distinct = list({id(scope.layout): scope.layout for scope in scopes.values()}.values())
    numbers = {id(layout): k for k, layout in enumerate(distinct)}
    links: dict[str, list[Any]] = defaultdict(list)
    for link, (scope, *_) in zip(picture.links, picture.meetings, strict=True):
        slots = [link.slots] if link.slots != (0,) else []
        links[scope].append([link.source, link.target, link.label, int(link.shared), *slots])
    return {
        "title": graph.name,
        "origin": graph.origin,
        "attempts": [list(attempt) for attempt in graph.attempts],
        "totals": analyze(graph).written_totals,
        "opened": sorted(picture.opened(depth, MOST_AT_FIRST)),
        "boxes": {
            box.id: _box(graph, picture, box, signs.get(box.id, ""), sizes[box.id]) for box in picture.boxes.values()
        },
        "scopes": {
            name: {"layout": numbers[id(scope.layout)]}
            | ({"stubs": scope.stubs} if scope.stubs else {})
            | ({"entries": scope.drawn_entries} if scope.drawn_entries else {})
            | ({"links": links[name]} if name in links else {})
            for name, scope in scopes.items()
        },
        "layouts": [
            _layout(layout) | ({"u": _layout(layout.u)} if layout.u is not None else {}) for layout in distinct
        ],
    }


def _layout(layout: BoxLayout) -> dict[str, Any]:
    return {
        "size": [layout.width, layout.height],
        "spine": layout.spine,
        "places": [[place.x, place.y, place.width, place.height] for place in layout.places],
    } | ({"lines": [list(line) for line in layout.lines]} if layout.lines else {})


def placed(values: Mapping[str, float], picture: View) -> dict[str, float]:
    """Return *values*, by path and operation, with those of operations also by the id of their box on the page.

    The id of an operation in the 18th of equal blocks or periods is that of the box that stands for it, and ``~17``.
    """
    leaves = {box.op: box.id for box in picture.boxes.values() if box.op is not None}
    found = dict(values)
    for name, value in values.items():
        leaf, numbers = picture.stands.get(name, (leaves.get(name, ""), {}))
        if leaf:
            folds = [box for box in reversed(picture.chain(leaf)) if picture.boxes[box].repeat > 1]
            found.setdefault(block_id(leaf, [numbers.get(fold, 0) for fold in folds]), value)
    return found


def lines(box: Box) -> tuple[str, str]:
    """Return the two lines of text in a closed box."""
    title = f"{box.title} ×{box.repeat}" if box.repeat > 1 else box.title
    notes = (
        box.subtitle,
        f"{count_text(box.params)} params" if box.params and box.kind in ("module", "pattern") else "",
    )
    return shortened(title, LONGEST_LINE), shortened(" · ".join(note for note in notes if note), LONGEST_LINE)


def _longest(picture: View, box: Box) -> tuple[str, str]:
    """Return the longest lines of a closed box: in the last period of a pattern, numbers may have more digits."""
    title, subtitle = lines(box)
    around = picture.boxes[box.parent] if box.parent is not None else box
    digits = len(around.paths[-1]) - len(around.paths[0]) if around.kind == "pattern" and around.paths else 0
    return title + "0" * digits * (2 if box.repeat > 1 else 1), subtitle


def _params_of_one(graph: ModelGraph, picture: View, box: Box) -> int:
    """Return how many parameters one block of a fold has."""
    if box.kind == "pattern":
        return sum(picture.boxes[part].params for part in box.parts)
    params: int = graph.components.nodes[box.component]["total_params"]
    return params


def _box(graph: ModelGraph, picture: View, box: Box, sign: str, size: tuple[float, float]) -> dict[str, Any]:
    title, subtitle = lines(box)
    one = replace(box, params=_params_of_one(graph, picture, box)) if box.repeat > 1 else box
    of: Any = graph.components.nodes[box.component] if box.kind == "module" else {}
    if box.op is not None:
        of = graph.ops.nodes[box.op]
    found = {
        "kind": box.kind,
        "title": title,
        "sign": sign,
        "subtitle": subtitle,
        "one": lines(one)[1] if one.params != box.params else None,
        "category": box.category,
        "component": box.component,
        "parts": list(box.parts),
        "op": box.op if box.op != box.id else None,
        "repeat": box.repeat,
        "params": box.params,
        "flops": box.flops,
        "bytes": box.bytes,
        "dtype": of.get("dtype") or "",
        "shape": shape_text(of.get("shape")),
        "runs": list(box.paths),
        "carries": [list(carry) for carry in box.carries],
    }
    return {name: value for name, value in found.items() if value != PLAIN.get(name)} | {"size": list(size)}


__all__ = ["MOST_AT_FIRST", "PLAIN", "diagram", "lines", "placed"]
