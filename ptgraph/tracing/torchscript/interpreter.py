"""Graphs of TorchScript, read once and run by Python: each operator of torch is called, so that a tracer sees it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ptgraph.tracing.torch_internals import SCRIPT_CALL, schema_of
from ptgraph.tracing.torchscript.operators import ALWAYS, WITHOUT_TENSOR

_SCHEMA = re.compile(r"(?P<space>\w+)::(?P<name>\w+)(?:\.(?P<overload>\w+))?\(")
GET, _SET, _IF, _LOOP, _CONSTANT = "prim::GetAttr", "prim::SetAttr", "prim::If", "prim::Loop", "prim::Constant"
_ISINSTANCE = "prim::isinstance"
_PROPERTIES = {"is_cpu", "is_meta", "is_mkldnn", "is_mps", "is_nested", "is_sparse", "is_sparse_csr", "is_vulkan"}
_PROPERTIES |= {"is_xla", "is_xpu", "itemsize", "nbytes", "ndim", "H", "T", "mH", "mT"}
_KINDS = {"TensorType": torch.Tensor, "IntType": int, "FloatType": float, "BoolType": bool, "StringType": str}
_KINDS |= {"NoneType": type(None), "ListType": list, "TupleType": tuple, "DictType": dict}


class UnsupportedOperatorError(Exception):
    """A graph holds something that is not run here; the text names it."""


@dataclass(frozen=True)
class Step:
    """One node of a graph. ``name`` is an attribute or method, ``value`` a constant or the classes asked for."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    name: str = ""
    value: Any = None
    operator: Any = None
    blocks: tuple[Body, ...] = ()


@dataclass(frozen=True)
class Body:
    """The nodes of a graph or block, in order, with the names of what it takes and gives."""

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...] = field(default=())

    def called(self) -> Iterator[str]:
        """Return the names of the methods that are called."""
        return (step.name for step in self.all_steps() if step.kind == SCRIPT_CALL)

    def all_steps(self) -> Iterator[Step]:
        """Yield the steps, and after each those of its blocks."""
        for step in self.steps:
            yield step
            for block in step.blocks:
                yield from block.all_steps()


def read_graph(graph: Any) -> Body:
    """Return a graph, or a block in one, as it is run here; raises UnsupportedOperatorError if that cannot be."""
    steps = tuple(_read_node(node) for node in graph.nodes())
    return Body(_names(graph.inputs()), steps, _names(graph.outputs()))


def with_constants_held(body: Body, hold: Callable[[str, torch.Tensor], str]) -> Body:
    """Return *body* with each tensor that is a constant read from its object; *hold* gives it an attribute's name."""
    return _with_constants_held(body, body.inputs[0], hold)


def _with_constants_held(body: Body, owner: str, hold: Callable[[str, torch.Tensor], str]) -> Body:
    steps = []
    for step in body.steps:
        if isinstance(step.value, torch.Tensor):
            name = hold(step.outputs[0], step.value)
            steps.append(Step(GET, (owner,), step.outputs, name))
        else:
            blocks = tuple(_with_constants_held(block, owner, hold) for block in step.blocks)
            steps.append(replace(step, blocks=blocks))
    return replace(body, steps=tuple(steps))


