"""View → the graph of a figure: no operations that only reshape, ⊕ and ⊗, and stubs for what is read everywhere.

An author leaves out what no reader looks for. Only the figure does: the view, and all that is written, keep it.
"""

from __future__ import annotations

from ptgraph.figure.figure_graph import FigureGraph, Flow, Sign
from ptgraph.figure.simplification.draft import Draft, draft
from ptgraph.figure.simplification.emptied_boxes import leave_out_empty_boxes, open_groups_that_come_back
from ptgraph.figure.simplification.joining import join_small_operations, parameters_to_stubs
from ptgraph.figure.simplification.positions import leave_out_positions
from ptgraph.figure.simplification.reshapes import leave_out_reshapes, leave_out_unread
from ptgraph.figure.simplification.uncalled_containers import box_uncalled_containers
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import View

SIGNS: dict[str, Sign] = {
    "Add": "plus",
    "Mul": "times",
    "add": "plus",
    "add_": "plus",
    "mul": "times",
    "mul_": "times",
}


def simplify(graph: ModelGraph, view: View, *, closely: bool = False) -> FigureGraph:
    """Return what a figure of *graph* draws of its *view*; it has fewer boxes if operations are joined *closely*."""
    left = draft(graph, view)
    leave_out_unread(left)
    leave_out_reshapes(left)
    if graph.kind.classes:
        leave_out_positions(left)
    join_small_operations(left, closely=closely)
    box_uncalled_containers(left)
    parameters_to_stubs(left)
    open_groups_that_come_back(left)
    leave_out_empty_boxes(left)

    order = left.order
    edges: list[tuple[str, str, str]] = sorted(
        left.flow.edges(data="label"), key=lambda edge: (order[edge[1]], order[edge[0]])
    )
    stubs = {leaf: tuple(found) for leaf, found in left.stubs.items() if found and leaf in left.flow}
    signs = {leaf: sign for leaf in left.flow if (sign := _sign(left, leaf))}
    return FigureGraph(left.boxes, tuple(Flow(*edge) for edge in edges), stubs, signs, view.root)


def _sign(left: Draft, leaf: str) -> Sign | None:
    """Return the sign of an operation that joins two values, or one and a parameter, element by element."""
    if not left.is_op(leaf) or left.boxes[leaf].subtitle:
        return None
    parameters = list(dict.fromkeys(left.parameters.get(leaf, ())))
    only_parameters = [stub.text for stub in left.stubs.get(leaf, ())] == parameters
    joins_two = len(left.flow.pred[leaf]) + len(parameters) == 2
    return SIGNS.get(left.target(leaf)) if only_parameters and joins_two else None


__all__ = ["SIGNS", "simplify"]
