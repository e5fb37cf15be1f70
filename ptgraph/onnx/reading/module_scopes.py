"""The modules around a node of an ONNX file, as the exporter wrote them.

``torch.onnx.export`` writes the path and the class of every module around a node, and ptgraph does too, with a star for
what differs between the modules that share a function. The exporter of TorchScript and most others write paths as names
of nodes: ``/layers.0/attn/MatMul``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import takewhile
from typing import Literal, NamedTuple

import onnx

from ptgraph.common.limits import limit
from ptgraph.graph.model import UNKNOWN_CLASS
from ptgraph.onnx.metadata import CLASS, CLASS_HIERARCHY, NAME_SCOPES, NAMESPACE, SOURCE, STACK_TRACE, metadata_of

LONGEST = 2**20  # characters of a list of modules
ScopeStyle = Literal["metadata", "names", "none"]
_RUN = re.compile(r"@\d+$")
_AGAIN = re.compile(r"_\d+$")
_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
_INSTALLED = re.compile(r"^.*[/\\](?:site|dist)-packages[/\\]|^.*[/\\]lib[/\\]python3[^/\\]*[/\\]")


class Step(NamedTuple):
    """A module around a node: its path, and its class as ``package.module.Class``."""

    path: str
    type: str


Chain = tuple[Step, ...]  # from the outermost below the root to the innermost


_ADDED = {"Constant", "DequantizeLinear", "DynamicQuantizeLinear", "QuantizeLinear"}  # with names of another program


def style_of(nodes: Iterable[onnx.NodeProto]) -> ScopeStyle:
    """Return how *nodes* say where they are from: most of those decide that say anything, and no quantiser added."""
    named = paths = 0
    for node in nodes:
        if any(entry.key in (CLASS_HIERARCHY, NAMESPACE) for entry in node.metadata_props):
            return "metadata"
        if node.op_type not in _ADDED:
            named += 1
            paths += "/" in node.name.strip("/")
    return "names" if paths * 2 > named else "none"


def chain_of_metadata(node: onnx.NodeProto) -> tuple[str, Chain] | None:
    """Return the class of the root and the modules around *node* by its metadata, or None if it has none."""
    found = metadata_of(node)
    classes = _strings(found.get(CLASS_HIERARCHY, ""))
    scopes = _strings(found.get(NAME_SCOPES, ""))
    if not scopes and NAMESPACE in found:
        entries = [entry.rpartition(": ") for entry in found[NAMESPACE].split("/")]
        scopes = tuple(path for path, _, _ in entries)
        if len(classes) < len(scopes):
            classes = tuple(type_ for _, _, type_ in entries)
    if not scopes or len(scopes) > len(classes) or max(len(scopes), *(p.count(".") for p in scopes)) >= limit("parts"):
        return None
    if CLASS not in found:  # torch names the operation last
        scopes, classes = scopes[:-1], classes[: len(scopes) - 1]
    if not scopes:
        return "", ()
    pairs = zip(scopes[1:], classes[1:], strict=False)
    return classes[0], tuple(Step(_RUN.sub("", path), type_) for path, type_ in pairs)


@cache
def _strings(text: str) -> tuple[str, ...]:
    try:
        found = ast.literal_eval(text) if 0 < len(text) <= LONGEST else ()
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):  # it is no literal
        return ()
    return tuple(map(str, found)) if isinstance(found, list | tuple) else ()


class NamedPaths:
    """Reads module paths from the names of nodes, such as ``/layers.0/attn/MatMul``.

    A module that is called twice has names with a number the second time (``/norm_1/Add``). It is the same module if
    there is one without the number, and no weight has the path with it.
    """

    def __init__(self, nodes: Sequence[onnx.NodeProto], weights: Iterable[str]) -> None:
        self._held = {above for name in weights for above in _prefixes(name.split("."))[:-1]}
        self._paths = {path for node in nodes for path in _prefixes(_joined(node.name))}

    def chain_of(self, node: onnx.NodeProto) -> Chain | None:
        """Return the modules around *node*, or None if its name is no path; nobody knows their classes."""
        if "/" not in node.name:
            return None
        found: list[str] = []
        for step in _joined(node.name):
            path = f"{found[-1]}.{step}" if found else step
            first = _AGAIN.sub("", path)
            found.append(first if first in self._paths and path not in self._held else path)
        return tuple(Step(path, UNKNOWN_CLASS) for path in found)


@cache
def _joined(name: str) -> tuple[str, ...]:
    """Return the steps of a node's name but for its own: within ``seq``, ``seq.0`` is called ``0``."""
    steps = [step for step in name.split("/") if step][:-1]
    above = ["", *steps]
    return tuple(step.removeprefix(f"{outer}.") for outer, step in zip(above, steps, strict=False))


def _prefixes(steps: Sequence[str]) -> list[str]:
    return [".".join(steps[: index + 1]) for index in range(len(steps))]


def placed_between(nodes: Sequence[onnx.NodeProto], chains: Sequence[Chain | None], fixed: set[str]) -> list[Chain]:
    """Return *chains*, and for a node without one the modules around all that it reads and all that reads it.

    Such are the nodes that a quantiser or an optimiser inserts. *nodes* come after what they read, and *fixed* are the
    values that no input changes.
    """
    before: dict[str, Chain] = {}  # a value → the modules around the node that makes it
    ahead: list[Chain | None] = []
    unchanged = {""} | fixed
    for node, chain in zip(nodes, chains, strict=True):
        around = _common([before.get(name, ()) for name in node.input if name not in unchanged])
        ahead.append(around)
        if around is None:
            unchanged.update(node.output)
        before.update(dict.fromkeys(node.output, (around or ()) if chain is None else chain))
    found: list[Chain] = []
    after: dict[str, list[Chain]] = {}  # a value → the modules around each node that reads it
    for node, chain, around in reversed(list(zip(nodes, chains, ahead, strict=True))):
        if chain is None:
            readers = _common([reader for name in node.output for reader in after.get(name, ())]) or ()
            chain = readers if around is None else _common([around, readers]) or ()
        for name in node.input:
            after.setdefault(name, []).append(chain)
        found.append(chain)
    return found[::-1]


def _common(chains: Sequence[Chain]) -> Chain | None:
    """Return the modules that all *chains* begin with, or None if there are no chains."""
    if not chains:
        return None
    same = takewhile(lambda steps: len(set(steps)) == 1, zip(*chains, strict=False))
    return tuple(steps[0] for steps in same)


def source_of(found: Mapping[str, str]) -> tuple[str | None, int | None]:
    """Return file and line of the code that a node with this metadata is from, or two Nones."""
    file, _, line = found.get(SOURCE, "").rpartition(":")
    if file and line.isdigit():
        return file, int(line)
    frames = _FRAME.findall(found.get(STACK_TRACE, ""))
    if not frames:
        return None, None
    file, line = frames[-1]
    inside = _INSTALLED.sub("", file)
    return (inside if inside != file else re.split(r"[/\\]", file)[-1]).replace("\\", "/"), int(line)


__all__ = ["Chain", "NamedPaths", "ScopeStyle", "Step", "chain_of_metadata", "placed_between", "source_of", "style_of"]
