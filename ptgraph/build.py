"""Capture → ModelGraph: every operation and component with its metadata, parameter counts and FLOPs."""

from __future__ import annotations

import dataclasses
import operator
import re
from collections import defaultdict
from typing import Any

import networkx as nx
import torch
from torch import fx, nn

from .blocks import block_ids
from .categories import category, category_of_name
from .flops import FlopCounter
from .graph import Call, ClassInfo, Component, ModelGraph, Op, Parameter, Shape, attributes
from .sources import describe, last_frame, plain_value, qualified_name, settings
from .tracer import Capture

# Bookkeeping of the tracer, not computation of the model: checks, and copies that exist only while tracing.
_CHECKS = re.compile(r"aten\._assert|aten\.sym_constrain|_functorch|_guards_fn")
_COPIES = {"aten.lift_fresh_copy.default", "aten.detach.default", "aten.detach_.default", "aten.alias.default"}
_WORD = re.compile(r"\b[su]\d+\b")

Ref = tuple[str, int]  # an operation's name and which of its results


def build(capture: Capture) -> ModelGraph:
    """Return the graph of a traced model. Nothing of *capture* is changed."""
    reader = _Reader(capture)
    reader.read(capture.graph, {}, "")
    reader.finish()
    parameters, owned = _parameters(capture, set(reader.state_names))
    components, classes = _components(capture, reader, owned)
    graph = ModelGraph(
        name=capture.name,
        ops=reader.ops,
        components=components,
        calls=reader.calls,
        parameters=parameters,
        classes=dict(sorted(classes.items())),
        tracer=capture.tracer,
        attempts=capture.attempts,
        config=_config(capture.model),
        dimensions=capture.dimensions,
        program=capture.program,
    )
    blocks = block_ids(graph)
    for call, block in blocks.items():
        node = components.nodes[graph.calls[call].component]
        node["block"] = node["block"] or block
    return graph


