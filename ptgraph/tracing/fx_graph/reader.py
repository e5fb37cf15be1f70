"""torch.fx nodes, in order → the graph of operations, with what each reads, where it is from and what it costs."""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import networkx as nx
import torch
from torch import fx, nn

from ptgraph.graph.model import Call, Kind, Op, Shape
from ptgraph.graph.serialize import attributes
from ptgraph.tracing.captured import Capture
from ptgraph.tracing.fx_graph.activation_memory import activation_bytes
from ptgraph.tracing.fx_graph.alias_analysis import Aliases
from ptgraph.tracing.fx_graph.derived_weights import count_no_weights
from ptgraph.tracing.fx_graph.flop_counter import FlopCounter
from ptgraph.tracing.fx_graph.node import (
    constant_value,
    example_size,
    function_of,
    literals,
    module_of,
    nested_graph,
    numbered,
    target_of,
)
from ptgraph.tracing.repeated_blocks.interceptor import ENTER, LEAVE, REPEAT
from ptgraph.tracing.repeated_blocks.replay import Read, Ref, Run, Value, copy_run
from ptgraph.tracing.source_info import last_frame, qualified_name
from ptgraph.tracing.torch_internals import CHECKS, OUTSIDE, VMAP, VMAP_ENTER, pytree
from ptgraph.tracing.tracers.dynamic_dims import named_size
from ptgraph.tracing.tracers.forward_signature import key_name

# Copies that exist only while tracing.
_COPIES = {"aten.lift_fresh_copy.default", "aten.detach.default", "aten.detach_.default", "aten.alias.default"}
_COPIES |= {"torch.Tensor.detach", "torch.Tensor.data"}
_WRAPPERS = {"wrap_with_set_grad_enabled", "wrap_with_autocast"}


