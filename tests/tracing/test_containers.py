"""Objects of the user's are read and put back by the built-in class that they are: no code of theirs runs."""

from __future__ import annotations

import gc
import weakref
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from functools import cache
from typing import Any, NoReturn

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import register_pytree_node

from ptgraph.formats.json import document
from ptgraph.tracing.build_graph import build, graph_of
from ptgraph.tracing.capture import capture
from ptgraph.tracing.containers import attributes, container, contents, is_a, put, slots
from ptgraph.tracing.repeated_blocks.fingerprint import Signature
from ptgraph.tracing.source import Source
from ptgraph.tracing.state_guard import left_as_found
from tests.support.tracers import DRAFT, EXPORT, LADDER, RECORDED, by_rung

METHODS = (
    *("__len__", "__iter__", "__bool__", "__eq__", "__ne__", "__hash__", "__contains__", "__repr__", "__str__"),
    *("__getitem__", "__setitem__", "__delitem__", "__getattr__", "__copy__", "__reduce__", "__format__"),
    *("clear", "update", "keys", "values", "items", "pop", "append", "extend", "copy", "add", "get", "setdefault"),
    *("__or__", "__sub__", "__lt__", "__int__", "__float__", "__index__", "popitem", "insert", "union"),
)


class Refused(Exception):
    """Raised by code that must not run."""


def refuse(*args: Any, **kwargs: Any) -> NoReturn:
    raise Refused


@cache
def classes(base: type) -> tuple[type, type]:
    """Return a class derived from *base*, and one of which nothing may be asked."""
    methods = {name: refuse for name in METHODS if name.startswith("__") or hasattr(base, name)}
    return type(base.__name__, (base,), {}), type(f"Hostile{base.__name__}", (base,), methods)


def hostile(base: Any, *made: Any) -> Any:
    """Return an instance of a class derived from *base* of which nothing may be asked."""
    derived, hostile_class = classes(base)
    if not issubclass(base, dict | list | set | deque):
        return base.__new__(hostile_class, *made)
    value = derived(*made)
    value.__class__ = hostile_class
    return value


PAIRS = {"a": 1, "b": [2]}
CONTAINERS: dict[str, Any] = {
    "dict": (dict, PAIRS),
    "OrderedDict": (OrderedDict, PAIRS),
    "Counter": (Counter, {"a": 1}),
    "list": (list, [1, [2]]),
    "tuple": (tuple, (1, (2, 3))),
    "set": (set, {1, 2}),
    "frozenset": (frozenset, {1, 2}),
    "deque": (deque, [1, 2]),
}


def plain(kind: type, made: Any) -> list[Any]:
    return [part for pair in made.items() for part in pair] if issubclass(kind, dict) else list(made)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_read_and_put_back_without_its_own_code(name: str) -> None:
    kind, made = CONTAINERS[name]
    value = hostile(kind, made)
    before = contents(value)
    assert before == plain(kind, made)
    assert is_a(value, kind) and container(value) in kind.__mro__ and attributes(value) == {}
    put(value, before)
    if name not in ("tuple", "frozenset"):
        more = [*before, 3, 4]
        put(value, more)
        assert contents(value) == more
        put(value, before)
        assert contents(value) == before


def test_what_holds_the_same_is_not_written_to() -> None:
    class Watched(deque[int]):
        def __del__(self) -> None: ...

    found: Any
    for found in (OrderedDict(a=1), {"a": 1}, [1], deque([1])):
        walk = iter(found)
        put(found, contents(found))
        next(walk)  # which raises if it has been changed meanwhile
    assert contents(Watched([1])) == [1]


def test_the_order_of_the_keys_counts_and_so_does_which_object_it_is() -> None:
    ordered: OrderedDict[str, int] = OrderedDict(a=1, b=2)
    before = contents(ordered)
    ordered.move_to_end("a")
    put(ordered, before)
    assert list(ordered) == ["a", "b"] and list(reversed(ordered)) == ["b", "a"]
    one, other = [1], [1]
    held = {"x": one}
    before = contents(held)
    held["x"] = other
    put(held, before)
    assert held["x"] is one


def test_slots_are_read_by_their_descriptors() -> None:
    class Slotted:
        __slots__ = ("__hidden", "open", "unset")

        def __init__(self) -> None:
            self.__hidden, self.open = 1, 2

        def __getattribute__(self, name: str) -> Any:
            raise Refused

    assert slots(Slotted()) == {"_Slotted__hidden": 1, "open": 2}


