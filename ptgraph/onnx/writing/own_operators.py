"""Operators of torch that have no ONNX: each is one node, in a domain of its library's name, such as ``ptgraph.aten``.

The values that the operator gets are the inputs of the node, and all other arguments that were given are attributes.
``onnx.checker`` accepts such a node and Netron shows it, and no runtime can run it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import onnx
import onnx_ir as ir
from torch import fx

from ptgraph.onnx.metadata import OWN_DOMAIN
from ptgraph.onnx.writing.torch_onnx_bridge import record
from ptgraph.tracing.torch_internals import HigherOrderOperator, OpOverload, schema_of

_INPUTS = "inputs"  # the attribute that names the arguments which the inputs are, where there are several


def own_node(node: fx.Node, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Record a node of an own domain for an FX node that torch.onnx cannot translate, and return its results.

    *args* and *kwargs* are the arguments of *node*, with ONNX values in the place of FX nodes.
    """
    of = next((a for a in (node.target, *node.args) if isinstance(a, OpOverload)), node.target)
    library, name = _library_and_name(of)
    inputs: dict[str, ir.Value] = {}
    attributes: dict[str, Any] = {}
    given = [*zip(_names(node), node.args, args, strict=False), *((n, node.kwargs[n], v) for n, v in kwargs.items())]
    for argument, plain, value in given:
        if isinstance(value, ir.Value):
            inputs[argument] = value
        elif isinstance(value, list | tuple) and any(isinstance(part, ir.Value) for part in value):
            inputs |= {f"{argument}[{i}]": part for i, part in enumerate(value) if isinstance(part, ir.Value)}
            if all(isinstance(part, ir.Value | int) for part in value) and any(isinstance(part, int) for part in value):
                attributes[argument] = [part if isinstance(part, int) else -1 for part in value]
        elif value is not None and value is not of:
            attributes[argument] = _attribute(plain)
    if len(inputs) > 1:
        attributes[_INPUTS] = list(inputs)
    results: Any = node.meta.get("val")
    several = isinstance(results, list | tuple)
    made = ir.Node(
        OWN_DOMAIN + library,
        name,
        list(inputs.values()),
        [_attr(key, value) for key, value in attributes.items()],
        num_outputs=len(results) if several else 1,
    )
    record(made)
    return made.outputs if several else made.outputs[0]


def _library_and_name(target: Any) -> tuple[str, str]:
    """Return ``aten`` and ``median`` of ``torch.ops.aten.median.dim``."""
    if isinstance(target, OpOverload):
        return target.namespace, schema_of(target).name.rpartition("::")[2]
    module = str(getattr(target, "__module__", "")).rpartition(".")[2].strip("_")
    if isinstance(target, HigherOrderOperator):
        module = "higher_order"
    return module or "python", str(getattr(target, "__name__", target))


def _names(node: fx.Node) -> list[str]:
    """Return the names of the arguments of *node* that are given by order."""
    schema = schema_of(node.target)
    if schema is None:
        return [f"arg_{index}" for index in range(len(node.args))]
    return [argument.name for argument in schema.arguments]


def _attribute(value: Any) -> Any:
    """Return an argument as an attribute of ONNX can hold it: as text, if it is of no type of ONNX."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float | str):
        return value
    if isinstance(value, list | tuple):
        parts = [_attribute(part) for part in value]
        if len({type(part) for part in parts}) > 1:
            numbers = all(isinstance(part, int | float) for part in parts)
            parts = [float(part) for part in parts] if numbers else [str(part) for part in parts]
        return parts if not parts or isinstance(parts[0], int | float | str) else str(value)
    return str(value).removeprefix("torch.")


def _attr(name: str, value: Any) -> ir.Attr:
    if value == []:
        return ir.AttrInt64s(name, [])
    return ir.convenience.convert_attribute(name, value)


def is_own(node: ir.Node | onnx.NodeProto) -> bool:
    """Return whether *node* stands for an operator that has no ONNX, if it is no call of a function.

    The domain of a function is the Python module of a class, which may be a part of ptgraph.
    """
    return node.domain.startswith(OWN_DOMAIN)


def own_operators(model: onnx.ModelProto) -> Counter[str]:
    """Return the operators in *model* that have no ONNX, by name (``aten.median``), and how many nodes each has."""
    functions = {(function.domain, function.name) for function in model.functions}
    return Counter(
        f"{node.domain.removeprefix(OWN_DOMAIN)}.{node.op_type}"
        for node in all_nodes(model)
        if is_own(node) and (node.domain, node.op_type) not in functions
    )


def all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Yield the nodes of *model*: those of its graph, of its functions, and of the bodies of branches and loops."""
    waiting = [model.graph.node, *(function.node for function in model.functions)]
    while waiting:
        for node in waiting.pop():
            yield node
            held = (graph for attribute in node.attribute for graph in (attribute.g, *attribute.graphs))
            waiting += [graph.node for graph in held if graph.node]


def own_text(name: str, found: Counter[str]) -> str:
    """Return the sentence that says which operators of the model called *name* have no ONNX."""
    names = ", ".join(f"{operator} ({count} nodes)" if count > 1 else operator for operator, count in found.items())
    have, them = (f"operators of {name} have", "them") if len(found) > 1 else (f"operator of {name} has", "it")
    return f"{len(found)} {have} no ONNX: {names}; Netron shows {them}, and a runtime cannot run {them}"


__all__ = ["all_nodes", "is_own", "own_node", "own_operators", "own_text"]
