"""The result of a comparison: pairs of boxes, a status for each box, and a list of changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ptgraph.comparison.facts import Line
from ptgraph.graph.serialize import attributes
from ptgraph.graph.view.model import View

Status = Literal["same", "inside", "changed", "added", "removed"]
SideName = Literal["a", "b"]


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the list of changes: a box of either graph or of both, and the lines that say what differs."""

    status: Status
    a: str | None
    b: str | None
    title: str
    what: tuple[Line, ...]

    def data(self) -> dict[str, Any]:
        """Return the change JSON-plain."""
        what = [list(line) for line in self.what]
        return {"status": self.status, "a": self.a, "b": self.b, "title": self.title, "what": what}


@dataclass(frozen=True, slots=True)
class Renamed:
    """A module that is the same under another name: its box and its path in A (``a``, ``before``) and in B."""

    a: str
    b: str
    before: str
    after: str


@dataclass(frozen=True)
class GraphDiff:
    """What differs between two graphs, A and B.

    Ids are those of the boxes in ``views``, the views of A and of B. ``pairs`` maps a box of A to the box of B that
    it became. Where a fold of A became several boxes, that is the one with most of its blocks. ``status`` has,
    under ``"a"`` and ``"b"``, a status for each box: ``same``; ``inside`` (the box is the same, something in it is
    not); ``changed``; ``removed`` (A only); ``added`` (B only). ``changes`` are in order of execution; of boxes
    that only one graph has, the outermost is listed, unless it only computes with quantized weights. ``renamed``
    are modules that are the same but for their names, numbers aside. ``summary`` counts the changes by status and
    the boxes of B that are the same, says how many are ``quantized`` if some are, and has ``params``, ``flops`` and
    ``bytes`` (of activations) of both graphs, as ``[before, after]``.
    """

    pairs: dict[str, str]
    status: dict[str, dict[str, Status]]
    changes: tuple[Change, ...]
    renamed: tuple[Renamed, ...]
    summary: dict[str, Any]
    views: tuple[View, View] = field(repr=False, compare=False)

    def data(self) -> dict[str, Any]:
        """Return the comparison JSON-plain, without the views."""
        return {
            "pairs": dict(self.pairs),
            "status": {side: dict(found) for side, found in self.status.items()},
            "changes": [change.data() for change in self.changes],
            "renamed": [attributes(names) for names in self.renamed],
            "summary": dict(self.summary),
        }


__all__ = ["Change", "GraphDiff", "Renamed", "SideName", "Status"]