def _names(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(value.debugName() for value in values)


def _read_node(node: Any) -> Step:
    kind = node.kind()
    blocks = tuple(read_graph(block) for block in node.blocks())
    step = Step(kind, _names(node.inputs()), _names(node.outputs()), blocks=blocks)
    own = vars(step)  # of a frozen dataclass, while it is made
    if kind in (GET, _SET, SCRIPT_CALL):
        own["name"] = node.s("name")
    elif kind == _CONSTANT:
        own["value"] = node.output().toIValue()
    elif kind == _ISINSTANCE:
        kinds = [type_.kind() for type_ in node.tys("types")]
        if not all(each in _KINDS for each in kinds):
            raise UnsupportedOperatorError(f"{kind} of {', '.join(kinds)}")
        own["value"] = tuple(_KINDS[each] for each in kinds)
    elif kind not in (_IF, _LOOP):
        own["operator"] = _operator(node.schema(), kind)
        if own["operator"] is None and kind not in ALWAYS and kind not in WITHOUT_TENSOR:
            raise UnsupportedOperatorError(kind)
    return step


def _operator(schema: str, kind: str) -> Callable[..., Any] | None:
    """Return torch's operator, or None if there is none that Python could call."""
    found = _SCHEMA.match(schema)
    if found is None or kind in ALWAYS:
        return None
    if found["space"] == "prim":
        is_property = found["name"] in _PROPERTIES and "(Tensor" in schema
        return operator.attrgetter(found["name"]) if is_property else None
    try:
        packet = getattr(getattr(torch.ops, found["space"]), found["name"])
        overload: Callable[..., Any] = getattr(packet, found["overload"] or "default")
    except (AttributeError, RuntimeError):
        return None
    return overload


@dataclass(frozen=True)
class Access:
    """How a graph reads and writes attributes of objects, and calls their methods."""

    get: Callable[[Any, str], Any]
    put: Callable[[Any, str, Any], None]
    call: Callable[[Any, str, Sequence[Any]], Any]


def run_graph(body: Body, access: Access, given: Sequence[Any]) -> Any:
    """Return what a graph gives, a tuple if it gives several values; the object that it belongs to is given first."""
    results = _run(body, access, {}, given)
    return results[0] if len(results) == 1 else tuple(results)


def _run(body: Body, access: Access, values: dict[str, Any], given: Sequence[Any]) -> list[Any]:
    values.update(zip(body.inputs, given, strict=True))
    for step in body.steps:
        result = _step(step, access, values, [values[name] for name in step.inputs])
        if len(step.outputs) == 1:
            values[step.outputs[0]] = result
        elif step.outputs:
            values.update(zip(step.outputs, result, strict=True))
    return [values[name] for name in body.outputs]


def _step(step: Step, access: Access, values: dict[str, Any], given: list[Any]) -> Any:
    """Return the result of a step; of one with several outputs, all of them."""
    kind = step.kind
    if kind == _CONSTANT:
        return step.value
    if kind == GET:
        return access.get(given[0], step.name)
    if kind == _SET:
        return access.put(given[0], step.name, given[1])
    if kind == SCRIPT_CALL:
        return access.call(given[0], step.name, given[1:])
    if kind == _ISINSTANCE:
        return isinstance(given[0], step.value)
    if kind in (_IF, _LOOP):
        results = _branch(step, access, values, given) if kind == _IF else _loop(step, access, values, given)
        return results[0] if len(step.outputs) == 1 else results
    return _apply(step, given)


def _branch(step: Step, access: Access, values: dict[str, Any], given: list[Any]) -> list[Any]:
    return _run(step.blocks[0 if given[0] else 1], access, values, [])


def _loop(step: Step, access: Access, values: dict[str, Any], given: list[Any]) -> list[Any]:
    most, going, *carried = given
    count = 0
    while going and count < most:
        going, *carried = _run(step.blocks[0], access, values, [count, *carried])
        count += 1
    return carried


def _apply(step: Step, given: list[Any]) -> Any:
    function = ALWAYS.get(step.kind)
    if function is None and not any(isinstance(value, torch.Tensor) for value in given):
        function = WITHOUT_TENSOR.get(step.kind)
    if function is not None:
        return function(*given)
    if step.operator is None:
        raise UnsupportedOperatorError(step.kind)
    schema = schema_of(step.operator)
    if schema is None:
        return step.operator(*given)
    arguments = list(zip(schema.arguments, given, strict=True))
    named = {argument.name: value for argument, value in arguments if argument.kwarg_only}
    return step.operator(*(value for argument, value in arguments if not argument.kwarg_only), **named)


__all__ = ["GET", "Access", "Body", "UnsupportedOperatorError", "read_graph", "run_graph", "with_constants_held"]
