"""Operations that a figure leaves out: those that nothing reads, and those that only reshape."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx

from ptgraph.figure.simplification.draft import Draft

RESHAPES = {
    "Cast",
    "Expand",
    "Flatten",
    "Identity",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
    "_to_copy",
    "_unsafe_view",
    "alias",
    "chunk",
    "clone",
    "contiguous",
    "detach",
    "expand",
    "expand_as",
    "flatten",
    "getitem",
    "lift_fresh_copy",
    "movedim",
    "narrow",
    "permute",
    "reshape",
    "select",
    "slice",
    "split",
    "split_with_sizes",
    "squeeze",
    "t",
    "to",
    "transpose",
    "type_as",
    "unflatten",
    "unsqueeze",
    "view",
}


def leave_out_unread(draft: Draft) -> None:
    """Leave out small operations that lead to nothing, if what they read leads elsewhere too."""
    flow = draft.flow
    unread: set[str] = set()
    for leaf in reversed(draft.in_order()):
        in_place = draft.target(leaf).endswith("_") and not draft.target(leaf).endswith("__")
        if draft.is_small(leaf) and not in_place and unread.issuperset(flow.succ[leaf]):
            unread.add(leaf)
    sources = {source for leaf in unread for source in flow.pred[leaf]} - unread
    ends = [source for source in sources if unread.issuperset(flow.succ[source])]
    kept = {leaf for end in ends for leaf in nx.descendants(flow, end)}
    flow.remove_nodes_from(unread - kept)


def leave_out_reshapes(draft: Draft) -> None:
    """Leave out operations that only reshape a value, and those that only make a weight of parameters."""
    for leaf in draft.in_order():
        if not draft.is_op(leaf):
            continue
        if _is_weight(draft, leaf):
            _give_to_readers(draft, leaf)
        elif _can_be_left_out(draft, leaf):
            _bypass(draft, leaf)


def _is_weight(draft: Draft, leaf: str) -> bool:
    """Return whether an operation makes its result of parameters alone."""
    if draft.flow.pred[leaf] or not draft.flow.succ[leaf] or draft.is_result(leaf):
        return False
    return draft.target(leaf) in RESHAPES or (bool(draft.parameters[leaf]) and not draft.boxes[leaf].flops)


def _give_to_readers(draft: Draft, leaf: str) -> None:
    """Leave out *leaf*: whoever reads it has its parameters."""
    for reader in draft.flow.succ[leaf]:
        params = draft.boxes[reader].params + draft.boxes[leaf].params
        draft.boxes[reader] = replace(draft.boxes[reader], params=params)
        draft.parameters.get(reader, []).extend(draft.parameters[leaf])
    draft.flow.remove_node(leaf)


def _can_be_left_out(draft: Draft, leaf: str) -> bool:
    """Return whether *leaf* only reshapes, and the box around it has something else that its value goes through."""
    flow, boxes, above = draft.flow, draft.boxes, draft.boxes[leaf].parent
    if draft.target(leaf) not in RESHAPES or len(flow.pred[leaf]) != 1 or not flow.succ[leaf]:
        return False
    if any(len(edge["slots"]) > 1 for edge in flow.succ[leaf].values()):  # parts of it go into one, such as their sum
        return False
    if above == draft.view.root:
        return True
    parts = boxes[above or ""].parts
    siblings = [part for part in parts if part != leaf and part in flow]
    inside = any(boxes[part].parts for part in parts)
    return bool(siblings or inside) and not _passes_through(draft, leaf, above)


def _passes_through(draft: Draft, leaf: str, above: str | None) -> bool:
    """Return whether a value comes into the box *above* and leaves it by *leaf*."""
    ends = [*draft.flow.pred[leaf]], [*draft.flow.succ[leaf]]
    return all(any(above not in draft.view.chain(end) for end in one) for one in ends)


def _bypass(draft: Draft, leaf: str) -> None:
    """Leave out *leaf*, which reads one value: whoever read it reads that."""
    (source,) = draft.flow.pred[leaf]
    for target in draft.flow.succ[leaf]:
        if not draft.flow.has_edge(source, target):
            draft.flow.add_edge(source, target, **draft.flow.edges[leaf, target])
    draft.flow.remove_node(leaf)


__all__ = ["RESHAPES", "leave_out_reshapes", "leave_out_unread"]
