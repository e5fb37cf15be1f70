"""Stages: what is recorded of them, and when."""

import time
from typing import Any

import pytest
import torch

from ptgraph.models.training.stage import record, stage


@stage("Data pipeline")
def double(value: int, times: int = 2, *, plus: int = 0) -> int:
    """Multiply."""
    return value * times + plus


@stage("Training")
@torch.no_grad()
def without_gradient(weight: torch.Tensor, factor: float = 2.0) -> torch.Tensor:
    """Scale, under a decorator of its own."""
    return weight * factor


@stage("Training")
def twice(value: int) -> int:
    """Call another stage, twice."""
    return double(double(value))


@stage("Training")
def fail(value: int) -> int:
    """Divide by nothing."""
    return value // 0


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ((3,), {}, {"value": 3, "times": 2, "plus": 0}),
        ((3, 4), {}, {"value": 3, "times": 4, "plus": 0}),
        ((3,), {"times": 4, "plus": 5}, {"value": 3, "times": 4, "plus": 5}),
        ((), {"plus": 5, "value": 3}, {"value": 3, "times": 2, "plus": 5}),
    ],
)
def test_arguments_are_known_by_name(args: tuple[int, ...], kwargs: dict[str, int], expected: dict[str, int]) -> None:
    with record() as events:
        result = double(*args, **kwargs)
    (event,) = events
    assert event.arguments == expected
    assert list(event.arguments) == list(expected)  # in the function's order
    assert event.result == result == expected["value"] * expected["times"] + expected["plus"]
    assert event.role == "Data pipeline"
    assert event.function.__name__ == "double"
    assert event.function.__doc__ == "Multiply."


def test_a_decorated_function_keeps_its_names_and_what_flows_its_identity() -> None:
    weight = torch.ones(2, requires_grad=True)
    with record() as events:
        result = without_gradient(weight)
    (event,) = events
    assert event.arguments.keys() == {"weight", "factor"}
    assert event.arguments["weight"] is weight
    assert event.result is result
    assert not result.requires_grad


def test_events_are_in_order_of_their_ends() -> None:
    with record() as events:
        twice(1)
        double(9)
    assert [(event.function.__name__, event.arguments["value"], event.result) for event in events] == [
        ("double", 1, 2),
        ("double", 2, 4),
        ("twice", 1, 4),
        ("double", 9, 18),
    ]


def test_nothing_is_recorded_outside() -> None:
    double(1)
    with record() as events:
        assert events == []
        double(2)
        assert len(events) == 1  # the list fills while the context is open
    double(3)
    assert [event.arguments["value"] for event in events] == [2]


def test_recordings_nest() -> None:
    with record() as outer:
        double(1)
        with record() as inner:
            double(2)
        double(3)
    assert [event.arguments["value"] for event in outer] == [1, 3]
    assert [event.arguments["value"] for event in inner] == [2]


def test_an_error_passes_and_ends_the_recording() -> None:
    with pytest.raises(ZeroDivisionError), record() as events:
        double(1)
        fail(2)
    double(3)
    assert [event.function.__name__ for event in events] == ["double"]


def test_wrong_arguments_are_refused_as_ever() -> None:
    wrong: Any = double
    with record() as events, pytest.raises(TypeError, match="unexpected keyword argument 'by'"):
        wrong(1, by=2)
    assert events == []


def test_time_is_that_of_the_function() -> None:
    @stage("Training")
    def wait() -> None:
        """Sleep."""
        time.sleep(0.02)

    with record() as events:
        wait()
    assert events[0].seconds >= 0.02
