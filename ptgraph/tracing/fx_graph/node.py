"""One torch.fx node: the name and function of its operator, and its arguments that are no tensors, as plain values."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import networkx as nx
import torch
from torch import fx, nn

from ptgraph.graph.model import Shape
from ptgraph.tracing.module_walk import named_buffers, named_parameters, to_evaluation
from ptgraph.tracing.plain_values import plain_value, public
from ptgraph.tracing.source_info import qualified_name
from ptgraph.tracing.state_guard import left_as_found
from ptgraph.tracing.torch_internals import hint_of, pytree, schema_of
from ptgraph.tracing.tracers.dynamic_dims import named_size

_NO_WORD = re.compile(r"\W+")
SMALL = 16  # a constant of so many elements, or fewer, is written down
_TENSOR = object()  # stands for a tensor among literals
_SYMBOLS = torch.SymInt | torch.SymFloat | torch.SymBool


def target_of(node: fx.Node) -> str:
    """Return the name of the operator: ``aten.add.Tensor``, ``torch.Tensor.view``, or the class of a module."""
    if "target" in node.meta:
        return str(node.meta["target"])
    if node.op == "call_module":
        return str(qualified_name(type(module_of(node))))
    if node.op == "call_method" or isinstance(node.target, str):
        return f"torch.Tensor.{node.target}" if node.op == "call_method" else str(node.target)
    name = str(node.target)
    if name.startswith("<"):
        module = getattr(node.target, "__module__", None) or "builtins"
        return f"{module.removeprefix('_')}.{getattr(node.target, '__name__', 'call')}"
    return name


def numbered(ops: nx.DiGraph[str]) -> dict[str, str]:
    """Return a name for each operation: that of its operator, and a number from the second on."""
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    taken = {name for name, op in ops.nodes(data=True) if op["kind"] != "op"}
    for name, op in ops.nodes(data=True):
        if op["kind"] == "op":
            steps = op["target"].split(".")
            word = _NO_WORD.sub("_", steps[1] if len(steps) == 3 and steps[0] == "aten" else steps[-1]) or "op"
            while name not in names or names[name] in taken:
                names[name] = f"{word}_{counts[word]}" if counts[word] else word
                counts[word] += 1
    return names


def module_of(node: fx.Node) -> nn.Module | None:
    """Return the module that *node* runs as a whole, or None."""
    if node.op != "call_module" or node.graph.owning_module is None:
        return None
    return node.graph.owning_module.get_submodule(str(node.target))


def function_of(node: fx.Node, module: nn.Module | None) -> Any:
    """Return what *node* calls; *module*, which it may run as a whole, is called without numbers, for evaluation."""
    if module is None:
        return getattr(torch.Tensor, str(node.target)) if node.op == "call_method" else node.target
    state = {k: v.to("meta") for k, v in [*named_parameters(module), *named_buffers(module)]}

    def run(*args: Any, **kwargs: Any) -> Any:
        with left_as_found(module):
            to_evaluation(module)
            return torch.func.functional_call(module, state, args, kwargs)

    return run


def literals(node: fx.Node, dimensions: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments that are not tensors, by name where the operator has a schema; *dimensions* names sizes."""
    schema = schema_of(node.target)
    names = [argument.name for argument in schema.arguments] if schema else []
    pairs = [(names[i] if i < len(names) else f"arg{i}", value) for i, value in enumerate(node.args)]
    found = {}
    for name, value in [*pairs, *node.kwargs.items()]:
        literal = _literal(value, dimensions)
        if literal is _TENSOR or (isinstance(literal, list) and literal and all(i is _TENSOR for i in literal)):
            continue
        try:
            found[name] = plain_value(_say_tensors(literal))
        except TypeError:  # an object of a class that torch made, or too much data
            continue
    return found


def _literal(value: Any, dimensions: Mapping[str, str]) -> Any:
    if isinstance(value, list | tuple):
        return [_literal(item, dimensions) for item in value]
    if isinstance(value, dict):
        return {str(key): _literal(item, dimensions) for key, item in value.items()}
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        return ":".join("" if part is None else str(_say_tensors(_literal(part, dimensions))) for part in parts)
    if isinstance(value, fx.Node):
        if (graph := nested_graph(value)) is not None:
            return _text(graph)
        known = value.meta.get("val")
        return named_size(known, dimensions) if isinstance(known, int | float | _SYMBOLS) else _TENSOR
    return named_size(value, dimensions) if isinstance(value, _SYMBOLS) else value


