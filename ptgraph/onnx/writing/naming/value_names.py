"""Names of values of a flat ONNX graph: its dynamic dimensions, and the constants that its nodes read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

import onnx_ir as ir

_WORD = re.compile(r"\b[A-Za-z_]\w*\b(?!\()")  # a name in an expression, functions left out
_SIZE = re.compile(r"s\d+")  # a size of an input, which torch has named


def name_dimensions(model: ir.Model, names: Mapping[str, str]) -> None:
    """Give dynamic dimensions the names that the user gave them, in place; any other that varies is unknown."""
    values = [
        *model.graph.inputs,
        *model.graph.outputs,
        *(output for node in model.graph.all_nodes() for output in node.outputs),
    ]

    def named(size: int | ir.SymbolicDim) -> int | str | None:
        if isinstance(size, int) or size.value is None:
            return size if isinstance(size, int) else None
        if not all(word in names or _SIZE.fullmatch(word) for word in _WORD.findall(size.value)):
            return None  # it depends on data, and need not be the same in each call of a block
        return _WORD.sub(lambda word: names.get(word[0], word[0]), size.value)

    for value in dict.fromkeys(values):
        if value.shape is not None and any(not isinstance(size, int) for size in value.shape):
            value.shape = ir.Shape(map(named, value.shape))


def number_constants(model: ir.Model) -> None:
    """Number the constants of the main graph as they are read, and remove what nothing reads, in place."""
    initializers = model.graph.initializers
    read = dict.fromkeys(v for node in model.graph.all_nodes() for v in node.inputs if v is not None)
    kept = [v for v in read if v.is_initializer() and v.graph is model.graph]
    kept += [v for v in model.graph.outputs if v.is_initializer()]
    for name in list(initializers):
        del initializers[name]
    numbers = itertools.count(1)
    for value in dict.fromkeys(kept):
        if value.const_value is not None:
            value.name = value.const_value.name = f"constant {next(numbers)}"
        initializers[value.name or ""] = value


__all__ = ["name_dimensions", "number_constants"]
