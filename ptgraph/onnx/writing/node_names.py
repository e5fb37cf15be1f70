"""Names and metadata of ONNX nodes, values and functions: module paths, classes, operators, source lines.

A node of a function that several modules share has their common path, a star in the place of what differs:
``layers.*.attention``.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import onnx_ir as ir

from ptgraph.graph.model import ModelGraph
from ptgraph.graph.traversal import chains
from ptgraph.onnx.metadata import CLASS, CLASS_HIERARCHY, MODULE, NAMESPACE, OPERATOR, SOURCE
from ptgraph.onnx.writing.function_outlining import Form
from ptgraph.onnx.writing.provenance import origin_of
from ptgraph.onnx.writing.subgraphs import bodies, inner_nodes

_NO_WORD = re.compile(r"\W+")
LONGEST = 48  # characters of a function's suffix


class Names:
    """Gives names and metadata to the nodes of a main graph and of the functions that it calls, in place."""

    def __init__(self, graph: ModelGraph) -> None:
        self.graph = graph
        self._chains = chains(graph.calls)
        self._taken: set[str] = set()

    def main(self, main: ir.Graph, weights: Iterable[str]) -> None:
        """Name what is in the main graph: no value is called like one of *weights*, which are to be in the file."""
        taken = {*main.initializers, *weights}
        for value in main.inputs:
            value.name = _free(value.name or "x", taken)
        outputs = [op.target for op in map(self.graph.op, self.graph.of_kind("output"))]
        if len(outputs) == len(main.outputs) == len(set(main.outputs)):  # each is a value of its own
            for value, name in zip(main.outputs, outputs, strict=True):
                if value.producer() is not None:
                    value.name = None if name in taken else name
        taken |= {value.name for value in main.outputs if value.name}
        kept = {value for value in main.outputs if value.name}
        self._nodes(list(main), "", "")
        self._values(list(main), "", taken, kept)

    def functions(self, forms: Sequence[Form], opset: int) -> list[ir.Function]:
        """Return the functions that *forms* become, named, in the same order."""
        names = self._function_names(forms)
        functions = []
        for form, name in zip(forms, names, strict=True):
            for call in form.calls:
                call.domain, call.op_type = self._domain(form.type), name
            paths = list(dict.fromkeys(self.graph.calls[run].component for run in form.runs))
            own = paths[0]
            path = self._pattern(paths)
            taken: set[str] = set()
            for value in (*form.inputs, *form.outputs):
                value.name = _free(value.name or "x", taken)
            self._nodes(form.nodes, own, path)
            self._values(form.nodes, path, taken, set(form.outputs))
            domains = {node.domain for node in form.nodes if node.domain} | {
                inner.domain for node in form.nodes for inner in inner_nodes(node) if inner.domain
            }
            body = ir.Graph(
                form.inputs,
                form.outputs,
                nodes=form.nodes,
                opset_imports={"": opset, **dict.fromkeys(sorted(domains), 1)},
            )
            function = ir.Function(self._domain(form.type), name, graph=body, attributes=[])
            function.doc_string = self.graph.classes[form.type].doc or None
            function.metadata_props[MODULE] = path
            function.metadata_props[CLASS] = form.type
            functions.append(function)
        return functions

    def _domain(self, type_: str) -> str:
        return self.graph.classes[type_].module or "model"

    def _function_names(self, forms: Sequence[Form]) -> list[str]:
        """Return the name of each form: that of its class, and what tells it from the class's other forms."""
        by_class: dict[str, list[int]] = defaultdict(list)
        for index, form in enumerate(forms):
            by_class[form.type].append(index)
        names = [""] * len(forms)
        for type_, indices in by_class.items():
            name = _NO_WORD.sub("_", self.graph.classes[type_].name)
            suffixes = _distinct([self._facts(forms[i]) for i in indices])
            for index, suffix in zip(indices, suffixes, strict=True):
                names[index] = f"{name}_{suffix}" if suffix else name
        return names

    def _facts(self, form: Form) -> list[dict[str, str]]:
        """Return what may tell a form from others of its class, in words: its settings, its weights, its shapes."""
        component = self.graph.components.nodes[self.graph.calls[form.runs[0]].component]
        settings = {name: _word(name, value) for name, value in component["settings"].items()}
        weights = {value.name or "": _word("", value.name) for value in form.inputs if value.name != "x"}
        shapes = {}
        for kind, values in (("input", form.inputs), ("output", form.outputs)):
            for number, value in enumerate(values):
                shapes[f"{kind} {number}"] = "x".join(map(str, value.shape)) if value.shape is not None else ""
        return [settings, weights, shapes]

    def _pattern(self, paths: list[str]) -> str:
        """Return the common form of *paths*, or the first of them where another function has that already."""
        steps = [path.split(".") for path in paths]
        common = paths[0]
        if len({len(s) for s in steps}) == 1:
            common = ".".join(column[0] if len(set(column)) == 1 else "*" for column in zip(*steps, strict=True))
        name = common if common not in self._taken else paths[0]
        while name in self._taken:
            name += "'"
        self._taken.add(name)
        return name

    def _nodes(self, nodes: list[ir.Node], own: str, path: str) -> None:
        """Name nodes, whose modules are below *own*, as if they were below *path*; say where they are from."""
        taken: set[str] = set()
        counts = Counter(origin_of(node).call for node in nodes if node.op_type != "Constant")
        for node in nodes:
            origin = origin_of(node)
            whole = bool(node.domain) or (counts[origin.call] == 1 and node.op_type != "Constant")
            scope = self.graph.calls[origin.call].component
            shown = path + scope[len(own) :] if scope == own or not own or scope.startswith(own + ".") else scope
            shown = shown.removeprefix(".")
            node.name = _free(shown if whole and scope != own else f"{shown}/{node.op_type}".removeprefix("/"), taken)
            self._describe(node, shown)
            for inner in inner_nodes(node):
                inner.name = _free(f"{node.name}/{inner.op_type}", taken)

    def _describe(self, node: ir.Node, shown: str) -> None:
        origin = origin_of(node)
        graph, props = self.graph, node.metadata_props
        scope = graph.calls[origin.call].component
        chain = self._chains[origin.call]
        classes = [graph.components.nodes[graph.calls[call].component]["type"] for call in chain]
        paths = [graph.calls[call].component for call in chain]
        props[NAMESPACE] = "/".join(
            f"{self._shown(path, scope, shown) or graph.name}: {graph.classes[class_].name}"
            for path, class_ in zip(paths, classes, strict=True)
        )
        props[CLASS_HIERARCHY] = repr(classes)
        props[MODULE] = shown or graph.name
        props[CLASS] = classes[-1]
        if origin.op is None:
            info = graph.classes[classes[-1]]
            if node.domain and info.file:
                props[SOURCE] = f"{info.file}:{info.line}"
            return
        op = graph.ops.nodes[origin.op]
        props[OPERATOR] = op["target"]
        if op["file"]:
            props[SOURCE] = f"{op['file']}:{op['line']}"

    def _shown(self, path: str, scope: str, shown: str) -> str:
        """Return *path*, one of those above *scope*, with the stars that *shown* has."""
        steps = shown.split(".")
        count = len(path.split(".")) if path else 0
        same = len(steps) == len(scope.split(".")) and scope.startswith(path)
        return ".".join(steps[:count]) if same else path

    def _values(self, nodes: list[ir.Node], path: str, taken: set[str], kept: set[ir.Value]) -> None:
        """Name what nodes yield after them; those in *kept* have their names."""
        for node in (n for outer in nodes for n in (outer, *inner_nodes(outer))):
            for value in (value for body in bodies(node) for value in body.inputs):
                value.name = _free(value.name or "x", taken)
            name = node.name or ""
            local = name[len(path) :].lstrip("./") if path and name.startswith(path) else name
            for value in node.outputs:
                if value not in kept:
                    value.name = _free(local or node.op_type, taken)


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


def _free(name: str, taken: set[str]) -> str:
    """Return *name*, with a number if it is taken, and take it."""
    free, number = name, 0
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free


__all__ = ["Names"]
