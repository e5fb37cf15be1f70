"""ONNX: the exported program through ``torch.onnx``, made legible for Netron, with weights or without.

Weights are taken off before the optimiser runs and put back under their ``state_dict`` names afterwards, so no
copy of one is ever folded, transposed or merged, and a model without weights takes the same way as one with.

A weightless file says of each weight its name, shape and type, as an empty sparse initializer: Netron shows it
on the node that reads it, and ``onnx.checker`` passes. (Graph inputs would draw a box for each weight; a
reference to an external file that is not there fails the checker.) The price is that a runtime sees zeros, and
that shape inference, which knows no sparse weights, fails; the file says in its metadata that it has no weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import onnx
import onnx_ir as ir
import torch

from ..errors import ExportError
from ..graph import ModelGraph
from ..options import Options
from ..quiet import quiet
from ..view import count_text

OPSET = 23  # the first with Attention and RMSNormalization: one node where there were twenty
PROTOBUF_LIMIT = 2**31 - 1
ALIGNMENT = 64  # of each tensor in the external file
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_WORD = re.compile(r"\b[su]\d+\b")


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return the model as ``onnx``, and with external weights their file ``onnx.data`` beside it.

    Raises ExportError where the model could not be traced by torch.export, where an operator has no
    translation, and where weights are asked for that the model does not have.
    """
    if graph.program is None:
        reason = "; ".join(f"{tracer}: {why}" for tracer, why in graph.attempts)
        raise ExportError(f"{graph.name} has no ONNX, since torch.export cannot trace it: {reason}")
    state = {**graph.program.state_dict, **graph.program.constants}
    if options.weights != "none":
        _need_weights(graph, state)
    model = _translate(graph)
    held = _take_weights(model, state)
    _optimize(model)
    _merge_tied(model, graph)
    _name_dimensions(model, graph.dimensions)
    _name_outputs(model, [graph.op(name).target for name in graph.of_kind("output")])
    _annotate(model, graph)
    with quiet():  # it logs every weight that it finds taken off
        proto = ir.to_proto(model)
    _describe(proto, graph, options)
    names = {p.name: p.tied_to or p.name for p in graph.parameters}
    weights = {names.get(name, name): tensor for name, tensor in held.items()}
    weights = {name: tensor for name, tensor in weights.items() if name in model.graph.initializers}
    if options.weights == "none":
        _declare(proto, weights)
        return {"onnx": [_serialize(proto)]}
    if options.weights == "embedded":
        _embed(proto, weights)
        return {"onnx": [_serialize(proto)]}
    _refer(proto, weights, f"{graph.name}.onnx.data")
    return {"onnx.data": _stream(weights), "onnx": [_serialize(proto)]}


