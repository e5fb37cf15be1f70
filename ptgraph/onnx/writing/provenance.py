"""Which operation and which module call each ONNX node comes from.

Each fx node carries a number through torch.onnx, in place of its stack of modules; the number is read back from the
metadata of the ONNX nodes.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import NamedTuple

import onnx_ir as ir
from torch import fx

from ptgraph.graph.model import ModelGraph

_MARK = re.compile(r"ptgraph:(\d+)")


class NodeOrigin(NamedTuple):
    """Where a node is from: the run of a module that it is in, and its operation in the graph, if it has one."""

    call: str
    op: str | None


def origin_of(node: ir.Node) -> NodeOrigin:
    """Return where *node* is from."""
    place: NodeOrigin = node.meta["place"]
    return place


@contextlib.contextmanager
def origins_written(graph: ModelGraph) -> Iterator[None]:
    """Let the nodes of the program carry a number in place of their stack of modules: it reaches the ONNX nodes.

    What a context manager wraps is run node by node, since torch would give its nodes the stack of the wrapper.
    """
    whole = graph.program.graph_module
    wrapped = [body for body in whole.modules() if isinstance(body, fx.GraphModule) and body is not whole]
    for body in wrapped:
        body.forward = fx.Interpreter(body).run
    before = {node: node.meta.get("nn_module_stack") for node in graph.origins.nodes}
    for number, node in enumerate(before):
        node.meta["nn_module_stack"] = {"place": (f"ptgraph:{number}", "torch.nn.Module")}
    try:
        yield
    finally:
        for node, stack in before.items():
            node.meta["nn_module_stack"] = stack
        for body in wrapped:
            del body.forward


def origin_number(node: ir.Node) -> int | None:
    found = _MARK.search(node.metadata_props.get("pkg.torch.onnx.name_scopes", ""))
    return int(found[1]) if found else None


def read_origins(model: ir.Model, places: list[tuple[str, str | None]]) -> None:
    """Note the place of each node, in place; one that an optimisation made is where its reader is."""
    last = NodeOrigin("", None)
    for node in reversed(list(model.graph.all_nodes())):
        number = origin_number(node)
        if number is not None:
            node.meta["place"] = last = NodeOrigin(*places[number])
        else:
            readers = [use.node for output in node.outputs for use in output.uses()]
            node.meta["place"] = NodeOrigin(
                next((origin_of(r).call for r in readers if "place" in r.meta), last.call), None
            )
        node.metadata_props.clear()


__all__ = ["NodeOrigin", "origin_number", "origin_of", "origins_written", "read_origins"]
