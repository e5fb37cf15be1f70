"""The tree of a layout: how the boxes in one open box stand, after each other, side by side, or as a U, nested."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Leaf:
    """One box, by its id."""

    name: str


@dataclass(frozen=True, eq=False)
class Series:
    """Parts after each other along the flow."""

    parts: list[Tree]


@dataclass(frozen=True, eq=False)
class Parallel:
    """Parts side by side; the spine goes through *main*, if it is given.

    *across*: the first feeds the others, as an encoder its decoder.
    """

    parts: list[Tree]
    across: bool = False
    main: int | None = None


@dataclass(frozen=True, eq=False)
class UShape:
    """Parts in the order of the flow, down in a left column, then the bottom, then up in a right column.

    *levels* are the parts that stand at one height, left and right, of each level, the outermost first.
    """

    parts: list[Tree]
    levels: list[tuple[Tree, Tree]]

    @property
    def bottom(self) -> int:
        """The number of the part at the bottom."""
        return len(self.parts) // 2


Tree = Leaf | Series | Parallel | UShape
TreePath = list[
    tuple[Series | Parallel | UShape, int]
]  # the parts around a box, outermost first, and its number within each


def tree_paths(tree: Tree) -> dict[str, TreePath]:
    """Return the path to each box from the root of *tree*."""
    return dict(_tree_paths(tree, []))


def _tree_paths(tree: Tree, path: TreePath) -> Iterator[tuple[str, TreePath]]:
    if isinstance(tree, Leaf):
        yield tree.name, path
        return
    for number, part in enumerate(tree.parts):
        yield from _tree_paths(part, [*path, (tree, number)])


def leaf_names(tree: Tree) -> list[str]:
    """Return the boxes in *tree*, in order."""
    if isinstance(tree, Leaf):
        return [tree.name]
    return [name for part in tree.parts for name in leaf_names(part)]


__all__ = ["Leaf", "Parallel", "Series", "Tree", "TreePath", "UShape", "leaf_names", "tree_paths"]
