"""FX nodes, in topological order → the graph of operations, with their inputs, source lines and costs."""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import fx, nn

from ptgraph.graph.model import Kind, Op, Shape
from ptgraph.tracing.captured import Capture
from ptgraph.tracing.fx_graph.activation_memory import activation_bytes
from ptgraph.tracing.fx_graph.alias_analysis import Aliases
from ptgraph.tracing.fx_graph.assembly import GraphAssembly, Read, Ref, Value
from ptgraph.tracing.fx_graph.flop_counter import SIZES, FlopCounter
from ptgraph.tracing.fx_graph.node import (
    constant_value,
    depends_on_data,
    describe,
    example_size,
    function_of,
    literals,
    module_of,
    nested_graph,
    target_of,
)
from ptgraph.tracing.fx_graph.replay import TracedCall, copy_call
from ptgraph.tracing.module_walk import named_buffers, named_modules, named_parameters, unsliced
from ptgraph.tracing.nested_values import key_name
from ptgraph.tracing.repeated_blocks.interceptor import ENTER, LEAVE, REPEAT
from ptgraph.tracing.source_info import SourceFiles, qualified_name
from ptgraph.tracing.torch_internals import CHECKS, OUTSIDE, VMAP, VMAP_ENTER, pytree

# Copies that exist only while tracing.
_COPIES = {"aten.lift_fresh_copy.default", "aten.detach.default", "aten.detach_.default", "aten.alias.default"}
_COPIES |= {"torch.Tensor.detach", "torch.Tensor.data"}
_WRAPPERS = {"wrap_with_set_grad_enabled", "wrap_with_autocast"}


