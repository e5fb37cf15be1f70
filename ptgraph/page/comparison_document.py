"""Two graphs as one diagram: A beside B, each in a frame, every box with its status in the comparison.

Ids and paths of A begin with ``a:``, those of B with ``b:``.
"""

from __future__ import annotations

from typing import Any

from ptgraph.comparison.result import GraphDiff
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import View
from ptgraph.page.box_sizes import box_size
from ptgraph.page.document import diagram

_GAP = 48.0  # between the two frames, in points


def side_by_side(
    a: ModelGraph, b: ModelGraph, comparison: GraphDiff, depth: int | None = None
) -> tuple[dict[str, Any], dict[str, tuple[ModelGraph, View]]]:
    """Return the diagram of both (see `ptgraph.page.document.diagram`), and each graph with its view, by its prefix."""
    sides = {"a": (a, comparison.views[0]), "b": (b, comparison.views[1])}
    parts = {side: diagram(graph, picture, depth) for side, (graph, picture) in sides.items()}
    boxes: dict[str, Any] = {
        "/": {"kind": "module", "title": f"{a.name} and {b.name}", "parts": ["a:/", "b:/"], "size": [0, 0]}
    }
    scopes: dict[str, Any] = {"/": {"layout": 0}}
    layouts: list[Any] = [None]
    for side, part in parts.items():
        prefix = _Prefix(side, len(layouts))
        layouts += part["layouts"]
        scopes |= {prefix.id(name): prefix.scope(scope) for name, scope in part["scopes"].items()}
        status = comparison.status[side]
        for name, box in part["boxes"].items():
            boxes[prefix.id(name)] = prefix.box(box) | {"status": status.get(name, "same")}
        root = boxes[prefix.id("/")]
        root["size"] = list(box_size(f"{side.upper()}: {root['title']}", root.get("subtitle", "")))
        root["title"] = f"{side.upper()}: {root['title']}"
    layouts[0] = _beside(boxes["a:/"]["size"], boxes["b:/"]["size"])
    opened = ["/", *(f"{side}:{name}" for side, part in parts.items() for name in part["opened"])]
    found = {
        "title": boxes["/"]["title"],
        "origin": a.origin if a.origin == b.origin else f"{a.origin}, and {b.origin}",
        "attempts": [attempt for part in parts.values() for attempt in part["attempts"]],
        "totals": parts["b"]["totals"],
        "opened": opened,
        "boxes": boxes,
        "scopes": scopes,
        "layouts": layouts,
    }
    return found, sides


def prefixed(side: str, described: dict[str, Any]) -> dict[str, Any]:
    """Return the descriptions of one graph (`ptgraph.page.descriptions.described`) with the prefix of its *side*."""
    return {kind: {f"{side}:{name}": said for name, said in found.items()} for kind, found in described.items()}


def _beside(a: list[float], b: list[float]) -> dict[str, Any]:
    (wide, high), (width, height) = a, b
    tall = max(high, height)
    places = [[wide / 2, tall / 2, wide, high], [wide + _GAP + width / 2, tall / 2, width, height]]
    return {"size": [wide + _GAP + width, tall], "spine": (wide + _GAP + width) / 2, "places": places}


class _Prefix:
    """The prefix for ids of one side, and the number of its first layout among those of both."""

    def __init__(self, side: str, first: int) -> None:
        self.side, self.first = side, first

    def id(self, name: str) -> str:
        return f"{self.side}:{name}"

    def box(self, box: dict[str, Any]) -> dict[str, Any]:
        changed = dict(box)
        changed["component"] = self.id(box.get("component", ""))
        for name in ("parts", "runs"):
            if name in box:
                changed[name] = [self.id(part) for part in box[name]]
        if "op" in box:
            changed["op"] = self.id(box["op"])
        if "carries" in box:
            changed["carries"] = [[self.id(s), self.id(t), *rest] for s, t, *rest in box["carries"]]
        return changed

    def scope(self, scope: dict[str, Any]) -> dict[str, Any]:
        changed: dict[str, Any] = {"layout": scope["layout"] + self.first}
        if "stubs" in scope:
            changed["stubs"] = [[self.id(source), self.id(child)] for source, child in scope["stubs"]]
        if "entries" in scope:
            changed["entries"] = {self.id(source): number for source, number in scope["entries"].items()}
        if "links" in scope:
            changed["links"] = [[self.id(s), self.id(t), *rest] for s, t, *rest in scope["links"]]
        return changed


__all__ = ["prefixed", "side_by_side"]
