"""An ONNX file → a session of ONNX Runtime that takes and gives torch's tensors."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import torch

from ptgraph.common.file_names import need_file
from ptgraph.common.messages import first_line, listed
from ptgraph.errors import ExportError, LoadError, UsageError
from ptgraph.onnx.metadata import WEIGHTS, metadata_of

ALIGNMENT = 64  # bytes, of each tensor in a file of weights


class Runtime:
    """Runs the ONNX file at *path*, whose inputs are those in *inputs*: by their names, or else by their order.

    If ptgraph wrote the file without weights, those in *state* are filled in, in a copy that is put into *folder*.
    Raises LoadError where the file cannot be read, UsageError where it is not of the model called *name*, and
    ExportError where ONNX Runtime is not there or does not take the file.
    """

    def __init__(
        self, path: Path, name: str, inputs: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], folder: Path
    ) -> None:
        self._ort = _onnxruntime()
        proto = read(path)
        self._feeds = _matched(proto, path, name, inputs)
        if _has_no_weights(proto):
            path = _filled(proto, path, name, state, folder)
        else:
            _need_data(proto, path)
        options = self._ort.SessionOptions()
        options.log_severity_level = 4  # what it logs goes past Python to the terminal; errors are raised as well
        try:
            self._session = self._ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has a class for each status, and no base
            bfloat16 = any(t.data_type == onnx.TensorProto.BFLOAT16 for t in proto.graph.initializer)
            hint = "; on a CPU it has few operators for bfloat16: verify the model in float32" if bfloat16 else ""
            raise ExportError(f"ONNX Runtime does not take {path.name}: {_reason(error)}{hint}") from error
        self.outputs = [output.name for output in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
        """Return the outputs, in order; raises ExportError where ONNX Runtime fails."""
        feeds = {ours: self._value(inputs[theirs]) for ours, theirs in self._feeds.items()}
        options = self._ort.RunOptions()
        options.log_severity_level = 4
        try:
            return [_tensor(v) for v in self._session.run_with_ort_values(None, feeds, options)]
        except Exception as error:
            raise ExportError(_reason(error)) from error

    def _value(self, tensor: torch.Tensor) -> Any:
        tensor = plain(tensor).detach().cpu().contiguous()
        if tensor.dtype in _BYTES:
            array = tensor.view(_BYTES[tensor.dtype]).numpy()
            return self._ort.OrtValue.ortvalue_from_numpy_with_onnx_type(array, _onnx_type(tensor))
        return self._ort.OrtValue.ortvalue_from_numpy(tensor.numpy())


def _reason(error: Exception) -> str:
    return _NOISE.sub("", first_line(error))


# The number of the status, and the place and condition in the source of ONNX Runtime.
_NOISE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |Status Message: |/onnxruntime_src/.* was false\. ?")
_BYTES = {torch.bfloat16: torch.uint16, torch.float8_e4m3fn: torch.uint8, torch.float8_e5m2: torch.uint8}


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """Return *tensor* as ONNX has it: a complex number is a pair there."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def need_runtime() -> None:
    """Raise ExportError with the remedy if ONNX Runtime is not installed."""
    _onnxruntime()


def _onnxruntime() -> Any:
    try:
        return importlib.import_module("onnxruntime")
    except ModuleNotFoundError as error:
        raise ExportError("onnxruntime is not installed; pip install 'ptgraph[verify]'") from error


def _tensor(value: Any) -> torch.Tensor:
    types = {_onnx_type(torch.empty(0, dtype=dtype)) for dtype in _BYTES}
    if value.element_type() in types:  # numpy has no such numbers
        return torch.utils.dlpack.from_dlpack(value._get_c_value())
    return torch.from_numpy(value.numpy())


def _onnx_type(tensor: torch.Tensor) -> int:
    return int(ir.tensor_adapters.from_torch_dtype(tensor.dtype))


def read(path: Path) -> onnx.ModelProto:
    """Return the model in an ONNX file, without what lies beside it; raises LoadError."""
    need_file(path)
    try:
        proto = onnx.load(path, format="protobuf", load_external_data=False)
    except OSError as error:
        raise LoadError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # of protobuf, which has several
        raise LoadError(f"{path} is no ONNX file, or it is damaged: {first_line(error)}") from error
    if not proto.graph.output:
        raise LoadError(f"{path} is no ONNX file, or it is damaged: it has no outputs")
    return proto


