"""Nesting: the boxes of module calls around operations, and groups of auxiliary operations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass

import networkx as nx

from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.box_ids import call_id

GROUP_SIZE = 3  # the least number of auxiliary operations that are put in one group


@dataclass(frozen=True)
class Nesting:
    """``parts`` are the boxes in each box, in order of execution; ``groups`` maps a group to the box that it is in."""

    parts: dict[str, list[str]]
    groups: dict[str, str]


def nested(graph: ModelGraph, flow: nx.DiGraph[str], auxiliary: set[str], first_steps: Container[str] = ()) -> Nesting:
    """Return the boxes of the calls that the operations in *flow* belong to, and of those around them.

    Of the *auxiliary* operations, *first_steps* stay in their order of execution.
    """
    parts: dict[str, list[str]] = defaultdict(list)
    done: set[str] = set()
    for name in flow:
        inner, call = name, graph.ops.nodes[name]["call"]
        while inner not in done:
            outer = call_id(call)
            done.add(inner)
            parts[outer].append(inner)
            above = graph.calls[call].parent
            if above is None:
                break
            inner, call = outer, above
    groups: dict[str, str] = {}
    for box in list(parts):
        members = [
            part
            for part in parts[box]
            if part in auxiliary and part not in first_steps and graph.ops.nodes[part]["kind"] == "op"
        ]
        if GROUP_SIZE <= len(members) < len(parts[box]):
            group = group_id(box)
            groups[group] = box
            index = parts[box].index(members[0])
            parts[box] = [part for part in parts[box] if part not in members]
            parts[box].insert(index, group)
            parts[group] = members
    return Nesting(parts, groups)


def group_id(box: str) -> str:
    """Return the id of the group of auxiliary operations in *box*."""
    return f"#{box}"


__all__ = ["GROUP_SIZE", "Nesting", "group_id", "nested"]
