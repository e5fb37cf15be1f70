"""Recorded stages → ModelGraph: a training pipeline as it ran, which every format draws like a model.

A stage is a component with one operation; what flows is found by identity: an argument that is a result of an
earlier stage, or a part of one, or holds one. Runs of a stage are one node, which says how often it ran and between
which bounds the sizes were.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import networkx as nx
import torch
from torch import nn

from ptgraph.common.temporary_files import temporary_folder
from ptgraph.graph.model import RECORDED, Call, Component, ModelGraph, Op, Shape
from ptgraph.graph.recorded_pipelines import check_kind
from ptgraph.graph.serialize import attributes
from ptgraph.tracing.module_tree import config_of
from ptgraph.tracing.module_walk import named_parameters
from ptgraph.tracing.plain_values import plain_value
from ptgraph.tracing.source_info import SourceFiles, qualified_name

if TYPE_CHECKING:
    from ptgraph.models.training import GRPOTrainer, Pretrainer
    from ptgraph.models.training.stage import Event


_WORDS = {"int": "number", "float": "number", "str": "text", "Tensor": "tensor"}  # what a list holds, to people


def record_pipeline(kind: str, preset: str = "nano", *, times: bool = False) -> ModelGraph:
    """Take one step of a new trainer of a preset, and return it as a graph.

    With *times*, each stage has the attributes ``milliseconds`` and ``share`` (of the step): measured, so never the
    same twice. Raises ValueError for a pipeline or a preset that does not exist.
    """
    from ptgraph.models.training import GRPO, PRETRAIN, pretrainer
    from ptgraph.models.training.grpo import GRPOTrainer
    from ptgraph.models.training.stage import record

    check_kind(kind)
    presets: Mapping[str, Any] = {"pretrain": PRETRAIN, "grpo": GRPO}[kind]
    if preset not in presets:
        raise ValueError(f"there is no preset {preset!r}; choose from {', '.join(presets)}")
    with temporary_folder() as folder:
        trainer: Pretrainer | GRPOTrainer = pretrainer(PRETRAIN[preset], folder)
        if kind == "grpo":
            trainer = GRPOTrainer(GRPO[preset], trainer.model, trainer.batches.tokenizer)
        with record() as events:
            trainer.step()
    return graph_of_events(events, trainer, kind, times=times)


def graph_of_events(events: Sequence[Event], trainer: Any, name: str, *, times: bool = False) -> ModelGraph:
    """Return the graph of what *trainer* did: *events* in order, called *name*."""
    stages = _gather(events)
    class_: Any = type(trainer)
    type_ = qualified_name(class_)
    files = SourceFiles()
    classes = {type_: files.describe(class_)}
    ops: nx.DiGraph[str] = nx.DiGraph()
    tree: nx.DiGraph[str] = nx.DiGraph()
    tree.add_node("", **attributes(Component("", type_, "Training", settings=config_of(trainer), calls=1)))
    total = sum(event.seconds for event in events)
    for stage in stages.values():
        for source, given in stage.inputs.items():
            if source not in ops:
                target = source.removeprefix(_OUTSIDE)
                ops.add_node(source, **attributes(Op("input", target, shape=given.shape, dtype=given.dtype)))
        measured = {"milliseconds": round(stage.seconds * 1e3, 3), "share": round(stage.seconds / total, 4)}
        shape, dtype = stage.result.shape, stage.result.dtype
        type_ = qualified_name(stage.function)
        classes[type_] = code = files.describe(stage.function)
        own = Component(stage.name, type_, stage.role, calls=stage.runs, shape=shape, dtype=dtype)
        tree.add_node(stage.name, **attributes(own))
        tree.add_edge("", stage.name)
        given_too = {**stage.settings, **(measured if times else {})}
        op = Op("op", type_, stage.name, stage.name, shape, dtype, attributes=given_too, file=code.file, line=code.line)
        ops.add_node(stage.name, **attributes(op))
        for flow, value in stage.reads.items():
            if ops.has_edge(flow.source, stage.name):
                ops.edges[flow.source, stage.name]["slots"].append(flow.slot)
                ops.edges[flow.source, stage.name]["outputs"].append(flow.output)
            else:
                of = {"shape": None if value.words else value.shape, "dtype": value.dtype}
                ops.add_edge(flow.source, stage.name, slots=[flow.slot], outputs=[flow.output], **of)
    end = f"{_OUTSIDE}output"
    ops.add_node(end, **attributes(Op("output", "parameters", shape=shape, dtype=dtype)))
    ops.add_edge(stage.name, end, slots=[0], outputs=[0], shape=shape, dtype=dtype)
    calls = {"": Call("", None), **{path: Call(path, "") for path in stages}}
    classes = dict(sorted(classes.items()))
    return ModelGraph(name, ops, tree, calls, (), classes, RECORDED, config=config_of(trainer))


class Described(NamedTuple):
    """What a value is: its type, and its sizes, each from the least to the most with its unit (a tensor has none)."""

    dtype: str
    sizes: tuple[tuple[int, int, str], ...] = ()
    words: str = ""  # in place of sizes

    @property
    def shape(self) -> Shape:
        """The sizes as a shape; one that varies, or has a unit, is text."""
        return (self.words,) if self.words else tuple(self._size(*size) for size in self.sizes)

    @staticmethod
    def _size(low: int, high: int, unit: str) -> int | str:
        if low == high:
            return f"{low:,} {unit if low == 1 else unit + 's'}" if unit else low
        return f"{low:,}–{high:,} {unit + 's' if unit else ''}".strip()

    def joined_with(self, other: Described | None) -> Described:
        """The bounds of both, if they differ in sizes alone."""
        if other is None or [unit for *_, unit in self.sizes] != [unit for *_, unit in other.sizes]:
            return self
        pairs = zip(self.sizes, other.sizes, strict=True)
        return self._replace(sizes=tuple((min(a[0], b[0]), max(a[1], b[1]), a[2]) for a, b in pairs))


class Flow(NamedTuple):
    """One way into a stage: from where, as which argument, and which of the source's results it is."""

    source: str
    slot: int
    output: int


