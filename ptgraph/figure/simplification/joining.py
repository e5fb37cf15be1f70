"""Joining: small operations that stand for one step are one box, and parameters that they read are stubs."""

from __future__ import annotations

import math
from dataclasses import replace

from ptgraph.figure.figure_graph import Stub
from ptgraph.figure.simplification.draft import Draft

# Operators of which a rotary embedding has all, as different libraries write it, and those that it may have too.
_ROTARY = ({"mul", "add", "cat"}, {"mul", "add", "roll"}, {"Mul", "Add", "Concat"})
_ROTARY_PARTS = {
    *("chunk", "contiguous", "getitem", "index", "neg", "select", "slice", "split", "stack", "sub", "to", "unbind"),
    *("Cast", "Gather", "Neg", "Slice", "Split", "Sub"),
}
_MANY = 4  # operations that lead to a number
_CLOSELY = 3  # operations that are one box, however many values they read, where a figure would be too high
_OPERATORS_WITH_STUBS = {"Add", "Concat", "Mul", "add", "add_", "cat", "mul", "mul_"}


def join_small_operations(draft: Draft, *, closely: bool) -> None:
    """Make one box of operations that nothing else reads and that read one value: that of the last of them.

    Those that end in a number for the whole, such as a loss, may read several values. If operations are to be joined
    *closely*, three or more that read several values are one box, too.
    """
    done: set[str] = set()
    for leaf in reversed(draft.in_order()):
        if leaf in done or not draft.is_small(leaf):
            continue
        members = _cone(draft, leaf)
        sources = {source for member in members for source in draft.flow.pred[member] if source not in members}
        if not sources or len(members) < _least(draft, leaf, sources, closely=closely):
            continue
        done |= members
        by_order = draft.order.__getitem__
        _join(draft, leaf, sorted(members, key=by_order), sorted(sources, key=by_order))


def _cone(draft: Draft, leaf: str) -> set[str]:
    """Return *leaf* and the small operations before it in the same module that lead nowhere else."""
    members = {leaf}
    waiting = [leaf]
    while waiting:
        for source in draft.flow.pred[waiting.pop()]:
            alike = draft.is_small(source) and draft.boxes[source].parent == draft.boxes[leaf].parent
            if source not in members and alike and all(target in members for target in draft.flow.succ[source]):
                members.add(source)
                waiting.append(source)
    return members


def _least(draft: Draft, leaf: str, sources: set[str], *, closely: bool) -> float:
    """Return how many operations that lead to *leaf* are one box, if they read the values of *sources*."""
    if len(sources) == 1:
        return 2
    if closely:
        return _CLOSELY
    return _MANY if _is_number(draft, leaf) else math.inf


def _is_number(draft: Draft, leaf: str) -> bool:
    op = draft.boxes[leaf].op
    return op is not None and op in draft.graph.ops and draft.graph.op(op).shape == ()


def _join(draft: Draft, last: str, members: list[str], sources: list[str]) -> None:
    edges = {
        source: next(draft.flow.edges[source, m] for m in members if draft.flow.has_edge(source, m))
        for source in sources
    }
    names = list(dict.fromkeys(draft.target(member).strip("_") for member in members))
    for member in members:
        if member != last:
            draft.stubs[last].update(draft.stubs.pop(member, {}))
    if draft.stubs[last] and any(parts <= {*names} <= parts | _ROTARY_PARTS for parts in _ROTARY):
        title, subtitle = "rotary embedding", ""
    else:
        title = ", ".join(names) if len(names) <= 3 else f"{names[0]} … {names[-1]}"
        subtitle = f"{len(members)} operations"
    draft.boxes[last] = replace(draft.boxes[last], title=title, subtitle=subtitle)
    draft.flow.remove_nodes_from([member for member in members if member != last])
    for source, edge in edges.items():
        draft.flow.add_edge(source, last, **edge)


def parameters_to_stubs(draft: Draft) -> None:
    """Give operations stubs with the parameters that they add, multiply or concatenate as they are."""
    for leaf in draft.flow:
        if draft.is_op(leaf) and draft.target(leaf) in _OPERATORS_WITH_STUBS and draft.parameters[leaf]:
            draft.stubs[leaf].update(dict.fromkeys(map(Stub, draft.parameters[leaf])))
            draft.boxes[leaf] = replace(draft.boxes[leaf], params=0)


__all__ = ["join_small_operations", "parameters_to_stubs"]
