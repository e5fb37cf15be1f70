"""Constant values: those that operations work out from no input, such as the time of a solver's step.

Each step of a loop that was unrolled may make one of its own. They are alike if the same operators make them, whatever
the numbers.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Mapping

import networkx as nx

from ptgraph.graph.model import ModelGraph
from ptgraph.graph.traversal import edges_into


def constant_values(graph: ModelGraph, auxiliary: set[str], labels: Mapping[str, Hashable]) -> dict[str, str]:
    """Return for each of the *auxiliary* operations that reads no input the first one that is alike.

    *labels* are equal for operations that do the same.
    """
    found: dict[str, str] = {}
    firsts: dict[Hashable, str] = {}
    constants = {*graph.of_kind("constant")}
    edges = edges_into(graph.ops)
    for name in graph.ops:
        if name in auxiliary and name in labels:
            reads = [
                (found.get(source, source), tuple(edge["slots"]), tuple(edge["outputs"]))
                for source, edge in edges[name].items()
                if source not in constants
            ]
            if all(source in found for source, _, _ in reads):
                found[name] = firsts.setdefault((labels[name], tuple(reads)), name)
    return found


def own_constants(
    flow: nx.DiGraph[str], first: list[str], later: list[dict[str, str]], constants: Mapping[str, str]
) -> list[list[str]]:
    """Return the constants that lead to each period of a repetition, and to nothing else.

    *first* are the leaves of the first period, and *later* maps those of each other period to these. The constants of
    all periods are alike one by one; there are none if the periods have some in common.
    """
    reading = constant_readers(flow, constants)
    pairs = [_twins(flow, counterparts, constants, reading) for counterparts in later]
    ours = [leaf for leaf in constants if leaf in pairs[0]]
    found = [ours, *([twins.get(leaf, "") for leaf in ours] for twins in pairs)]
    for own, inside in zip(found, [first, *later], strict=True):
        around = {*own, *inside}
        if "" in own or len({*own}) < len(own) or not all(around.issuperset(flow.succ[leaf]) for leaf in own):
            return [[] for _ in found]
    return found


def constant_readers(flow: nx.DiGraph[str], constants: Iterable[str]) -> set[str]:
    """Return what reads any of the *constants* that are drawn."""
    return {reader for constant in constants if constant in flow for reader in flow.successors(constant)}


def _twins(
    flow: nx.DiGraph[str], counterparts: Mapping[str, str], constants: Mapping[str, str], reading: Container[str]
) -> dict[str, str]:
    """Return the constants that lead to leaves of the first period, and those that lead to a later one in their stead.

    *counterparts* maps the leaves of the later period to those of the first; *reading* are those that read constants.
    """
    found: dict[str, str] = {}
    waiting = [(leaf, stand_in) for leaf, stand_in in counterparts.items() if leaf in reading]
    while waiting:
        leaf, stand_in = waiting.pop()
        theirs = {
            (constants[source], tuple(edge["slots"])): source
            for source, edge in flow.pred[leaf].items()
            if source in constants and source not in counterparts
        }
        for source, edge in flow.pred[stand_in].items() if theirs else ():
            twin = theirs.get((constants.get(source, ""), tuple(edge["slots"])), source)
            if twin != source and source not in found:
                found[source] = twin
                waiting.append((twin, source))
    return found


__all__ = ["constant_readers", "constant_values", "own_constants"]
