"""Whether an ONNX model is valid, by the checker and the strict shape inference of onnx.

A model is checked before it gets its weights, with an input for each. The time does not depend on the size of the
weights, and shape inference knows the shapes of weights that the file has no values of.
"""

from __future__ import annotations

import onnx
import torch
from onnx.checker import ValidationError
from onnx.shape_inference import InferenceError

from ptgraph.onnx.writing.weight_storage import onnx_type

LONGEST = 400  # characters of a reason


def fault(proto: onnx.ModelProto, weights: dict[str, torch.Tensor]) -> str | None:
    """Return what is wrong with *proto*, which is without its *weights*, or None if it is valid."""
    own = len(proto.graph.input)
    for name, tensor in weights.items():
        proto.graph.input.append(onnx.helper.make_tensor_value_info(name, onnx_type(tensor), tensor.shape))
    try:
        return _fault(proto.SerializeToString(), full=True)
    finally:
        del proto.graph.input[own:]


def fault_of_file(data: bytes) -> str | None:
    """Return what is wrong with the bytes of an ONNX file, or None if it is valid; shapes are not inferred."""
    return _fault(data, full=False)


def _fault(data: bytes, *, full: bool) -> str | None:
    try:
        onnx.checker.check_model(data, full_check=full)
    except (ValidationError, InferenceError, RuntimeError, ValueError, IndexError, TypeError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        return said if len(said) <= LONGEST else f"{said[:LONGEST]} …"
    return None


__all__ = ["fault", "fault_of_file"]
