"""Repeated blocks are traced once: a run that must do what an earlier one did is noted, not traced.

While ``torch.export`` runs the model, the forward of every candidate (one of three or more modules of one class
under one parent) goes through here. Its first two runs are traced as they are, and marked. A later run that has
the same signature is replaced by one opaque operation with results of the same shapes. The signature says all that
the forward of a block can see: its arguments, its modules and their attributes, the objects and closures that they
reach, and the plain globals of its classes. Numbers and words that differ among the candidates, such as a
``layer_idx``, are handed to the traced run in a wrapper that notes whether they are used: only those that are must
be equal. A run that changes anything that a signature says, or a tensor that it was given, is never repeated.
`ptgraph.build` then proves the two traced runs equal, operation by operation.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import operator
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

ENTER, LEAVE, REPEAT = "ptgraph.enter.default", "ptgraph.leave.default", "ptgraph.repeat.default"
FEWEST = 3  # siblings of one class, since two are traced anyway
DEEPEST = 12  # levels of objects that a signature follows
_PLAIN = (bool, int, float, str, bytes, complex, type(None), type(...), torch.dtype, torch.device, torch.layout)
_PLAIN_TYPES = (*_PLAIN, torch.memory_format, torch.Size, enum.Enum, type, types.ModuleType)
_INDEX = (int, float, str)  # what may tell one of several equal blocks from another

_library = torch.library.Library("ptgraph", "DEF")
_library.define("enter(Tensor[] inputs, str id) -> Tensor")
_library.define("leave(Tensor[] results, Tensor entered, str id) -> Tensor")
_library.define("repeat(Tensor[] inputs, Tensor left, SymInt[][] shapes, SymInt[][] strides, str dtypes, str id) -> Tensor[]")


@torch.library.register_fake("ptgraph::enter", lib=_library)
def _enter(inputs: list[torch.Tensor], id: str) -> torch.Tensor:
    return inputs[0].new_empty(0)


@torch.library.register_fake("ptgraph::leave", lib=_library)
def _leave(results: list[torch.Tensor], entered: torch.Tensor, id: str) -> torch.Tensor:
    return entered.new_empty(0)


@torch.library.register_fake("ptgraph::repeat", lib=_library)
def _repeat(
    inputs: list[torch.Tensor], left: torch.Tensor, shapes: Any, strides: Any, dtypes: str, id: str
) -> list[torch.Tensor]:
    device = inputs[0].device
    return [
        torch.empty_strided(shape, stride, dtype=getattr(torch, dtype), device=device)
        for shape, stride, dtype in zip(shapes, strides, dtypes.split(","), strict=True)
    ]


class _Tracked:
    """Stands for a number or a word, and notes in *used* that something has asked what it is."""

    def __init__(self, value: Any, used: list[Callable[[], None]]) -> None:
        self.__dict__.update(_value=value, _used=used)

    @property
    def __class__(self) -> type:
        return type(_value_of(self))

    @__class__.setter
    def __class__(self, value: type) -> None:
        raise TypeError("the class of a tracked value is that of what it stands for")

    def __getattr__(self, name: str) -> Any:
        return getattr(_seen(self), name)


def _value_of(item: Any) -> Any:
    """Return the value itself, without noting that it is used."""
    return object.__getattribute__(item, "_value") if type(item) is _Tracked else item


def _seen(item: Any) -> Any:
    if type(item) is not _Tracked:
        return item
    for note in object.__getattribute__(item, "_used"):
        note()
    return _value_of(item)


def _forward_operators() -> None:
    """Let a tracked value answer every operator as what it stands for does, and note it."""

    def unary(function: Callable[[Any], Any]) -> Any:
        return lambda self: function(_seen(self))

    def binary(function: Callable[[Any, Any], Any]) -> Any:
        return lambda self, other: function(_seen(self), _seen(other))

    def swapped(function: Callable[[Any, Any], Any]) -> Any:
        return lambda self, other: function(_seen(other), _seen(self))

    for name in ("index", "neg", "pos", "abs", "invert"):
        setattr(_Tracked, f"__{name}__", unary(getattr(operator, name)))
    for name, function in {"int": int, "float": float, "bool": bool, "str": str, "repr": repr, "hash": hash}.items():
        setattr(_Tracked, f"__{name}__", unary(function))
    setattr(_Tracked, "__len__", unary(len))
    setattr(_Tracked, "__iter__", unary(iter))
    setattr(_Tracked, "__round__", lambda self, *digits: round(_seen(self), *digits))
    setattr(_Tracked, "__format__", lambda self, form: format(_seen(self), form))
    setattr(_Tracked, "__divmod__", binary(divmod))
    setattr(_Tracked, "__contains__", binary(lambda one, other: other in one))
    setattr(_Tracked, "__getitem__", binary(lambda one, other: one[other]))
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(_Tracked, f"__{name}__", binary(getattr(operator, name)))
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift", "and_", "or_", "xor"):
        plain = name.rstrip("_")
        setattr(_Tracked, f"__{plain}__", binary(getattr(operator, name)))
        setattr(_Tracked, f"__r{plain}__", swapped(getattr(operator, name)))


_forward_operators()


@dataclass
class _Siblings:
    """Modules of one class under one parent, and the runs of them that were traced."""

    differing: frozenset[tuple[str, str]]  # (path within the module, attribute)
    runs: list[_Run] = field(default_factory=list)
    pure: bool = True


@dataclass
class _Recipe:
    """How the results of a run are made up from its inputs and from new tensors."""

    results: list[torch.Tensor]
    leaves: list[tuple[str, Any]]  # "input" or "result" and its number, or "value" and the value
    spec: pytree.TreeSpec


@dataclass
class _Run:
    """A traced run: what it saw, which of the differing attributes it used, and how to make up its results."""

    id: str
    signature: tuple[Any, ...]
    values: dict[tuple[str, str], Any]
    used: set[tuple[str, str]] = field(default_factory=set)
    recipe: _Recipe | None = None
    left: torch.Tensor | None = None  # what marks its end, and keeps the marks in the program
    times: int = 0

    def fits(self, now: _Signature) -> bool:
        """Return whether a run with the signature *now* does what this one did."""
        return self.signature == now.tokens and all(self.values.get(key) == now.values.get(key) for key in self.used)


class Repeats:
    """Watches the runs of the blocks of *model* while it is traced; see `watched`."""

    def __init__(self, model: nn.Module) -> None:
        self.blocks: dict[int, tuple[nn.Module, _Siblings]] = {}
        self.count = self._ids = 0
        self._active: set[int] = set()
        for parent in model.modules():
            kinds: dict[type, list[nn.Module]] = defaultdict(list)
            for child in parent.children():
                if next(child.children(), None) is not None and not isinstance(child, torch.jit.ScriptModule):
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
        if not inputs or any(torch._C._functorch.is_functorch_wrapped_tensor(tensor) for tensor in inputs):
            return forward(module, *args, **kwargs)
        before = _Signature(block, siblings.differing, inputs, (args, kwargs))
        known = next((run for run in siblings.runs if run.fits(before)), None)
        if known is not None and known.recipe is not None and known.times > 1:
            before.note_use(known.used)
            self.count += 1
            return _made_up(known, known.recipe, inputs)
        if known is None:
            known = _Run(f"run {self._ids}", before.tokens, before.values)
            self._ids += 1
        entered = torch.ops.ptgraph.enter(inputs, known.id)  # before: a tensor may have another name in the program afterwards
        self._active.add(key)
        try:
            with before.tracking() as used:
                result = forward(module, *args, **kwargs)
        finally:
            self._active.discard(key)
        if not before.same(_Signature(block, siblings.differing, inputs, (args, kwargs))):
            siblings.pure = False
            return result
        recipe = _recipe(result, inputs, before.own)
        left = torch.ops.ptgraph.leave(recipe.results, entered, known.id) if recipe is not None else None
        if not known.times:
            known.used, known.recipe, known.left = used, recipe, left
            siblings.runs.append(known)
        known.times += 1
        return result


def _differing(blocks: list[nn.Module]) -> frozenset[tuple[str, str]]:
    """Return the attributes, plain numbers or words, that are not the same in all *blocks*."""
    found: dict[tuple[str, str], set[Any]] = defaultdict(set)
    for block in blocks:
        for path, module in block.named_modules():
            for name, value in vars(module).items():
                if type(value) in _INDEX:
                    found[path, name].add((type(value), repr(value)))
    return frozenset(key for key, values in found.items() if len(values) > 1)


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
        elif type(leaf) in _PLAIN:
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
    return int(tensor.untyped_storage()._cdata)


def _symbols(tensors: list[torch.Tensor]) -> set[str]:
    """Return the symbols in the shapes of *tensors*; one that no input has depends on data."""
    sizes = [size for tensor in tensors for size in tensor.shape if not isinstance(size, int)]
    return {str(symbol) for size in sizes for symbol in size.node.expr.free_symbols}


def _made_up(run: _Run, recipe: _Recipe, inputs: list[torch.Tensor]) -> Any:
    """Return results like those of the traced run, from one opaque operation on *inputs*."""
    results = torch.ops.ptgraph.repeat(
        inputs,
        run.left,
        [list(result.shape) for result in recipe.results],
        [list(result.stride()) for result in recipe.results],
        ",".join(str(result.dtype).removeprefix("torch.") for result in recipe.results),
        run.id,
    )
    parts = {"input": inputs, "result": results}
    leaves = [value if kind == "value" else parts[kind][value] for kind, value in recipe.leaves]
    return pytree.tree_unflatten(leaves, recipe.spec)


class _Signature:
    """All that a forward of *block* on these arguments can see, as ``tokens`` to compare, and ``values`` beside them.

    ``values`` holds the attributes in which the siblings differ; ``own`` the parameters and buffers of the block.
    """

    def __init__(
        self, block: nn.Module, differing: frozenset[tuple[str, str]], inputs: list[torch.Tensor], given: Any
    ) -> None:
        self.block, self.differing = block, differing
        self.values: dict[tuple[str, str], Any] = {}
        self.own: list[torch.Tensor] = []
        self.versions: list[int] = []
        self._places: dict[int, tuple[str, Any]] = {}
        self._modules = {id(vars(m)): path for path, m in block.named_modules()}
        self._out: list[Any] = []
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []
        for number, tensor in enumerate(inputs):
            self._places[id(tensor)] = ("input", number)
            self._out += [tensor.dtype, tensor.device, tensor.requires_grad, *map(_size, tensor.shape)]
            self._out += map(_size, tensor.stride())
            self.versions.append(tensor._version)
        for path, module in block.named_modules():
            self._state(path, module)
        for path, module in block.named_modules():
            self._attributes(path, module)
        self._code({type(module) for module in block.modules()})
        self._visit(given, 0)
        self.tokens = tuple(self._out)

    def same(self, other: _Signature) -> bool:
        """Return whether nothing has changed: the tokens, the values, and the tensors' contents."""
        return (self.tokens, self.values, self.versions) == (other.tokens, other.values, other.versions)

    @contextlib.contextmanager
    def tracking(self) -> Iterator[set[tuple[str, str]]]:
        """Hand out the values in wrappers; yield the set of those that are used, which grows meanwhile."""
        used: set[tuple[str, str]] = set()
        modules = dict(self.block.named_modules())
        before = {}
        for path, name in self.differing:
            attributes = vars(modules[path]) if path in modules else {}
            if type(_value_of(attributes.get(name))) in _INDEX:
                held = before[path, name] = attributes[name]
                notes = object.__getattribute__(held, "_used") if type(held) is _Tracked else []
                attributes[name] = _Tracked(_value_of(held), [*notes, functools.partial(used.add, (path, name))])
        try:
            yield used
        finally:
            for (path, name), held in before.items():
                if type(vars(modules[path]).get(name)) is _Tracked:  # not what the forward itself put there
                    vars(modules[path])[name] = held

    def note_use(self, used: set[tuple[str, str]]) -> None:
        """Tell an outer run that is tracked that its repeat of this one depends on these values."""
        modules = dict(self.block.named_modules())
        for path, name in used:
            _seen(vars(modules[path])[name])

    def _state(self, path: str, module: nn.Module) -> None:
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                self._out += [path, name, tensor is None]
                if tensor is not None:
                    place = f"{path}.{name}" if path else name
                    self._places.setdefault(id(tensor), ("own", place))
                    self._out += [self._places[id(tensor)], tensor.dtype, tensor.device, *map(_size, tensor.shape)]
                    self.own.append(tensor)
                    self.versions.append(tensor._version)

    def _attributes(self, path: str, module: nn.Module) -> None:
        self._out += [path, type(module), tuple(module._modules)]
        for name, value in vars(module).items():
            if name in ("_parameters", "_buffers", "_modules"):
                continue
            self._out.append(name)
            if (path, name) in self.differing and type(_value_of(value)) in _INDEX:
                self.values[path, name] = (type(_value_of(value)), _value_of(value))
                self._out.append("differs")
            else:
                self._visit(value, 0)

    def _code(self, classes: set[type]) -> None:
        """Say the plain attributes of the classes and the plain globals of their code, torch's own left out."""
        ours = {c for kind in classes for c in kind.__mro__ if not c.__module__.startswith(("torch.", "builtins"))}
        for kind in sorted(ours, key=lambda c: f"{c.__module__}.{c.__qualname__}"):
            forward = vars(kind).get("forward")
            scope = getattr(getattr(forward, "__wrapped__", forward), "__globals__", {})
            for names in (vars(kind), {} if id(scope) in self._seen else scope):
                for name, value in list(names.items()):
                    if type(value) in (int, float, str, bool, list, dict, set) and not name.startswith("__"):
                        self._out.append(name)
                        self._visit(value, DEEPEST - 1)
            self._seen.setdefault(id(scope), len(self._seen))

    def _visit(self, value: Any, depth: int) -> None:
        value = _value_of(value)
        if isinstance(value, _PLAIN_TYPES):
            self._out += [type(value), repr(value) if isinstance(value, float | complex) else value]
        elif isinstance(value, torch.SymInt | torch.SymFloat | torch.SymBool):
            self._out.append(str(value.node.expr))
        elif isinstance(value, torch.Tensor):
            self._identity(self._places.get(id(value)), value)
        elif id(value) in self._seen:
            self._out.append(self._seen[id(value)])
        elif depth >= DEEPEST:
            self._out.append(type(value))
        else:
            self._seen[id(value)] = len(self._seen)
            self._kept.append(value)
            self._inside(value, depth + 1)

    def _inside(self, value: Any, depth: int) -> None:
        self._out.append(type(value))
        if isinstance(value, nn.Module):
            path = self._modules.get(id(vars(value)))
            if path is None:  # outside of the block: the same one, with the same plain attributes
                self._identity(None, value)
                for name, held in vars(value).items():
                    if isinstance(held, _PLAIN_TYPES):
                        self._out += [name, held]
            else:
                self._out.append(path)
        elif isinstance(value, dict):
            self._out.append(len(value))
            for key, item in value.items():
                self._visit(key, depth)
                self._visit(item, depth)
        elif isinstance(value, list | tuple):
            self._out.append(len(value))
            for item in value:
                self._visit(item, depth)
        elif isinstance(value, set | frozenset):
            self._out.append(frozenset(item if isinstance(item, _PLAIN_TYPES) else id(item) for item in value))
        elif isinstance(value, types.FunctionType):
            self._identity(None, value)
            for cell in value.__closure__ or ():
                with contextlib.suppress(ValueError):  # an empty cell
                    self._visit(cell.cell_contents, depth)
        elif isinstance(value, types.MethodType):
            self._visit(value.__func__, depth)
            self._visit(value.__self__, depth)
        elif isinstance(value, functools.partial):
            self._visit((value.func, value.args, value.keywords), depth)
        elif hasattr(value, "__dict__"):
            self._visit(vars(value), depth)
        else:
            self._identity(None, value)

    def _identity(self, place: tuple[str, Any] | None, value: Any) -> None:
        """Say where a thing is within the block, or that it is this very one (which is kept, so its id stays its)."""
        self._out.append(place or ("this", id(value)))
        self._kept.append(value)


def _size(size: Any) -> Any:
    return size if isinstance(size, int) else str(size.node.expr)


@contextlib.contextmanager
def watched(model: nn.Module) -> Iterator[Repeats]:
    """Trace the model within: repeats are folded. The classes have their own ``forward`` again afterwards."""
    repeats = Repeats(model)
    patched: list[tuple[type, Any]] = []
    try:
        for kind in {type(block) for block, _ in repeats.blocks.values()}:
            patched.append((kind, vars(kind).get("forward")))
            setattr(kind, "forward", _watching(kind.forward, repeats))
        yield repeats
    finally:
        for kind, own in reversed(patched):
            if own is None:
                delattr(kind, "forward")
            else:
                setattr(kind, "forward", own)


def _watching(forward: Callable[..., Any], repeats: Repeats) -> Callable[..., Any]:
    @functools.wraps(forward)
    def watching(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return repeats.call(forward, self, args, kwargs)

    return watching


__all__ = ["ENTER", "LEAVE", "REPEAT", "Repeats", "watched"]
