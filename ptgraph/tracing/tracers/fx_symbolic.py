"""torch.fx.symbolic_trace as a tracer, with shapes by ShapeProp."""

from __future__ import annotations

import dataclasses
import operator
from typing import Any

import torch
from torch import fx

from ptgraph.tracing.captured import Capture
from ptgraph.tracing.module_walk import named_buffers, named_parameters
from ptgraph.tracing.nested_values import described, opened
from ptgraph.tracing.torch_internals import pytree
from ptgraph.tracing.tracers.bound_call import BoundCall
from ptgraph.tracing.tracers.materialize import materialized


def trace_symbolically(call: BoundCall) -> Capture:
    """Trace by ``torch.fx.symbolic_trace``, with the arguments that are no tensors fixed.

    Raises what torch.fx raises for a model whose control flow depends on its inputs.
    """
    from torch.fx.passes.shape_prop import ShapeProp

    if call.rebuild is not None:
        raise TypeError("torch.fx passes no tensors within objects")
    model = call.model
    with materialized(call) as real:
        values, fixed = _placeholder_values(real)
        graph = _Symbolic().trace(model, fixed)
        module = fx.GraphModule(model, graph)
        ShapeProp(module).propagate(*values)
    for node in graph.nodes:
        node.meta["val"] = _as_tensors(node.meta.get("tensor_meta"))
    reads = {node.name: str(node.target) for node in graph.nodes if node.op == "get_attr"}
    kinds = {name: "parameter" for name, _ in named_parameters(model, remove_duplicate=False)}
    kinds |= {name: "buffer" for name, _ in named_buffers(model, remove_duplicate=False)}
    (output,) = (node for node in graph.nodes if node.op == "output")
    given = opened(pytree.tree_map(_fields, output.args[0]))
    return Capture(
        call.name,
        graph,
        {node: (kinds.get(name, "constant"), name) for node, name in reads.items()},
        list(given.tensors.items()),
        model=model,
        constants={name: operator.attrgetter(name)(module) for name in reads.values() if name not in kinds},
        other_inputs=call.others,
        other_outputs=described(given.rest),
    )


class _Symbolic(fx.Tracer):
    record_stack_traces = True


def _placeholder_values(call: BoundCall) -> tuple[list[Any], dict[str, Any]]:
    """Return what the placeholders of fx take, in their order, and the arguments that are no tensors, by name."""
    bound = call.signature.bind(*call.args, **call.kwargs)
    bound.apply_defaults()
    parameters = call.signature.parameters
    several = [name for name, p in parameters.items() if p.kind is p.VAR_POSITIONAL]
    single = [name for name, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    values = [bound.arguments[name] for name in single]
    for name in several:
        values += bound.arguments[name]
    fixed = {
        name: bound.arguments[name]
        for name in single
        if not any(isinstance(leaf, torch.Tensor) for leaf in pytree.tree_leaves(bound.arguments[name]))
    }
    return values, fixed


def _fields(value: Any) -> Any:
    """Return the fields of a dataclass that the graph makes, by name; anything else as it is."""
    made = getattr(value, "target", None)
    if not isinstance(value, fx.Node) or not isinstance(made, type) or not dataclasses.is_dataclass(made):
        return value
    names = [f.name for f in dataclasses.fields(made)]
    return {**dict(zip(names, value.args, strict=False)), **value.kwargs}


def _as_tensors(meta: Any) -> Any:
    """Turn what ShapeProp noted (TensorMetadata) into meta tensors of the same shape, strides and dtype."""
    if hasattr(meta, "shape") and hasattr(meta, "dtype"):
        if len(meta.stride) != len(meta.shape):  # it is sparse
            return torch.empty(meta.shape, dtype=meta.dtype, device="meta")
        return torch.empty_strided(meta.shape, meta.stride, dtype=meta.dtype, device="meta")
    if isinstance(meta, dict):
        return {key: _as_tensors(value) for key, value in meta.items()}
    return [_as_tensors(item) for item in meta] if isinstance(meta, list | tuple) else None


__all__ = ["trace_symbolically"]
