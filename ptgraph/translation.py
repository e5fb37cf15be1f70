"""The exported program → one flat ONNX graph, every node of which knows its operation and its run of a module.

Weights are taken off before the optimiser runs, so no copy of one is ever folded, transposed or merged, and a model
without weights takes the same way as one with. A block that repeats is translated once, and copied.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import onnx_ir as ir
import torch
from torch import fx
from torch.export import ExportedProgram
from torch.nn.attention import SDPBackend, sdpa_kernel

from .corrections import corrections, record
from .errors import ExportError, first_line
from .graph import ModelGraph
from .quiet import quiet
from .reduced import Feed, reduced

DOMAIN = "ptgraph"  # of the nodes that mark and repeat blocks; none is left in the end
LARGEST_CONSTANT = 2**24  # elements of a constant that is compared with others
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_MARK = re.compile(r"ptgraph:(\d+)")


class Place(NamedTuple):
    """Where a node is from: the run of a module that it is in, and its operation in the graph, if it has one."""

    call: str
    op: str | None


class Translated(NamedTuple):
    """A flat model, and all weights by their first ``state_dict`` name (its initializers have no values of them)."""

    model: ir.Model
    weights: dict[str, torch.Tensor]


def translate(graph: ModelGraph, opset: int, *, fold: bool = True) -> Translated:
    """Return *graph* as flat ONNX of the given opset, its nodes placed (see `place_of`).

    With *fold*, what is constant is computed. Raises ExportError where an operator has no translation.
    """
    state = {**graph.program.state_dict, **graph.program.constants}
    order = list(graph.origins.nodes)
    with _explained(graph.name):
        with _places_written(graph):
            program, chains, states = reduced(graph.program, graph.origins.repeated)
            model = _translate(program, opset)
        _rename(model, states)
        held = _take_weights(model, state)
        marks = [node for node in model.graph if node.domain == DOMAIN]
        numbers = {node: _number(node) for node in marks}
        _optimize(model, fold=fold)
    marks = [node for node in marks if node.graph is model.graph]  # those that something repeats
    _read_places(model, list(graph.origins.nodes.values()))
    names = {p.name: p.tied_to or p.name for p in graph.parameters}
    _merge_tied(model, names)
    tensors = {**{name: t for name, t in state.items() if isinstance(t, torch.Tensor)}, **held}
    weights = {names.get(name, name): tensor for name, tensor in tensors.items()}
    blocks: dict[str, _Block] = {}
    open_: dict[str, _Block] = {}
    for node in list(model.graph):
        id_ = node.attributes["id"].as_string() if node in numbers else ""
        if node not in numbers:
            made = [node]
        elif node.op_type == "enter":
            made = []
            if id_ not in blocks:
                open_[id_] = _Block(node.inputs, [], [])
        elif node.op_type == "leave":
            made = []
            if id_ in open_:
                blocks[id_] = open_.pop(id_)._replace(results=node.inputs[:-1])
        else:
            head, made, values = order[numbers[node] or 0], [], list(node.inputs[:-1])
            first = list(values)
            unlinked: Feed = [None] * len(values)
            for run, feed in [(head, unlinked), *chains.get(head, [])]:
                _, call, ops = graph.origins.repeated[run]
                copy = Copy(graph.origins.runs[id_], call, ops)
                given = [first[i] if result is None else values[result] for i, result in enumerate(feed)]
                nodes, values = _copy(graph, model, blocks[id_], given, copy, names, weights)
                made += nodes
            model.graph.insert_before(node, made)
            for output, value in zip(node.outputs, values, strict=True):
                assert value is not None
                output.replace_all_uses_with(value, replace_graph_outputs=True)
        for block in open_.values():
            block.nodes.extend(made)
    for node in reversed(marks):
        model.graph.remove(node, safe=True)
    ir.passes.common.RemoveUnusedNodesPass()(model)
    for value in (*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()):
        value.metadata_props.clear()  # what torch.onnx and the optimiser say of their own work
    model.graph.metadata_props.clear()
    model.opset_imports.pop(DOMAIN, None)
    return Translated(model, weights)


def place_of(node: ir.Node) -> Place:
    """Return where *node* is from."""
    place: Place = node.meta["place"]
    return place


@contextlib.contextmanager
def _places_written(graph: ModelGraph) -> Iterator[None]:
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


def _translate(program: ExportedProgram, opset: int) -> ir.Model:
    marks = {getattr(torch.ops.ptgraph, name).default: _opaque(name) for name in ("enter", "leave", "repeat")}
    with quiet(), sdpa_kernel(SDPBackend.MATH):  # else torch.onnx takes results to lie in memory as they do not
        exported = torch.onnx.export(
            program,
            dynamo=True,
            optimize=False,
            opset_version=opset,
            verbose=False,
            custom_translation_table=marks | corrections(),
        )
    assert exported is not None
    return exported.model


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Raise ExportError, with the causes in one line, for whatever torch, torch.onnx and its optimiser raise."""
    try:
        yield
    except Exception as error:  # their many parts raise whatever they raise
        said = [
            _COLOURS.sub("", first_line(cause)).strip().partition(". See the")[0].rstrip(".:")
            for cause in _causes(error)
        ]
        why = ": ".join(said[1:] or said)  # the first says only that something failed
        raise ExportError(f"torch.onnx cannot translate {name}: {why}") from error


