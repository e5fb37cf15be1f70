"""Which operation and which module call each ONNX node comes from.

Each FX node carries a number through torch.onnx; the number is read back from the ONNX nodes that it became.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import onnx_ir as ir

from ptgraph.errors import ExportError
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.metadata import NAME_SCOPES
from ptgraph.onnx.writing.torch_onnx_bridge import number_of, numbers_carried, scopes_of
from ptgraph.tracing.program import traced_program

_META = "ptgraph origin"  # of `ir.Node.meta`


class NodeOrigin(NamedTuple):
    """Where a node is from: the module call that it is in, and its operation in the graph, if it has one."""

    call: str
    op: str | None


def origin_of(node: ir.Node) -> NodeOrigin:
    """Return where *node* is from; KeyError if `set_origin` was not called for it."""
    origin: NodeOrigin = node.meta[_META]
    return origin


def has_origin(node: ir.Node) -> bool:
    """Return whether `set_origin` was called for *node*."""
    return _META in node.meta


def set_origin(node: ir.Node, origin: NodeOrigin) -> None:
    """Note that *node* is from *origin*."""
    node.meta[_META] = origin


def origins_carried(graph: ModelGraph) -> AbstractContextManager[None]:
    """Let the FX nodes of the program carry numbers to the ONNX nodes that torch.onnx makes of them meanwhile."""
    return numbers_carried(graph.program.graph_module, traced_program(graph).nodes)


def check_origins(model: ir.Model) -> None:
    """Raise ExportError if no node of *model*, which torch.onnx has just made, says which FX node it is from.

    A node that a decomposition of torch added may have no number: it is in the module call of what reads it.
    """
    nodes = [node for node in model.graph if node.op_type not in ("Constant", "Identity")]
    if not nodes or any(number_of(node) is not None for node in nodes):
        return
    scopes = [scopes_of(node) or [] for node in nodes]
    if not any(scopes):
        changed = f"torch.onnx writes no metadata {NAME_SCOPES!r}"
    elif any(len(scope) > 1 for scope in scopes):
        changed = "torch.onnx takes modules from elsewhere than the metadata 'nn_module_stack' of an FX node"
    else:
        changed = "torch.onnx does not read the metadata 'nn_module_stack' of an FX node"
    raise ExportError(
        f"{changed}, by which ptgraph knows the module of a node (of {nodes[0].op_type}, for example, and "
        f"{len(nodes) - 1} more); please report it"
    )


def read_origins(model: ir.Model, origins: Sequence[tuple[str, str | None]]) -> None:
    """Note the origin of each node of *model*, and clear its metadata, in place; *origins* has those of the numbers.

    A node without a number was made by an optimisation: it is in the module call of what reads it.
    """
    last = NodeOrigin("", None)
    for node in reversed(list(model.graph.all_nodes())):
        number = number_of(node)
        if number is not None:
            last = NodeOrigin(*origins[number])
            set_origin(node, last)
        else:
            readers = [use.node for output in node.outputs for use in output.uses()]
            call = next((origin_of(reader).call for reader in readers if has_origin(reader)), last.call)
            set_origin(node, NodeOrigin(call, None))
        node.metadata_props.clear()


__all__ = ["NodeOrigin", "check_origins", "has_origin", "origin_of", "origins_carried", "read_origins", "set_origin"]
