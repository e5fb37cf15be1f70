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

    *levels* are the parts that stand at one height, left and right, of each level, the outermost first. *between* is
    a box on the way across the first level; its number is the one after those of the parts. *rising*: its value leaves
    the U where the right column ends, at the side of the open box at which the left one begins.
    """

    parts: list[Tree]
    levels: list[tuple[Tree, Tree]]
    between: Leaf | None = None
    rising: bool = False

    @property
    def bottom(self) -> int:
        """The number of the part at the bottom."""
        return len(self.parts) // 2

    @property
    def last(self) -> int:
        """The number of the last part in the order of the flow that is not empty."""
        return max(number for number, part in enumerate(self.parts) if not isinstance(part, Series) or part.parts)

    def level(self, number: int) -> int:
        """Return the level at which a part of the right column stands, the first being 0."""
        return 2 * self.bottom - number

    def gap_before(self, number: int) -> int:
        """Return the number of the gap, below the level of the same number, by which a column leads to a part."""
        return number - 1 if number <= self.bottom else self.level(number)

    @property
    def all_parts(self) -> list[Tree]:
        """The parts, and the box between the columns."""
        return [*self.parts, *([self.between] if self.between is not None else [])]


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
    for number, part in enumerate(parts_of(tree)):
        yield from _tree_paths(part, [*path, (tree, number)])


def leaf_names(tree: Tree) -> list[str]:
    """Return the boxes in *tree*, in order."""
    if isinstance(tree, Leaf):
        return [tree.name]
    return [name for part in parts_of(tree) for name in leaf_names(part)]


def parts_of(tree: Series | Parallel | UShape) -> list[Tree]:
    """Return all parts of *tree*."""
    return tree.all_parts if isinstance(tree, UShape) else tree.parts


__all__ = ["Leaf", "Parallel", "Series", "Tree", "TreePath", "UShape", "leaf_names", "parts_of", "tree_paths"]