def _matched(proto: onnx.ModelProto, path: Path, name: str, inputs: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Return which of *inputs* each input of the file takes; raises UsageError if they are not the same."""
    inputs = {key: plain(tensor) for key, tensor in inputs.items()}
    weights = {tensor.name for tensor in proto.graph.initializer}
    theirs = {v.name: v.type.tensor_type for v in proto.graph.input if v.name not in weights}
    names = {n: n for n in theirs} if set(theirs) == set(inputs) else dict(zip(theirs, inputs, strict=False))
    if len(theirs) == len(inputs) and all(_takes(theirs[a], inputs[b]) for a, b in names.items()):
        return names
    said = ", ".join(f"{n} {_dtype(t.elem_type)}[{_dims(t)}]" for n, t in theirs.items())
    ours = ", ".join(f"{n} {_dtype(_onnx_type(t))}[{'×'.join(map(str, t.shape))}]" for n, t in inputs.items())
    raise UsageError(
        f"{path} does not fit {name}: its inputs are {said or 'none'}, and those of the model {ours or 'none'}"
    )


def _takes(kind: Any, tensor: torch.Tensor) -> bool:
    sizes = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    return kind.elem_type == _onnx_type(tensor) and (
        not kind.HasField("shape")
        or (len(sizes) == tensor.ndim and all(a in (None, b) for a, b in zip(sizes, tensor.shape, strict=True)))
    )


def _dtype(kind: int) -> str:
    return ir.DataType(kind).numpy().name


def _dims(kind: Any) -> str:
    return "×".join(d.dim_param or str(d.dim_value) if d.WhichOneof("value") else "?" for d in kind.shape.dim)


def _has_no_weights(proto: onnx.ModelProto) -> bool:
    return metadata_of(proto).get(WEIGHTS) == "none"


def _need_data(proto: onnx.ModelProto, path: Path) -> None:
    """Raise LoadError if the file of weights that *path* speaks of is not beside it."""
    for tensor in proto.graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        place = next((path.parent / entry.value for entry in tensor.external_data if entry.key == "location"), path)
        if not place.is_file():
            raise LoadError(f"{path} has its weights in {place}, which does not exist")


def _filled(proto: onnx.ModelProto, path: Path, name: str, state: Mapping[str, torch.Tensor], folder: Path) -> Path:
    """Write the model with the weights in *state* into *folder*, and return the path; raises UsageError."""
    empty = {item.values.name: (item.values.data_type, tuple(item.dims)) for item in proto.graph.sparse_initializer}
    small = [t for t in proto.graph.initializer if t.name in state and t.dims == list(state[t.name].shape)]
    empty |= {tensor.name: (tensor.data_type, tuple(tensor.dims)) for tensor in small}
    _complain(path, name, [n for n in empty if n not in state], "weights that the model does not have")
    wrong = [n for n, (kind, dims) in empty.items() if (kind, dims) != (_onnx_type(state[n]), tuple(state[n].shape))]
    _complain(path, name, wrong, "weights of another shape or type")
    for tensor in small:
        proto.graph.initializer.remove(tensor)
    del proto.graph.sparse_initializer[:]
    target, data = folder / "filled.onnx", folder / "filled.onnx.data"
    try:
        with data.open("wb") as file:
            for key, (kind, dims) in empty.items():
                item = proto.graph.initializer.add(name=key, data_type=kind, dims=dims)
                item.data_location = onnx.TensorProto.EXTERNAL
                flat = state[key].detach().cpu().contiguous().flatten()
                for word, value in (("location", data.name), ("offset", file.tell())):
                    item.external_data.add(key=word, value=str(value))
                size = file.write(flat.view(torch.uint8).numpy().data) if flat.numel() else 0
                item.external_data.add(key="length", value=str(size))
                file.write(bytes(-size % ALIGNMENT))
        target.write_bytes(proto.SerializeToString())
    except OSError as error:
        raise ExportError(f"cannot write to {folder}: {error.strerror or error}") from error
    return target


def _complain(path: Path, name: str, names: Sequence[str], what: str) -> None:
    if names:
        raise UsageError(f"{path} does not fit {name}; it has {what}: {listed(names)}")


__all__ = ["Runtime", "need_runtime", "plain", "read"]
