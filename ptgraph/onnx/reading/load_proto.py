"""A file → an ONNX model in memory, without the weights that it keeps in other files; or an error that says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx

from ptgraph.common.file_names import need_file
from ptgraph.errors import LoadError

LARGEST = 2**31 - 1  # bytes of one protobuf message


def read_model(path: Path) -> onnx.ModelProto:
    """Return the model in the file *path*; files with its weights need not be there.

    Raises LoadError if there is no such file, or it holds no ONNX model.
    """
    need_file(path)
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise LoadError(
                f"{path} has {size / 2**30:.1f} GiB and a protobuf message may have 2: "
                "an ONNX model of this size keeps its weights in a file beside it"
            )
        data = path.read_bytes()
    except OSError as error:
        raise LoadError(f"cannot read {path}: {error.strerror or error}") from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # protobuf's own, which differs by how it is built
        raise LoadError(f"{path} is not an ONNX model, or it is damaged: protobuf cannot read it") from error
    if not model.HasField("graph") or not (model.ir_version and (model.graph.node or model.graph.output)):
        raise LoadError(f"{path} is not an ONNX model, or it is damaged: it holds no graph")
    return model


def is_garbled(message: Any) -> bool:
    """Return whether a text anywhere in *message* is no UTF-8: protobuf gives it as bytes."""
    for field, value in message.ListFields():
        values = value if hasattr(value, "extend") else [value]
        if field.message_type is not None and any(map(is_garbled, values)):
            return True
        if field.type == field.TYPE_STRING and any(isinstance(item, bytes) for item in values):
            return True
    return False


__all__ = ["LARGEST", "is_garbled", "read_model"]
