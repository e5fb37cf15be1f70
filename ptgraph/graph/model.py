"""The schema: operations and components of a model, as two plain networkx graphs.

Every node attribute is JSON-plain (numbers, strings, booleans, None, lists and dicts of them), so every
networkx writer works on both graphs. This module imports neither torch nor the rest of ptgraph.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import networkx as nx

Shape = tuple[int | str, ...]
ONNX_FILE = "an ONNX file"  # the tracer of a graph that was read, and not traced
UNKNOWN_CLASS = "Module"  # the name of the class of a module of which only the path is known
RECORDED = "a recorded step"  # that of a pipeline
Kind = Literal["input", "parameter", "buffer", "constant", "op", "output"]


@dataclass(frozen=True, slots=True)
class Op:
    """One node of ``ModelGraph.ops``.

    ``target`` is the operator (``aten.linear.default``) of an op, and the name of anything else (an input's
    argument, a parameter's ``state_dict`` name, an output's path). ``shape`` and ``dtype`` are those of the
    first tensor it yields; a dynamic dimension is the name the user gave it, or an expression in such names.
    ``scope`` is the path of the module that runs it, and ``call`` the key of that module call in ``ModelGraph.calls``.
    ``params`` counts the parameter elements it reads, ``flops`` the floating-point operations of one forward,
    and ``activation_bytes`` the memory that it makes for its results on the example inputs (a view makes none, and
    nor do weights that are only moved about: see `ptgraph.tracing.fx_graph.derived_weights`).
    ``attributes`` are its arguments that are not tensors.
    """

    kind: Kind
    target: str
    scope: str = ""
    call: str = ""
    shape: Shape | None = None
    dtype: str | None = None
    params: int = 0
    flops: int = 0
    activation_bytes: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """One node of ``ModelGraph.components``: a module, by its path (the root's is the empty string).

    ``own_params`` counts the elements of the parameters held directly, ``total_params`` those of the whole
    subtree, each tensor once however many names it has. ``tied`` maps an own parameter's name to the first
    name of the same tensor, where that is another one. ``calls`` says how often the forward pass calls it (a call
    that computes nothing, such as that of ``nn.Identity``, leaves no trace), ``flops`` and ``activation_bytes``
    sum over those calls, and ``shape`` is that of the first call's result. Modules with the same ``block`` do the same
    thing to their inputs. ``type`` is the key of the class in ``ModelGraph.classes``.
    """

    path: str
    type: str
    category: str
    own_params: int = 0
    total_params: int = 0
    trainable_params: int = 0
    own_buffers: int = 0
    tied: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    calls: int = 0
    flops: int = 0
    activation_bytes: int = 0
    shape: Shape | None = None
    dtype: str | None = None
    block: str | None = None


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """What the code says of a class: shared by all components of that type."""

    name: str
    module: str
    doc: str | None = None
    file: str | None = None
    line: int | None = None
    source: str | None = None
    methods: tuple[dict[str, str | None], ...] = ()

    @property
    def short(self) -> str:
        """The name without those of the classes around it; the empty string if the class is not known."""
        return self.name.rpartition(".")[2] if self.module or self.name != UNKNOWN_CLASS else ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name in the model's ``state_dict`` (or a buffer outside it)."""

    name: str
    shape: Shape
    dtype: str
    count: int
    kind: Literal["parameter", "buffer"]
    trainable: bool = False
    tied_to: str | None = None
    used: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a module in the forward pass, and the call that made it (None for the root's)."""

    component: str
    parent: str | None


@dataclass(frozen=True)
class Origins:
    """Which nodes of the program became what in the graph that was read from it.

    ``nodes`` maps an fx node to the call that it is in, and to its operation or None. Where blocks repeat, the
    program holds one of them and an opaque operation for each other: ``traced`` maps the id of the one to its call,
    ``repeated`` an opaque node to that id, its own call, and which operation of the one became which of the other.
    """

    nodes: dict[Any, tuple[str, str | None]] = field(default_factory=dict)
    traced: dict[str, str] = field(default_factory=dict)
    repeated: dict[Any, tuple[str, str, dict[str, str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelGraph:
    """A traced model.

    ``ops`` has a node per operation, input, parameter, buffer, constant and output (attributes: ``Op``); an
    edge carries ``slots`` (which tensor arguments of the target it feeds), ``outputs`` (which results of the
    source they are), ``shape`` and ``dtype`` of the first. Nodes are in order of execution.
    ``components`` is the tree of modules (attributes: ``Component``), edges from parent to child.
    ``blocks`` maps a module call (a key of ``calls``) to its block: equal calls have the same id.
    ``tracer`` names the way that worked (or `ONNX_FILE`), ``attempts`` the ways that did not, each with its reason.
    ``program`` (a ``torch.export.ExportedProgram`` or None) and ``origins`` stay in memory and are never serialized.
    """

    name: str
    ops: nx.DiGraph[str]
    components: nx.DiGraph[str]
    calls: dict[str, Call]
    parameters: tuple[Parameter, ...]
    classes: dict[str, ClassInfo]
    tracer: str
    attempts: tuple[tuple[str, str], ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    dimensions: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    program: Any = field(default=None, repr=False, compare=False)
    origins: Origins = field(default_factory=Origins, repr=False, compare=False)

    @property
    def kind(self) -> Literal["model", "onnx", "pipeline"]:
        """What was turned into the graph: a model that was traced, an ONNX file, or the stages of a pipeline."""
        return "pipeline" if self.tracer == RECORDED else "onnx" if self.tracer == ONNX_FILE else "model"

    @property
    def is_pipeline(self) -> bool:
        """Whether these are the stages of a pipeline (see `ptgraph.tracing.training_pipeline`)."""
        return self.tracer == RECORDED

    @property
    def is_read(self) -> bool:
        """Whether this was read from an ONNX file, and there is neither a model in torch nor its code."""
        return self.tracer == ONNX_FILE

    @property
    def origin(self) -> str:
        """Where the graph is from, in words: ``traced by torch.export``, ``read from an ONNX file``."""
        return f"read from {self.tracer}" if self.is_read else f"traced by {self.tracer}"

    def op(self, name: str) -> Op:
        """Return the operation called *name*; KeyError if there is none."""
        return Op(**self.ops.nodes[name])

    def component(self, path: str) -> Component:
        """Return the component at *path*; KeyError if there is none."""
        return Component(**self.components.nodes[path])

    def of_kind(self, *kinds: Kind) -> list[str]:
        """Return the names of the operations of these kinds, in order."""
        return [name for name, op in self.ops.nodes(data=True) if op["kind"] in kinds]

    def __repr__(self) -> str:
        return (
            f"ModelGraph({self.name!r}, ops={len(self.of_kind('op'))}, "
            f"components={len(self.components)}, tracer={self.tracer!r})"
        )


__all__ = [
    "ONNX_FILE",
    "RECORDED",
    "UNKNOWN_CLASS",
    "Call",
    "ClassInfo",
    "Component",
    "Kind",
    "ModelGraph",
    "Op",
    "Origins",
    "Parameter",
    "Shape",
]
