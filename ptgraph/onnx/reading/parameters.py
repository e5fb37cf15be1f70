"""The weights of an ONNX file: which of them are parameters, what they are called, and which module holds them.

``torch.onnx.export`` says which parameters and buffers the model had, and from which of them it folded a tensor; equal
vectors it keeps once, and each node still says which parameter it meant. ptgraph says what is no parameter, and what is
tied. Of any other file, use decides: what a product, a norm or an embedding is given as its weight, a tensor of floats
that has a name of its own, and a vector that is added are parameters; what else there is, is a constant.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import onnx
from onnx import SparseTensorProto, TensorProto

from ptgraph.graph.model import Parameter, Shape
from ptgraph.onnx.metadata import (
    CLASS,
    FOLDED_FROM,
    FX_NODE,
    GRAPH_SIGNATURE,
    MODEL,
    TREE,
    ModuleTree,
    metadata_of,
    tree_of_text,
)
from ptgraph.onnx.reading.flat_graph import Flat, Node
from ptgraph.onnx.reading.tensor_types import dtype_of, elements

Kind = Literal["parameter", "buffer", "constant"]
_ENTRY = re.compile(r"^(\w+): (PARAMETER|BUFFER|CONSTANT_TENSOR) target='(.*?)'", re.MULTILINE)
_FOLDED = re.compile(r"'((?:[^'\\]|\\.)*)'")
_MENTION = re.compile(r"%(\w+)")
_GENERATED = re.compile(r"^(onnx::|val_|const|/)|_output_\d+$|^\d+$|^$", re.IGNORECASE)
_NUMBERED = re.compile(r"^\d+:")  # what is within a function or a body, by `flat`
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
}
_RUNNING = {"BatchNormalization": (3, 4)}
_ADDED = {"Add", "Sub", "Mul", "Div"}


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor of the file; ``tensor`` is None where the file has no values of it."""

    shape: Shape
    code: int
    tensor: TensorProto | None

    @property
    def is_float(self) -> bool:
        """Whether its elements are floating-point numbers."""
        return "float" in dtype_of(self.code)


@dataclass
class Held:
    """What the weights are. ``uses`` maps a node and one of its inputs to the kind and the name that it has there."""

    parameters: list[Parameter] = field(default_factory=list)
    uses: dict[tuple[str, str], tuple[Kind, str]] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)  # path → class, of modules that the file tells of
    categories: dict[str, str] = field(default_factory=dict)  # class → category
    docs: dict[str, str] = field(default_factory=dict)  # class → docstring


def weights_of(model: onnx.ModelProto, flat: Flat) -> dict[str, Weight]:
    """Return the tensors of the file by the value that they are."""
    tensors = {s.values.name: s for s in model.graph.sparse_initializer} | {t.name: t for t in model.graph.initializer}
    found = {name: _weight(tensor) for name, tensor in {**tensors, **flat.constants}.items()}
    found.update((name, found[value]) for name, value in flat.copies.items())
    return found


def _weight(tensor: TensorProto | SparseTensorProto) -> Weight:
    if isinstance(tensor, SparseTensorProto):
        return Weight(tuple(tensor.dims), tensor.values.data_type, None)
    has_values = tensor.data_location != TensorProto.EXTERNAL
    return Weight(tuple(tensor.dims), tensor.data_type, tensor if has_values else None)


def held(model: onnx.ModelProto, flat: Flat, weights: Mapping[str, Weight]) -> Held:
    """Return what the weights of a file are."""
    said = metadata_of(model)
    signature = metadata_of(model.graph).get(GRAPH_SIGNATURE) or said.get(GRAPH_SIGNATURE)
    if TREE in said or said.get(MODEL):
        found = _of_ptgraph(flat, weights, tree_of_text(said.get(TREE, "{}")))
        found.docs = {metadata_of(f).get(CLASS, ""): f.doc_string for f in model.functions if f.doc_string}
        found.docs[said.get(MODEL, "")] = model.doc_string.partition("\n\n")[2]
        return found
    if signature:
        return _of_torch(model, flat, weights, signature)
    return _by_use(flat, weights)


