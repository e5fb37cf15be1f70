"""The module tree: for each module its parameters (each counted once), category, settings and sums over its calls."""

from __future__ import annotations

import dataclasses
import logging
from collections import defaultdict
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import networkx as nx
import torch
from torch import nn

from ptgraph.graph.aggregate import totals
from ptgraph.graph.categories import category, category_of_type
from ptgraph.graph.model import UNKNOWN_CLASS, Call, ClassInfo, Component, Parameter
from ptgraph.graph.module_paths import completed, natural, parent, upwards
from ptgraph.graph.serialize import attributes
from ptgraph.tracing.captured import Capture
from ptgraph.tracing.containers import contents, is_a
from ptgraph.tracing.module_walk import named_buffers, named_modules, named_parameters, place
from ptgraph.tracing.plain_values import plain_value, settings
from ptgraph.tracing.source_info import SourceFiles, qualified_name

log = logging.getLogger(__name__)


class Held(NamedTuple):
    """A tensor that the model holds under some name, and the first of its names."""

    kind: Literal["parameter", "buffer"]
    tensor: torch.Tensor
    first: str


def tensors_of(capture: Capture) -> dict[str, Held]:
    """Return every named parameter and buffer."""
    named: list[tuple[Literal["parameter", "buffer"], str, torch.Tensor]] = []
    if capture.model is not None:
        named += [("parameter", n, t) for n, t in named_parameters(capture.model, remove_duplicate=False)]
        named += [("buffer", n, t) for n, t in named_buffers(capture.model, remove_duplicate=False)]
    elif capture.program is not None:
        signature = capture.program.graph_signature
        held = {**capture.program.state_dict, **capture.program.constants}
        named += [("parameter", n, held[n]) for n in signature.parameters if n in held]
        named += [("buffer", n, held[n]) for n in signature.buffers if n in held]
    first: dict[Any, str] = {}
    found = {}
    for kind, name, tensor in named:
        identity = id(tensor) if capture.model is not None else place(tensor)
        found[name] = Held(kind, tensor, first.setdefault(identity, name))
    return found


def parameters(tensors: dict[str, Held], ops: nx.DiGraph[str]) -> tuple[Parameter, ...]:
    """Return the parameters and buffers as the schema has them; *ops* says which of them are read."""
    read = {
        op["target"]
        for name, op in ops.nodes(data=True)
        if op["kind"] in ("parameter", "buffer") and ops.out_degree(name)
    }
    return tuple(
        Parameter(
            name=name,
            shape=tuple(held.tensor.shape),
            dtype=str(held.tensor.dtype).removeprefix("torch."),
            count=held.tensor.numel(),
            kind=held.kind,
            trainable=held.kind == "parameter" and held.tensor.requires_grad,
            tied_to=held.first if held.first != name else None,
            used=held.first in read,
        )
        for name, held in tensors.items()
    )


def components(
    capture: Capture,
    ops: nx.DiGraph[str],
    calls: dict[str, Call],
    types: dict[str, str],
    tensors: dict[str, Held],
    files: SourceFiles,
) -> tuple[nx.DiGraph[str], dict[str, ClassInfo]]:
    """Return the tree of modules, and what is known of their classes; *types* gives those of the modules that ran."""
    modules = dict(named_modules(capture.model, remove_duplicate=False)) if capture.model is not None else {}
    types = types if modules else completed(types, (name.rpartition(".")[0] for name in tensors))
    paths = list(modules) or sorted(types, key=natural)
    flops, activations, runs, shapes = totals(ops, calls)
    held = _Holdings(tensors)
    tree: nx.DiGraph[str] = nx.DiGraph()
    classes: dict[str, ClassInfo] = {}
    known = set(paths)
    parents = {parent(path, known) for path in paths if path}
    for path in paths:
        module = modules.get(path)
        if module is not None:
            class_: type = type(module)
            type_ = qualified_name(class_)
            if type_ not in classes:
                classes[type_] = files.describe(class_)
            kind = category(class_, has_parts=path in parents, root=not path)
        else:
            type_ = types.get(path, "")
            package, _, name = type_.rpartition(".")
            classes.setdefault(type_, ClassInfo(name or UNKNOWN_CLASS, package))
            kind = category_of_type(type_ or path.rpartition(".")[2], has_parts=path in parents, root=not path)
        shape, dtype = shapes.get(path, (None, None))
        component = Component(
            path=path,
            type=type_,
            category=kind,
            own_params=sum(tensor.numel() for tensor in held.own(path, "parameter")),
            total_params=sum(tensor.numel() for tensor in held.all_parameters(path)),
            trainable_params=sum(tensor.numel() for tensor in held.all_parameters(path) if tensor.requires_grad),
            own_buffers=sum(tensor.numel() for tensor in held.own(path, "buffer")),
            tied=held.tied[path],
            settings=settings(module) if module is not None else {},
            calls=runs.get(path, 0),
            flops=flops.get(path, 0),
            activation_bytes=activations.get(path, 0),
            shape=shape,
            dtype=dtype,
        )
        tree.add_node(path, **attributes(component))
    for path in paths:
        if path:
            tree.add_edge(parent(path, tree), path)
    return tree, classes


class _Holdings:
    """Which tensors each module holds: itself, and in its whole subtree; each once, however many names it has."""

    def __init__(self, tensors: dict[str, Held]) -> None:
        self._direct: dict[str, dict[str, Held]] = defaultdict(dict)  # path → first name → tensor
        self._below: dict[str, dict[str, Held]] = defaultdict(dict)
        self.tied: dict[str, dict[str, str]] = defaultdict(dict)  # path → name → first name, where that is another
        for name, held in tensors.items():
            path = name.rpartition(".")[0]
            self._direct[path][held.first] = held
            if held.first != name:
                self.tied[path][name] = held.first
            for above in upwards(path):
                self._below[above][held.first] = held

    def own(self, path: str, kind: str) -> list[torch.Tensor]:
        """Return the tensors of a kind that the module at *path* itself holds."""
        return [held.tensor for held in self._direct[path].values() if held.kind == kind]

    def all_parameters(self, path: str) -> list[torch.Tensor]:
        """Return the parameters in the module at *path* and in all below it."""
        return [held.tensor for held in self._below[path].values() if held.kind == "parameter"]


def config_of(model: nn.Module | None) -> dict[str, Any]:
    """Return the model's ``config`` (a dataclass, a dict, or an object with ``to_diff_dict``) JSON-plain."""
    try:
        config: Any = getattr(model, "config", None)
        found = config.to_diff_dict() if hasattr(config, "to_diff_dict") else _entries(config)
    except Exception:  # a property of the user's own may raise anything
        log.debug("the config of the model cannot be read", exc_info=True)
        return {}
    if not is_a(found, dict):
        return {}
    kept = {}
    items = contents(found)
    for name, value in zip(items[::2], items[1::2], strict=True):
        with suppress(TypeError, RecursionError):
            if not (word := str(plain_value(name))).startswith("_"):
                kept[word] = plain_value(value)
    return kept


def _entries(value: Any) -> Any:
    """Return a dataclass, and those in it, as dicts; nothing is copied."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _entries(getattr(value, f.name)) for f in dataclasses.fields(value)}
    items = contents(value)
    if is_a(value, list | tuple):
        return [_entries(item) for item in items]
    return dict(zip(items[::2], map(_entries, items[1::2]), strict=True)) if is_a(value, dict) else value


__all__ = ["Held", "components", "config_of", "parameters", "tensors_of"]
