"""ONNX: the exported program, every module of it a local function, made legible for Netron, with weights or without.

A weightless file says of each weight its name, shape and type, as an empty sparse initializer: Netron shows it
on the node that reads it, and ``onnx.checker`` passes. (Graph inputs would draw a box for each weight; a
reference to an external file that is not there fails the checker.) The price is that a runtime sees zeros, and
that shape inference, which knows no sparse weights, fails; the file says in its metadata that it has no weights.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Collection, Iterable
from importlib.metadata import version
from typing import NamedTuple

import onnx
import onnx_ir as ir
import torch

from ptgraph.common.silence import quiet
from ptgraph.errors import ExportError, PtgraphWarning
from ptgraph.graph.categories import category_of_type
from ptgraph.graph.labels import attempts_text, count_text
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.metadata import FLOPS, MODEL, PARAMETERS, TRACER, TREE, WEIGHTS, ModuleTree, tree_text
from ptgraph.onnx.options import OnnxOptions
from ptgraph.onnx.writing.encodable import encodable, make_encodable
from ptgraph.onnx.writing.function_outlining import outline
from ptgraph.onnx.writing.netron_sidecar import attachment
from ptgraph.onnx.writing.node_costs import Counts, count
from ptgraph.onnx.writing.node_names import Names
from ptgraph.onnx.writing.simplify import SIMPLIFICATIONS, make_legible
from ptgraph.onnx.writing.translate import translate
from ptgraph.onnx.writing.validity import fault, fault_of_file
from ptgraph.onnx.writing.weight_storage import check_balance, declare, embed, need_weights, refer, stream

OPSET = 23  # the first with Attention and RMSNormalization: one node where there were twenty
_FUNCTIONS, _FOLDING = "functions", "folded constants"
_SIMPLIFICATIONS = (*SIMPLIFICATIONS, _FUNCTIONS, _FOLDING)
_WORD = re.compile(r"\b[A-Za-z_]\w*\b(?!\()")  # a name in an expression, functions left out
_SIZE = re.compile(r"s\d+")  # a size of an input, which torch has named


def onnx_files(graph: ModelGraph, options: OnnxOptions) -> dict[str, Iterable[bytes]]:
    """Return the model as ``onnx``, its numbers as ``netron.json``, and external weights as ``onnx.data``.

    Raises ExportError where the model could not be traced by torch.export, where an operator has no
    translation, where weights are asked for that the model does not have, and where the file would be invalid. One
    that is valid only without a simplification is written so, with an PtgraphWarning.
    """
    if graph.is_pipeline:
        raise ExportError(f"{graph.name} has no ONNX: it is a pipeline of Python functions, and ONNX holds models")
    if graph.is_read:
        raise ExportError(f"{graph.name} was read from an ONNX file, which is its ONNX; name other formats")
    need_program(graph)
    if options.weights != "none":
        need_weights(graph, {**graph.program.state_dict, **graph.program.constants})
    proto, weights, counts = _valid(graph, options)
    files: dict[str, Iterable[bytes]] = {}
    if options.weights == "none":
        declare(proto, weights)
    elif options.weights == "embedded":
        embed(proto, weights)
    else:
        refer(proto, weights, f"{graph.name}.onnx.data")
        files["onnx.data"] = stream(weights)
    check_balance(proto, graph)
    data = _serialize(proto)
    if options.weights == "none" and (why := fault_of_file(data)):
        raise _invalid(graph, why)
    return {**files, "onnx": [data], "netron.json": [attachment(graph, counts)]}


def need_program(graph: ModelGraph) -> None:
    """Raise ExportError if torch.export could not trace the model of *graph*."""
    if graph.program is None:
        reasons = attempts_text(graph.attempts)
        raise ExportError(f"{graph.name} has no ONNX, since torch.export cannot trace it: {reasons}")


class _Made(NamedTuple):
    """A model without its weights; those; and what its nodes count."""

    proto: onnx.ModelProto
    weights: dict[str, torch.Tensor]
    counts: Counts


def _valid(graph: ModelGraph, options: OnnxOptions) -> _Made:
    """Return the model, without the simplification that makes it invalid if there is one, which a warning says.

    Raises ExportError if it is invalid without any.
    """
    made = _make(graph, options, ())
    why = fault(made.proto, made.weights)
    if why is None:
        return made
    plain = _make(graph, options, _SIMPLIFICATIONS)
    if (other := fault(plain.proto, plain.weights)) is not None:
        raise _invalid(graph, other)
    for name in _SIMPLIFICATIONS:
        made = _make(graph, options, [name])
        if fault(made.proto, made.weights) is None:
            break
    else:
        made, name = plain, "any simplification"
    warnings.warn(
        PtgraphWarning(f"{graph.name}.onnx is without {name}, which would make it invalid: {why}"), stacklevel=2
    )
    return made


def _invalid(graph: ModelGraph, why: str) -> ExportError:
    return ExportError(
        f"{graph.name} has no ONNX, since what torch.onnx and ptgraph make of it is invalid (please report it): {why}"
    )


def _make(graph: ModelGraph, options: OnnxOptions, without: Collection[str]) -> _Made:
    """Return the model, *without* some of the simplifications."""
    opset = options.opset or OPSET
    model, weights = translate(graph, opset, fold=_FOLDING not in without)
    _name_dimensions(model, graph.dimensions)
    make_legible(model, without)
    forms = outline(model, graph, weights) if options.structure == "functions" and _FUNCTIONS not in without else []
    _order_constants(model)
    parameters = {p.name for p in graph.parameters if p.kind == "parameter"}  # all of the checkpoint, read or not
    weights = {n: tensor for n, tensor in weights.items() if n in parameters or n in model.graph.initializers}
    names = Names(graph)
    functions = names.functions(forms, opset)
    names.main(model.graph, weights)
    for function in reversed(functions):  # the outermost first, as one opens them
        model.functions[function.identifier()] = function
        model.opset_imports[function.domain] = 1
    counts = count(model, graph)
    for node, each in counts.nodes.items():
        if node.op_type != "Constant":
            node.metadata_props[PARAMETERS] = str(each.parameters)
            node.metadata_props[FLOPS] = str(each.flops)
    make_encodable(model)
    with quiet():  # it logs every weight that it finds taken off
        proto = ir.to_proto(model)
    _describe(proto, graph, options)
    return _Made(proto, {encodable(name): tensor for name, tensor in weights.items()}, counts)


def _order_constants(model: ir.Model) -> None:
    """Number the constants of the main graph as they are read, and remove what nothing reads, in place."""
    initializers = model.graph.initializers
    read = dict.fromkeys(v for node in model.graph.all_nodes() for v in node.inputs if v is not None)
    kept = [v for v in read if v.is_initializer() and v.graph is model.graph]
    kept += [v for v in model.graph.outputs if v.is_initializer()]
    for name in list(initializers):
        del initializers[name]
    numbers = itertools.count(1)
    for value in dict.fromkeys(kept):
        if value.const_value is not None:
            value.name = value.const_value.name = f"constant {next(numbers)}"
        initializers[value.name or ""] = value


def _name_dimensions(model: ir.Model, names: dict[str, str]) -> None:
    """Give dynamic dimensions the names that the user gave them, in place; any other that varies is unknown."""
    values = [
        *model.graph.inputs,
        *model.graph.outputs,
        *(output for node in model.graph.all_nodes() for output in node.outputs),
    ]

    def named(size: int | ir.SymbolicDim) -> int | str | None:
        if isinstance(size, int) or size.value is None:
            return size if isinstance(size, int) else None
        if not all(word in names or _SIZE.fullmatch(word) for word in _WORD.findall(size.value)):
            return None  # it depends on data, and need not be the same each time that a block runs
        return _WORD.sub(lambda word: names.get(word[0], word[0]), size.value)

    for value in dict.fromkeys(values):
        if value.shape is not None and any(not isinstance(size, int) for size in value.shape):
            value.shape = ir.Shape(map(named, value.shape))


def _describe(proto: onnx.ModelProto, graph: ModelGraph, options: OnnxOptions) -> None:
    """Set what the file says of itself, in place."""
    root = graph.component("")
    info = graph.classes[root.type]
    weights = {"none": "no weights", "external": "weights beside it", "embedded": "weights inside"}
    proto.producer_name, proto.producer_version = "ptgraph", version("ptgraph")
    name = proto.graph.name = encodable(graph.name)
    proto.doc_string = "\n\n".join(
        [
            f"{name}: {info.name}, {root.total_params:,} parameters ({count_text(root.total_params)}), "
            f"{count_text(root.flops)}FLOPs a forward pass; {weights[options.weights]}.",
            *([encodable(info.doc)] if info.doc else []),
        ]
    )
    props = {
        MODEL: root.type,
        PARAMETERS: str(root.total_params),
        FLOPS: str(root.flops),
        TRACER: graph.tracer,
        WEIGHTS: options.weights,
        TREE: encodable(tree_text(_module_tree(graph))),
    }
    onnx.helper.set_model_props(proto, props)


def _module_tree(graph: ModelGraph) -> ModuleTree:
    categories: dict[str, str] = {}
    for path, component in graph.components.nodes(data=True):
        has_parts = graph.components.out_degree(path) > 0
        if category_of_type(component["type"], has_parts=has_parts, root=not path) != component["category"]:
            categories[component["type"]] = component["category"]
    named = {p.name for p in graph.parameters}
    return ModuleTree(
        modules={path: component["type"] for path, component in graph.components.nodes(data=True)},
        categories=categories,
        tied={p.name: p.tied_to for p in graph.parameters if p.tied_to is not None},
        buffers=[p.name for p in graph.parameters if p.kind == "buffer" and p.tied_to is None],
        constants=sorted(name for name in graph.program.constants if name not in named),
    )


def _serialize(proto: onnx.ModelProto) -> bytes:
    return bytes(proto.SerializeToString(deterministic=True))


__all__ = ["OPSET", "need_program", "onnx_files"]
