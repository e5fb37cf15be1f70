"""A synthetic graph of 100,000 operations: nested modules, no two of them equal, so that nothing folds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import networkx as nx

from ptgraph.graph.model import Call, ClassInfo, Component, ModelGraph, Op, Parameter, Shape
from ptgraph.graph.serialize import attributes

OPERATIONS = 100_000
STAGES = 10  # modules directly below the root
LEVELS = ("group", "layer", "part")  # below a stage; modules of the last one hold operations
WIDTHS = {"group": (8, 12), "layer": (8, 12), "part": (8, 12)}
SIZES = (8, 15)  # operations of a module that holds them
CATEGORIES = {
    "Mixer": "Attention",
    "Transform": "Linear",
    "Norm": "Normalization",
    "Gate": "Activation",
    "Filter": "Convolution",
}
OPERATORS = ("linear", "mul", "add", "relu", "softmax", "matmul", "transpose", "view", "layer_norm", "conv1d", "gelu")
CHANNELS = (64, 96, 128, 192, 256, 384, 512)
MODULE = "synthetic"


@dataclass
class _Builder:
    """The graph while it grows."""

    random: random.Random
    ops: nx.DiGraph[str] = field(default_factory=nx.DiGraph)
    tree: nx.DiGraph[str] = field(default_factory=nx.DiGraph)
    calls: dict[str, Call] = field(default_factory=dict)
    parameters: list[Parameter] = field(default_factory=list)
    count: int = 0

    def op(self, scope: str, target: str, reads: list[str], shape: Shape) -> str:
        """Add an operation that reads others; every third has a weight of its own."""
        name = f"op_{self.count}"
        self.count += 1
        weight = target in ("linear", "conv1d", "layer_norm")
        if weight:
            self._weight(scope, name, shape)
        params = int(shape[-1]) if weight else 0
        node = Op("op", f"aten.{target}.default", scope, scope, shape, "float32", params, 1000 * params)
        self.ops.add_node(name, **attributes(node))
        for slot, source in enumerate(dict.fromkeys([*reads, *([f"{name}_weight"] if weight else [])])):
            given = self.ops.nodes[source]
            self.ops.add_edge(source, name, slots=[slot], outputs=[0], shape=given["shape"], dtype="float32")
        return name

    def _weight(self, scope: str, name: str, shape: Shape) -> None:
        count = int(shape[-1])
        full = f"{scope}.{name}"
        self.ops.add_node(f"{name}_weight", **attributes(Op("parameter", full, scope, shape=(count,), dtype="float32")))
        self.parameters.append(Parameter(full, (count,), "float32", count, "parameter", True))
        at: str | None = scope
        while at is not None:  # as the tree's sums: each weight once, in all that it is inside of
            node = self.tree.nodes[at]
            node["total_params"] += count
            node["trainable_params"] += count
            node["flops"] += 1000 * count
            at = next(iter(self.tree.predecessors(at)), None)
        self.tree.nodes[scope]["own_params"] += count

    def module(self, path: str, type_: str, category: str, parent: str | None, shape: Shape) -> str:
        """Add a module, and its one run."""
        node = Component(path, type_, category, calls=1, shape=shape, dtype="float32", settings={"width": shape[-1]})
        self.tree.add_node(path, **attributes(node))
        if parent is not None:
            self.tree.add_edge(parent, path)
        self.calls[path] = Call(path, parent)
        return path


def synthetic_graph(operations: int = OPERATIONS) -> ModelGraph:
    """Return the graph; the same one each time.

    Five levels of modules lie around an operation. Each module adds what it was given to what it makes, and one
    value that the first operation makes is read in every one that holds operations, as a mask is.
    """
    builder = _Builder(random.Random(0))
    builder.module("", f"{MODULE}.Model", "Core architecture", None, ("batch", 512))
    builder.ops.add_node("x", **attributes(Op("input", "x", shape=("batch", 512), dtype="float32")))
    mask = builder.op("", "sigmoid", ["x"], ("batch", 512))
    at = mask
    for stage in _numbers():
        if builder.count >= operations:
            break
        at = _grow(builder, f"stages.{stage}", "", 0, at, mask, operations)
    last = attributes(Op("output", "output", shape=builder.ops.nodes[at]["shape"], dtype="float32"))
    builder.ops.add_node("output", **last)
    builder.ops.add_edge(at, "output", slots=[0], outputs=[0], shape=last["shape"], dtype="float32")
    types = {node["type"] for _, node in builder.tree.nodes(data=True)}
    classes = {name: ClassInfo(name.rpartition(".")[2], MODULE, _DOC, source=_SOURCE) for name in sorted(types)}
    return ModelGraph(
        "synthetic", builder.ops, builder.tree, builder.calls, tuple(builder.parameters), classes, "none: synthetic"
    )


def _numbers() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def _grow(builder: _Builder, path: str, parent: str, depth: int, given: str, mask: str, operations: int) -> str:
    """Add a module with all that is inside of it, and return what it yields."""
    shape = builder.ops.nodes[given]["shape"]
    if depth == len(LEVELS):
        return _fill(builder, path, parent, given, mask)
    level = LEVELS[depth]
    builder.module(path, f"{MODULE}.{('Stage', *map(str.title, LEVELS))[depth]}", "Layers & blocks", parent, shape)
    at = given
    for number in range(builder.random.randint(*WIDTHS[level])):
        if builder.count >= operations:
            break
        at = _grow(builder, f"{path}.{level}{number}", path, depth + 1, at, mask, operations)
    return builder.op(path, "add", [given, at], shape)


def _fill(builder: _Builder, path: str, parent: str, given: str, mask: str) -> str:
    """Add a module of operations: mostly a chain, which branches and joins again."""
    kind = builder.random.choice(list(CATEGORIES))
    shape: Shape = ("batch", builder.random.choice(CHANNELS))
    builder.module(path, f"{MODULE}.{kind}", CATEGORIES[kind], parent, shape)
    at, earlier = builder.op(path, "mul", [given, mask], shape), given
    for _ in range(builder.random.randint(*SIZES) - 2):
        operator = builder.random.choice(OPERATORS)
        reads = [at, earlier] if operator in ("add", "mul", "matmul") else [at]
        earlier, at = (at, builder.op(path, operator, reads, shape)) if builder.random.random() < 0.8 else (earlier, at)
        if earlier == given:
            earlier = at
    return builder.op(path, "add", [given, at], shape)


_DOC = "A module of a synthetic model.\n\nIt stands for a class of which a page shows the text."
_SOURCE = "class Synthetic:\n" + "\n".join(f"    step_{k} = {k}" for k in range(40)) + "\n"

__all__ = ["synthetic_graph"]
