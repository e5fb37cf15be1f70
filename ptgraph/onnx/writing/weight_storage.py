"""Weights of an ONNX file: declared without values, inside it, or streamed into a file beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import onnx
import onnx_ir as ir
import torch

from ptgraph.common.messages import listed
from ptgraph.errors import ExportError
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.writing.node_names import encodable

PROTOBUF_LIMIT = 2**31 - 1
ALIGNMENT = 64  # of each tensor in the external file


def check_balance(proto: onnx.ModelProto, graph: ModelGraph) -> None:
    """Raise ExportError unless the file holds every parameter of the model once, under its first name."""
    sizes = {item.name: _elements(item.dims) for item in proto.graph.initializer}
    sizes |= {item.values.name: _elements(item.dims) for item in proto.graph.sparse_initializer}
    wanted = {encodable(p.name): p.count for p in graph.parameters if p.kind == "parameter" and p.tied_to is None}
    merged = {encodable(p.name) for p in graph.parameters if p.tied_to is not None}
    wrong = [name for name, count in wanted.items() if sizes.get(name) != count] + sorted(merged & set(sizes))
    if wrong:
        raise ExportError(f"the ONNX of {graph.name} does not hold the parameters of the model once: {listed(wrong)}")


def _elements(sizes: Iterable[int]) -> int:
    return math.prod(sizes)


def declare(proto: onnx.ModelProto, weights: dict[str, torch.Tensor]) -> None:
    """Add each weight as an empty sparse initializer; a scalar, which cannot be sparse, as NaN or zero."""
    infos = {info.name: info for info in proto.graph.value_info}
    for name, tensor in weights.items():
        kind = onnx_type(tensor)
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


def embed(proto: onnx.ModelProto, weights: dict[str, torch.Tensor]) -> None:
    size = sum(t.numel() * t.element_size() for t in weights.values())
    if size > PROTOBUF_LIMIT * 0.99:
        raise ExportError(f"the weights take {size / 2**30:.1f} GiB and one ONNX file holds 2; use --weights external")
    proto.graph.initializer.extend(_tensor(name, t, _bytes(t)) for name, t in weights.items())


def refer(proto: onnx.ModelProto, weights: dict[str, torch.Tensor], location: str) -> None:
    offset = 0
    for name, tensor in weights.items():
        size = tensor.numel() * tensor.element_size()
        item = _tensor(name, tensor, None)
        item.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", offset), ("length", size)):
            item.external_data.add(key=key, value=str(value))
        proto.graph.initializer.append(item)
        offset += size + -size % ALIGNMENT


def stream(weights: dict[str, torch.Tensor]) -> Iterator[bytes]:
    """Yield the contents of the external file, tensor by tensor: a weight in one piece of memory is not copied."""
    for tensor in weights.values():
        data = _flat(tensor).numpy().data
        yield data  # type: ignore[misc]  # a view is written as bytes are
        yield bytes(-len(data) % ALIGNMENT)


def _tensor(name: str, tensor: torch.Tensor, raw: bytes | None) -> onnx.TensorProto:
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


def need_weights(graph: ModelGraph, state: dict[str, Any]) -> None:
    """Raise ExportError if a tensor of *state* has no values."""
    empty = [n for n, t in state.items() if isinstance(t, torch.Tensor) and (t.is_meta or _is_fake(t))]
    if empty:
        raise ExportError(
            f"{graph.name} has no weights to write ({empty[0]} is on the meta device); "
            "use --weights none, or a model with real weights"
        )


def _is_fake(tensor: torch.Tensor) -> bool:
    return type(tensor).__name__ == "FakeTensor"


__all__ = ["ALIGNMENT", "check_balance", "declare", "embed", "need_weights", "onnx_type", "refer", "stream"]
