"""Shapes and dtypes of ONNX types, and the values of small tensors, JSON-plain."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable
from typing import Any

import onnx
from onnx import AttributeProto, TensorProto, numpy_helper

from ptgraph.graph.dimensions import dimensions_text
from ptgraph.graph.model import Shape

UNKNOWN_SIZE = "?"
UNKNOWN_SHAPE: Shape = ("…",)  # of a tensor of unknown rank, a sequence, or a map
SMALL = 16  # a constant of so many elements, or fewer, is written down
_NAMES = {"FLOAT": "float32", "DOUBLE": "float64", "COMPLEX64": "complex64", "COMPLEX128": "complex128"}
_WORDS = {code: _NAMES.get(name, name.lower()) for name, code in TensorProto.DataType.items()}
_NUMBER = re.compile(r"\d+")  # the first in the name of a type is that of its bits


def dtype_of(code: int) -> str:
    """Return the name of an element type, as torch calls it: ``float32``."""
    return str(_WORDS.get(code, f"type {code}"))


def bytes_of(shape: Shape | None, dtype: str | None) -> int:
    """Return the bytes of a tensor; a size that is not known counts 1."""
    if shape is None or shape == UNKNOWN_SHAPE or dtype is None:
        return 0
    number = _NUMBER.search(dtype)
    bits = 8 if dtype == "bool" else int(number[0]) if number else 0
    return -(-elements(shape) * bits // 8)


def elements(shape: Shape | None) -> int:
    """Return how many elements a tensor has; a size that is not known counts 1."""
    return math.prod(size for size in shape or () if isinstance(size, int))


def type_of(info: onnx.TypeProto | None) -> tuple[Shape, str | None]:
    """Return shape and dtype of a type; those of a sequence or an optional value say what is in it: ``sequence of N×8
    float32``.
    """
    if info is None:
        return UNKNOWN_SHAPE, None
    kind = info.WhichOneof("value")
    if kind in ("tensor_type", "sparse_tensor_type"):
        tensor = getattr(info, kind)
        dtype = dtype_of(tensor.elem_type) if tensor.elem_type else None
        return (shape_of(tensor.shape) if tensor.HasField("shape") else UNKNOWN_SHAPE), dtype
    if kind in ("sequence_type", "optional_type"):
        shape, dtype = type_of(getattr(info, kind).elem_type)
        sizes = "" if shape == UNKNOWN_SHAPE else f"{dimensions_text(shape)} "
        return UNKNOWN_SHAPE, f"{kind.removesuffix('_type')} of {sizes}{dtype or 'values'}"
    if kind == "map_type":
        key, value = dtype_of(info.map_type.key_type), type_of(info.map_type.value_type)[1]
        return UNKNOWN_SHAPE, f"map of {key} to {value or 'values'}"
    return UNKNOWN_SHAPE, kind.removesuffix("_type") if kind else None


def domain_of(item: onnx.NodeProto | onnx.OperatorSetIdProto) -> str:
    """Return a domain of operators; that of ONNX itself, which has two names, is the empty string."""
    return "" if item.domain == "ai.onnx" else str(item.domain)


def is_known(info: onnx.TypeProto | None) -> bool:
    """Return whether a type says what it is a type of, and of a tensor the shape."""
    if info is None or info.WhichOneof("value") is None:
        return False
    return info.WhichOneof("value") != "tensor_type" or bool(info.tensor_type.HasField("shape"))


def not_negative(info: onnx.TypeProto) -> onnx.TypeProto:
    """Return a type in which negative sizes, which some exporters write for those that may vary, are not said."""
    if all(dim.dim_value >= 0 for dim in info.tensor_type.shape.dim):
        return info
    found = onnx.TypeProto()
    found.CopyFrom(info)
    for dim in found.tensor_type.shape.dim:
        if dim.dim_value < 0:
            dim.ClearField("dim_value")
    return found


def without(info: onnx.TypeProto, dimension: int) -> onnx.TypeProto:
    """Return the type of a slice of a tensor: without one of its dimensions, if it has that."""
    found = onnx.TypeProto()
    found.CopyFrom(info)
    sizes = found.tensor_type.shape.dim
    if -len(sizes) <= dimension < len(sizes):
        del sizes[dimension]
    return found


def shape_of(shape: onnx.TensorShapeProto) -> Shape:
    """Return a shape; a size that may vary has its name, or a question mark, and so has a negative one."""

    def size(dim: Any) -> int | str:
        if dim.HasField("dim_value"):
            return int(dim.dim_value) if dim.dim_value >= 0 else UNKNOWN_SIZE
        named = dim.dim_param and not dim.dim_param.startswith("unk__")
        return str(dim.dim_param) if named else UNKNOWN_SIZE

    return tuple(size(dim) for dim in shape.dim)


def sizes_of(dims: Iterable[int]) -> Shape:
    """Return the shape of a tensor of the file, which says a negative size only if it is damaged."""
    return tuple(size if size >= 0 else UNKNOWN_SIZE for size in dims)


def tensor_value(tensor: TensorProto) -> dict[str, Any]:
    """Return the value of a constant, or its digest if it is large; nothing if its values are in another file."""
    if tensor.data_location == TensorProto.EXTERNAL:
        return {}
    if tensor.data_type == TensorProto.STRING:
        return {"value": [_text(item) for item in tensor.string_data[:SMALL]]}
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError):  # a damaged tensor, or a type of elements that numpy lacks
        return {}
    if array.size <= SMALL:
        return {"value": _plain(array.astype(float).tolist() if array.dtype.kind == "V" else array.tolist())}
    return {"digest": hashlib.sha256(array.tobytes()).hexdigest()[:12]}


def attribute_value(attribute: AttributeProto) -> Any:
    """Return an attribute JSON-plain: of a tensor its value, or its digest if it is large."""
    kind = attribute.type
    if kind == AttributeProto.TENSOR:
        found = tensor_value(attribute.t)
        return found.get("value", found.get("digest"))
    if kind == AttributeProto.SPARSE_TENSOR:
        return f"sparse tensor of {'×'.join(map(str, attribute.sparse_tensor.dims))}"
    if kind in (AttributeProto.TYPE_PROTO, AttributeProto.TYPE_PROTOS, AttributeProto.GRAPHS):
        return kind_name(kind)
    value = onnx.helper.get_attribute_value(attribute)
    is_one = isinstance(value, bytes) or not hasattr(value, "__len__")
    return _plain(value if is_one else list(value))


def kind_name(kind: int) -> str:
    """Return the name of a kind of attribute."""
    return str(AttributeProto.AttributeType.Name(kind)).lower().replace("_", " ")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value[:200]]
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, complex):
        return str(value)
    if isinstance(value, float):
        return float(f"{value:.9g}") if value - value == 0 else str(value)
    return value if isinstance(value, bool | int | str) or value is None else str(value)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


__all__ = [
    "UNKNOWN_SHAPE",
    "UNKNOWN_SIZE",
    "attribute_value",
    "bytes_of",
    "domain_of",
    "dtype_of",
    "elements",
    "is_known",
    "not_negative",
    "shape_of",
    "sizes_of",
    "tensor_value",
    "type_of",
    "without",
]