def _say_tensors(literal: Any) -> Any:
    """Return a literal with a word in the place of each tensor."""
    if isinstance(literal, list):
        return [_say_tensors(item) for item in literal]
    return "tensor" if literal is _TENSOR else literal


def _text(graph: fx.Graph) -> str:
    """Return a nested graph as text, a line for each operation, whatever its values are called."""
    numbers: dict[fx.Node, str] = {}
    lines = []
    for node in graph.nodes:
        numbers[node] = f"%{len(numbers)}"
        if (inner := nested_graph(node)) is not None:
            lines.append(f"{numbers[node]} = {_text(inner)}")
        elif node.op not in ("placeholder", "get_attr"):
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), numbers.__getitem__)
            lines.append(f"{numbers[node]} = {public(target_of(node))}{args}{kwargs or ''}")
    return "\n".join(lines)


def constant_value(tensor: Any) -> dict[str, Any]:
    """Return the value of a constant, or its digest if it is large: what it holds is part of what the model does.

    One without memory of the usual kind, such as a sparse one, has neither.
    """
    if not isinstance(tensor, torch.Tensor) or tensor.is_meta or type(tensor) is not torch.Tensor:
        return {}
    try:
        if tensor.numel() <= SMALL:
            return {"value": plain_value(tensor.tolist())}
        data = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    except (NotImplementedError, RuntimeError):  # it has no memory of the usual kind: it is sparse, or wrapped
        return {}
    return {"digest": hashlib.sha256(data).hexdigest()[:12]}


def nested_graph(node: fx.Node) -> fx.Graph | None:
    """Return the graph that *node* hands to a higher-order operator, or None if it is something else."""
    if node.op != "get_attr" or node.graph.owning_module is None:
        return None
    owner: Any = node.graph.owning_module
    for step in str(node.target).split("."):
        owner = getattr(owner, step, None)
    return owner.graph if isinstance(owner, fx.GraphModule) else None


def nested_graphs(node: fx.Node) -> list[fx.Graph]:
    """Return the graphs that a higher-order operator is given."""
    return [graph for argument in node.all_input_nodes if (graph := nested_graph(argument)) is not None]


def example_size(size: Any) -> int:
    """Return a size as a number: that of the example where it may vary, and 1 where it depends on data."""
    if isinstance(size, int):
        return size
    hint = hint_of(size)
    return int(hint) if isinstance(hint, int) else 1


def depends_on_data(node: fx.Node) -> bool:
    """Return whether a tensor that *node* reads or yields has a size that only the values say."""
    values = [node.meta.get("val"), *(read.meta.get("val") for read in node.all_input_nodes)]
    tensors = [leaf for leaf in pytree.tree_leaves(values) if isinstance(leaf, torch.Tensor)]
    return any(isinstance(size, torch.SymInt) and hint_of(size) is None for each in tensors for size in each.shape)


def example_of(leaf: Any) -> Any:
    """Return a value like the traced one, on ``meta``, with its strides. A dynamic size is that of the example."""
    if isinstance(leaf, fx.Node):
        return pytree.tree_map(example_of, leaf.meta.get("val"))
    if isinstance(leaf, torch.Tensor):
        strided = leaf.layout is torch.strided
        strides = [example_size(step) for step in leaf.stride()] if strided else None
        sizes = [example_size(size) for size in leaf.shape]
        empty = torch.empty(sizes, dtype=leaf.dtype, device="meta")
        return empty if strides is None else torch.empty_strided(sizes, strides, dtype=leaf.dtype, device="meta")
    if isinstance(leaf, torch.SymInt):
        return example_size(leaf)
    return torch.device("meta") if isinstance(leaf, torch.device) else leaf


def describe(value: Any, names: Mapping[str, str]) -> tuple[Shape | None, str | None]:
    """Return shape and dtype of the first tensor in a traced value; *names* are those of sizes that vary."""
    if isinstance(value, list | tuple):
        parts = [describe(item, names) for item in value]
        return next((part for part in parts if part[0] is not None), (None, None))
    if not isinstance(value, torch.Tensor):
        return None, None
    shape = tuple(named_size(size, names) for size in value.shape)
    return shape, str(value.dtype).removeprefix("torch.")


__all__ = [
    "constant_value",
    "depends_on_data",
    "describe",
    "example_of",
    "example_size",
    "function_of",
    "literals",
    "module_of",
    "nested_graph",
    "nested_graphs",
    "numbered",
    "target_of",
]
