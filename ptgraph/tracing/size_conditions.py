"""What a program takes for granted of its named dimensions: the guards of torch.export that they may break.

torch.export follows one way through the model. Its guards say for which sizes that is the way of the model: an even
number of rows, or as many patches as a position table has. A guard counts here if a size from half to double of the one
that was traced breaks it; others, such as a kernel that must fit, are not worth a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch.export import ExportedProgram

from ptgraph.tracing.torch_internals import condition_text, expression_of, guards_of, hint_of, is_symbolic

_TRIED = 256  # sizes of one dimension


class Condition(NamedTuple):
    """A condition, as Python writes it with the names of the dimensions, and the first sizes found that break it."""

    text: str
    expression: Any
    broken_by: dict[Any, int]

    def is_broken(self, sizes: Mapping[Any, int]) -> bool:
        """Return whether *sizes*, by symbols, decide that the condition does not hold."""
        return str(self.expression.subs(sizes)) == "False"


def size_conditions(program: ExportedProgram | None, names: Mapping[str, str]) -> list[Condition]:
    """Return the conditions on dimensions of *program*, whose symbols (``s23``) have *names*, in their order."""
    if program is None or not names:
        return []
    traced = _traced_sizes(program)
    found: dict[str, Condition] = {}
    for guard in guards_of(program):
        if all(str(symbol) in names and symbol in traced for symbol in guard.free_symbols):
            text = condition_text(guard, names)
            tried = (Condition(text, guard, sizes) for sizes in _tried(traced, names))
            broken = next((condition for condition in tried if condition.is_broken(condition.broken_by)), None)
            if broken is not None:
                found.setdefault(text, broken)
    return list(found.values())


def _traced_sizes(program: ExportedProgram) -> dict[Any, int]:
    """Return the symbols that are sizes of inputs, with the sizes that were traced."""
    shapes = [getattr(n.meta.get("val"), "shape", ()) for n in program.graph.nodes if n.op == "placeholder"]
    sizes = [size for shape in shapes for size in shape if is_symbolic(size)]
    return {expression_of(size): hint_of(size) for size in sizes if getattr(expression_of(size), "is_Symbol", False)}


def _tried(traced: dict[Any, int], names: Mapping[str, str]) -> Iterator[dict[Any, int]]:
    """Yield sizes in which the dimensions of one name have another than was traced, the nearest first."""
    for name in dict.fromkeys(names.get(str(symbol), str(symbol)) for symbol in traced):
        alike = {symbol: size for symbol, size in traced.items() if names.get(str(symbol)) == name}
        size = max(alike.values(), default=0)
        near = sorted((n for n in range(max(2, size // 2), 2 * size + 1) if n != size), key=lambda n: abs(n - size))
        for other in near[:_TRIED]:
            yield {**traced, **dict.fromkeys(alike, other)}


__all__ = ["Condition", "size_conditions"]