class Reader:
    """Reads fx nodes in order, and adds what they do to a `GraphAssembly`.

    ``nodes`` says which operation an fx node became, and in which module call. ``traced`` holds the calls of blocks
    that were traced, by id. ``repeated`` holds the calls that repeat one: the id, their key, and which operation of the
    traced one became which.
    """

    def __init__(self, capture: Capture, first: dict[str, str]) -> None:
        self.capture = capture
        self.assembly = GraphAssembly(first)
        modules = dict(named_modules(capture.model, remove_duplicate=False)) if capture.model is not None else None
        self.paths = set(modules) if modules is not None else None
        self.by_id = {str(id(module)): path for path, module in reversed((modules or {}).items())}
        self.files = SourceFiles()
        self.counter = FlopCounter()
        self.env: dict[fx.Node, Value] = {}
        self.aliases = Aliases()
        self.batched: dict[fx.Node, dict[int, int]] = {}  # level of torch.func.vmap → how many examples it runs over
        self.nodes: dict[fx.Node, tuple[str, str | None]] = {}
        self.traced: dict[str, list[TracedCall]] = defaultdict(list)
        self.repeated: dict[fx.Node, tuple[str, str, dict[str, str]]] = {}
        self._given: dict[str, list[Value]] = {}
        self._marks = {ENTER: self._enter, LEAVE: self._leave, REPEAT: self._repeat}

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
            elif node.target is operator.getitem and _is_part(node):
                self._part(node)
            elif target in _COPIES or self._writes_back(node, target):
                self.env[node] = self.env.get(_argument(node, 0))
            elif target in _WRAPPERS:
                self._inline(node)
            elif target in self._marks:
                self._marks[target](node)
            else:
                self._op(node, target)
        return ()

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
            name = self.assembly.first.get(name, name)
            if name not in self.assembly.states:
                self.assembly.states[name] = self._add_state(node.name, kind, name, node.meta.get("val"))
            self.env[node] = self.assembly.states[name]

    def _inputs(self, node: fx.Node, name: str) -> Value:
        """Add an input for each tensor in an argument; one that is no tensor is a constant of the graph."""

        def add(path: Any, value: Any) -> Ref | None:
            if not isinstance(value, torch.Tensor):
                return None
            shape, dtype = self._shape_of(value)
            steps = "".join(f"_{key_name(key)}" for key in path)
            return self.assembly.add(Op("input", name + steps, shape=shape, dtype=dtype), node.name + steps)

        return pytree.tree_map_with_path(add, node.meta.get("val"))

    def _add_state(self, key: str, kind: str, name: str, value: Any) -> Ref:
        shape, dtype = self._shape_of(value)
        kinds: dict[str, Kind] = {"parameter": "parameter", "buffer": "buffer"}
        says = constant_value(self.capture.constants.get(name)) if kind not in kinds else {}
        return self.assembly.add(Op(kinds.get(kind, "constant"), name, shape=shape, dtype=dtype, attributes=says), key)

    def _enter(self, node: fx.Node) -> None:
        """Note what the call of a block that begins here is given."""
        _, call = self._call(node.meta.get("nn_module_stack") or {})
        self.nodes[node] = call, None
        self._given[call] = self._values(node.args[0])

    def _leave(self, node: fx.Node) -> None:
        """Note the call of a block that has just been read."""
        _, call = self._call(node.meta.get("nn_module_stack") or {})
        self.nodes[node] = call, None
        self.traced[str(node.args[-1])].append(TracedCall(call, self._given[call], self._values(node.args[0])))

    def _repeat(self, node: fx.Node) -> None:
        """Copy the operations of the call that *node* stands for."""
        _, call = self._call(node.meta.get("nn_module_stack") or {})
        block = str(node.args[-1])
        self.nodes[node] = call, None
        self.env[node], names = copy_call(self.assembly, self.traced[block][0], call, self._values(node.args[0]))
        self.repeated[node] = block, call, names

    def _values(self, nodes: Any) -> list[Value]:
        return [self.env.get(node) for node in nodes]

    def _op(self, node: fx.Node, target: str) -> None:
        shape, dtype = self._shape_of(node.meta.get("val"))
        scope, call = self._call(node.meta.get("nn_module_stack") or {})
        file, line = self.files.last_frame(node.meta.get("stack_trace"))
        module = module_of(node)
        function, examples = function_of(node, module), self._examples(node)
        reads = self._reads(node)
        if module is not None:
            reads += self._module_reads(str(node.target), module)
        parameters = {read.ref.op for read in reads if self.assembly.ops.nodes[read.ref.op]["kind"] == "parameter"}
        work = self.counter.count(node, function, weights=bool(parameters))
        memory = activation_bytes(node, function)
        op = Op(
            kind="op",
            target=target,
            scope=scope,
            call=call,
            shape=shape,
            dtype=dtype,
            params=sum(_elements(self.assembly.ops.nodes[p]["shape"]) for p in parameters),
            flops=work.flops * examples,
            activation_bytes=memory * examples,
            uncounted=work.unknown or (SIZES if memory and depends_on_data(node) else ""),
            attributes=literals(node, self.capture.dimensions),
            file=file,
            line=line,
        )
        ref = self.assembly.add(op)
        self.nodes[node] = call, ref.op
        self.assembly.connect(reads, ref.op)
        self.env[node] = ref
        for other in self.aliases.changed(node):
            if isinstance(self.env.get(other), Ref):
                self.env[other] = ref

    def _module_reads(self, path: str, module: nn.Module) -> Iterator[Read]:
        """Yield the state that a whole-module node reads; the graph has no nodes of its own for it."""
        for kind, named in (("parameter", named_parameters(module)), ("buffer", named_buffers(module))):
            for own, tensor in named:
                name = self.assembly.first.get(f"{path}.{own}", f"{path}.{own}")
                if name not in self.assembly.states:
                    key = f"{kind[0]}_{name.replace('.', '_')}"
                    self.assembly.states[name] = self._add_state(key, kind, name, tensor)
                yield Read(self.assembly.states[name], *self._shape_of(tensor))

    def _examples(self, node: fx.Node) -> int:
        """Return how many examples *node* runs over within torch.func.vmap."""
        levels = {level: size for value in node.all_input_nodes for level, size in self.batched.get(value, {}).items()}
        if levels:
            self.batched[node] = levels
        return math.prod(levels.values())

    def _reads(self, node: fx.Node) -> list[Read]:
        """Return what feeds the node's arguments, in order, one entry a slot."""
        found: list[Read] = []

        def visit(argument: fx.Node) -> fx.Node:
            value = self.env.get(argument)
            if isinstance(value, Ref):
                found.append(Read(value, *self._shape_of(argument.meta.get("val"))))
                return argument
            for ref in pytree.tree_leaves(value, is_leaf=lambda leaf: isinstance(leaf, Ref)):
                if isinstance(ref, Ref):
                    op = self.assembly.ops.nodes[ref.op]
                    found.append(Read(ref, op["shape"], op["dtype"]))
            return argument

        fx.node.map_arg((node.args, node.kwargs), visit)
        return found

    def _shape_of(self, value: Any) -> tuple[Shape | None, str | None]:
        return describe(value, self.capture.dimensions)

    def _call(self, stack: Any) -> tuple[str, str]:
        """Return path and call key of the innermost module; note the calls above it.

        A module that the forward pass makes and runs is no part of the model: its operations are its caller's.
        """
        scope, call = "", ""
        for key, (path, type_) in stack.items():
            if self.paths is not None and path not in self.paths:  # strict export writes odd names in its own way
                path = self.by_id.get(key.partition("@")[0]) or unsliced(path, self.capture.model)
            if path is None or key.startswith(OUTSIDE):  # torch's mark on what it added outside of any module
                continue
            self.assembly.types.setdefault(path, type_ if isinstance(type_, str) else qualified_name(type_))
            scope, call = path, self.assembly.call(path, call, key)
        return scope, call

    def finish(self) -> None:
        """Add the outputs, and give the operations their names wherever they are known by temporary ones."""
        for path, value, shown in _outputs(self.capture, self.env):
            if isinstance(value, Ref):
                shape, dtype = self._shape_of(shown)
                name = path if path == "output" else f"output_{path}"
                output = self.assembly.add(Op("output", path, shape=shape, dtype=dtype), name)
                self.assembly.connect([Read(value, shape, dtype)], output.op)
        names = self.assembly.finish()
        self.nodes = {node: (call, names.get(op or "")) for node, (call, op) in self.nodes.items()}
        for node, (block, call, copies) in self.repeated.items():
            kept = {names[old]: names[new] for old, new in copies.items() if old in names and new in names}
            self.repeated[node] = block, call, kept


def _outputs(capture: Capture, env: Mapping[fx.Node, Value]) -> Iterator[tuple[str, Value, Any]]:
    """Yield path, value and example of each output; an operation with several results yields as many."""
    for path, node in capture.outputs:
        value, example = env.get(node), node.meta.get("val")
        if isinstance(value, Ref) and isinstance(example, list | tuple):
            stem = "" if path == "output" else f"{path}."
            yield from ((f"{stem}{i}", Ref(value.op, i), item) for i, item in enumerate(example))
        else:
            yield path, value, example


def _is_part(node: fx.Node) -> bool:
    """Return whether *node* takes one of several results."""
    source = node.args[0]
    return isinstance(source, fx.Node) and isinstance(source.meta.get("val"), list | tuple | dict)


def _argument(node: fx.Node, index: int) -> fx.Node:
    value = node.args[index]
    assert isinstance(value, fx.Node)
    return value


def _elements(shape: Shape | None) -> int:
    return math.prod(size for size in shape or () if isinstance(size, int))


__all__ = ["Reader"]
