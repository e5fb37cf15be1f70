"""Positions and masks: boxes that only handle them are left out, and their readers have stubs with their names."""

from __future__ import annotations

import networkx as nx

from ptgraph.figure.figure_graph import Stub
from ptgraph.figure.simplification.draft import Draft
from ptgraph.figure.simplification.reshapes import RESHAPES
from ptgraph.graph.view.auxiliary import is_mask_input

_FILLED = {"full", "full_like", "new_full", "new_ones", "new_zeros", "ones", "ones_like", "zeros", "zeros_like"}


def leave_out_positions(draft: Draft) -> None:
    """Leave out the boxes that handle only positions and masks, but for those that lead to a result of the model."""
    flow, boxes = draft.flow, draft.boxes
    found = _positions(draft)
    results = {above for leaf in found if draft.is_result(leaf) for above in nx.ancestors(flow, leaf) | {leaf}}
    inputs = {leaf for leaf in found if boxes[leaf].kind == "input"}
    gone = found - results - inputs
    for leaf in sorted(gone, key=draft.order.__getitem__):
        for target in flow.succ[leaf]:
            if target not in gone and not all(source in gone for source in flow.pred[target]):
                draft.stubs[target].update(dict.fromkeys(_stubs(draft, leaf, target)))
    idle = [leaf for leaf in inputs if flow.succ[leaf] and all(target in gone for target in flow.succ[leaf])]
    flow.remove_nodes_from([*gone, *idle])


def _positions(draft: Draft) -> set[str]:
    """Return the boxes that handle only positions and masks, in each of the blocks that they stand for.

    What the first block reads may be made from no input where the next ones read what the one before them made.
    """
    order = draft.in_order()
    carries = [carry for box in draft.boxes.values() for carry in box.carries]
    others: set[str] = set()
    while True:
        found: set[str] = set()
        for leaf in order:
            if leaf not in others and _is_position(draft, leaf, found):
                found.add(leaf)
        more = {carry.target for carry in carries if carry.target in found and carry.source not in found}
        if not more:
            return found
        others |= more


def _is_position(draft: Draft, leaf: str, found: set[str]) -> bool:
    """Return whether a box is an input of masks or positions, or reads only what is *found* to be of them."""
    box = draft.boxes[leaf]
    if box.kind == "input":
        return is_mask_input(draft.graph.op(leaf))
    reads_only_them = all(source in found for source in draft.flow.pred[leaf])
    return box.kind in ("op", "module") and not box.params and reads_only_them


def _stubs(draft: Draft, leaf: str, target: str) -> list[Stub]:
    """Return the stubs at *target* of a value of positions or masks: the inputs that it is made of, or its name."""
    above = nx.ancestors(draft.flow, leaf) | {leaf}
    inputs = sorted((one for one in above if draft.boxes[one].kind == "input"), key=draft.order.__getitem__)
    return [Stub(draft.boxes[one].title, is_input=True) for one in inputs] or [Stub(_name(draft, leaf, target))]


def _name(draft: Draft, leaf: str, target: str) -> str:
    """Return the name that a value of positions or masks has at *target*: the module that makes it, if one does."""
    around = set(draft.view.chain(target))
    at: str | None = leaf
    while at is not None:
        outer = [box for box in draft.view.chain(at) if box not in around][-1]
        if draft.boxes[outer].kind == "module":
            return draft.boxes[outer].title
        at = next(iter(draft.flow.pred[at]), None) if draft.target(at) in RESHAPES else None
    name = draft.boxes[leaf].op
    shape, dtype = (draft.graph.op(name).shape, draft.graph.op(name).dtype) if name is not None else ((), None)
    if draft.target(leaf) in _FILLED:
        return draft.target(leaf).removeprefix("new_").removesuffix("_like")
    return "mask" if dtype == "bool" or len(shape or ()) > 3 else "positions"


__all__ = ["leave_out_positions"]
