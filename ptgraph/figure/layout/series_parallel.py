"""Series-parallel layering: how the boxes in one open box stand, in a row after each other or side by side, nested.

A box that every path goes through stands on the spine. What lies between two such boxes and is not connected stands
side by side. So a chain is a line, branches stand beside each other, and a skip edge leads past what it skips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import networkx as nx
from networkx.utils import UnionFind

from ptgraph.figure.layout.tree import Leaf, Parallel, Series, Tree
from ptgraph.graph.view.box_ids import stem

PORT = "port"  # the attribute of a node in a flow that is where a value enters from above


def arrange(
    flow: nx.DiGraph[str],
    order: Sequence[str],
    big: Callable[[str], bool],
    is_end: Callable[[str], bool],
    fold: Callable[[Tree], Tree] = lambda tree: tree,
) -> Tree:
    """Return the tree of the boxes in *flow*, given in topological *order*.

    *big* says which may be encoder or decoder. A box that *is_end* stands beside the other readers of its value; *fold*
    changes the tree before these are added.
    """
    ends = [name for name in order if is_end(name) and len(flow.pred[name]) == 1]
    aside = [end for end in ends if any(other not in ends for source in flow.pred[end] for other in flow.succ[source])]
    rank = {name: number for number, name in enumerate(order)}
    tree = fold(_Layering(flow, rank, big).tree([name for name in order if name not in aside]))
    for end in reversed(aside):
        (source,) = flow.pred[end]
        tree = _with_end(tree, source, end)
    return tree


def _with_end(tree: Tree, source: str, end: str) -> Tree:
    """Return *tree* with *end* beside what comes after *source*."""
    if isinstance(tree, Leaf):
        return Series([tree, Leaf(end)]) if tree.name == source else tree
    for number, part in enumerate(tree.parts):
        if isinstance(part, Leaf) and part.name == source and isinstance(tree, Series):
            head, rest = tree.parts[: number + 1], tree.parts[number + 1 :]
            if not rest:
                return Series([*head, Leaf(end)])
            if len(rest) == 1 and isinstance(rest[0], Parallel) and rest[0].main is not None:
                return Series([*head, replace(rest[0], parts=[*rest[0].parts, Leaf(end)])])
            return Series([*head, Parallel([Series(rest) if len(rest) > 1 else rest[0], Leaf(end)], main=0)])
    return replace(tree, parts=[_with_end(part, source, end) for part in tree.parts])


@dataclass(frozen=True)
class _Layering:
    """The flow between boxes; *rank* is the number of each in topological order."""

    flow: nx.DiGraph[str]
    rank: dict[str, int]
    big: Callable[[str], bool]

    def tree(self, names: list[str]) -> Tree:
        if len(names) == 1:
            return Leaf(names[0])
        inside = _between(self.flow, names)
        edges = [(source, name) for name, sources in inside.pred.items() for source in sources]
        pieces = self._pieces(names, edges)
        if len(pieces) > 1:
            return Parallel([self.tree(piece) for piece in pieces])
        columns = self._columns(names, edges)
        if columns is not None:
            return Parallel([self.tree(piece) for piece in columns], across=True, main=1)
        return Series([self.tree(group) for group in self._spine(inside, names)])

    def _pieces(self, names: list[str], edges: Iterable[tuple[str, str]]) -> list[list[str]]:
        joined = UnionFind(names)
        for edge in edges:
            joined.union(*edge)
        found = [sorted(piece, key=self.rank.__getitem__) for piece in joined.to_sets()]
        return sorted(found, key=lambda piece: self.rank[piece[0]])

    def _spine(self, inside: _Between, names: list[str]) -> list[list[str]]:
        """Return *names* in groups after each other: alone, what is before or after all others."""
        before = _reachable(names, inside.pred)
        after = _reachable(names[::-1], inside.succ)
        groups: list[list[str]] = [[]]
        for name in names:
            if before[name].bit_count() + after[name].bit_count() + 1 == len(names):
                groups += [[name], []]
            else:
                groups[-1].append(name)
        groups = [group for group in groups if group]
        return groups if len(groups) > 1 else self._layers(inside, names)

    def _layers(self, inside: _Between, names: list[str]) -> list[list[str]]:
        """Return *names* in layers by the longest path to each; a source stands just before its first reader.

        A port stays above: its line would run through what stands there.
        """
        layer: dict[str, int] = {}
        for name in names:
            layer[name] = max((layer[source] + 1 for source in inside.pred[name]), default=0)
        for name in reversed(names):
            if not inside.pred[name] and inside.succ[name] and PORT not in self.flow.nodes[name]:
                layer[name] = min(layer[target] for target in inside.succ[name]) - 1
        layers: dict[int, list[str]] = {}
        for name in names:
            layers.setdefault(layer[name], []).append(name)
        at: dict[str, float] = {}
        for number in sorted(layers):
            row = layers[number]
            wish = {n: [at[s] for s in inside.pred[n] if s in at] for n in row}
            row.sort(key=lambda n: (sum(wish[n]) / len(wish[n]) if wish[n] else 0.5, self.rank[n]))
            at.update((name, (k + 0.5) / len(row)) for k, name in enumerate(row))
        return [layers[number] for number in sorted(layers)]

    def _columns(self, names: list[str], edges: list[tuple[str, str]]) -> list[list[str]] | None:
        """Return the columns of an encoder and its decoder: two big parts, the second of which has input of its own."""
        rank = self.rank
        big = {name for name in names if self.big(name)}
        among = [(a, b) for a, b in edges if {a, b} <= big and stem(a) != stem(b)]  # not two blocks of one list
        for encoder, decoder in sorted(among, key=lambda edge: (rank[edge[0]], rank[edge[1]])):
            others = [edge for edge in edges if edge != (encoder, decoder)]
            pieces = self._pieces(names, others)
            first = next(piece for piece in pieces if encoder in piece)
            second = next(piece for piece in pieces if decoder in piece)
            if first is not second and any(target == decoder for _, target in others):
                rest = [piece for piece in pieces if piece is not first and piece is not second]
                return [first, second, *rest]
        return None


class _Between(NamedTuple):
    """The flow between some boxes: the sources of each, and the targets."""

    pred: dict[str, list[str]]
    succ: dict[str, list[str]]


def _between(flow: nx.DiGraph[str], names: list[str]) -> _Between:
    within = set(names)
    return _Between(
        {name: [source for source in flow.pred[name] if source in within] for name in names},
        {name: [target for target in flow.succ[name] if target in within] for name in names},
    )


def _reachable(names: Sequence[str], near: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Return the *names* that each reaches by *near*, as the bits of a number; those come before it in *names*."""
    found: dict[str, int] = {}
    bit: dict[str, int] = {}
    for number, name in enumerate(names):
        bit[name] = 1 << number
        found[name] = 0
        for other in near[name]:
            found[name] |= found[other] | bit[other]
    return found


__all__ = ["PORT", "arrange"]
