"""The ONNX file of a traced model: its modules are local functions, simplified for Netron, with weights or without.

A file without weights has the name, shape and type of each as an empty sparse initializer. Netron shows it on the node
that reads it, and ``onnx.checker`` passes. (Graph inputs would draw a box for each weight; a reference to an external
file that is not there fails the checker.) A runtime sees zeros, and shape inference fails, since it knows no sparse
weights; the metadata of the file says that it has no weights.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import NamedTuple

import onnx
import onnx_ir as ir
import torch

from ptgraph.common.silence import quiet
from ptgraph.errors import ExportError, PtgraphWarning
from ptgraph.graph.labels import attempts_text
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.options import OnnxOptions
from ptgraph.onnx.writing.function_outlining import outline
from ptgraph.onnx.writing.naming.encodable import encodable, make_encodable
from ptgraph.onnx.writing.naming.file_metadata import describe_file
from ptgraph.onnx.writing.naming.node_metadata import describe_costs
from ptgraph.onnx.writing.naming.node_names import local_functions, name_main
from ptgraph.onnx.writing.naming.value_names import name_dimensions, number_constants
from ptgraph.onnx.writing.netron_sidecar import attachment
from ptgraph.onnx.writing.node_costs import Counts, count
from ptgraph.onnx.writing.own_operators import all_nodes, own_operators, own_text
from ptgraph.onnx.writing.simplify import SIMPLIFICATIONS, simplify
from ptgraph.onnx.writing.translate import translate
from ptgraph.onnx.writing.validity import fault, fault_of_file
from ptgraph.onnx.writing.weight_storage import check_balance, declare, embed, need_weights, refer, stream

OPSET = 23  # the first with Attention and RMSNormalization: one node where there were twenty
RUNNABLE = 21  # the newest opset whose operators are all in ONNX Runtime
_RANDOM = {"Bernoulli", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
NOT_RUN = _RANDOM | {"GlobalLpPool", "MaxRoiPool", "RoiAlign"}  # since opset 22, ONNX Runtime does not have these
_FUNCTIONS, _FOLDING = "functions", "folded constants"
_SIMPLIFICATIONS = (*SIMPLIFICATIONS, _FUNCTIONS, _FOLDING)


def onnx_files(graph: ModelGraph, options: OnnxOptions) -> dict[str, Iterable[bytes]]:
    """Return the model as ``onnx``, its numbers as ``netron.json``, and external weights as ``onnx.data``.

    Without an opset in *options*, it is 23, or 21 if an operator of the model then runs in ONNX Runtime.
    Raises ExportError if torch.export could not trace the model, if torch.onnx fails, if weights are asked for that the
    model does not have, and if the file would be invalid. If it is valid only without one of the simplifications, it is
    written without that, and a PtgraphWarning names it. Another one names the operators that have no ONNX; with
    ``strict``, it is an ExportError.
    """
    if graph.kind.no_onnx:
        raise ExportError(f"{graph.name} {graph.kind.no_onnx}")
    need_program(graph)
    if options.weights != "none":
        need_weights(graph, {**graph.program.state_dict, **graph.program.constants})
    proto, weights, counts, own = _runnable(graph, options)
    if own:
        if options.strict:
            raise ExportError(own_text(graph.name, own))
        warnings.warn(PtgraphWarning(own_text(graph.name, own)), stacklevel=2)
    files: dict[str, Iterable[bytes]] = {}
    if options.weights == "none":
        declare(proto, weights)
    elif options.weights == "embedded":
        embed(proto, weights)
    else:
        refer(proto, weights, f"{graph.name}.onnx.data")
        files["onnx.data"] = stream(weights)
    check_balance(proto, graph)
    data = bytes(proto.SerializeToString(deterministic=True))
    if options.weights == "none" and (why := fault_of_file(data)):
        raise _invalid(graph, why)
    return {**files, "onnx": [data], "netron.json": [attachment(graph, counts)]}


def need_program(graph: ModelGraph) -> None:
    """Raise ExportError if torch.export could not trace the model of *graph*."""
    if graph.program is None:
        reasons = attempts_text(graph.attempts)
        raise ExportError(f"{graph.name} has no ONNX, since torch.export cannot trace it: {reasons}")


class _Made(NamedTuple):
    """A model without its weights; those; what its nodes count; and its operators that have no ONNX."""

    proto: onnx.ModelProto
    weights: dict[str, torch.Tensor]
    counts: Counts
    own: Counter[str]


def _runnable(graph: ModelGraph, options: OnnxOptions) -> _Made:
    """Return the model at the opset of *options*, or else at one whose operators ONNX Runtime has."""
    made = _valid(graph, options)
    if options.opset is None and any(node.op_type in NOT_RUN for node in all_nodes(made.proto) if not node.domain):
        return _valid(graph, replace(options, opset=RUNNABLE))
    return made


def _valid(graph: ModelGraph, options: OnnxOptions) -> _Made:
    """Return the model; if a simplification makes it invalid, without that, and with a warning.

    Raises ExportError if it is invalid without any simplification.
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
    name_dimensions(model, graph.dimensions)
    simplify(model, without)
    forms = outline(model, graph, weights) if options.structure == "functions" and _FUNCTIONS not in without else []
    number_constants(model)
    parameters = {p.name for p in graph.parameters if p.kind == "parameter"}  # all of the checkpoint, read or not
    weights = {n: tensor for n, tensor in weights.items() if n in parameters or n in model.graph.initializers}
    functions = local_functions(graph, forms, opset)
    name_main(model.graph, graph, weights)
    for function in reversed(functions):  # the outermost first, as one opens them
        model.functions[function.identifier()] = function
        model.opset_imports[function.domain] = 1
    counts = count(model, graph)
    describe_costs(counts)
    make_encodable(model)
    with quiet():  # it logs every weight that it finds taken off
        proto = ir.to_proto(model)
    own = own_operators(proto)
    describe_file(proto, graph, options.weights, own)
    return _Made(proto, {encodable(name): tensor for name, tensor in weights.items()}, counts, own)


__all__ = ["OPSET", "need_program", "onnx_files"]