@dataclass
class _Stage:
    """All runs of a stage together."""

    name: str
    function: Any
    role: str
    result: Described
    runs: int = 0
    seconds: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Described] = field(default_factory=dict)  # from outside
    reads: dict[Flow, Described] = field(default_factory=dict)


_OUTSIDE = "outside/"  # no function is called like this


def _gather(events: Sequence[Event]) -> dict[str, _Stage]:
    """Join the runs of each stage, in the order in which the stages first ran."""
    stages: dict[str, _Stage] = {}
    known: dict[int, tuple[str, int]] = {}  # identity → the stage that returned it, and as which of its results
    outside: dict[str, Any] = {}
    for event in events:
        function = inspect.unwrap(event.function)
        name, result = function.__name__, _described(event.result)
        stage = stages.setdefault(name, _Stage(name, function, event.role, result))
        stage.result = stage.result.joined_with(result)
        stage.runs += 1
        stage.seconds += event.seconds
        earlier = list(stages)[: list(stages).index(name)]
        for slot, (argument, value) in enumerate(event.arguments.items()):
            flows: dict[Flow, list[Any]] = defaultdict(list)
            for part in _known_parts(value, known):
                source, output = known[id(part)]
                flows[Flow(source, slot, output)].append(part)
            if not flows and _is_data(value):
                place = _OUTSIDE + argument
                if outside.setdefault(place, value) is not value:  # another one of the same name
                    place = f"{place} of {name}"
                flows[Flow(place, slot, 0)] = [value]
                stage.inputs[place] = _described(value).joined_with(stage.inputs.get(place))
            elif not flows:
                stage.settings.setdefault(argument, _setting(value))
            for flow, parts in flows.items():
                if flow.source in earlier or flow.source in stage.inputs:  # not what is of the round before
                    stage.reads[flow] = _together(value, parts).joined_with(stage.reads.get(flow))
        known.update((id(part), (name, output)) for output, part in _results(event.result))
    return stages


