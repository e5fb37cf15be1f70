"""Which run of a module a node is in: a module that its own results lead back to runs again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ptgraph.graph.model import Call
from ptgraph.onnx.reading.module_scopes import Step


class Runs:
    """The runs of modules, in order. ``calls`` are those of `ModelGraph`, ``types`` the class at each path."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {"": Call("", None)}
        self.types: dict[str, str] = {}
        self._latest: dict[tuple[str, str], str] = {}  # a run and a path → the last run of the module in it
        self._counts: dict[str, int] = {}
        self._bits: dict[str, int] = {"": 0}  # a run → a bit for it and for each that it is in, but the root's
        self._own: dict[str, int] = {"": 0}
        self._left: dict[str, tuple[str, int]] = {}  # a value → the run that made it, and the runs that it has left

    def within(self, outer: str, steps: Sequence[Step], read: Iterable[str], *, new: bool = False) -> str:
        """Return the run of the innermost of *steps* in the run *outer*, for a node that reads the values *read*.

        A *new* one is another run even if its results do not lead to this.
        """
        left = self._brought(read)
        call = outer
        for number, step in enumerate(steps):
            found = self._latest.get((call, step.path))
            again = found is None or (new and number == len(steps) - 1) or left & self._own[found]
            call = self._start(call, step) if found is None or again else found
        return call

    def made(self, call: str, read: Iterable[str], values: Iterable[str]) -> None:
        """Note that a node in the run *call*, which reads the values *read*, makes *values*."""
        left = 0
        for value in read:
            source, before = self._left.get(value, ("", 0))
            left |= before | (self._bits[source] & ~self._bits[call])
        for value in values:
            self._left[value] = call, left

    def _brought(self, read: Iterable[str]) -> int:
        left = 0
        for value in read:
            left |= self._left.get(value, ("", 0))[1]
        return left

    def _start(self, outer: str, step: Step) -> str:
        number = self._counts.get(step.path, 0)
        self._counts[step.path] = number + 1
        call = f"{step.path}@{number}" if number else step.path
        while call in self.calls:
            call += "@"
        self.calls[call] = Call(step.path, outer)
        self.types.setdefault(step.path, step.type)
        self._own[call] = 1 << len(self._own)
        self._bits[call] = self._bits[outer] | self._own[call]
        self._latest[outer, step.path] = call
        return call


__all__ = ["Runs"]
