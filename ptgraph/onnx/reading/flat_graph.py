"""The nodes of an ONNX model in order, without functions."""

from __future__ import annotations

from dataclasses import dataclass, field

import onnx
from onnx import AttributeProto

from ptgraph.errors import LoadError
from ptgraph.onnx.reading.module_calls import ModuleCalls
from ptgraph.onnx.reading.module_scopes import ScopeStyle
from ptgraph.onnx.reading.tensor_types import domain_of


class Contradiction(LoadError):
    """A file contradicts itself, or is not what ONNX or ptgraph writes."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the flat graph. ``inputs`` are those of the node, then what the bodies that it has yield; an input
    that is left out is the empty string. ``call`` is its module call, ``attributes`` those that
    the node has here, with what a function was called with filled in.
    """

    proto: onnx.NodeProto
    name: str
    call: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, AttributeProto]

    @property
    def domain(self) -> str:
        """The domain of the operator; that of ONNX itself is the empty string."""
        return domain_of(self.proto)

    @property
    def target(self) -> str:
        """The operator, with its domain: ``onnx.MatMul``, ``com.microsoft.Gelu``."""
        return f"{self.domain or 'onnx'}.{self.proto.op_type}"


@dataclass
class Flat:
    """A flat graph.

    ``types`` maps values to their types in the file. ``constants`` maps the initializers of bodies, and weights that
    are Constant nodes (see `ptgraph.onnx.reading.parameters.constants`), to their tensors. ``copies`` maps an
    initializer that the file has under another name to that. ``formals`` maps the module call of a function, with a
    value, to the formal input that the value is. ``slices`` maps what the body of a scan is given to the value that it
    is a slice of, and ``slice_axes`` to the dimension of that along which it is one. ``outputs`` are names and values;
    ``root`` is the class of the model, if the file says it.
    """

    nodes: list[Node] = field(default_factory=list)
    module_calls: ModuleCalls = field(default_factory=ModuleCalls)
    types: dict[str, onnx.TypeProto] = field(default_factory=dict)
    constants: dict[str, onnx.TensorProto | onnx.SparseTensorProto] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    formals: dict[tuple[str, str], str] = field(default_factory=dict)
    slices: dict[str, str] = field(default_factory=dict)
    slice_axes: dict[str, int] = field(default_factory=dict)
    outputs: list[tuple[str, str]] = field(default_factory=list)
    root: str = ""
    style: ScopeStyle = "none"

    def whole(self, value: str) -> str:
        """Return what *value* is sliced from, or itself if it is no slice."""
        while value in self.slices:
            value = self.slices[value]
        return value


__all__ = ["Contradiction", "Flat", "Node"]
