"""The parameters of a file that does not say which they are: the operators that read an initializer tell.

Parameters are the weights of products, norms and embeddings, tensors of floats whose name no exporter generated, and
vectors that are added. All other initializers are constants, but for the running statistics of batch norms.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from ptgraph.common.unique import unique
from ptgraph.onnx.reading.flat_graph import Flat, Node
from ptgraph.onnx.reading.model_info import ModelInfo, Role, parameter_of
from ptgraph.onnx.reading.parameters.initializers import Initializer, readers_of
from ptgraph.onnx.reading.tensor_types import elements

_GENERATED = re.compile(r"^(onnx::|val_|const|/)|_output_\d+$|^\d+$|^$", re.IGNORECASE)
_NUMBERED = re.compile(r"^\d+:")  # a value within a function or a body, by `flatten`
_WORDS = ("weight", "bias")
_SLOTS = {
    "MatMul": (0, 1),
    "Gemm": (1, 2),
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "BatchNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "GroupNormalization": (1, 2),
    "InstanceNormalization": (1, 2),
    "RMSNormalization": (1,),
    "Gather": (0,),
    "LSTM": (1, 2, 3),
    "GRU": (1, 2, 3),
    "RNN": (1, 2, 3),
    "PRelu": (1,),
    "Einsum": (0, 1),
    "MatMulInteger": (1,),
    "ConvInteger": (1,),
    "QLinearMatMul": (3,),
    "QLinearConv": (3, 8),
    "DequantizeLinear": (0,),
}  # the inputs of operators that are parameters
_RUNNING = {"BatchNormalization": (3, 4)}
_ADDED = {"Add", "Sub", "Mul", "Div"}


def by_use(flat: Flat, initializers: Mapping[str, Initializer]) -> ModelInfo:
    """Return the parameters and buffers by the operators that read them."""
    found = ModelInfo()
    taken: set[str] = set()
    modules = {call.component for call in flat.module_calls.calls.values()}
    for value, readers in readers_of(flat, initializers).items():
        own = _NUMBERED.sub("", value)
        role = _role(own, initializers[value], readers)
        name = value
        if role != "constant":
            node, slot = readers[0]
            path = flat.module_calls.calls[node.call].component
            name = unique(_name(own, flat.formals.get((node.call, value)), slot, path, modules), taken, first=1)
            taken.add(name)
            found.parameters.append(parameter_of(name, initializers[value], role, used=True))
        found.roles.update({(node.name, value): (role, name) for node, _ in readers})
    return found


def _role(value: str, initializer: Initializer, readers: Sequence[tuple[Node, int]]) -> Role:
    slots = [(node.proto.op_type, slot) for node, slot in readers]
    operators = [operator for operator, _ in slots]
    if any(slot in _RUNNING.get(operator, ()) for operator, slot in slots):
        return "buffer"
    quantized = any(operator.startswith(("Dequantize", "QLinear")) or "Integer" in operator for operator in operators)
    if not (initializer.is_float or quantized) or elements(initializer.shape) < 2:
        return "constant"
    if any(slot in _SLOTS.get(operator, ()) for operator, slot in slots) or not _GENERATED.search(value):
        return "parameter"
    sizes = [size for size in initializer.shape if isinstance(size, int)]
    is_vector = bool(sizes) and elements(initializer.shape) == max(sizes)
    return "parameter" if is_vector and not _ADDED.isdisjoint(operators) else "constant"


def _name(value: str, formal: str | None, slot: int, path: str, modules: Collection[str]) -> str:
    """Return the name of a parameter: that of the initializer if a module has its path, or else one below *path*.

    Below, it is called like the *formal* input of the function that reads it, if there is one.
    """
    is_generated = bool(_GENERATED.search(value))
    if not path or not (is_generated or "." not in value or value.rpartition(".")[0] not in modules):
        return value
    own = _WORDS[min(max(slot - 1, 0), 1)] if is_generated else re.split(r"[./]", value)[-1]
    return f"{path}.{formal or own}"


__all__ = ["by_use"]
