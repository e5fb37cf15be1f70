"""Names of local functions: the class of the module, and what tells a function from others of the class.

The module path of a function that several modules share is what their paths have in common, with a star in the place
of what differs: ``layers.*.attention``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.writing.function_outlining import Form

_NO_WORD = re.compile(r"\W+")
LONGEST = 48  # characters of a function's suffix


def function_names(graph: ModelGraph, forms: Sequence[Form]) -> list[str]:
    """Return the name of each form: that of its class, and what tells it from the class's other forms."""
    by_class: dict[str, list[int]] = defaultdict(list)
    for index, form in enumerate(forms):
        by_class[form.type].append(index)
    names = [""] * len(forms)
    for type_, indices in by_class.items():
        name = _NO_WORD.sub("_", graph.classes[type_].name)
        suffixes = _distinct([_facts(graph, forms[index]) for index in indices])
        for index, suffix in zip(indices, suffixes, strict=True):
            names[index] = f"{name}_{suffix}" if suffix else name
    return names


def common_path(paths: Sequence[str], taken: set[str]) -> str:
    """Return what *paths* have in common, or the first of them if another function has that, and add it to *taken*."""
    steps = [path.split(".") for path in paths]
    common = paths[0]
    if len({len(s) for s in steps}) == 1:
        common = ".".join(column[0] if len(set(column)) == 1 else "*" for column in zip(*steps, strict=True))
    name = common if common not in taken else paths[0]
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def _facts(graph: ModelGraph, form: Form) -> list[dict[str, str]]:
    """Return what may tell a form from others of its class, in words: its settings, its weights, its shapes."""
    component = graph.components.nodes[graph.calls[form.module_calls[0]].component]
    settings = {name: _word(name, value) for name, value in component["settings"].items()}
    weights = {value.name or "": _word("", value.name) for value in form.inputs if value.name != "x"}
    shapes = {}
    for kind, values in (("input", form.inputs), ("output", form.outputs)):
        for number, value in enumerate(values):
            shapes[f"{kind} {number}"] = "x".join(map(str, value.shape)) if value.shape is not None else ""
    return [settings, weights, shapes]


def _distinct(facts: list[list[dict[str, str]]]) -> list[str]:
    """Return for each of several things what tells it from the others, as short as it can be said.

    Each has facts of several kinds; those of a later kind serve only where the earlier ones do not tell all apart.
    """
    if len(facts) == 1:
        return [""]
    told: list[str] = []  # facts of earlier kinds that differ
    for kind in range(len(facts[0])):
        names = dict.fromkeys(name for thing in facts for name in thing[kind])
        differ = [name for name in names if len({thing[kind].get(name) for thing in facts}) > 1]
        for choice in [*([name] for name in differ if not told), *(differ[: i + 1] for i in range(len(differ)))]:
            words = ["_".join(_said(thing, kind, told, choice)) for thing in facts]
            if len(set(words)) == len(facts) and max(map(len, words)) <= LONGEST:
                return words
        if kind < len(facts[0]) - 2:
            told += differ
    return [str(number) for number in range(1, len(facts) + 1)]


def _said(thing: list[dict[str, str]], kind: int, told: list[str], choice: list[str]) -> Iterator[str]:
    """Yield the words for the facts *told* of earlier kinds, and for those of *choice*, of this one."""
    for name in told:
        yield from (facts[name] for facts in thing[:kind] if name in facts)
    for name in choice:
        word = thing[kind].get(name, _word(name, None) if kind == 1 else "")
        if word:
            yield word


def _word(name: str, value: Any) -> str:
    if value is None or isinstance(value, bool):
        name = _NO_WORD.sub("_", name)
        return name if value else f"no_{name}"
    return _NO_WORD.sub("_", str(value)).strip("_")


__all__ = ["common_path", "function_names"]