def _opaque(name: str) -> Any:
    """Return the translation of an operator of `ptgraph.repeats`: a node of our own domain."""

    def translation(tensors: Sequence[ir.Value], *rest: Any) -> Any:
        mark = rest[:-1] if name == "leave" else rest[:1] if name == "repeat" else ()
        outputs = len(rest[-2].split(",")) if name == "repeat" else 1
        node = ir.Node(DOMAIN, name, [*tensors, *mark], [ir.AttrString("id", rest[-1])], num_outputs=outputs)
        record(node)
        return list(node.outputs) if name == "repeat" else node.outputs[0]

    return translation


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _rename(model: ir.Model, names: dict[str, str]) -> None:
    """Give initializers the names that *names* has for theirs, in place."""
    for old, new in names.items():
        value = model.graph.initializers.pop(old, None)
        if value is not None:
            value.name = new
            model.graph.initializers[new] = value


def _take_weights(model: ir.Model, state: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Take the values of the model's state, and of all that has none, off the initializers; return them."""
    held = {}
    for name, value in model.graph.initializers.items():
        tensor = state.get(name, getattr(value.const_value, "raw", None))
        if isinstance(tensor, torch.Tensor) and (name in state or tensor.is_meta):
            held[name] = tensor
            value.const_value = None
    return held


def _optimize(model: ir.Model, *, fold: bool) -> None:
    """Fold what is constant, with *fold*, and drop what is unused, in place.

    These are onnxscript's own passes without its pattern rewriter, whose time grows with the square of the nodes,
    and without merging equal expressions, which would join what different modules do.
    """
    from onnx_ir.passes import common
    from onnxscript.optimizer import fold_constants

    with quiet():
        common.InlinePass()(model)
        if fold:
            fold_constants(model, onnx_shape_inference=True)
        ir.passes.Sequential(
            common.RemoveUnusedNodesPass(),
            common.RemoveUnusedFunctionsPass(),  # type: ignore[no-untyped-call]  # onnx_ir left it untyped
            common.RemoveUnusedOpsetsPass(),
            common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
            common.LiftSubgraphInitializersToMainGraphPass(),
            common.DeduplicateInitializersPass(size_limit=LARGEST_CONSTANT),
        )(model)


def _merge_tied(model: ir.Model, names: dict[str, str]) -> None:
    """Let all readers of a tied parameter read the first of its names, in place (torch.onnx keeps the last)."""
    initializers = model.graph.initializers
    for name, first in names.items():
        if first == name or name not in initializers:
            continue
        value = initializers.pop(name)
        if first in initializers:
            value.replace_all_uses_with(initializers[first])
        else:
            value.name = first
            initializers[first] = value


def _number(node: ir.Node) -> int | None:
    found = _MARK.search(node.metadata_props.get("pkg.torch.onnx.name_scopes", ""))
    return int(found[1]) if found else None


def _read_places(model: ir.Model, places: list[tuple[str, str | None]]) -> None:
    """Note the place of each node, in place; one that an optimisation made is where its reader is."""
    last = Place("", None)
    for node in reversed(list(model.graph.all_nodes())):
        number = _number(node)
        if number is not None:
            node.meta["place"] = last = Place(*places[number])
        else:
            readers = [use.node for output in node.outputs for use in output.uses()]
            node.meta["place"] = Place(next((place_of(r).call for r in readers if "place" in r.meta), last.call), None)
        node.metadata_props.clear()


class _Block(NamedTuple):
    """The nodes of a run that others repeat, and the values that it is given and yields."""

    inputs: Sequence[ir.Value | None]
    nodes: list[ir.Node]
    results: Sequence[ir.Value | None]


class Copy(NamedTuple):
    """A run that repeats another: the two calls, and which operation became which."""

    source: str
    call: str
    ops: dict[str, str]


def _copy(
    graph: ModelGraph,
    model: ir.Model,
    block: _Block,
    given: Sequence[ir.Value | None],
    copy: Copy,
    names: dict[str, str],
    weights: dict[str, torch.Tensor],
) -> tuple[list[ir.Node], list[ir.Value | None]]:
    """Return a copy of the nodes of *block*, for other inputs, and the results that they yield."""
    old, new = graph.calls[copy.source].component, graph.calls[copy.call].component
    ops = graph.ops.nodes
    calls = {copy.source: copy.call, **{ops[a]["call"]: ops[b]["call"] for a, b in copy.ops.items()}}
    values: dict[ir.Value, ir.Value] = {
        value: other for value, other in zip(block.inputs, given, strict=True) if value and other
    }

    def moved(value: ir.Value | None) -> ir.Value | None:
        if value is None or value in values:
            return values.get(value) if value is not None else None
        name = value.name or ""
        if name in weights and name.startswith(old + "."):
            own = new + name[len(old) :]
            values[value] = _weight(model, names.get(own, own), value)
        return values.get(value, value)

    made = []
    for original in block.nodes:
        place = place_of(original)
        clone = ir.Node(
            original.domain,
            original.op_type,
            [moved(value) for value in original.inputs],
            [_moved_graph(attribute, moved) for attribute in original.attributes.values()],
            num_outputs=len(original.outputs),
            version=original.version,
        )
        clone.meta["place"] = Place(calls.get(place.call, copy.call), copy.ops.get(place.op or ""))
        for output, other in zip(original.outputs, clone.outputs, strict=True):
            other.shape, other.type = output.shape, output.type
            values[output] = other
        made.append(clone)
    return made, [moved(result) for result in block.results]


def _weight(model: ir.Model, name: str, like: ir.Value) -> ir.Value:
    if name not in model.graph.initializers:
        model.graph.initializers[name] = ir.Value(name=name, shape=like.shape, type=like.type)
    return model.graph.initializers[name]


def _moved_graph(attribute: ir.Attr, moved: Any) -> ir.Attr:
    """Return an attribute; the body of a branch or loop is cloned, and reads from outside what *moved* says."""
    if attribute.type != ir.AttributeType.GRAPH:
        return attribute
    body = attribute.as_graph().clone(allow_outer_scope_values=True)
    inside = {output for node in body.all_nodes() for output in node.outputs} | set(body.inputs)
    for node in body.all_nodes():
        node.meta.setdefault("place", Place("", None))
        for index, value in enumerate(node.inputs):
            if value is not None and value not in inside:
                node.replace_input_with(index, moved(value))
    return ir.AttrGraph(attribute.name, body)


__all__ = ["Place", "Translated", "place_of", "translate"]