def _translate(graph: ModelGraph) -> ir.Model:
    try:
        with quiet():
            exported = torch.onnx.export(graph.program, dynamo=True, optimize=False, opset_version=OPSET, verbose=False)
    except Exception as error:  # torch.onnx raises whatever its many parts raise
        said = [
            _COLOURS.sub("", str(cause)).strip().partition("\n")[0].partition(". See the")[0]
            for cause in _causes(error)
        ]
        why = ": ".join(said[1:] or said)  # the first says only that something failed
        raise ExportError(f"torch.onnx cannot translate {graph.name}: {why}") from error
    assert exported is not None
    return exported.model


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _take_weights(model: ir.Model, state: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Take the values of the model's state, and of all that has none, off the initializers; return them."""
    held = {}
    for name, value in model.graph.initializers.items():
        tensor = state.get(name, getattr(value.const_value, "raw", None))
        if isinstance(tensor, torch.Tensor) and (name in state or tensor.is_meta):
            held[name] = tensor
            value.const_value = None
    return held


def _optimize(model: ir.Model) -> None:
    """Fold what is constant and drop what is unused, in place.

    These are onnxscript's own passes without its pattern rewriter, whose time grows with the square of the nodes.
    """
    from onnx_ir.passes import common
    from onnxscript.optimizer import fold_constants

    with quiet():
        common.InlinePass()(model)
        fold_constants(model, onnx_shape_inference=True)
        ir.passes.Sequential(
            common.RemoveUnusedNodesPass(),
            common.RemoveUnusedFunctionsPass(),  # type: ignore[no-untyped-call]  # onnx_ir left it untyped
            common.RemoveUnusedOpsetsPass(),
            common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
            common.LiftSubgraphInitializersToMainGraphPass(),
            common.DeduplicateInitializersPass(),
            common.CommonSubexpressionEliminationPass(),
            common.OutputFixPass(),
            common.NameFixPass(),
        )(model)
    _share_unit_scales(model)


def _share_unit_scales(model: ir.Model) -> None:
    """Give norms without weights, which get ones as large as their input, one small vector of ones to share."""
    for node in model.graph:
        if node.op_type != "RMSNormalization" or node.inputs[0] is None or node.inputs[1] is None:
            continue
        fill, width = node.inputs[1].producer(), (node.inputs[0].shape or [None])[-1]
        axis = node.attributes.get_int("axis", -1)
        last = axis == -1 or (node.inputs[0].shape is not None and axis == len(node.inputs[0].shape) - 1)
        if fill is None or fill.op_type != "ConstantOfShape" or not last or not isinstance(width, int):
            continue
        dtype = node.inputs[1].dtype or ir.DataType.FLOAT
        name = f"ones_{width}_{dtype.name.lower()}"
        if name not in model.graph.initializers:
            ones = ir.tensor(torch.ones(width).numpy().astype(dtype.numpy()), name=name)
            model.graph.register_initializer(
                ir.Value(name=name, shape=ir.Shape([width]), type=ir.TensorType(dtype), const_value=ones)
            )
        node.replace_input_with(1, model.graph.initializers[name])
        if not fill.outputs[0].uses():
            model.graph.remove(fill)


def _merge_tied(model: ir.Model, graph: ModelGraph) -> None:
    """Let all readers of a tied parameter read the first of its names, in place (torch.onnx keeps the last)."""
    initializers = model.graph.initializers
    for parameter in graph.parameters:
        first = parameter.tied_to
        if first is None or parameter.name not in initializers:
            continue
        value = initializers.pop(parameter.name)
        if first in initializers:
            value.replace_all_uses_with(initializers[first])
        else:
            value.name = first
            initializers[first] = value
    known = {p.name for p in graph.parameters}  # one that nothing reads belongs to the checkpoint all the same
    for name in [n for n, v in initializers.items() if not v.uses() and not v.is_graph_output()]:
        if name not in known:
            del initializers[name]


def _name_dimensions(model: ir.Model, names: dict[str, str]) -> None:
    """Give dynamic dimensions the names that the user gave them, in place."""
    if not names:
        return
    values = [
        *model.graph.inputs,
        *model.graph.outputs,
        *(o for node in model.graph.all_nodes() for o in node.outputs),
    ]
    for value in values:
        if value.shape is not None and any(not isinstance(d, int) for d in value.shape):
            value.shape = ir.Shape(
                d if isinstance(d, int) else _WORD.sub(lambda m: names.get(m[0], m[0]), str(d.value))
                for d in value.shape
            )


def _name_outputs(model: ir.Model, names: list[str]) -> None:
    """Give the outputs their names in the model, in place, where each is a value of its own."""
    outputs = model.graph.outputs
    taken = {*model.graph.initializers, *(v.name for v in model.graph.inputs)}
    taken |= {v.name for node in model.graph.all_nodes() for v in node.outputs if not v.is_graph_output()}
    if len(names) == len(outputs) == len({id(value) for value in outputs}):
        for value, name in zip(outputs, names, strict=True):
            if value.producer() is not None and name not in taken:
                value.name = name


def _annotate(model: ir.Model, graph: ModelGraph) -> None:
    """Say on each node which module and line it comes from, in place; paths of this machine are left out."""
    for node in model.graph.all_nodes():
        props = node.metadata_props
        name = _last_scope(props.get("pkg.torch.onnx.name_scopes", ""))
        namespace = props.get("namespace", "")
        for key in [k for k in props if k.startswith("pkg.torch.onnx.")]:
            del props[key]
        op = graph.ops.nodes.get(name)
        scope = op["scope"] if op else _last_module(namespace)
        if scope in graph.components:
            props["ptgraph.module"] = scope or graph.name
            props["ptgraph.class"] = graph.components.nodes[scope]["type"]
        if op is not None and op["file"]:
            props["ptgraph.source"] = f"{op['file']}:{op['line']}"
        if op is not None:
            props["ptgraph.operator"] = op["target"]


def _last_scope(scopes: str) -> str:
    """Return the fx node's name, the last in torch's list of scopes (written as a Python list)."""
    found = re.findall(r"'([^']*)'", scopes)
    return found[-1] if found else ""


def _last_module(namespace: str) -> str:
    """Return the innermost module path of torch's namespace (``path: class/path: class/op: target``)."""
    steps = [step.partition(": ")[0] for step in namespace.split("/")]
    return steps[-2] if len(steps) > 1 else ""


def _describe(proto: onnx.ModelProto, graph: ModelGraph, options: Options) -> None:
    """Set what the file says of itself, in place."""
    root = graph.component("")
    info = graph.classes[root.type]
    weights = {"none": "no weights", "external": "weights beside it", "embedded": "weights inside"}
    proto.producer_name, proto.producer_version = "ptgraph", version("ptgraph")
    proto.graph.name = graph.name
    proto.doc_string = "\n\n".join(
        [
            f"{graph.name}: {info.name}, {root.total_params:,} parameters ({count_text(root.total_params)}), "
            f"{count_text(root.flops)}FLOPs a forward pass; {weights[options.weights]}.",
            *([info.doc] if info.doc else []),
        ]
    )
    props = {
        "ptgraph.model": root.type,
        "ptgraph.parameters": str(root.total_params),
        "ptgraph.flops": str(root.flops),
        "ptgraph.tracer": graph.tracer,
        "ptgraph.weights": options.weights,
    }
    onnx.helper.set_model_props(proto, props)


def _declare(proto: onnx.ModelProto, weights: dict[str, torch.Tensor]) -> None:
    """Add each weight as an empty sparse initializer; a scalar, which cannot be sparse, as NaN or zero."""
    infos = {info.name: info for info in proto.graph.value_info}
    for name, tensor in weights.items():
        kind = _onnx_type(tensor)
        if tensor.ndim == 0 or tensor.numel() == 0:
            data = torch.full(tensor.shape, float("nan") if tensor.is_floating_point() else 0, dtype=tensor.dtype)
            proto.graph.initializer.append(_tensor(name, data, _bytes(data)))
            continue
        sparse = proto.graph.sparse_initializer.add()
        sparse.dims.extend(tensor.shape)
        sparse.values.CopyFrom(onnx.TensorProto(name=name, data_type=kind, dims=[0]))
        sparse.indices.CopyFrom(onnx.TensorProto(data_type=onnx.TensorProto.INT64, dims=[0]))
        if name in infos:  # it would contradict the sparse type
            proto.graph.value_info.remove(infos[name])


def _embed(proto: onnx.ModelProto, weights: dict[str, torch.Tensor]) -> None:
    size = sum(t.numel() * t.element_size() for t in weights.values())
    if size > PROTOBUF_LIMIT * 0.99:
        raise ExportError(f"the weights take {size / 2**30:.1f} GiB and one ONNX file holds 2; use --weights external")
    proto.graph.initializer.extend(_tensor(name, t, _bytes(t)) for name, t in weights.items())


def _refer(proto: onnx.ModelProto, weights: dict[str, torch.Tensor], location: str) -> None:
    offset = 0
    for name, tensor in weights.items():
        size = tensor.numel() * tensor.element_size()
        item = _tensor(name, tensor, None)
        item.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", offset), ("length", size)):
            item.external_data.add(key=key, value=str(value))
        proto.graph.initializer.append(item)
        offset += size + -size % ALIGNMENT


def _stream(weights: dict[str, torch.Tensor]) -> Iterator[bytes]:
    for tensor in weights.values():
        data = _bytes(tensor)
        yield data
        yield bytes(-len(data) % ALIGNMENT)


def _tensor(name: str, tensor: torch.Tensor, raw: bytes | None) -> onnx.TensorProto:
    item = onnx.TensorProto(name=name, data_type=_onnx_type(tensor), dims=tensor.shape)
    if raw is not None:
        item.raw_data = raw
    return item


def _bytes(tensor: torch.Tensor) -> bytes:
    flat = tensor.detach().cpu().contiguous().flatten()
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def _onnx_type(tensor: torch.Tensor) -> int:
    return int(ir.tensor_adapters.from_torch_dtype(tensor.dtype))


def _serialize(proto: onnx.ModelProto) -> bytes:
    return bytes(proto.SerializeToString(deterministic=True))


def _need_weights(graph: ModelGraph, state: dict[str, Any]) -> None:
    empty = [n for n, t in state.items() if isinstance(t, torch.Tensor) and (t.is_meta or _is_fake(t))]
    if empty:
        raise ExportError(
            f"{graph.name} has no weights to write ({empty[0]} is on the meta device); "
            "use --weights none, or a model with real weights"
        )


def _is_fake(tensor: torch.Tensor) -> bool:
    return type(tensor).__name__ == "FakeTensor"


__all__ = ["OPSET", "render"]
