"""Weights of an ONNX file: declared without values, inside it, or in a file beside it; and the values filled in later.

A weight without values is an empty sparse initializer. A scalar cannot be sparse; it is NaN, or zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import torch

from ptgraph.common.messages import listed
from ptgraph.common.regular_file import need_file
from ptgraph.errors import ExportError, LoadError, UsageError
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.writing.naming.encodable import encodable

PROTOBUF_LIMIT = 2**31 - 1  # bytes of one file
FEW = 64  # integers, which no external file has
ALIGNMENT = 64  # bytes, of each tensor in an external file


def need_weights(graph: ModelGraph, state: Mapping[str, Any]) -> None:
    """Raise ExportError if a tensor of *state* has no values."""
    empty = [n for n, t in state.items() if isinstance(t, torch.Tensor) and (t.is_meta or _is_fake(t))]
    if empty:
        raise ExportError(
            f"{graph.name} has no weights to write ({empty[0]} is on the meta device); "
            "use --weights none, or a model with real weights"
        )


def _is_fake(tensor: torch.Tensor) -> bool:
    return type(tensor).__name__ == "FakeTensor"


def check_balance(proto: onnx.ModelProto, graph: ModelGraph) -> None:
    """Raise ExportError unless the file holds every parameter of the model once, under its first name."""
    sizes = {item.name: math.prod(item.dims) for item in proto.graph.initializer}
    sizes |= {item.values.name: math.prod(item.dims) for item in proto.graph.sparse_initializer}
    wanted = {
        encodable(p.name): p.count * (2 if p.dtype.startswith("complex") else 1)  # a real and an imaginary part
        for p in graph.parameters
        if p.kind == "parameter" and p.tied_to is None
    }
    merged = {encodable(p.name) for p in graph.parameters if p.tied_to is not None}
    wrong = [name for name, count in wanted.items() if sizes.get(name) != count] + sorted(merged & set(sizes))
    if wrong:
        raise ExportError(f"the ONNX of {graph.name} does not hold the parameters of the model once: {listed(wrong)}")


# Writing


def declare(proto: onnx.ModelProto, weights: Mapping[str, torch.Tensor]) -> None:
    """Add the weights to *proto* without values, in place."""
    infos = {info.name: info for info in proto.graph.value_info}
    for name, tensor in weights.items():
        if tensor.ndim == 0 or tensor.numel() == 0:
            data = torch.full(tensor.shape, float("nan") if tensor.is_floating_point() else 0, dtype=tensor.dtype)
            proto.graph.initializer.append(_initializer(name, data, _bytes(data)))
            continue
        sparse = proto.graph.sparse_initializer.add()
        sparse.dims.extend(tensor.shape)
        sparse.values.CopyFrom(onnx.TensorProto(name=name, data_type=onnx_type(tensor), dims=[0]))
        sparse.indices.CopyFrom(onnx.TensorProto(data_type=onnx.TensorProto.INT64, dims=[0]))
        if name in infos:  # it would contradict the sparse type
            proto.graph.value_info.remove(infos[name])


def embed(proto: onnx.ModelProto, weights: Mapping[str, torch.Tensor]) -> None:
    """Add the weights to *proto*, in place; raises ExportError if they do not fit into one file."""
    size = sum(t.numel() * t.element_size() for t in weights.values())
    if size > PROTOBUF_LIMIT * 0.99:
        raise ExportError(f"the weights take {size / 2**30:.1f} GiB and one ONNX file holds 2; use --weights external")
    proto.graph.initializer.extend(_initializer(name, t, _bytes(t)) for name, t in weights.items())


def refer(proto: onnx.ModelProto, weights: Mapping[str, torch.Tensor], location: str) -> None:
    """Let *proto* have its weights in the file *location* beside it, which `stream` yields, in place.

    A few integers stay inside: they may be sizes or indices, without which ONNX Runtime cannot infer shapes.
    """
    offset = 0
    for name, tensor in weights.items():
        if _stays_inside(tensor):
            proto.graph.initializer.append(_initializer(name, tensor, _bytes(tensor)))
            continue
        size = tensor.numel() * tensor.element_size()
        item = _initializer(name, tensor, None)
        item.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", offset), ("length", size)):
            item.external_data.add(key=key, value=str(value))
        proto.graph.initializer.append(item)
        offset += size + -size % ALIGNMENT


def stream(weights: Mapping[str, torch.Tensor]) -> Iterator[bytes]:
    """Yield the contents of the external file, tensor by tensor: a weight in one piece of memory is not copied."""
    for tensor in (tensor for tensor in weights.values() if not _stays_inside(tensor)):
        data = _flat(tensor).numpy().data
        yield data  # type: ignore[misc]  # a view is written as bytes are
        yield bytes(-len(data) % ALIGNMENT)


def _stays_inside(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() and not tensor.is_complex() and tensor.numel() <= FEW


def _initializer(name: str, tensor: torch.Tensor, raw: bytes | None) -> onnx.TensorProto:
    item = onnx.TensorProto(name=name, data_type=onnx_type(tensor), dims=tensor.shape)
    if raw is not None:
        item.raw_data = raw
    return item


def _bytes(tensor: torch.Tensor) -> bytes:
    return _flat(tensor).numpy().tobytes()


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    flat = tensor.detach().cpu().contiguous().flatten()
    return flat.view(torch.uint8) if flat.numel() else torch.empty(0, dtype=torch.uint8)


def onnx_type(tensor: torch.Tensor) -> int:
    """Return the number that ONNX has for the type of *tensor*."""
    return int(ir.tensor_adapters.from_torch_dtype(tensor.dtype))


# A file that is there


def need_data(proto: onnx.ModelProto, path: Path) -> None:
    """Raise LoadError if a file of weights that the file *path*, which holds *proto*, refers to cannot be read."""
    for location in dict.fromkeys(_locations(proto)):
        try:
            need_file(path.parent / location)
        except LoadError as error:
            raise LoadError(f"{path} has its weights in another file: {error}") from error


def _locations(message: Any) -> Iterator[str]:
    """Yield the file of each tensor in a message that has its values in another file."""
    if isinstance(message, onnx.TensorProto):
        if message.data_location == onnx.TensorProto.EXTERNAL:
            yield from (entry.value for entry in message.external_data if entry.key == "location")
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in value if hasattr(value, "extend") else [value]:
                yield from _locations(item)


def filled(proto: onnx.ModelProto, path: Path, name: str, state: Mapping[str, torch.Tensor], folder: Path) -> Path:
    """Write the model with the values in *state* for the weights that `declare` added, into *folder*; return its path.

    Raises UsageError if the weights of the file *path*, which holds *proto*, are not those of the model called *name*,
    and ExportError if the model cannot be written.
    """
    empty = {item.values.name: (item.values.data_type, tuple(item.dims)) for item in proto.graph.sparse_initializer}
    small = [t for t in proto.graph.initializer if t.name in state and t.dims == list(state[t.name].shape)]
    empty |= {tensor.name: (tensor.data_type, tuple(tensor.dims)) for tensor in small}
    foreign = [n for n in empty if n not in state]
    if foreign:
        raise UsageError(f"{path} does not fit {name}; it has weights that the model does not have: {listed(foreign)}")
    wrong = [n for n, form in empty.items() if form != (onnx_type(state[n]), tuple(state[n].shape))]
    if wrong:
        raise UsageError(f"{path} does not fit {name}; it has weights of another shape or type: {listed(wrong)}")
    for tensor in small:
        proto.graph.initializer.remove(tensor)
    del proto.graph.sparse_initializer[:]
    target, data = folder / "filled.onnx", folder / "filled.onnx.data"
    weights = {key: state[key] for key in empty}
    refer(proto, weights, data.name)
    try:
        with data.open("wb") as file:
            file.writelines(stream(weights))
        target.write_bytes(proto.SerializeToString())
    except OSError as error:
        raise ExportError(f"cannot write to {folder}: {error.strerror or error}") from error
    return target


__all__ = [
    "check_balance",
    "declare",
    "embed",
    "filled",
    "need_data",
    "need_weights",
    "onnx_type",
    "refer",
    "stream",
]
