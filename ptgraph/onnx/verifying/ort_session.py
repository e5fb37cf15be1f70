"""An ONNX file → a session of ONNX Runtime that takes and gives torch's tensors."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import torch

from ptgraph.common.interrupts import check as check_interrupt
from ptgraph.common.limits import limit, limit_text, remedy
from ptgraph.common.memory_limit import free_memory, memory_limit
from ptgraph.common.messages import first_line
from ptgraph.errors import ExportError, UsageError
from ptgraph.onnx.metadata import WEIGHTS, metadata_of
from ptgraph.onnx.reading.load_proto import read_model
from ptgraph.onnx.writing.own_operators import all_nodes, own_operators, own_text
from ptgraph.onnx.writing.weight_storage import filled, need_data, onnx_type


@dataclass(frozen=True)
class Runtime:
    """A session of ONNX Runtime; ``feeds`` maps its inputs to the names of those of the model.

    It runs with ``files`` bytes of memory for its weights, and as much as the limit ``memory`` and the machine allow.
    """

    ort: Any
    session: Any
    feeds: Mapping[str, str]
    files: int

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs, in order."""
        return [output.name for output in self.session.get_outputs()]

    def run(self, inputs: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
        """Return the outputs, in order; raises ExportError if ONNX Runtime fails."""
        feeds = {ours: self._value(inputs[theirs]) for ours, theirs in self.feeds.items()}
        options = self.ort.RunOptions()
        options.log_severity_level = 4
        try:
            with memory_limit(_allowed() + self.files):
                return [_tensor(v) for v in self.session.run_with_ort_values(None, feeds, options)]
        except Exception as error:  # ONNX Runtime has a class for each status, and no base
            check_interrupt(error)
            raise ExportError(_reason(error)) from error

    def _value(self, tensor: torch.Tensor) -> Any:
        tensor = plain(tensor).detach().cpu().contiguous()
        if tensor.dtype in _BYTES:
            array = tensor.view(_BYTES[tensor.dtype]).numpy()
            return self.ort.OrtValue.ortvalue_from_numpy_with_onnx_type(array, onnx_type(tensor))
        return self.ort.OrtValue.ortvalue_from_numpy(tensor.numpy())


def runtime_of(
    path: Path, name: str, inputs: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], folder: Path
) -> Runtime:
    """Return a runtime of the ONNX file *path*, whose inputs are those in *inputs*: by their names, or by their order.

    If ptgraph wrote the file without weights, those in *state* are filled in, in a copy that is put into *folder*.
    Raises LoadError if the file cannot be read, UsageError if it is not of the model called *name*, and ExportError
    if ONNX Runtime is not installed, does not take the file, or cannot run operators of it.
    """
    ort = _onnxruntime()
    proto = read_model(path)
    feeds = _matched(proto, path, name, inputs)
    if own := own_operators(proto):
        raise ExportError(own_text(path.name, own))
    if metadata_of(proto).get(WEIGHTS) == "none":
        path = filled(proto, path, name, state, folder)
    else:
        need_data(proto, path)
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what it logs goes past Python to the terminal; errors are raised as well
    files = sum(file.stat().st_size for file in (path, path.with_name(f"{path.name}.data")) if file.exists())
    try:
        with memory_limit(
            _allowed() + 3 * files
        ):  # it holds a message, its tensors, and those packed for the processor
            session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a class for each status, and no base
        check_interrupt(error)
        hint = ""
        if _has_bfloat16(proto):
            hint = "; on a CPU it has few operators for bfloat16: verify the model in float32, without autocast"
        raise ExportError(f"ONNX Runtime does not take {path.name}: {_reason(error)}{hint}") from error
    return Runtime(ort, session, feeds, files)


def _has_bfloat16(proto: onnx.ModelProto) -> bool:
    kind = onnx.TensorProto.BFLOAT16
    casts = (a.i for node in all_nodes(proto) if node.op_type == "Cast" for a in node.attribute if a.name == "to")
    return any(tensor.data_type == kind for tensor in proto.graph.initializer) or kind in casts


def _allowed() -> int:
    """Return how many bytes ONNX Runtime may take, in RLIMIT_AS, so that one allocation too many is an error."""
    return min(limit("memory"), free_memory() or limit("memory"))


def _reason(error: Exception) -> str:
    asked = re.search(r"Failed to allocate memory for requested buffer of size (\d+)", str(error))
    if asked is not None or isinstance(error, MemoryError) or "bad_alloc" in str(error):
        what = f"{int(asked[1]) / 2**30:,.1f} GiB more" if asked is not None else "more memory"
        free = f"{(free_memory() or 0) / 2**30:,.1f} GiB are free"
        return f"it asks for {what}, and it may take {limit_text('memory')}, of which {free}; {remedy('memory')}"
    return _NOISE.sub("", first_line(error))


# The number of the status, and the line and condition in the source of ONNX Runtime.
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
    types = {onnx_type(torch.empty(0, dtype=dtype)) for dtype in _BYTES}
    if value.element_type() in types:  # numpy has no such numbers
        return torch.utils.dlpack.from_dlpack(value._get_c_value())
    return torch.from_numpy(value.numpy())


def _matched(proto: onnx.ModelProto, path: Path, name: str, inputs: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Return which of *inputs* each input of the file takes; raises UsageError if they are not the same."""
    inputs = {key: plain(tensor) for key, tensor in inputs.items()}
    weights = {tensor.name for tensor in proto.graph.initializer}
    theirs = {v.name: v.type.tensor_type for v in proto.graph.input if v.name not in weights}
    names = {n: n for n in theirs} if set(theirs) == set(inputs) else dict(zip(theirs, inputs, strict=False))
    if len(theirs) == len(inputs) and all(_takes(theirs[a], inputs[b]) for a, b in names.items()):
        return names
    said = ", ".join(f"{n} {_dtype(t.elem_type)}[{_dims(t)}]" for n, t in theirs.items())
    ours = ", ".join(f"{n} {_dtype(onnx_type(t))}[{'×'.join(map(str, t.shape))}]" for n, t in inputs.items())
    raise UsageError(
        f"{path} does not fit {name}: its inputs are {said or 'none'}, and those of the model {ours or 'none'}"
    )


def _takes(kind: Any, tensor: torch.Tensor) -> bool:
    sizes = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    return kind.elem_type == onnx_type(tensor) and (
        not kind.HasField("shape")
        or (len(sizes) == tensor.ndim and all(a in (None, b) for a, b in zip(sizes, tensor.shape, strict=True)))
    )


def _dtype(kind: int) -> str:
    return ir.DataType(kind).numpy().name


def _dims(kind: Any) -> str:
    return "×".join(d.dim_param or str(d.dim_value) if d.WhichOneof("value") else "?" for d in kind.shape.dim)


__all__ = ["Runtime", "need_runtime", "plain", "runtime_of"]