class _Reader:
    """Reads fx nodes in order into ``ops`` and ``calls``."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.ops: nx.DiGraph[str] = nx.DiGraph()
        self.calls: dict[str, Call] = {"": Call("", None)}
        self.types: dict[str, str] = {}
        self.state_names: list[str] = []
        self.counter = FlopCounter()
        self.env: dict[fx.Node, Ref | None] = {}

    def read(self, graph: fx.Graph, outer: dict[str, Ref | None], prefix: str) -> Any:
        """Read the nodes of *graph*; *outer* gives the placeholders of a nested graph. Return its outputs."""
        module = graph.owning_module
        for node in graph.nodes:
            if node.op == "placeholder" and node.name in outer:
                self.env[node] = outer[node.name]
            elif node.op in ("placeholder", "get_attr"):
                self._state(node, module)
            elif node.op == "output":
                return node.args[0]
            elif _CHECKS.search(target := _target(node)):
                self.env[node] = None
            elif node.target is operator.getitem and self._is_part(node):
                self._part(node)
            elif target in _COPIES:
                self.env[node] = self.env.get(node.args[0])
            elif target in ("wrap_with_set_grad_enabled", "wrap_with_autocast"):
                self._inline(node, prefix)
            else:
                self._op(node, target, prefix)
        return ()

    def _is_part(self, node: fx.Node) -> bool:
        source = node.args[0]
        return isinstance(source, fx.Node) and isinstance(source.meta.get("val"), list | tuple)

    def _part(self, node: fx.Node) -> None:
        source = self.env.get(node.args[0])
        if isinstance(source, list):  # the results of a nested graph
            self.env[node] = self.env.get(source[node.args[1]])
        else:
            self.env[node] = (source[0], node.args[1]) if source else None

    def _inline(self, node: fx.Node, prefix: str) -> None:
        """Read the graph that a context manager wrapped as if it had not been wrapped."""
        body = next(a for a in node.args if isinstance(a, fx.Node) and a.op == "get_attr")
        owner = node.graph.owning_module
        inner = getattr(owner, str(body.target)).graph
        given = [a for a in node.args[node.args.index(body) + 1 :]]
        holders = [n for n in inner.nodes if n.op == "placeholder"]
        outer = {h.name: self.env.get(a) for h, a in zip(holders, given, strict=True)}
        outputs = self.read(inner, outer, f"{prefix}{node.name}.")
        self.env[node] = list(outputs) if isinstance(outputs, list | tuple) else self.env.get(outputs)

    def _state(self, node: fx.Node, module: nn.Module | None) -> None:
        if node.op == "get_attr" and node.name not in self.capture.states:
            return  # a nested graph, read where it is used
        value = node.meta.get("val")
        kind, name = self.capture.states.get(node.name, ("input", node.name))
        if not isinstance(value, torch.Tensor) and kind == "input":
            return  # an argument that is no tensor is a constant of the graph
        shape, dtype = self._describe(value)
        if kind in ("parameter", "buffer"):
            self.state_names.append(name)
        self._add(node.name, Op(kind, name, shape=shape, dtype=dtype))
        self.env[node] = (node.name, 0)

    def _op(self, node: fx.Node, target: str, prefix: str) -> None:
        value = node.meta.get("val")
        shape, dtype = self._describe(value)
        scope, call = self._call(node.meta.get("nn_module_stack") or {})
        file, line = last_frame(node.meta.get("stack_trace"))
        name = prefix + node.name
        module = _module_of(node)
        refs = self._refs(node)
        if module is not None:
            refs += [(self._module_state(str(node.target), n, p), 0) for n, p in module.named_parameters()]
        parameters = {r for r, _ in refs if self.ops.nodes[r]["kind"] == "parameter"}
        op = Op(
            kind="op",
            target=target,
            scope=scope,
            call=call,
            shape=shape,
            dtype=dtype,
            params=sum(_count(self.ops.nodes[p]["shape"]) for p in parameters),
            flops=self.counter.count(_callable(node, module), node.args, node.kwargs),
            attributes=self._literals(node),
            file=file,
            line=line,
        )
        self._add(name, op)
        self._connect(refs, name)
        self.env[node] = (name, 0)

    def _module_state(self, path: str, name: str, parameter: nn.Parameter) -> str:
        """Add a parameter that a whole-module node reads, where the graph has no node of its own for it."""
        full = f"{path}.{name}"
        key = "p_" + full.replace(".", "_")
        if key not in self.ops:
            shape, dtype = self._describe(parameter)
            self.state_names.append(full)
            self._add(key, Op("parameter", full, shape=shape, dtype=dtype))
        return key

    def _add(self, name: str, op: Op) -> None:
        self.ops.add_node(name, **attributes(op))

    def _refs(self, node: fx.Node) -> list[Ref]:
        """Return what feeds the node's arguments, in order, one entry a slot."""
        found: list[Ref] = []

        def visit(argument: fx.Node) -> fx.Node:
            ref = self.env.get(argument)
            if isinstance(ref, tuple):
                found.append(ref)
            return argument

        fx.node.map_arg((node.args, node.kwargs), visit)
        return found

    def _connect(self, refs: list[Ref], name: str) -> None:
        by_source: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for slot, (source, result) in enumerate(refs):
            by_source[source].append((slot, result))
        for source, pairs in by_source.items():
            shape, dtype = self._result(source, pairs[0][1])
            self.ops.add_edge(
                source,
                name,
                slots=[slot for slot, _ in pairs],
                outputs=[result for _, result in pairs],
                shape=shape,
                dtype=dtype,
            )

    def _result(self, name: str, index: int) -> tuple[Shape | None, str | None]:
        results = self.results.get(name)
        if results and index < len(results):
            return results[index]
        node = self.ops.nodes[name]
        return node["shape"], node["dtype"]

    @property
    def results(self) -> dict[str, list[tuple[Shape | None, str | None]]]:
        """Return shape and dtype of every result of the ops that have several, filled as they are read."""
        return self.__dict__.setdefault("_results", {})

    def _describe(self, value: Any) -> tuple[Shape | None, str | None]:
        if isinstance(value, list | tuple):
            parts = [self._describe(item) for item in value]
            return next((part for part in parts if part[0] is not None), (None, None))
        if not isinstance(value, torch.Tensor):
            return None, None
        return tuple(self._size(n) for n in value.shape), str(value.dtype).removeprefix("torch.")

    def _size(self, size: Any) -> int | str:
        if isinstance(size, int):
            return size
        text = str(size.node.expr) if hasattr(size, "node") else str(size)
        named = _WORD.sub(lambda m: self.capture.dimensions.get(m[0], m[0]), text)
        return int(named) if named.lstrip("-").isdigit() else named

    def _call(self, stack: Any) -> tuple[str, str]:
        """Return path and call key of the innermost module; note the calls above it."""
        scope, call = "", ""
        for key, (path, type_) in stack.items():
            if key.startswith("_empty"):  # torch's mark on what it added outside of any module
                continue
            path = _plain_path(path)
            parent, run = call, key.rpartition("@")[2] if "@" in key else ""
            scope, call = path, f"{path}@{run}" if run else path
            name = type_ if isinstance(type_, str) else qualified_name(type_)
            self.types.setdefault(path, name)
            if call not in self.calls and call != parent:
                self.calls[call] = Call(path, parent)
        return scope, call

    def _literals(self, node: fx.Node) -> dict[str, Any]:
        """Return the arguments that are not tensors, by name where the operator has a schema."""
        schema = getattr(node.target, "_schema", None)
        names = [argument.name for argument in schema.arguments] if schema else []
        pairs = [(names[i] if i < len(names) else f"arg{i}", value) for i, value in enumerate(node.args)]
        found = {}
        for name, value in [*pairs, *node.kwargs.items()]:
            try:
                found[name] = plain_value(self._literal(value))
            except TypeError:  # a tensor, or a list that holds one
                continue
        return found

    def _literal(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._literal(item) for item in value]
        if isinstance(value, slice):
            return str(value)
        if isinstance(value, fx.Node) and isinstance(value.meta.get("val"), int | torch.SymInt):
            return self._size(value.meta["val"])
        return self._size(value) if isinstance(value, torch.SymInt) else value

    def finish(self) -> None:
        """Add the output nodes."""
        for path, value in self.capture.outputs:
            ref = self.env.get(value) if isinstance(value, fx.Node) else None
            if isinstance(ref, tuple):
                name = path if path == "output" else f"output_{path}"
                shape, dtype = self._result(*ref)
                self._add(name, Op("output", path.removeprefix("output."), shape=shape, dtype=dtype))
                self._connect([ref], name)