class Frozen(OrderedDict[str, Any]):
    """A config as some libraries keep theirs: made once, and changed by nothing."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for key, value in self.items():
            setattr(self, key, value)
        self.frozen = True

    def __setitem__(self, key: str, value: Any) -> None:
        if hasattr(self, "frozen"):
            raise Refused(f"You cannot use `update` on a {type(self).__name__} instance")
        super().__setitem__(key, value)

    update = pop = setdefault = __delitem__ = refuse


class Keeps(nn.Module):
    """Holds whatever people hold, and changes what it may."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self._held = Frozen({"width": 4, "names": ["a"], "deep": {"x": (1, [2])}})
        self.counts: defaultdict[str, int] = defaultdict(int, runs=0)
        self.user: UserDict[str, int] = UserDict(runs=0)
        self.users: UserList[int] = UserList([1])
        self.last: deque[int] = deque([1, 2], maxlen=2)
        self.done: set[int] = {1}
        self.pair = (1, [2])
        self.odd = [hostile(kind, made) for kind, made in CONTAINERS.values()]
        self.number, self.word, self.object = hostile(int, 3), hostile(str, "w"), hostile(object)
        self.irreps = hostile(tuple, (8, (0, 1)))

    @property
    def config(self) -> Any:
        return self._held

    def forward(self, x: Tensor) -> Tensor:
        self.counts["runs"] += 1
        self.counts["more"] += 1
        self.user["runs"] += 1
        self.users.append(1)
        self.last.append(3)
        self.done.add(2)
        self.pair[1].append(3)
        self._held["deep"]["x"][1].append(x)
        return self.linear(x)


def state(model: Any) -> Any:
    simple = model.counts, model.user.data, model.users.data, list(model.last), model.done, model.pair
    return repr(
        (
            simple,
            [contents(item) for item in model.odd],
            [(key, dict.__getitem__(model._held, key)) for key in list(model._held)],
        )
    )


