"""The parameters of a file of ``torch.onnx.export``: the signature of the program lists those that the model had.

The optimiser of torch.onnx folds parameters into other tensors, and says from which. Equal vectors it keeps once; the
text of the FX node in a node's metadata says which of them the node reads. A tied parameter it keeps under one name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import onnx

from ptgraph.graph.model import Shape
from ptgraph.onnx.metadata import FOLDED_FROM, FX_NODE, metadata_of
from ptgraph.onnx.reading.flat_graph import Flat, Node
from ptgraph.onnx.reading.model_info import ModelInfo, Role, parameter_of
from ptgraph.onnx.reading.parameters.initializers import Initializer, readers_of

_ENTRY = re.compile(r"^(\w+): (PARAMETER|BUFFER|CONSTANT_TENSOR) target='(.*?)'", re.MULTILINE)
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")
_FX_NAME = re.compile(r"%(\w+)")


class _State(NamedTuple):
    """The state of the program. ``targets`` maps the names of its inputs to those of the state, ``roles`` the latter
    to what they are, in order. ``sources`` maps an initializer to the name of what it is, or is folded from.
    """

    targets: dict[str, str]
    roles: dict[str, Role]
    sources: dict[str, str]


def of_torch(model: onnx.ModelProto, flat: Flat, initializers: Mapping[str, Initializer], signature: str) -> ModelInfo:
    """Return the parameters and buffers that *signature* lists, as far as the file has them or something of them."""
    state = _state(model, initializers, signature)
    found = ModelInfo()
    shown: dict[str, Initializer] = {}
    for value, readers in readers_of(flat, initializers).items():
        for node, _ in readers:
            scope = flat.module_calls.calls[node.call].component
            name = _meant(node, scope, value, initializers[value].shape, state)
            found.roles[node.name, value] = (state.roles[name], name) if name else ("constant", value)
            if name and (name not in shown or name == value):
                shown[name] = initializers[value]
    for name in initializers:  # those that no node reads too
        if name in state.roles:
            shown.setdefault(name, initializers[name])
    first = _first_names(flat, found, state.roles, shown)
    used = {first.get(name, name) for _, name in found.roles.values()}
    found.roles = {key: (role, first.get(name, name)) for key, (role, name) in found.roles.items()}
    for name, role in state.roles.items():
        one = first.get(name, name)
        own = shown.get(name) or shown.get(one)
        if own is not None:
            found.parameters.append(parameter_of(name, own, role, one if one != name else None, used=one in used))
    return found


def _state(model: onnx.ModelProto, initializers: Mapping[str, Initializer], signature: str) -> _State:
    entries = _ENTRY.findall(signature)
    targets = {holder: target for holder, _, target in entries}
    roles: dict[str, Role] = {t: "parameter" if kind == "PARAMETER" else "buffer" for _, kind, t in entries}
    infos = {info.name: info for info in model.graph.value_info}
    sources: dict[str, str] = {}
    for value, initializer in initializers.items():
        stem = value.rpartition("_")[0]
        if value in roles or stem in roles:  # or what was folded into it: the bias that a norm leaves in a convolution
            sources[value] = value
            roles.setdefault(value, roles.get(stem, "parameter"))
        elif value in infos and initializer.is_float:
            folded_from = _QUOTED.findall(metadata_of(infos[value]).get(FOLDED_FROM, ""))
            names = [name for name in folded_from if name in roles]
            if len(names) == 1 and roles[names[0]] == "parameter":
                sources[value] = names[0]
    return _State(targets, roles, sources)


def _meant(node: Node, scope: str, value: str, shape: Shape, state: _State) -> str | None:
    """Return the parameter that *node*, in the module *scope*, means by an initializer, or None if it is none.

    Of a vector, it may be another than that of which the file has the name.
    """
    own = state.sources.get(value)
    if own is None or own.rpartition(".")[0] == scope or len(shape) != 1 or own not in state.targets.values():
        return own
    arguments = metadata_of(node.proto).get(FX_NODE, "").partition("(args")[2]
    names = [state.targets[holder] for holder in _distinct(_FX_NAME.findall(arguments)) if holder in state.targets]
    if own in names:
        return own
    left = [name for name in names if name not in {state.sources.get(other) for other in node.inputs}]
    alike = [name for name in left if name.rpartition(".")[2] == own.rpartition(".")[2]]
    return next(iter(alike or left), own)


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _first_names(
    flat: Flat, info: ModelInfo, roles: Mapping[str, Role], shown: dict[str, Initializer]
) -> dict[str, str]:
    """Return name → first name of tied parameters: no node reads one of them, and its module reads the other.

    What the first one is, is added to *shown*, the initializers of parameters by name.
    """
    reads: dict[str, dict[str, None]] = defaultdict(dict)
    for node in flat.nodes:
        for value in node.inputs:
            role, name = info.roles.get((node.name, value), ("constant", ""))
            if role == "parameter":
                reads[flat.module_calls.calls[node.call].component][name] = None
    groups: dict[str, list[str]] = {}
    for name, role in roles.items():
        if role == "parameter" and name not in shown:
            other = _other_name(name, reads)
            if other is not None:
                groups.setdefault(other, [other]).append(name)
    order = {name: number for number, name in enumerate(roles)}
    firsts = {}
    for other, names in groups.items():
        first = min(names, key=order.__getitem__)
        shown[first] = shown[other]
        firsts.update(dict.fromkeys(names, first))
    return firsts


def _other_name(name: str, reads: Mapping[str, Iterable[str]]) -> str | None:
    """Return the parameter of another module that the module of *name* reads in its place, or None."""
    path, _, own = name.rpartition(".")
    foreign = [other for other in reads.get(path, ()) if other.rpartition(".")[0] != path]
    return next((other for other in foreign if other.rpartition(".")[2] == own), None)


__all__ = ["of_torch"]
