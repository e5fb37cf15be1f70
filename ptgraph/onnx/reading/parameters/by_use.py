"""The parameters of a file that does not say which they are: the operators that read an initializer tell.

Parameters are the weights of products, norms and embeddings, also behind operators that move, cast or dequantize them;
tensors of floats whose name no exporter generated; and vectors that are added. All other initializers are constants,
among them scales and zero points, but for the running statistics of batch norms.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence, Set
from typing import NamedTuple

from ptgraph.common.unique import unique
from ptgraph.onnx.reading.flat_graph import Flat, Node
from ptgraph.onnx.reading.model_info import ModelInfo, Role, parameter_of
from ptgraph.onnx.reading.parameters.initializers import Initializer, readers_of
from ptgraph.onnx.reading.parameters.uses import Readers, dynamic_scales, is_setting, is_weight, readers_of_values
from ptgraph.onnx.reading.parameters.weight_slots import weight_slots
from ptgraph.onnx.reading.tensor_types import dtype_of, elements

_GENERATED = re.compile(r"^(onnx::|val_|const|/)|_output_\d+$|^\d+$|^$", re.IGNORECASE)
_NUMBERED = re.compile(r"^\d+:")  # a value within a function or a body, by `flatten`
_WORDS = ("weight", "bias")
_RUNNING = {"BatchNormalization": (3, 4)}
_ADDED = {"Add", "Sub", "Mul", "Div"}


class _Uses(NamedTuple):
    """The initializers, the nodes that read each value, and the scales that are computed when the model runs."""

    initializers: Mapping[str, Initializer]
    readers: Readers
    scales: Set[str]


def by_use(flat: Flat, initializers: Mapping[str, Initializer]) -> ModelInfo:
    """Return the parameters and buffers by the operators that read them."""
    found = ModelInfo()
    taken: set[str] = set()
    modules = {call.component for call in flat.module_calls.calls.values()}
    known = _Uses(initializers, readers_of_values(flat), dynamic_scales(flat))
    for value, readers in readers_of(flat, initializers).items():
        own = _NUMBERED.sub("", value)
        role = _role(value, readers, known)
        name = value
        if role != "constant":
            node, slot = readers[0]
            path = flat.module_calls.calls[node.call].component
            word = _WORDS[slot > max(1, next(iter(weight_slots(node)), 1))]
            name = unique(_name(own, flat.formals.get((node.call, value)), word, path, modules), taken, first=1)
            taken.add(name)
            found.parameters.append(parameter_of(name, initializers[value], role, used=True))
        found.roles.update({(node.name, value): (role, name) for node, _ in readers})
    return found


def _role(value: str, readers: Sequence[tuple[Node, int]], known: _Uses) -> Role:
    own, initializer = _NUMBERED.sub("", value), known.initializers[value]
    if any(slot in _RUNNING.get(node.proto.op_type, ()) for node, slot in readers):
        return "buffer"
    if elements(initializer.shape) < 2:
        return "constant"
    sizes = [size for size in initializer.shape if isinstance(size, int)]
    if is_weight(value, sizes, dtype_of(initializer.code), known.readers):
        return "parameter"
    if not initializer.is_float or is_setting(value, known.readers, known.scales):
        return "constant"
    if not _GENERATED.search(own):
        return "parameter"
    is_vector = bool(sizes) and elements(initializer.shape) == max(sizes)
    is_added = not _ADDED.isdisjoint(node.proto.op_type for node, _ in readers)
    return "parameter" if is_vector and is_added else "constant"


def _name(value: str, formal: str | None, word: str, path: str, modules: Collection[str]) -> str:
    """Return the name of a parameter: that of the initializer if a module has its path, or else one below *path*.

    Below, it is called like the *formal* input of the function that reads it, if there is one; if its name is a
    generated one, it is called *word*.
    """
    is_generated = bool(_GENERATED.search(value))
    if not path or not (is_generated or "." not in value or value.rpartition(".")[0] not in modules):
        return value
    own = word if is_generated else re.split(r"[./]", value)[-1]
    return f"{path}.{formal or own}"


__all__ = ["by_use"]