def _target(node: fx.Node) -> str:
    if "target" in node.meta:
        return str(node.meta["target"])
    if node.op == "call_module":
        return str(qualified_name(type(_module_of(node))))
    if node.op == "call_method" or isinstance(node.target, str):
        return f"torch.Tensor.{node.target}"
    name = str(node.target)
    if name.startswith("<"):
        module = getattr(node.target, "__module__", None) or "builtins"
        return f"{module.lstrip('_')}.{getattr(node.target, '__name__', 'call')}"
    return name


def _module_of(node: fx.Node) -> nn.Module | None:
    if node.op != "call_module" or node.graph.owning_module is None:
        return None
    return node.graph.owning_module.get_submodule(str(node.target))


def _callable(node: fx.Node, module: nn.Module | None) -> Any:
    if module is not None:
        state = {k: v.to("meta") for k, v in [*module.named_parameters(), *module.named_buffers()]}
        return lambda *a, **k: torch.func.functional_call(module, state, a, k)
    return getattr(torch.Tensor, str(node.target)) if node.op == "call_method" else node.target


def _plain_path(path: str) -> str:
    """Return a module path without the quirks of some tracers (``L['self'].layers[0]``)."""
    path = re.sub(r"^L\[['\"]self['\"]\]\.?|^L__self__+", "", path)
    return re.sub(r"\._modules\[['\"]?([^\]'\"]+)['\"]?\]|\[['\"]?([^\]'\"]+)['\"]?\]", r".\1\2", path).lstrip(".")


def _count(shape: Shape | None) -> int:
    total = 1
    for size in shape or ():
        total *= size if isinstance(size, int) else 1
    return total


def _parameters(
    capture: Capture, read: set[str]
) -> tuple[tuple[Parameter, ...], dict[str, list[tuple[str, torch.Tensor]]]]:
    """Return every named parameter and buffer, and the tensors that each module path holds directly."""
    if capture.model is not None:
        tensors = [
            *(("parameter", n, t) for n, t in capture.model.named_parameters(remove_duplicate=False)),
            *(("buffer", n, t) for n, t in capture.model.named_buffers(remove_duplicate=False)),
        ]
    elif capture.program is not None:
        signature = capture.program.graph_signature
        held = {**capture.program.state_dict, **capture.program.constants}
        names = [
            *(("parameter", n) for n in signature.parameters),
            *(("buffer", n) for n in signature.buffers),
        ]
        tensors = [(kind, name, held[name]) for kind, name in names if name in held]
    else:
        tensors = []
    first: dict[int, str] = {}
    found, owned = [], defaultdict(list)
    for kind, name, tensor in tensors:
        canonical = first.setdefault(id(tensor), name)
        found.append(
            Parameter(
                name=name,
                shape=tuple(tensor.shape),
                dtype=str(tensor.dtype).removeprefix("torch."),
                count=tensor.numel(),
                kind="parameter" if kind == "parameter" else "buffer",
                trainable=kind == "parameter" and tensor.requires_grad,
                tied_to=canonical if canonical != name else None,
                used=name in read or canonical in read,
            )
        )
        owned[name.rpartition(".")[0]].append((name, tensor))
    used = {p.tied_to for p in found if p.used} | {p.name for p in found if p.used}
    return tuple(dataclasses.replace(p, used=p.name in used or p.tied_to in used) for p in found), owned