def _of_ptgraph(flat: Flat, weights: Mapping[str, Weight], tree: ModuleTree) -> Held:
    found = Held(modules=tree.modules, categories=tree.categories)
    buffers, constants = set(tree.buffers), set(tree.constants)
    kinds: dict[str, Kind] = {}
    for name in weights:
        generated = name.startswith("constant ") or name in constants
        kinds[name] = "constant" if generated else "buffer" if name in buffers else "parameter"
    read = _users(flat, weights)
    for name, users in read.items():
        found.uses.update({(node.name, name): (kinds[name], name) for node, _ in users})
    for name, weight in weights.items():
        if kinds[name] != "constant":
            found.parameters.append(_parameter(name, weight, kinds[name], used=name in read))
    for name, first in tree.tied.items():
        if first in weights:
            found.parameters.append(_parameter(name, weights[first], kinds[first], first, used=first in read))
    return found


def _of_torch(model: onnx.ModelProto, flat: Flat, weights: Mapping[str, Weight], signature: str) -> Held:
    entries = _ENTRY.findall(signature)
    targets = {holder: target for holder, _, target in entries}
    kinds: dict[str, Kind] = {t: "parameter" if kind == "PARAMETER" else "buffer" for _, kind, t in entries}
    infos = {info.name: info for info in model.graph.value_info}
    base: dict[str, str] = {}
    for value in weights:
        stem = value.rpartition("_")[0]
        if value in kinds or stem in kinds:  # or what was folded into it: the bias that a norm leaves in a convolution
            base[value] = value
            kinds.setdefault(value, kinds.get(stem, "parameter"))
            continue
        folded = metadata_of(infos[value]).get(FOLDED_FROM, "") if value in infos else ""
        sources = [name for name in _FOLDED.findall(folded) if name in kinds]
        if len(sources) == 1 and kinds[sources[0]] == "parameter" and weights[value].is_float:
            base[value] = sources[0]
    found, shown = Held(), {}
    for value, users in _users(flat, weights).items():
        for node, _ in users:
            name = _meant(node, flat.runs.calls[node.call].component, value, weights[value].shape, base, targets)
            found.uses[node.name, value] = (kinds[name], name) if name else ("constant", value)
            if name and (name not in shown or name == value):
                shown[name] = weights[value]
    for name in (value for value in weights if value in kinds):  # what no node reads
        shown.setdefault(name, weights[name])
    first = _tied(flat, found, kinds, shown)
    used = {first.get(name, name) for _, name in found.uses.values()}
    found.uses = {key: (kind, first.get(name, name)) for key, (kind, name) in found.uses.items()}
    for name in kinds:
        own = shown.get(name) or shown.get(first.get(name, ""))
        if own is not None:
            one = first.get(name, name)
            found.parameters.append(_parameter(name, own, kinds[name], one if one != name else None, used=one in used))
    return found


def _meant(
    node: Node, scope: str, value: str, shape: Shape, base: Mapping[str, str], targets: Mapping[str, str]
) -> str | None:
    """Return the parameter that *node*, in the module *scope*, means by a value, or None if it is none.

    Equal vectors are one value in the file.
    """
    own = base.get(value)
    said = metadata_of(node.proto).get(FX_NODE, "").partition("(args")[2]
    mentioned = [targets[holder] for holder in dict.fromkeys(_MENTION.findall(said)) if holder in targets]
    is_own = own is not None and own.rpartition(".")[0] == scope
    if own is None or is_own or own in mentioned or len(shape) != 1 or own not in targets.values():
        return own
    left = [name for name in mentioned if name not in {base.get(other) for other in node.inputs}]
    alike = [name for name in left if name.rpartition(".")[2] == own.rpartition(".")[2]]
    return next(iter(alike or left), own)


