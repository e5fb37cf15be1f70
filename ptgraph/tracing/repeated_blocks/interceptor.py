"""Repeated blocks are traced once: a call that must do what an earlier one did is recorded, not traced.

While ``torch.export`` runs the model, the forward of every candidate (one of three or more modules of one class
under one parent) goes through here. Its first two calls are traced as they are, and marked. A later call that has
the same signature is replaced by one opaque operation with results of the same shapes. The signature says all that
the forward of a block can see: its arguments, its modules and their attributes, the objects and closures that they
reach, and the plain globals of its classes. Numbers and words that differ among the candidates, such as a
``layer_idx``, are handed to the traced call in a wrapper that notes whether they are used: only those that are must
be equal. A call that changes anything that a signature says, or a tensor that it was given, is never repeated.
`ptgraph.tracing.build_graph` then proves the two traced calls equal, operation by operation.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import nn

from ptgraph.tracing.module_walk import modules, named_children, named_modules
from ptgraph.tracing.repeated_blocks.fingerprint import INDEX, PLAIN, Signature, own_forward
from ptgraph.tracing.repeated_blocks.value_tracker import Tracked
from ptgraph.tracing.torch_internals import free_symbols, is_wrapped, memory_key, pytree

ENTER, LEAVE, REPEAT = "ptgraph.enter.default", "ptgraph.leave.default", "ptgraph.repeat.default"
FEWEST = 3  # siblings of one class, since two are traced anyway

Traced = TypeVar("Traced")

_library: Any = torch.library.Library("ptgraph", "DEF")  # type: ignore[no-untyped-call]  # torch left it untyped
_library.define("enter(Tensor[] inputs, str id) -> Tensor")
_library.define("leave(Tensor[] results, Tensor entered, str id) -> Tensor")
_library.define(
    "repeat(Tensor[] inputs, Tensor left, SymInt[][] shapes, SymInt[][] strides, str dtypes, str id) -> Tensor[]"
)


def _enter(inputs: list[torch.Tensor], id: str) -> torch.Tensor:
    return inputs[0].new_empty(0)


def _leave(results: list[torch.Tensor], entered: torch.Tensor, id: str) -> torch.Tensor:
    return entered.new_empty(0)


def _repeat(
    inputs: list[torch.Tensor], left: torch.Tensor, shapes: Any, strides: Any, dtypes: str, id: str
) -> list[torch.Tensor]:
    device = inputs[0].device
    return [
        torch.empty_strided(shape, stride, dtype=getattr(torch, dtype), device=device)
        for shape, stride, dtype in zip(shapes, strides, dtypes.split(","), strict=True)
    ]


_shapes: dict[str, Callable[..., Any]] = {"enter": _enter, "leave": _leave, "repeat": _repeat}
for _name, _function in _shapes.items():
    torch.library.register_fake(f"ptgraph::{_name}", _function, lib=_library)


@dataclass
class _Siblings:
    """Modules of one class under one parent, and the calls of them that were traced."""

    differing: frozenset[tuple[str, str]]  # (path within the module, attribute)
    calls: list[_TracedCall] = field(default_factory=list)
    pure: bool = True


@dataclass
class _Recipe:
    """How the results of a call are made up from its inputs and from new tensors."""

    results: list[torch.Tensor]
    leaves: list[tuple[str, Any]]  # "input" or "result" and its number, or "value" and the value
    spec: pytree.TreeSpec


@dataclass
class _TracedCall:
    """A traced call: what it saw, which of the differing attributes it used, and how to make up its results."""

    id: str
    signature: Signature
    used: set[tuple[str, str]] = field(default_factory=set)
    recipe: _Recipe | None = None
    left: torch.Tensor | None = None  # what marks its end, and keeps the marks in the program
    times: int = 0

    def fits(self, now: Signature) -> bool:
        """Return whether a call with the signature *now* does what this one did."""
        return self.signature.tokens == now.tokens and all(
            self.signature.values.get(key) == now.values.get(key) for key in self.used
        )


class Repeats:
    """Watches the calls of the blocks of *model* while it is traced; see `watched`.

    ``strict`` holds the classes whose forward does not take values in wrappers; those found out are added.
    """

    def __init__(self, model: nn.Module, strict: set[type]) -> None:
        self.strict = strict
        self.blocks: dict[int, tuple[nn.Module, _Siblings]] = {}
        self.count = self._ids = 0
        self.untraced: set[int] = set()  # blocks, by their keys here, of which a call was not traced
        self.notes: list[str] = []
        self._active: set[int] = set()
        for parent in modules(model):
            kinds: dict[type, list[nn.Module]] = defaultdict(list)
            for _, child in named_children(parent):
                if next(named_children(child), None) is not None and not isinstance(child, torch.jit.ScriptModule):
                    kinds[type(child)].append(child)
            for blocks in kinds.values():
                if len(blocks) >= FEWEST:
                    siblings = _Siblings(_differing(blocks))
                    for block in blocks:
                        self.blocks.setdefault(id(vars(block)), (block, siblings))

    def call(self, forward: Callable[..., Any], module: nn.Module, args: Any, kwargs: Any) -> Any:
        """Run *forward* of a module, or make up its results if it is known what they are."""
        key = id(vars(module))
        block, siblings = self.blocks.get(key, (module, None))
        if siblings is None or not siblings.pure or key in self._active:
            return forward(module, *args, **kwargs)
        leaves = pytree.tree_leaves((args, kwargs))
        inputs = list({id(leaf): leaf for leaf in leaves if isinstance(leaf, torch.Tensor)}.values())
        if not inputs or any(is_wrapped(tensor) for tensor in inputs):
            return forward(module, *args, **kwargs)
        before = Signature(block, siblings.differing, inputs, (args, kwargs))
        known = next((call for call in siblings.calls if call.fits(before)), None)
        if known is not None and known.recipe is not None and known.times > 1:
            before.note_use(known.used)
            self.count += 1
            self.untraced.add(key)
            return _made_up(known, known.recipe, inputs)
        if known is None:
            known = _TracedCall(f"run {self._ids}", before)
            self._ids += 1
        entered = torch.ops.ptgraph.enter(
            inputs, known.id
        )  # before: a tensor may have another name in the program afterwards
        self._active.add(key)
        blamed = len(self.strict)
        try:
            with before.handed_out(wrapped=type(block) not in self.strict) as used:
                result = forward(module, *args, **kwargs)
        except Exception as error:
            if before.values and Tracked.__name__ in str(error) and len(self.strict) == blamed:
                self.strict.add(type(block))
            raise
        finally:
            self._active.discard(key)
        if not before.same(Signature(block, siblings.differing, inputs, (args, kwargs))):
            siblings.pure = False
            self.notes.append(f"every {type(block).__name__} is traced: a call of one changes what the next may see")
            return result
        recipe = _recipe(result, inputs, before.own)
        left = torch.ops.ptgraph.leave(recipe.results, entered, known.id) if recipe is not None else None
        if not known.times:
            known.used, known.recipe, known.left = used, recipe, left
            siblings.calls.append(known)
            if recipe is None:
                self.notes.append(f"every {type(block).__name__} is traced: it returns views or unknown objects")
        known.times += 1
        return result


def _differing(blocks: list[nn.Module]) -> frozenset[tuple[str, str]]:
    """Return the attributes, plain numbers or words, that are not the same in all *blocks*, torch's own left out.

    What a module of torch's was made with, such as the ``groups`` of a convolution, goes into its operators.
    """
    found: dict[tuple[str, str], set[Any]] = defaultdict(set)
    settings: dict[type, set[str]] = {}
    for block in blocks:
        for path, module in named_modules(block):
            kind = type(module)
            taken = settings.get(kind) or settings.setdefault(kind, _constructor(kind))
            for name, value in vars(module).items():
                if type(value) in INDEX and name not in taken:
                    found[path, name].add((type(value), repr(value)))
    return frozenset(key for key, values in found.items() if len(values) > 1)


def _constructor(kind: Any) -> set[str]:
    """Return what the constructors of torch's own modules take, from which the class *kind* is derived."""
    bases = [base for base in kind.__mro__ if base.__module__.startswith("torch.nn.") and base is not nn.Module]
    return {name for base in bases for name in inspect.signature(base).parameters}


