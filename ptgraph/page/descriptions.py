"""Descriptions of components, operations and classes, which the page shows beside the graph, JSON-plain.

Fields with the default value of the schema are left out. Source is highlighted here, so the page needs no lexer: it is
a list of ``[kind, text]``, whose texts joined are the source, and whose kinds are those of ``KINDS``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from pygments.lexer import inherit
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Text

from ptgraph.graph.labels import shape_text
from ptgraph.graph.model import ModelGraph, Parameter
from ptgraph.graph.module_paths import folded_paths
from ptgraph.graph.serialize import attributes, sparse
from ptgraph.graph.view.model import View

KINDS = {
    Keyword: "k",
    Operator.Word: "k",
    String: "s",
    Comment: "c",
    Name.Decorator: "d",
    Number: "m",
    Name.Builtin: "b",
}
LONGEST = 300_000  # characters of one source that is still highlighted
_KEPT = 256  # sources whose tokens are kept: graphs have classes in common
_PLAIN = r"(?<=\S) +|(?<=\.)[^\W\d]\w*|[\](){},:;=+*/%|&<>~^-]+"  # spaces in a line, attributes, punctuation
_WEIGHTS = ("parameter", "buffer", "constant")


def described(graph: ModelGraph, view: View) -> dict[str, Any]:
    """Return the descriptions of the boxes of *view*: ``components`` by path, and ``ops`` by name.

    A component lists its own parameters, an operation the weights that it reads. Of an ONNX file, both have what it
    says of them (``said``), and an operation in equal blocks has that of the ``others``, by the numbers of their
    blocks: ``3.1``.
    """
    paths: dict[str, None] = {}
    ops: dict[str, None] = {}
    for box in view.boxes.values():
        paths[box.component] = None
        if box.op is not None:
            ops[box.op] = None
    own: dict[str, list[Parameter]] = defaultdict(list)
    for parameter in graph.parameters:
        own[parameter.name.rpartition(".")[0]].append(parameter)
    others = _others(graph, view)
    return {
        "components": {path: _component(graph, path, own.get(path, ())) for path in sorted(paths)},
        "ops": {name: _op(graph, name) | others.get(name, {}) for name in ops},
    }


def _others(graph: ModelGraph, view: View) -> dict[str, dict[str, Any]]:
    """Return for each operation what the file says of those that it stands for, by the numbers of their blocks."""
    said = graph.file.get("ops", {})
    found: dict[str, dict[str, Any]] = defaultdict(lambda: {"others": {}})
    for name, (leaf, numbers) in view.stands.items():
        op = view.boxes[leaf].op
        if name in said and op is not None:
            folds = [box for box in reversed(view.chain(leaf)) if view.boxes[box].repeat > 1]
            found[op]["others"][".".join(str(numbers.get(fold, 0)) for fold in folds)] = said[name]
    return found


def described_classes(graph: ModelGraph) -> dict[str, Any]:
    """Return the description of each class that a component has, in the order in which the model uses them.

    It has the fields of `ClassInfo`, with ``tokens`` in place of the source, and: ``category`` (of most of its
    components), ``uses`` (their paths, see `folded_paths`), and ``statistics`` of all of them together.
    """
    paths: dict[str, list[str]] = defaultdict(list)
    categories: dict[str, Counter[str]] = defaultdict(Counter)
    for path, component in graph.components.nodes(data=True):
        paths[component["type"]].append(path)
        categories[component["type"]][component["category"]] += 1
    params, work = _params_by_class(graph), _work_by_class(graph)
    total = graph.components.nodes[""]["total_params"]
    found: dict[str, Any] = {}
    for name, uses in paths.items():
        about = attributes(graph.classes[name])
        source = about.pop("source")
        found[name] = {
            **about,
            "tokens": tokens(source or ""),
            "category": categories[name].most_common(1)[0][0],
            "uses": folded_paths(uses),
            "statistics": {
                "count": len(uses),
                "calls": sum(graph.components.nodes[path]["calls"] for path in uses),
                "params": params[name],
                "share": params[name] / total if total else 0.0,
                **work[name],
            },
        }
    return found


class _Lexer(PythonLexer):  # type: ignore[misc]  # pygments has no types
    """The lexer of pygments, which looks first for what has no kind: most tokens, for which it tries all rules else."""

    tokens = {"root": [(_PLAIN, Text), inherit]}  # noqa: RUF012  # as pygments has it


@lru_cache(_KEPT)
def tokens(source: str) -> list[list[str]]:
    """Return Python source as ``[kind, text]``; white space has the kind of the text before it."""
    if len(source) > LONGEST:
        return [["", source]]
    found: list[list[str]] = []
    before = ""
    for _, token, text in _Lexer().get_tokens_unprocessed(source):
        if text.isspace() and found:
            found[-1][1] += text
            continue
        kind = "n" if before in ("def", "class") and token in Name else _kind(token)
        before = text
        if found and found[-1][0] == kind:
            found[-1][1] += text
        elif text:
            found.append([kind, text])
    return found


@cache
def _kind(token: Any) -> str:
    if token in Name.Exception:
        return "b"
    while token is not None and token not in KINDS:  # the exact type: `in` of a token type finds subtypes
        token = token.parent
    return KINDS.get(token, "")


def _params_by_class(graph: ModelGraph) -> dict[str, int]:
    """Return the number of elements of all parameters in the components of each class; tied ones count once."""
    types: dict[str, frozenset[str]] = {}  # a path → the classes of the component and those around it
    for path, component in graph.components.nodes(data=True):
        above = next(graph.components.predecessors(path), None)
        types[path] = _with(types[above] if above is not None else frozenset(), component["type"])
    counts: dict[str, int] = {}
    holders: dict[str, frozenset[str]] = {}  # a tensor → the classes that have it
    for parameter in graph.parameters:
        if parameter.kind == "parameter":
            tensor = parameter.tied_to or parameter.name
            counts[tensor] = parameter.count
            within = types.get(parameter.name.rpartition(".")[0], types[""])
            before = holders.get(tensor, within)
            holders[tensor] = before if before is within else before | within
    sums: dict[str, int] = defaultdict(int)
    for tensor, within in holders.items():
        for type_ in within:
            sums[type_] += counts[tensor]
    return sums


def _work_by_class(graph: ModelGraph) -> dict[str, dict[str, int]]:
    """Return FLOPs and activation bytes of all calls of components of each class; each operation counts once."""
    types: dict[str | None, frozenset[str]] = {None: frozenset()}
    for key, call in graph.calls.items():  # a call stands after the one around it
        types[key] = _with(types[call.parent], graph.components.nodes[call.component]["type"])
    sums: dict[str, dict[str, int]] = defaultdict(lambda: {"flops": 0, "bytes": 0})
    for _, op in graph.ops.nodes(data=True):
        if op["flops"] or op["activation_bytes"]:
            for type_ in types[op["call"]]:
                sums[type_]["flops"] += op["flops"]
                sums[type_]["bytes"] += op["activation_bytes"]
    return sums


def _with(types: frozenset[str], type_: str) -> frozenset[str]:
    return types if type_ in types else types | {type_}


def _component(graph: ModelGraph, path: str, own: Iterable[Parameter]) -> dict[str, Any]:
    inside = path + "." if path else ""
    found = sparse(graph.component(path))
    if not path and (graph.config or "settings" in found):  # the sizes of a configured model are in its config
        found["settings"] = {**graph.config, **found.get("settings", {})}
    if not path and graph.file:
        found["said"] = graph.file["model"]
    said = graph.file.get("parameters", {})
    parameters = [
        {**sparse(parameter), "name": parameter.name.removeprefix(inside), "shape": shape_text(parameter.shape)}
        | ({"said": said[parameter.name]} if parameter.name in said else {})
        for parameter in own
    ]
    return {**found, "parameters": parameters} if parameters else found


def _op(graph: ModelGraph, name: str) -> dict[str, Any]:
    nodes = graph.ops.nodes
    reads = [
        {"name": nodes[source]["target"], "shape": shape_text(nodes[source]["shape"])}
        for source in graph.ops.predecessors(name)
        if nodes[source]["kind"] in _WEIGHTS
    ]
    found = sparse(graph.op(name))
    if name in graph.file.get("ops", {}):
        found["said"] = graph.file["ops"][name]
    return {**found, "reads": reads} if reads else found


__all__ = ["KINDS", "described", "described_classes", "tokens"]
