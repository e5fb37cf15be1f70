"""What the bodies of an ONNX node hold and read: the branches of an If, the body of a Loop or Scan."""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir


def bodies(node: ir.Node) -> list[ir.Graph]:
    """Return the graphs that *node* itself holds."""
    return [a.as_graph() for a in node.attributes.values() if a.type == ir.AttributeType.GRAPH]


def inner_nodes(node: ir.Node) -> Iterator[ir.Node]:
    """Yield the nodes in the bodies of *node*, and in theirs."""
    for body in bodies(node):
        yield from body.all_nodes()


def reads(node: ir.Node) -> list[ir.Value]:
    """Return the values from outside that *node* reads, those that its bodies read included."""
    if not bodies(node):
        return [value for value in node.inputs if value is not None]
    inner = list(inner_nodes(node))
    held = [body for reader in (node, *inner) for body in bodies(reader)]
    own = {value for body in held for value in body.inputs} | {output for n in inner for output in n.outputs}
    values = [*node.inputs, *(v for n in inner for v in n.inputs), *(v for body in held for v in body.outputs)]
    return [value for value in values if value is not None and value not in own]


__all__ = ["bodies", "inner_nodes", "reads"]
