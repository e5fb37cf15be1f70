"""Boxes that the other steps have emptied are left out, and groups that a value leaves and enters again are opened."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx

from ptgraph.figure.simplification.draft import Draft
from ptgraph.graph.view.model import Box


def open_groups_that_come_back(draft: Draft) -> None:
    """Put the operations of a group into the box around it, if a value leaves the group and comes back."""
    for group in [box for box in draft.boxes.values() if box.kind == "group"]:
        inside = {part for part in group.parts if part in draft.flow}
        waiting = [target for part in inside for target in draft.flow.succ[part] if target not in inside]
        beyond = set(waiting)
        while waiting:
            new = set(draft.flow.succ[waiting.pop()]) - beyond
            beyond |= new
            waiting.extend(new)
        if not beyond & inside:
            continue
        above = draft.boxes[group.parent or ""]
        index = above.parts.index(group.id)
        parts = above.parts[:index] + group.parts + above.parts[index + 1 :]
        draft.boxes[above.id] = replace(above, parts=parts)
        draft.boxes |= {part: replace(draft.boxes[part], parent=above.id) for part in group.parts}
        del draft.boxes[group.id]


def leave_out_empty_boxes(draft: Draft) -> None:
    """Keep the boxes with something left inside; a box with one operation left stands for that."""
    kept: dict[str, Box] = {}
    stands: dict[str, str] = {}  # an operation → the box that stands for it
    _keep(draft, draft.view.root, kept, stands)
    for only, name in stands.items():
        if only in draft.stubs:
            draft.stubs[name] = draft.stubs.pop(only)
        draft.order[name] = draft.order[only]
    draft.flow = nx.relabel_nodes(draft.flow, stands)
    inside = {draft.view.root}
    waiting = [draft.view.root]
    while waiting:
        parts = kept[waiting.pop()].parts
        inside.update(parts)
        waiting.extend(parts)
    draft.boxes = {name: box for name, box in kept.items() if name in inside}


def _keep(draft: Draft, name: str, kept: dict[str, Box], stands: dict[str, str]) -> bool:
    """Add a box, with the parts that are left of it, and return whether something is left of it."""
    box = kept[name] = draft.boxes[name]
    if not box.parts:
        return name in draft.flow or name == draft.view.root
    parts = tuple(part for part in box.parts if _keep(draft, part, kept, stands))
    only = parts[0] if len(parts) == 1 and not kept[parts[0]].parts and name != draft.view.root else None
    stands_for_op = only is not None and kept[only].kind in ("op", "group")
    if only is not None and stands_for_op:
        stands[only] = name
        parts = ()
    kept[name] = replace(box, parts=parts)
    return bool(parts) or stands_for_op


__all__ = ["leave_out_empty_boxes", "open_groups_that_come_back"]
