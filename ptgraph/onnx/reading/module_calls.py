"""Module calls of a flat graph: a node that reads what its own module has yielded before is in another call of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ptgraph.common.unique import unique
from ptgraph.graph.model import Call
from ptgraph.onnx.reading.module_scopes import Step


class ModuleCalls:
    """The module calls, in order. ``calls`` are those of `ModelGraph`, ``types`` the class at each path."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {"": Call("", None)}
        self.types: dict[str, str] = {}
        self._latest: dict[tuple[str, str], str] = {}  # a call and a path → the last call of the module in it
        self._counts: dict[str, int] = {}
        self._bits: dict[str, int] = {"": 0}  # a call → a bit for it and for each that it is in, but the root's
        self._own: dict[str, int] = {"": 0}
        self._left: dict[str, tuple[str, int]] = {}  # a value → the call that made it, and the calls that it has left

    def within(self, outer: str, steps: Sequence[Step], read: Iterable[str], *, new: bool = False) -> str:
        """Return the call of the innermost of *steps* in the call *outer*, for a node that reads the values *read*.

        With *new*, it is another call than those before, whatever is read.
        """
        left = self._brought(read)
        call = outer
        for number, step in enumerate(steps):
            found = self._latest.get((call, step.path))
            again = found is None or (new and number == len(steps) - 1) or left & self._own[found]
            call = self._start(call, step) if found is None or again else found
        return call

    def made(self, call: str, read: Iterable[str], values: Iterable[str]) -> None:
        """Note that a node in the call *call*, which reads the values *read*, makes *values*."""
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
        call = unique(f"{step.path}@{number}" if number else step.path, self.calls, "{name}@{number}", first=1)
        self.calls[call] = Call(step.path, outer)
        self.types.setdefault(step.path, step.type)
        self._own[call] = 1 << len(self._own)
        self._bits[call] = self._bits[outer] | self._own[call]
        self._latest[outer, step.path] = call
        return call


__all__ = ["ModuleCalls"]
