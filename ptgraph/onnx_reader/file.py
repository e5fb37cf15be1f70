"""A file → an ONNX model in memory, without the weights that it keeps in other files; or an error that says why not."""

from __future__ import annotations

from pathlib import Path

import onnx

from ..errors import LoadError, need_file

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


__all__ = ["LARGEST", "read_model"]
