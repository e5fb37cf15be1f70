"""ExportedProgram → one flat ONNX graph; every node knows its operation and its module call.

Weights are taken off before the optimiser runs. So no copy of one is folded, transposed or merged, and a model without
weights is translated like one with. A repeated block is translated once and copied.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import onnx_ir as ir
import torch
from onnx_ir.passes import common
from torch.export import ExportedProgram

from ptgraph.common.interrupts import check as check_interrupt
from ptgraph.common.silence import quiet
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.writing.complex_numbers import complex_made, complex_translations
from ptgraph.onnx.writing.corrections import DECOMPOSED, corrections
from ptgraph.onnx.writing.grouped_products import grouped_products
from ptgraph.onnx.writing.own_operators import is_own, own_node
from ptgraph.onnx.writing.provenance import check_origins, origins_carried, read_origins
from ptgraph.onnx.writing.repeated_blocks import Weights, copy_repeated, marker_translations, markers_of
from ptgraph.onnx.writing.shrink_program import reduced
from ptgraph.onnx.writing.torch_onnx_bridge import decomposed, explained, fold_constants, raw_tensor, to_onnx
from ptgraph.tracing.program import traced_program

log = logging.getLogger(__name__)
LARGEST_CONSTANT = 2**24  # elements of a constant that is compared with others


class Translated(NamedTuple):
    """A flat model, and all weights by their first ``state_dict`` name (its initializers have no values of them)."""

    model: ir.Model
    weights: dict[str, torch.Tensor]


def translate(graph: ModelGraph, opset: int, *, fold: bool = True) -> Translated:
    """Return *graph* as flat ONNX of the given opset; each node has an origin (see `provenance.origin_of`).

    With *fold*, what is constant is computed. An operator that has no translation is a node of an own domain (see
    `ptgraph.onnx.writing.own_operators`). Raises ExportError where torch.onnx fails.
    """
    state = {**graph.program.state_dict, **graph.program.constants}
    with explained(graph.name):
        with origins_carried(graph):
            program, chains, names = reduced(graph.program, traced_program(graph).repeated)
            model = _to_onnx(decomposed(program, DECOMPOSED), opset)
        check_origins(model)
        _rename(model, names)
        taken = _take_weights(model, state)
        markers = markers_of(model)
        _optimize(model, fold=fold)
    read_origins(model, list(traced_program(graph).nodes.values()))
    first = {p.name: p.tied_to or p.name for p in graph.parameters}
    _merge_tied(model, first)
    tensors = {
        name: _written(tensor) for name, tensor in {**state, **taken}.items() if isinstance(tensor, torch.Tensor)
    }
    weights = {first.get(name, name): tensor for name, tensor in tensors.items()}
    copy_repeated(model, graph, markers, chains, Weights(weights, first))
    common.RemoveUnusedNodesPass()(model)
    for value in (*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()):
        value.metadata_props.clear()  # what torch.onnx and the optimiser say of their own work
    model.graph.metadata_props.clear()
    model.opset_imports.update({node.domain: 1 for node in model.graph.all_nodes() if is_own(node)})
    return Translated(model, weights)


def _to_onnx(program: ExportedProgram, opset: int) -> ir.Model:
    """Return *program* as ONNX; an operator whose translation fails is decomposed, or else a node of an own domain."""
    translations = marker_translations() | corrections() | grouped_products() | complex_made()
    of_complex = complex_translations()
    refused: set[str] = set()
    model = to_onnx(program, opset, translations, own_node, refused, of_complex)
    if not refused:
        return model
    try:
        other = to_onnx(decomposed(program, refused), opset, translations, own_node, of_complex=of_complex)
    except Exception as error:  # torch and torch.onnx raise exceptions of many classes
        check_interrupt(error)
        log.debug("torch cannot decompose %s", ", ".join(sorted(refused)), exc_info=True)
        return model
    counts = [sum(is_own(node) for node in each.graph.all_nodes()) for each in (model, other)]
    return other if counts[1] < counts[0] else model


def _written(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor as torch.onnx has it.

    A complex one has its real and imaginary parts in one more dimension, and one that a library quantised, in a class
    of its own, has the numbers that it stands for.
    """
    if hasattr(tensor, "__tensor_flatten__") and hasattr(tensor, "dequantize"):
        return tensor.detach().dequantize()
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _rename(model: ir.Model, names: Mapping[str, str]) -> None:
    """Rename initializers, in place: *names* maps old names to new ones."""
    for old, new in names.items():
        value = model.graph.initializers.pop(old, None)
        if value is not None:
            value.name = new
            model.graph.initializers[new] = value


def _take_weights(model: ir.Model, state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Take the tensors of the model's *state*, and all that are on meta, off the initializers; return them by name."""
    taken = {}
    for name, value in model.graph.initializers.items():
        tensor = state.get(name, raw_tensor(value))
        if isinstance(tensor, torch.Tensor) and (name in state or tensor.is_meta):
            taken[name] = tensor
            value.const_value = None
    return taken


def _optimize(model: ir.Model, *, fold: bool) -> None:
    """Fold what is constant, with *fold*, and drop what is unused, in place.

    These are the passes of onnxscript's optimiser without its pattern rewriter, whose time grows with the square of
    the nodes, and without the merging of equal expressions, which would join what different modules do.
    """
    with quiet():
        common.InlinePass()(model)
        if fold:
            fold_constants(model)
        ir.passes.Sequential(
            common.RemoveUnusedNodesPass(),
            common.RemoveUnusedFunctionsPass(),  # type: ignore[no-untyped-call]  # onnx_ir left it untyped
            common.RemoveUnusedOpsetsPass(),
            common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
            common.LiftSubgraphInitializersToMainGraphPass(),
            common.DeduplicateInitializersPass(size_limit=LARGEST_CONSTANT),
        )(model)


def _merge_tied(model: ir.Model, first: Mapping[str, str]) -> None:
    """Let all readers of a tied parameter read the first of its names, in place; torch.onnx keeps the last.

    *first* maps each name to the first one of the same tensor.
    """
    initializers = model.graph.initializers
    for name, kept in first.items():
        if kept == name or name not in initializers:
            continue
        value = initializers.pop(name)
        if kept in initializers:
            value.replace_all_uses_with(initializers[kept])
        else:
            value.name = kept
            initializers[kept] = value


__all__ = ["Translated", "translate"]