def _results(value: Any) -> Iterator[tuple[int, Any]]:
    """Yield all that a stage returned, each with its number among the results."""
    yield from ((0, part) for part in _parts(value))
    for output, item in enumerate(value if isinstance(value, tuple) else ()):
        yield from ((output, part) for part in _parts(item))


def _parts(value: Any, depth: int = 3) -> Iterator[Any]:
    """Yield a value and what it holds, of the kinds that have an identity of their own."""
    if _has_identity(value):
        yield value
        for part in _inside(value) if depth else ():
            yield from _parts(part, depth - 1)


def _known_parts(value: Any, known: Mapping[int, Any], depth: int = 3) -> Iterator[Any]:
    """Yield a value if it is known, or else those parts of it that are."""
    if _has_identity(value) and id(value) in known:
        yield value
    elif _has_identity(value) and depth:
        for part in _inside(value):
            yield from _known_parts(part, known, depth - 1)


def _has_identity(value: Any) -> bool:
    """Say whether no other value can be the same object by chance: Python shares small ones."""
    shared = value is None or isinstance(value, int | float | nn.Module) or callable(value)
    return not shared and not (isinstance(value, str | tuple) and len(value) < 2)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    return [getattr(value, f.name) for f in fields(value)] if is_dataclass(value) else []


def _is_data(value: Any) -> bool:
    """Say whether a value flows, or is one of a stage's settings and tools."""
    return isinstance(value, torch.Tensor | nn.Module | list | tuple | Iterator)


def _setting(value: Any) -> Any:
    """Return a number or text as it is, and of anything else its class."""
    if isinstance(value, float):
        return plain_value(float(f"{value:.6g}"))
    return plain_value(value) if value is None or isinstance(value, bool | int | str) else type(value).__name__


def _together(value: Any, parts: list[Any]) -> Described:
    """Return what *parts* of *value* are, with their number if it is a list of them."""
    first, *others = map(_described, parts)
    for other in others:
        first = first.joined_with(other)
    if parts[0] is value or not isinstance(value, list | tuple):
        return first
    return first._replace(sizes=((len(parts), len(parts), ""), *first.sizes))


def _described(value: Any) -> Described:
    kind = type(value).__name__
    if isinstance(value, torch.Tensor):
        return Described(str(value.dtype).removeprefix("torch."), tuple((size, size, "") for size in value.shape))
    if isinstance(value, nn.Module):
        return Described(kind, words=f"{sum(p.numel() for _, p in named_parameters(value)):,} parameters")
    if isinstance(value, str):
        return Described("str", ((len(value), len(value), "character"),))
    if isinstance(value, Iterator):
        return Described("stream", words="without end")
    if is_dataclass(value) or hasattr(value, "_fields"):  # as large as its first tensor
        held = _inside(value)
        return Described(kind, next((_described(v).sizes for v in held if isinstance(v, torch.Tensor)), ()))
    if isinstance(value, tuple) and value:  # several results: the first is what the stage is for
        return _described(value[0])
    if isinstance(value, list) and value:
        items = [_described(item) for item in value]
        if isinstance(value[0], torch.Tensor) and len(set(items)) == 1:
            return Described(items[0].dtype, ((len(value), len(value), ""), *items[0].sizes))
        inside = type(value[0]).__name__
        inside = "Tensor" if isinstance(value[0], torch.Tensor) else inside  # a parameter, too
        return Described(items[0].dtype, ((len(value), len(value), _WORDS.get(inside, inside.lower())),))
    return Described(kind)


__all__ = ["graph_of_events", "record_pipeline"]
