"""Modules and tensors of a model, whatever the attributes of the user's class are called."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ptgraph.api import analyze, trace, verify
from ptgraph.loading.checkpoint import fill
from ptgraph.tracing import module_walk


class Shared(nn.Module):
    """It has shared modules, shared parameters, and parts that are None."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        self.b = nn.ModuleDict({"x": self.a, "y": nn.Linear(2, 2)})
        self.b["y"].weight = self.a[0].weight
        self.none = None
        self.register_module("empty", None)
        self.register_buffer("missing", None)
        norm: Any = self.a[1]
        self.register_buffer("mean", norm.running_mean)

    def forward(self, x: Tensor) -> Tensor:
        return self.b["y"](self.b["x"](self.a(x)))


@pytest.mark.parametrize("make", [Shared, lambda: nn.Transformer(8, 2, 1, 1, 8)])
@pytest.mark.parametrize("once", [True, False])
def test_names_and_order_are_those_of_torch(make: Any, once: bool) -> None:
    model = make()
    assert list(module_walk.named_children(model)) == list(model.named_children())
    assert list(module_walk.modules(model)) == list(model.modules())
    for walk in ("named_modules", "named_parameters", "named_buffers"):
        ours = [(name, id(found)) for name, found in getattr(module_walk, walk)(model, remove_duplicate=once)]
        theirs = [(name, id(found)) for name, found in getattr(model, walk)(remove_duplicate=once)]
        assert ours == theirs


NAMES = [
    *("modules", "named_modules", "parameters", "named_parameters", "children", "named_children"),
    *("buffers", "named_buffers", "state_dict", "train", "eval"),
]


class Named(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.part = nn.Linear(4, 4)
        setattr(self, name, [1, 2])

    def forward(self, x: Tensor) -> Tensor:
        return self.part(x)


@pytest.mark.filterwarnings("ignore:.*was traced by")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("inner", [False, True])
def test_an_attribute_that_is_called_like_a_method_of_a_module_is_not_called(name: str, inner: bool) -> None:
    model: Any = nn.Sequential(Named(name)) if inner else Named(name)
    graph = trace(model, torch.ones(2, 4))
    assert [graph.op(op).target.rpartition("linear")[1] for op in graph.of_kind("op")] == ["linear"]
    assert analyze(graph).totals["total_params"] == 20
    assert getattr(model[0] if inner else model, name) == [1, 2]


class Merges(nn.Module):
    """Its weight is changed by train(), as some low-rank adapters do."""

    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Linear(4, 4)

    def train(self, mode: bool = True) -> Merges:
        self.part.weight.data += 1
        return super().train(mode)

    def forward(self, x: Tensor) -> Tensor:
        return self.part(x)


def test_a_model_that_changes_its_weights_in_train_is_left_as_it_was() -> None:
    model = Merges()
    before = model.part.weight.clone()
    trace(model, torch.ones(2, 4))
    verify(model, args=(torch.ones(2, 4),))
    assert torch.equal(model.part.weight, before)
    assert model.training


def test_weights_are_loaded_into_a_model_with_an_attribute_state_dict(tmp_path: Any) -> None:
    model, other = Named("state_dict"), Named("other")
    torch.save(other.state_dict(), tmp_path / "weights.pt")
    fill(model, tmp_path / "weights.pt", "model")
    assert torch.equal(model.part.weight, other.part.weight)


class Sliced(nn.Module):
    """Runs parts of its lists, which torch.export names after the slices."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.ReLU()  # what is shared makes torch.export follow the way to a module
        self.body = nn.Sequential(nn.Linear(4, 4), act, nn.Linear(4, 4), act, nn.Linear(4, 4))
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), act) for _ in range(4))

    def forward(self, x: Tensor) -> Any:
        x = self.body[2:](self.body[:2](x))
        for block in self.blocks[1:][::2]:
            x = block(x)
        return x


def test_modules_in_slices_of_lists_have_their_own_paths() -> None:
    graph = trace(Sliced(), torch.ones(2, 4))
    scopes = [graph.op(name).scope for name in graph.of_kind("op") if "linear" in graph.op(name).target]
    assert scopes == ["body.0", "body.2", "body.4", "blocks.1.0", "blocks.3.0"]
    assert [graph.component(path).calls for path in ("body.0", "blocks.0", "blocks.1", "blocks.3.0")] == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("body.slice(None, 2, None).0", "body.0"),
        ("body.slice(2, None, None).4", "body.4"),
        ("blocks.slice(1, None, None).0.0", "blocks.1.0"),
        ("blocks.slice(1, None, None).slice(None, None, 2).1", "blocks.3"),
        ("body.slice(None, 2, None)", None),
        ("nothing.slice(None, 2, None).0", None),
        ("body.7", None),
    ],
)
def test_paths_through_slices(path: str, found: str | None) -> None:
    assert module_walk.unsliced(path, Sliced()) == found


def test_a_part_that_torch_fx_made_has_its_calls() -> None:
    part = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
    graph = trace(nn.Sequential(nn.Linear(4, 4), part), torch.ones(2, 4))
    assert [graph.op(name).scope for name in graph.of_kind("op")] == ["0", "1.0", "1.1"]
    assert graph.component("1").calls == 1
