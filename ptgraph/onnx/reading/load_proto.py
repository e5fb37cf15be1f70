"""A file → an ONNX model in memory, without the weights that it keeps in other files; or an error that says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # its types are a package of its own

from ptgraph.common.messages import first_line
from ptgraph.common.regular_file import need_file
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
        with path.open("rb") as file:
            data = file.read(1)
            data += b"" if data == b"\0" else file.read()  # zeros, as in a file with a hole, are no message
    except OSError as error:
        raise LoadError(f"cannot read {path}: {error.strerror or error}") from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        why = "protobuf cannot read it; it takes branches within branches to a depth of about 30"
        raise LoadError(f"{path} is not an ONNX model, or it is damaged: {why}") from error
    graph = model.graph
    if not (model.HasField("graph") and model.ir_version and (graph.node or graph.output or graph.input)):
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


def fault(model: onnx.ModelProto) -> str | None:
    """Return what the checker of ONNX says against *model*, in one line, or None if it is valid."""
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, RuntimeError, ValueError, TypeError) as error:
        return first_line(error)
    return None


__all__ = ["LARGEST", "fault", "is_garbled", "read_model"]