def _components(
    capture: Capture, reader: _Reader, owned: dict[str, list[tuple[str, torch.Tensor]]]
) -> tuple[nx.DiGraph[str], dict[str, ClassInfo]]:
    """Return the tree of modules, and what is known of their classes."""
    modules = dict(capture.model.named_modules(remove_duplicate=False)) if capture.model is not None else {}
    paths = list(modules) or sorted({"", *reader.types}, key=_natural)
    flops, runs, shapes = _totals(reader)
    first = {}
    for held in owned.values():
        for name, tensor in held:
            first.setdefault(id(tensor), name)
    tree: nx.DiGraph[str] = nx.DiGraph()
    classes: dict[str, ClassInfo] = {}
    for path in paths:
        module = modules.get(path)
        if module is not None:
            type_ = qualified_name(type(module))
            classes.setdefault(type_, describe(type(module)))
        else:
            type_ = reader.types.get(path, "")
            package, _, name = type_.rpartition(".")
            classes.setdefault(type_, ClassInfo(name or "Module", package))
        inside = path + "." if path else ""
        below = {id(t): t for p, h in owned.items() if p == path or p.startswith(inside) for _, t in h}
        weights = [t for t in below.values() if isinstance(t, nn.Parameter)]
        direct = {id(t): t for _, t in owned.get(path, ())}.values()
        component = Component(
            path=path,
            type=type_,
            category=_category(module, classes[type_].name, path, paths),
            own_params=sum(t.numel() for t in direct if isinstance(t, nn.Parameter)),
            total_params=sum(t.numel() for t in weights),
            trainable_params=sum(t.numel() for t in weights if t.requires_grad),
            own_buffers=sum(t.numel() for t in direct if not isinstance(t, nn.Parameter)),
            tied={n: first[id(t)] for n, t in owned.get(path, ()) if first[id(t)] != n},
            settings=settings(module) if module is not None else {},
            calls=runs.get(path, 0),
            flops=flops.get(path, 0),
            shape=shapes.get(path, (None, None))[0],
            dtype=shapes.get(path, (None, None))[1],
        )
        tree.add_node(path, **attributes(component))
        if path:
            tree.add_edge(_parent(path, tree), path)
    return tree, classes


def _category(module: nn.Module | None, name: str, path: str, paths: list[str]) -> str:
    if module is not None:
        return category(module, root=not path)
    has_parts = any(p.startswith(path + ".") for p in paths)
    return category_of_name(name, has_parts=has_parts) if path else "Core architecture"


def _parent(path: str, tree: nx.DiGraph[str]) -> str:
    while path:
        path = path.rpartition(".")[0]
        if path in tree:
            return path
    return ""


def _natural(path: str) -> list[tuple[int, str]]:
    return [(int(p), "") if p.isdigit() else (-1, p) for p in path.split(".")]


def _totals(reader: _Reader) -> tuple[dict[str, int], dict[str, int], dict[str, Any]]:
    """Return FLOPs and number of runs per module path, and shape and dtype of what its first run yields."""
    flops: dict[str, int] = defaultdict(int)
    runs: dict[str, int] = defaultdict(int)
    shapes: dict[str, Any] = {}
    first: dict[str, str] = {}
    for key, call in reader.calls.items():
        runs[call.component] += 1
        first.setdefault(call.component, key)
    for _, op in reader.ops.nodes(data=True):
        if op["kind"] != "op":
            continue
        key: str | None = op["call"]
        while key is not None:
            call = reader.calls[key]
            flops[call.component] += op["flops"]
            if first[call.component] == key and op["shape"] is not None:
                shapes[call.component] = (op["shape"], op["dtype"])
            key = call.parent
    return flops, runs, shapes


def _config(model: nn.Module | None) -> dict[str, Any]:
    """Return the model's ``config`` (a dataclass, a dict, or an object with ``to_diff_dict``) JSON-plain."""
    config = getattr(model, "config", None)
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        found: Any = dataclasses.asdict(config)
    elif hasattr(config, "to_diff_dict"):
        found = config.to_diff_dict()
    else:
        found = config
    if not isinstance(found, dict):
        return {}
    kept = {}
    for name, value in found.items():
        try:
            if not str(name).startswith("_"):
                kept[str(name)] = plain_value(value)
        except TypeError:
            continue
    return kept


__all__ = ["build"]