def _recipe(result: Any, inputs: list[torch.Tensor], own: list[torch.Tensor]) -> _Recipe | None:
    """Return how *result* is made up, or None if it cannot be: it holds views, or objects that nobody knows."""
    leaves, spec = pytree.tree_flatten(result)
    given = {id(tensor): number for number, tensor in enumerate(inputs)}
    made: dict[int, torch.Tensor] = {}
    recipe: list[tuple[str, Any]] = []
    for leaf in leaves:
        if isinstance(leaf, torch.Tensor) and id(leaf) in given:
            recipe.append(("input", given[id(leaf)]))
        elif isinstance(leaf, torch.Tensor):
            made.setdefault(id(leaf), leaf)
            recipe.append(("result", list(made).index(id(leaf))))
        elif type(leaf) in PLAIN:
            recipe.append(("value", leaf))
        else:
            return None
    results = list(made.values())
    if not results or any(t.layout != torch.strided or type(t) is not type(inputs[0]) for t in results):
        return None
    memory = [_memory(tensor) for tensor in results]
    if len(set(memory)) < len(memory) or set(memory) & {_memory(tensor) for tensor in [*inputs, *own]}:
        return None
    return _Recipe(results, recipe, spec) if _symbols(results) <= _symbols(inputs) else None


def _memory(tensor: torch.Tensor) -> int:
    return memory_key(tensor)


