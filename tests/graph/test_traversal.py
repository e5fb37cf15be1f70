"""Walks over a graph."""

from __future__ import annotations

import random

import networkx as nx
import pytest

from ptgraph.graph.traversal import topological_order


@pytest.mark.parametrize("seed", range(20))
def test_the_order_is_the_topological_one_with_the_lowest_ranks_first(seed: int) -> None:
    choice = random.Random(seed)
    names = [f"n{number}" for number in range(12)]
    along = sorted(names, key=lambda name: choice.random()) if seed % 2 else names
    flow: nx.DiGraph[str] = nx.DiGraph()
    flow.add_nodes_from(choice.sample(names, len(names)))
    for _ in range(15):
        first, after = sorted(choice.sample(range(12), 2))
        flow.add_edge(along[first], along[after])
    rank = {name: number for number, name in enumerate(names)}
    assert topological_order(flow, rank) == list(nx.lexicographical_topological_sort(flow, key=rank.__getitem__))


def test_a_circle_has_no_order() -> None:
    with pytest.raises(nx.NetworkXUnfeasible):
        topological_order(nx.DiGraph([("a", "b"), ("b", "a")]), {"a": 0, "b": 1})
