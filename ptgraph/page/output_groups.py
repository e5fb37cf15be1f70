"""Output groups: outputs of one box of the page are in a box of their own, which opens, if they are more than a few.

They are the same as in a figure. Which outputs come of one box is told by the boxes that are open at first.
"""

from __future__ import annotations

from dataclasses import replace

from ptgraph.figure.output_brackets import FEW, brackets_of, with_brackets
from ptgraph.graph.view.model import View


def with_output_groups(picture: View, opened: set[str]) -> View:
    """Return *picture* with groups of outputs, where it is shown with the boxes *opened* at first."""
    outputs = [part for part in picture.boxes[picture.root].parts if picture.boxes[part].kind == "output"]
    if len(outputs) <= FEW:
        return picture
    at = picture.shown(opened)
    sources: dict[str, set[str]] = {output: set() for output in outputs}
    for link in picture.links:
        if link.target in sources:
            sources[link.target].add(at[link.source])
    groups = [
        replace(
            bracket,
            id=f"#{bracket.parts[0]}",
            kind="group",
            title=f"{bracket.title} ×{bracket.repeat}" if bracket.repeat > 1 else bracket.title,
            component="",
            repeat=1,
        )
        for bracket in brackets_of(picture, sources)
    ]
    return replace(picture, boxes=with_brackets(picture, groups)) if groups else picture


__all__ = ["with_output_groups"]
