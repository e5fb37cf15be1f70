"""Sample inputs for a traced model: real numbers, with two sizes of each dynamic dimension."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ptgraph.graph.model import ModelGraph, Op, Shape
from ptgraph.tracing.size_conditions import size_conditions
from ptgraph.tracing.source import Source
from ptgraph.tracing.torch_internals import expression_of, hint_of, input_spec, pytree
from ptgraph.tracing.tracers.bound_call import bind

# Operations that change the shape of integers, or leave some out, but not their values.
_SAME_VALUES = {"view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "expand", "repeat", "permute"}
_SAME_VALUES |= {"transpose", "t", "slice", "select", "narrow", "split", "chunk", "unbind", "cat", "stack", "flip"}
_SAME_VALUES |= {"roll", "clone", "contiguous", "to", "_to_copy", "detach", "alias", "where", "masked_fill"}
Symbols = dict[Any, int]  # of sympy's, which stand for dimensions that may vary
FEW = 2  # how many different integers there are where nothing says how many there may be

# From the size that was traced to others, by likelihood: a model may have a greatest size, or want an even one.
_STEPS: tuple[Callable[[int], int], ...] = (lambda n: n + 1, lambda n: n - 1, lambda n: 2 * n, lambda n: n // 2)


@dataclass(frozen=True)
class Sample:
    """Inputs of one run. ``named`` has the tensors in ``args`` and ``kwargs`` by their names in the program."""

    case: str
    sizes: dict[str, int]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    named: dict[str, torch.Tensor]


class Sampler:
    """Makes inputs for a model that torch.export traced. Where its example inputs have real numbers, the first
    sample has them too; all others are random, and the same each time."""

    def __init__(self, source: Source, graph: ModelGraph) -> None:
        assert graph.program is not None
        self.graph = graph
        self.program = graph.program
        self.specs = [s.arg for s in self.program.graph_signature.input_specs if s.kind.name == "USER_INPUT"]
        nodes = {node.name: node.meta.get("val") for node in self.program.graph.nodes if node.op == "placeholder"}
        self.traced = {s.name: nodes[s.name] for s in self.specs if isinstance(nodes.get(s.name), torch.Tensor)}
        self.call = bind(source) if source.model is not None else None
        self.given = self._given()
        self.symbols = self._symbols()
        self.conditions = size_conditions(graph.program, graph.dimensions)
        self.random = torch.Generator().manual_seed(0)

    def first(self) -> Sample:
        """Return the sample at the sizes that were traced."""
        return self._sample(self.symbols, self.given, "first values")

    def others(self) -> Iterator[Sample]:
        """Yield samples in which all dimensions that may vary have other sizes, the likeliest first.

        If none may vary, the one sample has the same sizes and other values.
        """
        if not self.symbols:
            yield self._sample({}, {}, "other values")
            return
        for number in range(len(_STEPS)):
            sizes = self._step(_STEPS[number:] + _STEPS[:number])
            if sizes is not None:
                yield self._sample(sizes, {}, "")

    def beyond(self) -> Iterator[Sample]:
        """Yield samples at sizes that break a condition of the program; the model itself may run at them."""
        for condition in self.conditions:
            yield self._sample({**self.symbols, **condition.broken_by}, {}, "")

    def _given(self) -> dict[str, torch.Tensor]:
        """Return the example inputs, by their names in the program."""
        names = pytree.tree_unflatten([spec.name for spec in self.specs], input_spec(self.program))
        example = self.program.example_inputs if self.call is None else (self.call.args, self.call.kwargs)
        values = dict(pytree.tree_flatten_with_path(tuple(example or ()))[0])
        named = {name: values.get(path) for path, name in pytree.tree_flatten_with_path(names)[0]}
        return {name: value for name, value in named.items() if isinstance(value, torch.Tensor)}

    def _symbols(self) -> Symbols:
        """Return the symbols in the shapes of inputs, with the sizes that were traced."""
        found: Symbols = {}
        for name, tensor in self.traced.items():
            given = self.given[name].shape if name in self.given else [_hint(n) for n in tensor.shape]
            for size, value in zip(tensor.shape, given, strict=True):
                symbols = [] if isinstance(size, int) else list(expression_of(size).free_symbols)
                if len(symbols) == 1:  # one that stands in sums only is known from elsewhere
                    rest = int(value) - expression_of(size).subs({symbols[0]: 0})
                    found.setdefault(symbols[0], int(rest / expression_of(size).diff(symbols[0])))
        return found

    def _step(self, steps: tuple[Callable[[int], int], ...]) -> Symbols | None:
        """Return another size for each symbol, by the first of *steps* that may be; dimensions of one name go alike."""
        by_name: dict[str, int] = {}
        for symbol, size in self.symbols.items():
            others = (n for n in (step(size) for step in steps) if n > 0 and n != size and self._may_be({symbol: n}))
            by_name.setdefault(self._name(symbol), next(others, size))
        sizes = {symbol: by_name[self._name(symbol)] for symbol in self.symbols}
        differ = all(sizes[symbol] != size for symbol, size in self.symbols.items())
        return sizes if differ and self._may_be(sizes) else None

    def _may_be(self, sizes: Symbols) -> bool:
        """Return whether the program takes these sizes, as far as they decide it."""
        for expression, allowed in self.program.range_constraints.items():
            size = expression.subs(sizes)
            if size.is_number and not allowed.lower <= size <= allowed.upper:
                return False
        return not any(condition.is_broken(sizes) for condition in self.conditions)

    def _name(self, expression: Any) -> str:
        return self.graph.dimensions.get(str(expression), str(expression))

    def _sample(self, sizes: Symbols, given: dict[str, torch.Tensor], case: str) -> Sample:
        named: dict[str, torch.Tensor] = {}
        labels: dict[str, int] = {}
        for name, tensor in self.traced.items():
            shape = []
            for size in tensor.shape:
                expression: Any = size if isinstance(size, int) else expression_of(size)
                shape.append(size if isinstance(size, int) else int(expression.subs(sizes)))
                if getattr(expression, "is_Symbol", False) or str(expression) in self.graph.dimensions:
                    labels[self._name(expression)] = shape[-1]
            named[name] = self._value(name, tensor.dtype, tuple(shape), given.get(name))
        leaves = [named.get(spec.name, getattr(spec, "value", None)) for spec in self.specs]
        args, kwargs = pytree.tree_unflatten(leaves, input_spec(self.program))
        if self.call is not None and self.call.rebuild is not None:
            args, kwargs = self.call.rebuild(kwargs)
        case = " ".join(f"{name}={size}" for name, size in labels.items()) or case
        return Sample(case, labels, args, kwargs, named)

    def _value(self, name: str, dtype: torch.dtype, shape: tuple[int, ...], given: torch.Tensor | None) -> torch.Tensor:
        if given is not None and not given.is_meta and given.shape == shape and bool(given.any()):
            return given.detach().cpu()
        if "mask" in name.lower():  # a padding mask of torch's says what is left out, any other what takes part
            return torch.full(shape, "padding" not in name.lower(), dtype=dtype)
        if dtype == torch.bool:
            return torch.ones(shape, dtype=dtype)
        if dtype.is_floating_point:
            return torch.randn(shape, generator=self.random).to(dtype)
        if dtype.is_complex:
            return torch.randn(shape, generator=self.random, dtype=dtype)
        return torch.randint(0, self._bound(name), shape, generator=self.random, dtype=dtype)

    def _bound(self, name: str) -> int:
        """Return how many different integers an input may hold: as many as the tables have rows that it numbers."""
        tables = _table_sizes(self.graph, name)
        if tables:
            return min(tables)
        example = self.given.get(name)
        known = example is not None and not example.is_meta and example.numel()
        return max(FEW, int(example.max()) + 1) if example is not None and known else FEW


def _hint(size: Any) -> int:
    return size if isinstance(size, int) else int(hint_of(size))


def _table_sizes(graph: ModelGraph, name: str) -> list[int]:
    """Return the sizes of the dimensions that the integers called *name* number, as they are or rearranged."""
    found: list[int | str] = []
    todo, seen = [name], {name}
    while todo:
        for _, reader, edge in graph.ops.out_edges(todo.pop(), data=True):
            op = graph.op(reader)
            word = op.target.split(".")[1] if op.target.startswith("aten.") else ""
            table = next((graph.op(t) for t, _, e in graph.ops.in_edges(reader, data=True) if 0 in e["slots"]), None)
            if table is not None and table.shape and edge["slots"] != [0]:
                found += _numbered(word, op, edge["slots"], table.shape)
            if word in _SAME_VALUES and reader not in seen:
                seen.add(reader)
                todo.append(reader)
    return [size for size in found if isinstance(size, int)]


def _numbered(word: str, op: Op, slots: list[int], shape: Shape) -> Sequence[int | str]:
    """Return the sizes of the dimensions of a table of this shape that the integers in *slots* of *op* number."""
    if word in ("embedding", "embedding_bag"):
        return shape[:1] if 1 in slots else ()
    if word in ("index_select", "gather", "take_along_dim"):
        return (shape[op.attributes["dim"]],) if isinstance(op.attributes.get("dim"), int) else ()
    if word == "index":  # with dimensions left out, it could be any
        return shape if "indices" in op.attributes else [shape[slot - 1] for slot in slots if slot]
    return ()


__all__ = ["Sample", "Sampler"]
