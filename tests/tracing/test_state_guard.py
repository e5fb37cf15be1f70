"""Whatever ``forward`` does to the model, the model is afterwards as it was: all that it reaches, in depth."""

from __future__ import annotations

import contextlib
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ptgraph.errors import PtgraphError
from ptgraph.onnx.verifying.compare import compare
from ptgraph.tracing.build_graph import graph_of
from ptgraph.tracing.source import Source
from ptgraph.tracing.state_guard import left_as_found, values_kept
from tests.support.fingerprint import Fingerprint
from tests.support.tracers import LADDER


class Thing:
    """An object of the user's."""

    def __init__(self) -> None:
        self.count = 0
        self.log: list[Any] = []
        self.sum = torch.zeros(4)


class Slots:
    __slots__ = ("count", "mean", "unset")

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.ones(4)
        self.unset = None


def refuse(*args: Any, **kwargs: Any) -> NoReturn:
    raise AssertionError("code of the user's runs")


class Told(dict[str, Any]):
    """Every change of it has a side effect."""

    clear = update = pop = setdefault = __setitem__ = __delitem__ = refuse


def plainly(layer: nn.Module, x: Tensor) -> Tensor:
    return layer(x)


def by_data(layer: nn.Module, x: Tensor) -> Tensor:
    y = layer(x)
    return y if y.sum() > -1e9 else -y


def by_numpy(layer: nn.Module, x: Tensor) -> Tensor:
    return torch.from_numpy(by_data(layer, x).numpy() + 1)


def failing(layer: nn.Module, x: Tensor) -> Tensor:
    raise RuntimeError("after the changes")


Way = Callable[[nn.Module, Tensor], Tensor]
WAYS: list[Way] = [plainly, by_data, by_numpy, failing]


class Table(nn.Module):
    """Looking something up changes the table."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 4, max_norm=0.1)
        self.layer = nn.Linear(4, 4)
        self.way = way

    def forward(self, ids: Tensor) -> Tensor:
        return self.way(self.layer, self.table(ids))


class Everything(nn.Module):
    """Counts, caches, draws random numbers, changes modes, flags, hooks and objects."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self.way = way
        self.layer = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.count, self.last = 0, None
        self.thing, self.slots, self.told = Thing(), Slots(), Told(a=[1])
        self.cache: dict[str, Any] = {}
        self.queue, self.words = deque([1], maxlen=2), Counter("a")
        self.lists: defaultdict[str, list[int]] = defaultdict(list)
        self.plain, self.array = torch.zeros(4), np.zeros(2)
        self.generator = torch.Generator().manual_seed(3)
        self.python, self.numpy = random.Random(3), np.random.default_rng(3)
        self.function: Any = lambda: None
        self.register_buffer("steps", torch.tensor(0))
        self.layer.bias.requires_grad_(False)
        self.layer.weight.grad = torch.ones(4, 4)
        self.norm.eval()

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.last = self.cache["x"] = self.thing.new = self.layer.weight.note = x  # type: ignore[assignment, attr-defined]
        self.thing.count += 1
        self.thing.log.append(x)
        self.slots.count += 1
        self.slots.mean = self.slots.mean + 1
        self.told["a"].append(2)
        dict.__setitem__(self.told, "b", 2)
        self.queue.append(3)
        self.words["b"] += 1
        self.lists["b"].append(1)
        self.array[0] += 1
        self.function.called = True
        random.random(), np.random.rand(), self.python.random(), self.numpy.random()
        self.norm.train()
        self.norm.momentum = 0.7
        self.layer.register_forward_hook(lambda *given: None)
        self.late = nn.Linear(4, 4)
        if not x.is_meta:
            self.plain.add_(1)
            self.thing.sum.add_(1)
        self.layer.bias.requires_grad_(True)
        self.layer.weight.grad = None
        torch.set_default_dtype(torch.float32)
        return self.way(self.layer, x) + torch.rand(4)


class Weights(nn.Module):
    """Writes to its parameters, also past torch's count of changes, and puts others in their place."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self.way = way
        self.layer, self.other = nn.Linear(4, 4), nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        self.layer.weight.mul_(0.5)
        self.layer.bias.data.add_(1)
        self.norm.running_mean.add_(1)
        y = self.way(self.layer, x)
        self.other.weight.data = self.other.weight.data * 2
        self.other.bias = nn.Parameter(torch.zeros(4))
        return self.norm(y)


X = torch.ones(2, 4)
MODELS: dict[type[nn.Module], Tensor] = {Table: torch.tensor([[0, 1], [4, 4]]), Everything: X, Weights: X}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_model_is_as_it_was(kind: Any, way: Way, device: str) -> None:
    model, x = kind(way).to(device), MODELS[kind].to(device)
    before = Fingerprint(model)
    given = x.tolist() if device == "cpu" else None
    for tracers in (None, *([name] for name in LADDER)):
        with contextlib.suppress(PtgraphError):
            graph_of(Source("model", model, (x,)), tracers=tracers)
        assert before.changes(Fingerprint(model)) == [], tracers
    assert given is None or x.tolist() == given


class Filling(nn.Module):
    """Writes to the objects that it is given."""

    def forward(self, thing: Thing, words: dict[str, Any]) -> Any:
        thing.count += 1
        thing.log.append(1)
        thing.sum = thing.sum + 1
        words["a"] = 2
        return thing, by_data(nn.Identity(), thing.sum) if self.training else thing.sum


@pytest.mark.parametrize("rung", [LADDER[0], LADDER[2], LADDER[4]])
def test_inputs_are_as_they_were(rung: str) -> None:
    given = Thing(), {"a": 1}
    before = Fingerprint(given)
    graph = graph_of(Source("model", Filling(), given), tracers=[rung])
    assert before.changes(Fingerprint(given)) == []
    assert graph.other_inputs == [
        {"name": "thing_count", "type": "int", "value": 0},
        {"name": "thing_log", "type": "list", "value": []},
        {"name": "words_a", "type": "int", "value": 1},
    ]
    assert {"name": "0.log", "type": "list", "value": [1]} in graph.other_outputs


@pytest.mark.parametrize("kind", [Table, Weights])
def test_a_model_is_as_it_was_after_verification(kind: Any) -> None:
    model = kind(plainly)
    source = Source("model", model, (MODELS[kind],))
    graph = graph_of(source)
    before = Fingerprint(model)
    with contextlib.suppress(PtgraphError):
        compare(source, graph)
    assert before.changes(Fingerprint(model)) == []


def test_only_tensors_that_change_are_copied() -> None:
    model = Weights(plainly)
    with values_kept(model), left_as_found(model), torch.no_grad():
        weight = model.layer.weight
        model.layer(X)
        weight.view(-1)[0] = 7.0
        torch.add(weight, 1, out=model.other.weight)
        before = model.norm.running_mean
    assert model.layer.weight is weight and 7.0 not in weight and before is model.norm.running_mean
