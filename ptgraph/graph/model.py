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
    ``uncounted`` says why its FLOPs or activation bytes are not known in full, and is empty where they are.
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
    uncounted: str = ""
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


@dataclass(frozen=True, slots=True)
class GraphKind:
    """What a graph was made from, and what follows for those who show it.

    ``classes`` says whether its components are modules with a class, and not the functions of a pipeline.
    ``trainable`` says whether it is known which parameters are trained. ``no_onnx`` is why no ONNX is written of it.
    """

    name: Literal["model", "onnx", "pipeline"]
    verb: str = "traced by"
    classes: bool = True
    trainable: bool = True
    no_onnx: str = ""


_KINDS = {
    ONNX_FILE: GraphKind(
        "onnx",
        "read from",
        trainable=False,
        no_onnx="was read from an ONNX file, which is its ONNX; name other formats",
    ),
    RECORDED: GraphKind(
        "pipeline", classes=False, no_onnx="has no ONNX: it is a pipeline of Python functions, and ONNX holds models"
    ),
}
_MODEL = GraphKind("model")


@dataclass(frozen=True)
class ModelGraph:
    """A traced model.

    ``ops`` has a node per operation, input, parameter, buffer, constant and output (attributes: ``Op``); an
    edge carries ``slots`` (which tensor arguments of the target it feeds), ``outputs`` (which results of the
    source they are), ``shape`` and ``dtype`` of the first. Nodes are in order of execution.
    ``components`` is the tree of modules (attributes: ``Component``), edges from parent to child.
    ``blocks`` maps a module call (a key of ``calls``) to its block: equal calls have the same id.
    ``tracer`` names the way that worked (or `ONNX_FILE`), ``attempts`` the ways that did not, each with its reason.
    ``file`` is what an ONNX file that was read says of itself: see `ptgraph.onnx.reading.file_facts`.
    ``size_conditions`` are conditions on named dimensions without which the graph may not be the model's, as Python
    writes them. ``other_inputs`` and ``other_outputs`` are what the model takes and gives that is no tensor: ``name``,
    ``type`` (a class of Python) and, where it has a plain form, ``value``. They are no nodes.
    ``traced`` is the `ptgraph.tracing.program.TracedProgram` that it was read from, or None; it is never serialized.
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
    file: dict[str, Any] = field(default_factory=dict)
    size_conditions: list[str] = field(default_factory=list)
    other_inputs: list[dict[str, Any]] = field(default_factory=list)
    other_outputs: list[dict[str, Any]] = field(default_factory=list)
    traced: Any = field(default=None, repr=False, compare=False)

    @property
    def program(self) -> Any:
        """The ``torch.export.ExportedProgram`` that the graph was read from, or None."""
        return self.traced.program if self.traced is not None else None

    @property
    def kind(self) -> GraphKind:
        """What the graph was made from: a model, an ONNX file, or the stages of a pipeline."""
        return _KINDS.get(self.tracer, _MODEL)

    @property
    def origin(self) -> str:
        """Where the graph is from, in words: ``traced by torch.export``, ``read from an ONNX file``."""
        return f"{self.kind.verb} {self.tracer}"

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
    "GraphKind",
    "Kind",
    "ModelGraph",
    "Op",
    "Parameter",
    "Shape",
]