class Reader:
    """Reads fx nodes in order into ``ops`` and ``calls``. *first* maps every name of a tensor to its first one.

    ``nodes`` says which operation an fx node became and in which call it is; ``traced`` holds the runs of blocks
    that were traced, by id, and ``repeated`` those that were not: their id, call, and which operation became which.
    """

    def __init__(self, capture: Capture, first: dict[str, str]) -> None:
        self.capture = capture
        self.first = first
        self.ops: nx.DiGraph[str] = nx.DiGraph()
        self.calls: dict[str, Call] = {"": Call("", None)}
        self.runs: dict[str, dict[str, str]] = {}  # path → the tracer's key of each run → ours
        self.types: dict[str, str] = {}
        modules = dict(capture.model.named_modules(remove_duplicate=False)) if capture.model is not None else None
        self.paths = set(modules) if modules is not None else None
        self.by_id = {str(id(module)): path for path, module in reversed((modules or {}).items())}
        self.states: dict[str, Ref] = {}
        self.counter = FlopCounter()
        self.env: dict[fx.Node, Value] = {}
        self.aliases = Aliases()
        self.batched: dict[fx.Node, dict[int, int]] = {}  # level of torch.func.vmap → how many examples it runs over
        self.nodes: dict[fx.Node, tuple[str, str | None]] = {}
        self.traced: dict[str, list[Run]] = defaultdict(list)
        self.repeated: dict[fx.Node, tuple[str, str, dict[str, str]]] = {}
        self._within: dict[str, list[str]] = {}
        self._given: dict[str, list[Value]] = {}

    def read(self, graph: fx.Graph) -> Any:
        """Read the nodes of *graph*; those of a nested one whose values are known are its placeholders."""
        for node in graph.nodes:
            if node in self.env:
                continue
            if node.op == "output":
                return pytree.tree_map_only(fx.Node, self.env.get, node.args[0])
            self.aliases.add(node)
            target = target_of(node)
            if node.op in ("placeholder", "get_attr"):
                self._state(node)
            elif CHECKS.search(target):
                self.env[node] = None
            elif target.startswith(VMAP):
                self._mark(node, target)
            elif node.target is operator.getitem and self._is_part(node):
                self._part(node)
            elif target in _COPIES or self._writes_back(node, target):
                self.env[node] = self.env.get(_argument(node, 0))
            elif target in _WRAPPERS:
                self._inline(node)
            elif target == ENTER:
                self._enter(node)
            elif target == LEAVE:
                self._leave(node)
            elif target == REPEAT:
                self._repeat(node)
            else:
                self._op(node, target)
        return ()

    def _is_part(self, node: fx.Node) -> bool:
        source = node.args[0]
        return isinstance(source, fx.Node) and isinstance(source.meta.get("val"), list | tuple | dict)

    def _part(self, node: fx.Node) -> None:
        source, index = self.env.get(_argument(node, 0)), node.args[1]
        if isinstance(source, Ref):
            self.env[node] = Ref(source.op, index) if isinstance(index, int) else source
        else:
            self.env[node] = source[index] if source is not None else None

    def _mark(self, node: fx.Node, target: str) -> None:
        """Let a mark of torch.func.vmap stand for the value that it is put on, and note over how much it runs."""
        value = node.args[0] if node.args else None
        if not isinstance(value, fx.Node):
            return
        self.env[node] = self.env.get(value)
        levels = self.batched[node] = dict(self.batched.get(value, {}))
        numbers: Any = node.args[1:]
        if target.endswith(VMAP_ENTER):
            dimension, level = numbers
            levels[level] = example_size(value.meta["val"].shape[dimension])
        elif target.endswith("._remove_batch_dim"):
            levels.pop(numbers[0], None)

    def _writes_back(self, node: fx.Node, target: str) -> bool:
        """Return whether *node* only tells the tracer that a buffer, changed in place before, has changed."""
        if target != "aten.copy_.default" or node.users:
            return False
        buffer, value = _argument(node, 0), _argument(node, 1)
        return buffer.op == "placeholder" and buffer in self.aliases.of(value)

    def _inline(self, node: fx.Node) -> None:
        """Read the graph that a context manager wrapped as if it had not been wrapped."""
        body = next(a for a in node.args if isinstance(a, fx.Node) and nested_graph(a) is not None)
        inner = nested_graph(body)
        assert inner is not None
        given = node.args[node.args.index(body) + 1 :]
        for holder, value in zip(inner.find_nodes(op="placeholder"), given, strict=True):
            self.env[holder] = self.env.get(value) if isinstance(value, fx.Node) else None
            if isinstance(value, fx.Node):
                self.aliases.join(holder, value)
        self.env[node] = self.read(inner)

    def _state(self, node: fx.Node) -> None:
        if nested_graph(node) is not None:
            return  # read where it is used
        kind, name = self.capture.states.get(node.name, ("input", str(node.target).lstrip("*")))
        if kind == "input":
            self.env[node] = self._inputs(node, name)
        else:
            name = self.first.get(name, name)
            if name not in self.states:
                self.states[name] = self._add_state(node.name, kind, name, node.meta.get("val"))
            self.env[node] = self.states[name]

    def _inputs(self, node: fx.Node, name: str) -> Value:
        """Add an input for each tensor in an argument; one that is no tensor is a constant of the graph."""

        def add(path: Any, value: Any) -> Ref | None:
            if not isinstance(value, torch.Tensor):
                return None
            shape, dtype = self._describe(value)
            steps = "".join(f"_{key_name(key)}" for key in path)
            return self.add(Op("input", name + steps, shape=shape, dtype=dtype), node.name + steps)

        return pytree.tree_map_with_path(add, node.meta.get("val"))

    def _add_state(self, key: str, kind: str, name: str, value: Any) -> Ref:
        shape, dtype = self._describe(value)
        kinds: dict[str, Kind] = {"parameter": "parameter", "buffer": "buffer"}
        says = constant_value(self.capture.constants.get(name)) if kind not in kinds else {}
        return self.add(Op(kinds.get(kind, "constant"), name, shape=shape, dtype=dtype, attributes=says), key)

    def _enter(self, node: fx.Node) -> None:
        """Note what the run of a block that begins here is given."""
        _, call = self._call(node.meta.get("nn_module_stack") or {})
        self.nodes[node] = call, None
        self._given[call] = self._values(node.args[0])

    def _leave(self, node: fx.Node) -> None:
        """Note the run of a block that has just been read."""
        _, call = self._call(node.meta.get("nn_module_stack") or {})
        self.nodes[node] = call, None
        self.traced[str(node.args[-1])].append(Run(call, self._given[call], self._values(node.args[0])))

    def _repeat(self, node: fx.Node) -> None:
        """Copy the operations of the run that *node* stands for."""
        _, call = self._call(node.meta.get("nn_module_stack") or {})
        run = str(node.args[-1])
        self.nodes[node] = call, None
        self.env[node], names = copy_run(self, self.traced[run][0], call, self._values(node.args[0]))
        self.repeated[node] = run, call, names

    def _values(self, nodes: Any) -> list[Value]:
        return [self.env.get(node) for node in nodes]

    def within(self, call: str) -> list[str]:
        """Return the operations of a run of a module, in order; asked for when all have been read."""
        if call not in self._within:
            inside = {call}
            for key, made in self.calls.items():  # a call stands after the one that made it
                if made.parent in inside:
                    inside.add(key)
            self._within[call] = [
                n for n, op in self.ops.nodes(data=True) if op["kind"] == "op" and op["call"] in inside
            ]
        return self._within[call]

    def _op(self, node: fx.Node, target: str) -> None:
        shape, dtype = self._describe(node.meta.get("val"))
        scope, call = self._call(node.meta.get("nn_module_stack") or {})
        file, line = last_frame(node.meta.get("stack_trace"))
        module = module_of(node)
        function, examples = function_of(node, module), self._examples(node)
        reads = self._reads(node)
        if module is not None:
            reads += self._module_reads(str(node.target), module)
        parameters = {read.ref.op for read in reads if self.ops.nodes[read.ref.op]["kind"] == "parameter"}
        op = Op(
            kind="op",
            target=target,
            scope=scope,
            call=call,
            shape=shape,
            dtype=dtype,
            params=sum(_elements(self.ops.nodes[p]["shape"]) for p in parameters),
            flops=self.counter.count(node, function) * examples,
            activation_bytes=activation_bytes(node, function) * examples,
            attributes=literals(node, self.capture.dimensions),
            file=file,
            line=line,
        )
        ref = self.add(op)
        self.nodes[node] = call, ref.op
        self.connect(reads, ref.op)
        self.env[node] = ref
        for other in self.aliases.changed(node):
            if isinstance(self.env.get(other), Ref):
                self.env[other] = ref

    def _module_reads(self, path: str, module: nn.Module) -> Iterator[Read]:
        """Yield the state that a whole-module node reads; the graph has no nodes of its own for it."""
        for kind, named in (("parameter", module.named_parameters()), ("buffer", module.named_buffers())):
            for own, tensor in named:
                name = self.first.get(f"{path}.{own}", f"{path}.{own}")
                if name not in self.states:
                    self.states[name] = self._add_state(f"{kind[0]}_{name.replace('.', '_')}", kind, name, tensor)
                yield Read(self.states[name], *self._describe(tensor))

    def _examples(self, node: fx.Node) -> int:
        """Return how many examples *node* runs over within torch.func.vmap."""
        levels = {level: size for value in node.all_input_nodes for level, size in self.batched.get(value, {}).items()}
        if levels:
            self.batched[node] = levels
        return math.prod(levels.values())

    def add(self, op: Op, name: str | None = None) -> Ref:
        """Add an operation under *name*, or one made of it where that is taken; it may have its name later."""
        name = f"ptgraph {len(self.ops)}" if name is None else name
        while name in self.ops:
            name += "_"
        self.ops.add_node(name, **attributes(op))
        return Ref(name, 0)

    def _reads(self, node: fx.Node) -> list[Read]:
        """Return what feeds the node's arguments, in order, one entry a slot."""
        found: list[Read] = []

        def visit(argument: fx.Node) -> fx.Node:
            value = self.env.get(argument)
            if isinstance(value, Ref):
                found.append(Read(value, *self._describe(argument.meta.get("val"))))
                return argument
            for ref in pytree.tree_leaves(value, is_leaf=lambda leaf: isinstance(leaf, Ref)):
                if isinstance(ref, Ref):
                    found.append(Read(ref, self.ops.nodes[ref.op]["shape"], self.ops.nodes[ref.op]["dtype"]))
            return argument

        fx.node.map_arg((node.args, node.kwargs), visit)
        return found

    def connect(self, reads: list[Read], name: str) -> None:
        by_source: dict[str, list[tuple[int, Read]]] = defaultdict(list)
        for slot, read in enumerate(reads):
            by_source[read.ref.op].append((slot, read))
        for source, pairs in by_source.items():
            self.ops.add_edge(
                source,
                name,
                slots=[slot for slot, _ in pairs],
                outputs=[read.ref.result for _, read in pairs],
                shape=pairs[0][1].shape,
                dtype=pairs[0][1].dtype,
            )

    def _describe(self, value: Any) -> tuple[Shape | None, str | None]:
        if isinstance(value, list | tuple):
            parts = [self._describe(item) for item in value]
            return next((part for part in parts if part[0] is not None), (None, None))
        if not isinstance(value, torch.Tensor):
            return None, None
        shape = tuple(named_size(n, self.capture.dimensions) for n in value.shape)
        return shape, str(value.dtype).removeprefix("torch.")

    def _call(self, stack: Any) -> tuple[str, str]:
        """Return path and call key of the innermost module; note the calls above it.

        A module that the forward pass makes and runs is no part of the model: its operations are its caller's.
        """
        scope, call = "", ""
        for key, (path, type_) in stack.items():
            if self.paths is not None and path not in self.paths:  # strict export writes odd names in its own way
                path = self.by_id.get(key.partition("@")[0])
            if path is None or key.startswith(OUTSIDE):  # torch's mark on what it added outside of any module
                continue
            self.types.setdefault(path, type_ if isinstance(type_, str) else qualified_name(type_))
            runs = self.runs.setdefault(path, {})
            if key not in runs:
                self.new_call(path, call, key)
            scope, call = path, runs[key]
        return scope, call

    def new_call(self, path: str, parent: str, key: str | None = None) -> str:
        """Note another run of the module at *path*; *key* is the tracer's for it."""
        runs = self.runs.setdefault(path, {})
        call = (f"{path}@{len(runs)}" if runs else path) if path else ""
        while call in self.calls and path:  # a module whose name ends like ours of runs
            call += "@"
        self.calls.setdefault(call, Call(path, parent))
        runs[f"copied {len(runs)}" if key is None else key] = call
        return call

    def finish(self) -> None:
        """Add the outputs, and take away what yields no tensor and feeds nothing: the tracer's own questions."""
        for path, value, shown in self._outputs():
            if isinstance(value, Ref):
                shape, dtype = self._describe(shown)
                name = path if path == "output" else f"output_{path}"
                output = self.add(Op("output", path, shape=shape, dtype=dtype), name)
                self.connect([Read(value, shape, dtype)], output.op)
        for name in reversed(list(self.ops)):
            op = self.ops.nodes[name]
            if op["kind"] == "op" and op["shape"] is None and not self.ops.out_degree(name):
                self.ops.remove_node(name)
        count_no_weights(self.ops)
        self._rename()

    def _rename(self) -> None:
        """Give the operations their names, wherever they are known by the first ones."""
        names = numbered(self.ops)
        named: nx.DiGraph[str] = nx.DiGraph()
        named.add_nodes_from((names.get(name, name), op) for name, op in self.ops.nodes(data=True))
        for target in self.ops:  # what feeds an operation stays in its order
            named.add_edges_from(
                (names.get(s, s), names.get(t, t), e) for s, t, e in self.ops.in_edges(target, data=True)
            )
        self.ops = named
        self.nodes = {node: (call, names.get(op or "")) for node, (call, op) in self.nodes.items()}
        for node, (run, call, copies) in self.repeated.items():
            kept = {names[old]: names[new] for old, new in copies.items() if old in names and new in names}
            self.repeated[node] = run, call, kept

    def _outputs(self) -> Iterator[tuple[str, Value, Any]]:
        """Yield path, value and example of each output; an operation with several results yields as many."""
        for path, node in self.capture.outputs:
            value, example = self.env.get(node), node.meta.get("val")
            if isinstance(value, Ref) and isinstance(example, list | tuple):
                stem = "" if path == "output" else f"{path}."
                yield from ((f"{stem}{i}", Ref(value.op, i), item) for i, item in enumerate(example))
            else:
                yield path, value, example


def _argument(node: fx.Node, index: int) -> fx.Node:
    value = node.args[index]
    assert isinstance(value, fx.Node)
    return value


def _elements(shape: Shape | None) -> int:
    return math.prod(size for size in shape or () if isinstance(size, int))


__all__ = ["Reader"]
