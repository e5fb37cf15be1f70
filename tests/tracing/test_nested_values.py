"""Nested values are taken apart and made again without code of the user's."""

from __future__ import annotations

import dataclasses
import enum
from collections import OrderedDict, UserDict, deque
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from ptgraph.tracing.nested_values import described, map_tensors, opened
from tests.tracing.test_containers import Known, KnownDict, hostile

X, Y = torch.ones(1), torch.ones(2)


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any
    n: int = 3

    def __post_init__(self) -> None:
        if not isinstance(self.x, Tensor):
            raise TypeError("x is no tensor")  # nothing checks, since no code of the class runs


@dataclasses.dataclass(slots=True)
class Slotted:
    x: Any
    n: int = 3


class Pair(NamedTuple):
    x: Any
    n: int = 3


class Length(tuple[Any, ...]):
    def __len__(self) -> int:
        raise NotImplementedError


class Both(OrderedDict[str, Any]):
    """Has its items as attributes, too."""


def both() -> Both:
    value = Both(x=X, n=3)
    value.x = X  # type: ignore[attr-defined]
    return value


class Colour(enum.Enum):
    RED = 1


VALUES: list[tuple[str, Any, dict[str, Tensor], list[tuple[str, Any]]]] = [
    ("tensor", X, {"output": X}, []),
    ("nested", {"a": [X, (Y, None)], 1: "t"}, {"a.0": X, "a.1.0": Y}, [("a.1.1", None), ("1", "t")]),
    ("frozen", Frozen(X), {"x": X}, [("n", 3)]),
    ("slots", Slotted(X), {"x": X}, [("n", 3)]),
    ("named tuple", Pair(X), {"x": X}, [("n", 3)]),
    ("namespace", SimpleNamespace(x=X, n=3), {"x": X}, [("n", 3)]),
    ("tuple without a length", Length([X, 3]), {"0": X}, [("1", 3)]),
    ("user's dict", UserDict(x=X, n=3), {"x": X}, [("n", 3)]),
    ("items and attributes", both(), {"x": X}, [("n", 3)]),
    ("deque", deque([X, 3]), {"0": X}, [("1", 3)]),
    ("known without names", Known(X, 3), {"0": X}, [("1", 3)]),
    ("known dict without names", KnownDict(x=X, n=3), {"x": X}, [("n", 3)]),
    ("hostile dict", hostile(dict, {"x": X, "n": 3}), {"x": X}, [("n", 3)]),
    ("hostile list", hostile(list, [X, 3]), {"0": X}, [("1", 3)]),
    ("hostile tuple", hostile(tuple, (X, 3)), {"0": X}, [("1", 3)]),
    ("twice", [X, X], {"0": X, "1": X}, []),
]


@pytest.mark.parametrize(("value", "tensors", "rest"), [v[1:] for v in VALUES], ids=[v[0] for v in VALUES])
def test_a_value_is_taken_apart_and_made_again(value: Any, tensors: Any, rest: Any) -> None:
    found = opened(value)
    assert list(found.tensors) == list(tensors)
    assert all(found.tensors[name] is tensor for name, tensor in tensors.items())
    assert found.rest == rest
    others = {name: torch.zeros(3) for name in tensors}
    made = found.rebuild(others)
    again = opened(made)
    assert type(made) is type(value if not isinstance(value, Tensor) else X)
    assert all(again.tensors[name] is other for name, other in others.items()) and again.rest == rest
    assert all(opened(value).tensors[name] is tensor for name, tensor in tensors.items())


def test_an_attribute_that_is_an_item_stays_one() -> None:
    made = map_tensors(torch.clone, both())
    assert made.x is made["x"] is not X


@pytest.mark.parametrize("value", [None, "text", {1, 2}, print, torch.float32, Colour.RED, nn.Linear(1, 1), object()])
def test_what_holds_no_tensor_stays_the_object_that_it_is(value: Any) -> None:
    found = opened({"v": value, "x": X})
    assert found.rest == [("v", value)] and list(found.tensors) == ["x"]
    assert found.rebuild({"x": X})["v"] is value


def test_what_holds_itself_is_left_as_it_is() -> None:
    loop = SimpleNamespace(x=X)
    loop.me = loop
    assert list(opened(loop).tensors) == ["x"]


def test_names_that_meet_get_numbers() -> None:
    found = opened({"a": {"b": X}, "a.b": Y})
    assert list(found.tensors) == ["a.b", "a.b_2"]
    assert opened(found.rebuild({"a.b": Y, "a.b_2": X})).tensors["a.b"] is Y


def test_values_are_said_in_plain_words() -> None:
    rest = [("", None), ("t", torch.float16), ("e", Colour.RED), ("o", print), ("i", float("inf")), ("l", [1, "a"])]
    assert described(rest) == [
        {"name": "output", "type": "NoneType", "value": None},
        {"name": "t", "type": "dtype", "value": "torch.float16"},
        {"name": "e", "type": "Colour", "value": "Colour.RED"},
        {"name": "o", "type": "builtin_function_or_method"},
        {"name": "i", "type": "float", "value": "inf"},
        {"name": "l", "type": "list", "value": [1, "a"]},
    ]
    assert described([("d", torch.device("meta"))]) == [{"name": "d", "type": "device"}]  # it is that of the trace