def _symbols(tensors: list[torch.Tensor]) -> set[str]:
    """Return the symbols in the shapes of *tensors*; one that no input has depends on data."""
    sizes: list[Any] = [size for tensor in tensors for size in tensor.shape if not isinstance(size, int)]
    return set(free_symbols(sizes))


def _made_up(call: _TracedCall, recipe: _Recipe, inputs: list[torch.Tensor]) -> Any:
    """Return results like those of the traced call, from one opaque operation on *inputs*."""
    results = torch.ops.ptgraph.repeat(
        inputs,
        call.left,
        [list(result.shape) for result in recipe.results],
        [list(result.stride()) for result in recipe.results],
        ",".join(str(result.dtype).removeprefix("torch.") for result in recipe.results),
        call.id,
    )
    parts = {"input": inputs, "result": results}
    leaves = [value if kind == "value" else parts[kind][value] for kind, value in recipe.leaves]
    return pytree.tree_unflatten(leaves, recipe.spec)


def watched(model: nn.Module, trace: Callable[[], Traced]) -> tuple[Traced, Repeats]:
    """Return what *trace* does, which runs the model, with repeats folded, and what was found out about them.

    Where a block does not take values in wrappers, as torch's own parsers do not, the whole of it is done again, and
    blocks of that class get the values as they are.
    """
    strict: set[type] = set()
    while True:
        known, repeats = len(strict), Repeats(model, strict)
        try:
            with _patched(repeats):
                return trace(), repeats
        except Exception:
            if len(strict) == known:
                raise


@contextlib.contextmanager
def _patched(repeats: Repeats) -> Iterator[None]:
    """Let the blocks run through *repeats*. The classes have their own ``forward`` again afterwards."""
    patched: list[tuple[Any, Any]] = []
    try:
        for kind in {type(block) for block, _ in repeats.blocks.values()}:
            patched.append((kind, vars(kind).get("forward")))
            _put(kind, _watching(kind.forward, repeats))
        yield
    finally:
        for kind, own in reversed(patched):
            _put(kind, own)


def _put(kind: Any, forward: Any) -> None:
    if forward is None:
        del kind.forward
    else:
        kind.forward = forward


def _watching(forward: Any, repeats: Repeats) -> Any:
    @functools.wraps(forward)
    def watching(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return repeats.call(forward, self, args, kwargs)

    vars(watching)[own_forward] = forward
    return watching


__all__ = ["ENTER", "LEAVE", "REPEAT", "Repeats", "watched"]
