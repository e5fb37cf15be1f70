"""Output brackets: many outputs of one box of a figure are one box with their count and what their names share.

An author writes ``hidden_states ×13`` for thirteen outputs of one encoder. Which outputs come of one box depends on
which boxes are open. Outputs with a name in common are drawn together; where more than a few boxes are left, all of
that producer are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ptgraph.figure.figure_graph import FigureGraph
from ptgraph.graph.view.model import Box, BoxTree

FEW = 3  # outputs of one box that are drawn one by one
_NUMBERED = re.compile(r"(.*[^\W\d])[^\w]*_*\d+")


def bracketed(figure: FigureGraph, opened: set[str]) -> FigureGraph:
    """Return *figure* as it is drawn with the boxes *opened*: with brackets for many outputs of one closed box.

    The outputs in a bracket are its parts. A bracket is in no set of open boxes.
    """
    root = figure.boxes[figure.root]
    outputs = [part for part in root.parts if figure.boxes[part].kind == "output" and part not in figure.stubs]
    if len(outputs) <= FEW:
        return figure
    closed = {leaf: box for box in figure.visible(opened) for leaf in figure.leaves(box)}
    sources: dict[str, set[str]] = {output: set() for output in outputs}
    for flow in figure.flows:
        if flow.target in sources:
            sources[flow.target].add(closed[flow.source])
    brackets = brackets_of(figure, sources)
    return replace(figure, boxes=with_brackets(figure, brackets)) if brackets else figure


def with_brackets(tree: BoxTree, brackets: Sequence[Box]) -> dict[str, Box]:
    """Return the boxes of *tree*, each before its parts, with *brackets* around outputs, where the first of each is."""
    root = tree.boxes[tree.root]
    inside = {part for bracket in brackets for part in bracket.parts}
    first = {bracket.parts[0]: bracket.id for bracket in brackets}
    parts = tuple(first.get(part, part) for part in root.parts if part in first or part not in inside)
    boxes = tree.boxes | {tree.root: replace(root, parts=parts)}
    for bracket in brackets:
        boxes[bracket.id] = bracket
        for part in bracket.parts:
            boxes[part] = replace(boxes.pop(part), parent=bracket.id)
    return boxes


def is_bracket(box: Box) -> bool:
    """Return whether a box stands for several outputs."""
    return box.kind == "output" and bool(box.parts)


def brackets_of(tree: BoxTree, sources: Mapping[str, set[str]]) -> list[Box]:
    """Return the brackets around outputs of *tree*; *sources* has the closed boxes that give the value of each."""
    return [_bracket([tree.boxes[member] for member in members]) for members in _together(tree, sources)]


def _together(tree: BoxTree, sources: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """Yield the outputs that are drawn as one, two or more, in order."""
    given: dict[str, list[str]] = defaultdict(list)
    for output, found in sources.items():
        if len(found) == 1:
            given[next(iter(found))].append(output)
    for members in given.values():
        if len(members) <= FEW:
            continue
        alike: dict[str, list[str]] = defaultdict(list)
        for member in members:
            alike[_stem(tree.boxes[member].title)].append(member)
        if len(alike) > FEW:
            yield members
        else:
            yield from (some for some in alike.values() if len(some) > 1)


def _stem(name: str) -> str:
    """Return what numbered names share: ``past`` of ``past.0.key``, ``out`` of ``out_3``; nothing for ``1.0``."""
    steps = name.split(".")
    start = next((number for number, step in enumerate(steps) if not step.isdecimal()), len(steps))
    end = next((number for number in range(start, len(steps)) if steps[number].isdecimal()), len(steps))
    if start == len(steps):
        return ""
    numbered = _NUMBERED.fullmatch(steps[end - 1]) if end == len(steps) else None
    return ".".join([*steps[: end - 1], numbered[1] if numbered is not None else steps[end - 1]])


def _bracket(members: Sequence[Box]) -> Box:
    """Return the box of several outputs; its subtitle is their type and shape, or their names where these differ."""
    names = [member.title for member in members]
    stem, count = _stem(names[0]), len(members)
    alike = bool(stem) and len({_stem(name) for name in names}) == 1
    return Box(
        id=f"outputs:{members[0].id}",
        kind="output",
        title=_title(stem, names) if alike else f"{count} outputs",
        subtitle=_types([member.subtitle for member in members]) if alike else ", ".join(names),
        category="Output",
        component=members[0].component,
        parent=members[0].parent,
        parts=tuple(member.id for member in members),
        repeat=count if alike else 1,
    )


def _title(stem: str, names: Sequence[str]) -> str:
    """Return the name of numbered outputs: what they share, such as ``past`` or ``past.*.key``.

    It is the first and the last name if the numbers are at the end of words.
    """
    if not names[0].startswith(stem + "."):
        return f"{names[0]} … {names[-1].rpartition('.')[2]}"
    ends = {name.removeprefix(stem + ".").partition(".")[2] for name in names}
    end = ends.pop()
    return f"{stem}.*.{end}" if end and not ends else stem


def _types(types: Sequence[str]) -> str:
    """Return the type and shape of several outputs, with the first and the last shape if they are not all one."""
    kinds, shapes = zip(*(each.partition(" ")[::2] for each in types), strict=True)
    shape = shapes[0] if len({*shapes}) == 1 else f"{shapes[0]} … {shapes[-1]}"
    return f"{'/'.join(dict.fromkeys(kinds))} {shape}"


__all__ = ["FEW", "bracketed", "brackets_of", "is_bracket", "with_brackets"]
