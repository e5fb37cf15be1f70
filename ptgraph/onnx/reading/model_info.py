"""What an ONNX file says of the model: its parameters, what each node reads of them, and the classes of its modules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ptgraph.graph.model import Parameter
from ptgraph.onnx.reading.parameters.initializers import Initializer
from ptgraph.onnx.reading.tensor_types import dtype_of, elements

Role = Literal["parameter", "buffer", "constant"]


@dataclass
class ModelInfo:
    """What a file says of the model.

    ``roles`` maps the name of a node and an initializer that it reads to what that is for the node, and its name as
    such: equal tensors, which the file has once, may be several parameters. ``modules`` maps the paths of modules that
    the file lists to their classes; ``categories`` and ``docs`` map classes to their categories and docstrings.
    """

    parameters: list[Parameter] = field(default_factory=list)
    roles: dict[tuple[str, str], tuple[Role, str]] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)
    docs: dict[str, str] = field(default_factory=dict)


def parameter_of(
    name: str, initializer: Initializer, role: Role, tied_to: str | None = None, *, used: bool
) -> Parameter:
    """Return an initializer as a parameter, or as a buffer."""
    return Parameter(
        name=name,
        shape=initializer.shape,
        dtype=dtype_of(initializer.code),
        count=elements(initializer.shape),
        kind="parameter" if role == "parameter" else "buffer",
        trainable=role == "parameter",
        tied_to=tied_to,
        used=used,
    )


__all__ = ["ModelInfo", "Role", "parameter_of"]