@pytest.mark.parametrize("rung", [EXPORT, DRAFT, RECORDED])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_model_that_holds_odd_containers_is_traced_and_left_as_found(
    rung: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.device(device):
        model, x = Keeps(), torch.ones(2, 4)
    before, held = state(model), model._held
    graph = build(by_rung(rung, Source("model", model, (x,)), monkeypatch))
    assert graph is not None
    assert state(model) == before
    assert model.config is held and held.width == 4
    assert graph.config["width"] == 4 and graph.config["deep"] == {"x": [1, [2]]}
    found = graph.component("").settings
    assert found["counts"] == {"runs": 0} and found["pair"] == [1, [2]]
    assert found["irreps"] == [8, [0, 1]] and (found["number"], found["word"]) == (3, "w")


class Rings(Keeps):
    """Its containers hold themselves, which torch.export does not take."""

    def __init__(self) -> None:
        super().__init__()
        self.ring: dict[str, Any] = {"a": 1}
        self.ring["ring"] = self.ring
        self.chain: list[Any] = [1]
        self.chain.append(self.chain)

    def forward(self, x: Tensor) -> Tensor:
        self.ring["b"] = 2
        self.chain.append(2)
        return super().forward(x)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_containers_that_hold_themselves(device: str) -> None:
    with torch.device(device):
        model, x = Rings(), torch.ones(2, 4)
    graph = graph_of(Source("model", model, (x,)))
    assert graph.tracer in LADDER[-2:]
    assert list(model.ring) == ["a", "ring"] and model.ring["ring"] is model.ring
    assert len(model.chain) == 2 and model.chain[1] is model.chain
    assert not {"ring", "chain"} & set(graph.component("").settings)


def test_a_model_that_holds_itself_in_lists_and_dicts_is_left_as_found() -> None:
    model = nn.Module()
    hidden = nn.Module()
    hidden.count = 0  # type: ignore[assignment]
    model.all = [{"model": model, "hidden": hidden}]  # type: ignore[assignment]
    with left_as_found(model):
        hidden.count = 1  # type: ignore[assignment]
        model.all.append(2)
    assert hidden.count == 0 and len(model.all) == 1  # type: ignore[arg-type]


class Known:
    """What torch knows how to take apart, without names for the parts."""

    def __init__(self, *items: Any) -> None:
        self.items = items


register_pytree_node(Known, lambda k: (list(k.items), None), lambda items, _: Known(*items))


class KnownDict(dict[str, Any]):
    pass


register_pytree_node(
    KnownDict, lambda d: (list(d.values()), list(d)), lambda items, keys: KnownDict(zip(keys, items, strict=True))
)


@pytest.mark.parametrize("rung", [rung for rung in LADDER if rung != "torch.fx.symbolic_trace"])
def test_results_of_classes_that_torch_knows_without_names(rung: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gives(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return KnownDict(sample=x + 1, rest=Known(x + 2, x + 3))

    graph = build(by_rung(rung, Source("model", Gives(), (torch.ones(2),)), monkeypatch))
    assert graph is not None
    assert [graph.op(name).target for name in graph.of_kind("output")] == ["sample", "rest.0", "rest.1"]


# ---- what a signature says of objects


def signature(**held: Any) -> Signature:
    block = nn.Linear(2, 2)
    vars(block).update(held)
    return Signature(block, frozenset(), [], ())


def test_a_signature_keeps_the_things_whose_ids_it_holds() -> None:
    """Otherwise a new thing could get the id of one that is gone, and pass for it."""

    class Inherits(nn.Linear):
        pass

    block = nn.Sequential(Inherits(2, 2), nn.ReLU())
    things = [{1, 2}, hostile(list), Keeps(), torch.ones(1), lambda: None, Inherits, torch.ones(2), torch.ones(2)]
    vars(block)["held"] = things[:5]
    found = Signature(block, frozenset(), [things[6]], ({"x": things[7]},))
    said = {token[1] for token in found.tokens if type(token) is tuple and token[:1] == ("this",)}
    assert {id(thing) for thing in (*things[2:5], things[7])} <= said and id(Inherits) in found.tokens
    kept = [weakref.ref(thing) for thing in things]
    del vars(block)["held"], block[0], things, Inherits
    gc.collect()
    assert all(thing() is not None for thing in kept)


def test_a_signature_tells_apart_what_it_makes_for_a_moment() -> None:
    block = signature(held=[hides(1), hides(2)]).block
    before = Signature(block, frozenset(), [], ())
    vars(block)["held"][1].step = 3
    assert not before.same(Signature(block, frozenset(), [], ()))


def test_an_iterator_is_never_the_same_again() -> None:
    """Nobody can see whether it has been asked for more."""
    before = signature(held=iter([1, 2]))
    assert not before.same(Signature(before.block, frozenset(), [], ()))


class Equal:
    """Equal to anything."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


class EqualInt(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Hides(dict[str, int]):
    step = 0


def hides(step: int) -> Hides:
    made = Hides()
    made.step = step
    return made


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Equal(1), Equal(2)),
        (EqualInt(1), EqualInt(2)),
        ({1}, {True}),
        ([1], [1.0]),
        (0.0, -0.0),
        (hides(1), hides(2)),
        (deque([1]), deque([2])),
        (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
        (("a",), ["a"]),
    ],
)
def test_a_signature_tells_what_only_looks_equal(one: Any, other: Any) -> None:
    owner = signature(held=one)
    assert owner.tokens != Signature(owner.block, frozenset(), [], (other,)).tokens
    block = owner.block
    vars(block)["held"] = other
    assert not owner.same(Signature(block, frozenset(), [], ()))
    vars(block)["held"] = one
    assert owner.same(Signature(block, frozenset(), [], ()))


def test_blocks_that_hold_odd_things_repeat() -> None:
    class Block(nn.Module):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.inner = Keeps.__new__(Keeps)
            nn.Module.__init__(self.inner)
            self.inner.linear = nn.Linear(4, 4)
            self.config, self.number = Frozen({"width": 4}), number
            self.odd = [hostile(kind, made) for kind, made in ((dict, {1: 2}), (list, [1]), (tuple, (1,)))]

        def forward(self, x: Tensor) -> Tensor:
            return self.inner.linear(x)

    model = nn.Sequential(*(Block(number) for number in range(5)))
    source = Source("net", model, (torch.ones(2, 4),))
    full, once = build(capture(source, once=False)), graph_of(source)
    assert full is not None and document(full) == document(once)
    assert once.traced.repeated