def _tied(flat: Flat, found: Held, kinds: Mapping[str, Kind], shown: dict[str, Weight]) -> dict[str, str]:
    """Return name → first name of tied parameters: nothing reads one of them, and its module reads the other.

    What the first one is is noted in *shown*.
    """
    reads: dict[str, dict[str, None]] = defaultdict(dict)
    for node in flat.nodes:
        for value in node.inputs:
            kind, name = found.uses.get((node.name, value), ("constant", ""))
            if kind == "parameter":
                reads[flat.runs.calls[node.call].component][name] = None
    order = {name: number for number, name in enumerate(kinds)}
    groups: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        path, _, own = name.rpartition(".")
        if kind == "parameter" and name not in shown:
            foreign = [other for other in reads.get(path, ()) if other.rpartition(".")[0] != path]
            other = next((o for o in foreign if o.rpartition(".")[2] == own), None)
            if other is not None:
                groups.setdefault(other, [other]).append(name)
    firsts = {}
    for names in groups.values():
        first = min(names, key=order.__getitem__)
        shown[first] = shown[names[0]]
        firsts.update(dict.fromkeys(names, first))
    return firsts


def _by_use(flat: Flat, weights: Mapping[str, Weight]) -> Held:
    found = Held()
    taken: set[str] = set()
    modules = {call.component for call in flat.runs.calls.values()}
    for value, users in _users(flat, weights).items():
        own = _NUMBERED.sub("", value)
        kind = _kind(own, weights[value], users)
        name = value
        if kind != "constant":
            first, slot = users[0]
            path = flat.runs.calls[first.call].component
            name = _named(own, flat.formals.get((first.call, value)), slot, path, modules, taken)
            found.parameters.append(_parameter(name, weights[value], kind, used=True))
        found.uses.update({(node.name, value): (kind, name) for node, _ in users})
    return found


def _kind(value: str, weight: Weight, users: list[tuple[Node, int]]) -> Kind:
    slots = [(node.proto.op_type, slot) for node, slot in users]
    if any(slot in _RUNNING.get(operator, ()) for operator, slot in slots):
        return "buffer"
    quantized = any(operator.startswith(("Dequantize", "QLinear")) or "Integer" in operator for operator, _ in slots)
    if not (weight.is_float or quantized) or elements(weight.shape) < 2:
        return "constant"
    if any(slot in _SLOTS.get(operator, ()) for operator, slot in slots) or not _GENERATED.search(value):
        return "parameter"
    is_vector = bool(weight.shape) and elements(weight.shape) == max(s for s in weight.shape if isinstance(s, int))
    return "parameter" if is_vector and any(operator in _ADDED for operator, _ in slots) else "constant"


def _named(value: str, formal: str | None, slot: int, path: str, modules: set[str], taken: set[str]) -> str:
    """Return the name of a parameter: its own where that has the path of a module, or one below *path*.

    There, it is called as the function calls it, if there is one.
    """
    name = value
    if path and (_GENERATED.search(value) or "." not in value or value.rpartition(".")[0] not in modules):
        own = _WORDS[min(max(slot - 1, 0), 1)] if _GENERATED.search(value) else re.split(r"[./]", value)[-1]
        name = f"{path}.{formal or own}"
    stem, number = name, 0
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name)
    return name


def _users(flat: Flat, weights: Mapping[str, Weight]) -> dict[str, list[tuple[Node, int]]]:
    """Return the nodes that read each weight, and where among their inputs."""
    found: dict[str, list[tuple[Node, int]]] = defaultdict(list)
    for node in flat.nodes:
        for slot, value in enumerate(map(flat.whole, node.inputs)):
            if value in weights:
                found[value].append((node, slot))
    for _, value in flat.outputs:
        if value in weights and value not in found:
            found[value] = []
    return {value: users for value, users in found.items() if users}


def _parameter(name: str, weight: Weight, kind: Kind, tied_to: str | None = None, *, used: bool) -> Parameter:
    return Parameter(
        name=name,
        shape=weight.shape,
        dtype=dtype_of(weight.code),
        count=elements(weight.shape),
        kind="parameter" if kind == "parameter" else "buffer",
        trainable=kind == "parameter",
        tied_to=tied_to,
        used=used,
    )


__all__ = ["Held", "Weight", "held", "weights_of"]
