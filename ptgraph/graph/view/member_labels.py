"""What tells modules in a row apart that have one class: ``sliding_attention``, ``window 4``, ``Attention``.

It is a child of another class, or a setting of the module; of the members of a pattern also a setting of a module in
it. A setting has one value in all periods.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from ptgraph.graph.model import ModelGraph

_KINDS = (str, bool, int, float, type(None))


def member_labels(graph: ModelGraph, members: dict[str, list[str]]) -> dict[str, str]:
    """Return what tells each of the *members* of one pattern apart; nothing for those whose class does that.

    *members* maps the box of each to the paths of all modules that it stands for, those of all periods.
    """
    of_class: dict[str, list[str]] = defaultdict(list)
    for box, paths in members.items():
        of_class[graph.component(paths[0]).type].append(box)
    found: dict[str, str] = {}
    modules = _Modules(graph)
    for alike in of_class.values():
        if len(alike) > 1:
            facts = modules.facts(members[alike[0]][0])
            found |= _labels(modules, {box: members[box] for box in alike}, facts)
    return found


def sibling_labels(graph: ModelGraph, siblings: dict[str, list[str]]) -> dict[str, str]:
    """Return what tells *siblings* apart, modules of one class in a row that no fold joins.

    *siblings* maps the box of each to the paths of all modules that it stands for. What is no more than the number of
    the module in its path tells nothing.
    """
    modules = _Modules(graph)
    facts = modules.own_facts(next(iter(siblings.values()))[0])
    return _labels(modules, siblings, [fact for fact in facts if not modules.is_number(siblings, fact)])


def _labels(modules: _Modules, members: dict[str, list[str]], facts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the labels by the first fact that differs from member to member, or else by the first that differs."""
    partly: dict[str, str] = {}
    for fact in facts:
        values = {box: {modules.value(path, fact) for path in paths} for box, paths in members.items()}
        if any(len(there) > 1 for there in values.values()):
            continue  # such as the number of a layer
        texts = {box: text for box, (text,) in values.items()}
        if len(set(texts.values())) == len(texts) and all(texts.values()):
            return texts
        if len(set(texts.values())) > 1 and not partly:
            partly = {box: text for box, text in texts.items() if text}
    return partly


class _Modules:
    """Classes and settings of modules, by path."""

    def __init__(self, graph: ModelGraph) -> None:
        self.graph = graph

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """The paths of the modules in each module, of any depth, those near it first."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in self.graph.components:
            names = path.split(".")
            for depth in range(len(names)):
                found[".".join(names[:depth])].append(path)
        return {path: sorted(inside, key=lambda other: other.count(".")) for path, inside in found.items()}

    def facts(self, path: str) -> Iterator[tuple[str, str]]:
        """Yield what may tell a module from others: (path within it, name of a setting, or "" for the class)."""
        inside = [child.removeprefix(f"{path}.") for child in self.children.get(path, ())]
        for child in inside:
            if "." not in child:
                yield child, ""
        for child in ["", *inside]:
            for name in self.graph.component(f"{path}.{child}".rstrip(".")).settings:
                yield child, name
        for child in inside:
            if "." in child:
                yield child, ""

    def own_facts(self, path: str) -> list[tuple[str, str]]:
        """Return those `facts` that are of the module itself: its settings, and the classes of its children.

        A child without parameters, such as a dropout or an identity, tells nothing.
        """
        own = [(child, name) for child, name in self.facts(path) if "." not in child and not (child and name)]
        return [
            fact for fact in own if not fact[0] or self.graph.component(f"{path}.{fact[0]}".lstrip(".")).total_params
        ]

    def is_number(self, members: dict[str, list[str]], fact: tuple[str, str]) -> bool:
        """Return whether a fact of all *members* is a real number, or the number of the module in its path."""
        child, name = fact
        paths = [path for paths in members.values() for path in paths]
        settings = [self.graph.component(path).settings.get(name) for path in paths]
        numbers = [path.rpartition(".")[2] for path in paths]
        is_real = any(isinstance(value, float) for value in settings)
        return not child and (is_real or list(map(str, settings)) == numbers)

    def value(self, path: str, fact: tuple[str, str]) -> str:
        """Return the text of a fact of the module at *path*; the empty string if it has none."""
        child, name = fact
        where = f"{path}.{child}".rstrip(".")
        if where not in self.graph.components:
            return ""
        component = self.graph.component(where)
        if not name:
            return self.graph.classes[component.type].short
        return _text(name, component.settings[name]) if name in component.settings else ""


def _text(name: str, value: Any) -> str:
    """Return a setting as one says it: ``sliding_attention``, ``window 4``, ``causal``, ``no window``, ``size 7×7``."""
    if isinstance(value, list | tuple) and value and all(type(size) is int for size in value):
        return f"{name} {'×'.join(map(str, value))}"
    if not isinstance(value, _KINDS):
        return ""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name} {value}"


__all__ = ["member_labels", "sibling_labels"]
