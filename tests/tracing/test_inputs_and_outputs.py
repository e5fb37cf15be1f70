"""Models that take and give more than tensors: an ONNX of the tensors, and the rest in the JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections import UserDict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ptgraph.formats.json import document
from ptgraph.onnx.verifying.compare import compare
from ptgraph.tracing.build_graph import graph_of
from ptgraph.tracing.source import Source
from tests.conftest import ROOT
from tests.support.json_schema import validator
from tests.support.tracers import DRAFT, EXPORT, RECORDED
from tests.tracing.test_containers import Known
from tests.tracing.test_nested_values import Colour, Frozen, Length, Pair, Slotted


class Call(nn.Module):
    """Runs a function with a layer and its arguments."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.function = function

    def forward(self, c: Any, d: Any = None) -> Any:
        return self.function(self.layer, c, d)


X = torch.ones(2, 4)
# what is given, the function, the names of the inputs, of the outputs, and of the others on both sides
KINDS: dict[str, tuple[Any, Callable[..., Any], list[str], list[str], list[str], list[str]]] = {
    "plain values": (
        (X, {"path": "a.png"}),
        lambda f, c, d: {"y": f(c), "i": 3, "none": None, "s": d["path"], "f": 0.5, "b": True},
        ["c"],
        ["y"],
        ["d_path"],
        ["i", "none", "s", "f", "b"],
    ),
    "types": ((X, torch.float64), lambda f, c, d: (f(c).to(d), d, c.shape), ["c"], ["0"], ["d"], ["1", "2"]),
    "dataclasses": (
        (Frozen(X), [{"z": Slotted(X)}, "t"]),
        lambda f, c, d: {"h": [Frozen(f(c.x) * c.n), Slotted(d[0]["z"].x + 1, 4)]},
        ["c_x", "d_0_z_x"],
        ["h.0.x", "h.1.x"],
        ["c_n", "d_0_z_n", "d_1"],
        ["h.0.n", "h.1.n"],
    ),
    "a dataclass without tensors": ((X, Slotted(2)), lambda f, c, d: f(c) * d.x, ["c"], ["output"], ["d"], []),
    "named tuples": ((Pair(X),), lambda f, c, d: Pair(f(c.x), c.n), ["c_x"], ["x"], ["c_n"], ["n"]),
    "known without names": ((Known(X, X + 1),), lambda f, c, d: Known(f(c.items[0])), ["c_0", "c_1"], ["0"], [], []),
    "tuples without a length": (
        (Length([X, 2]), Length([1, 2])),
        lambda f, c, d: Length([f(tuple.__getitem__(c, 0)), 2]),
        ["c_0"],
        ["0"],
        ["c_1", "d"],
        ["1"],
    ),
    "objects": (
        (SimpleNamespace(x=X, n=2), UserDict(y=X, s="t")),
        lambda f, c, d: SimpleNamespace(x=f(c.x) * c.n, y=d["y"] + 1, o=Colour.RED),
        ["c_x", "d_y"],
        ["x", "y"],
        ["c_n", "d_s"],
        ["o"],
    ),
    "the same twice": ((X, X), lambda f, c, d: [f(c)] * 2 + [c + d, c], ["c", "d"], ["0", "1", "2", "3"], [], []),
    "odd keys": ((X, {"a b": X, "class": X, 1: {2}}), lambda f, c, d: f(c) + d["a b"] + d["class"], [], [], [], []),
    "numbers of the data": ((X,), lambda f, c, d: (f(c), c.sum().item(), c.shape[0]), ["c"], ["0", "1"], [], ["2"]),
    "no outputs": ((X,), lambda f, c, d: None, ["c"], [], [], ["output"]),
    "no tensors": ((X,), lambda f, c, d: (3, "t"), ["c"], [], [], ["output"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_tensors_are_inputs_and_outputs_and_the_rest_is_in_the_json(kind: str) -> None:
    given, function, inputs, outputs, other_inputs, other_outputs = KINDS[kind]
    source = Source("model", Call(function), given)
    graph = graph_of(source)
    assert (graph.tracer, graph.attempts) == (EXPORT, ())
    found = json.loads(json.dumps(document(graph)))
    validator.validate(found)
    if kind == "odd keys":  # torch spells them
        assert len(found["model"]["inputs"]) == 3
    else:
        assert [value["name"] for value in found["model"]["inputs"]] == inputs
        assert [value["name"] for value in found["model"]["outputs"]] == outputs
        assert [value["name"] for value in found["model"].get("other_inputs", [])] == other_inputs
        assert [value["name"] for value in found["model"].get("other_outputs", [])] == other_outputs
    checks = compare(source, graph)
    assert len(checks) == 2 * len(found["model"]["outputs"])
    assert all(check.agrees for check in checks), checks


class Draws(nn.Module):
    """Depends on the data, or leaves torch."""

    def __init__(self, recorded: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.recorded = recorded

    def forward(self, c: Frozen) -> Frozen:
        y = self.layer(c.x)
        if self.recorded:
            y = torch.from_numpy(y.numpy() + 1) if y.sum() > -1e9 else y
        return Frozen(y if y.sum() > -1e9 else -y, c.n)


@pytest.mark.parametrize("rung", [DRAFT, RECORDED])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_tracers_that_run_the_model_take_objects_too(rung: str, device: str) -> None:
    model = Draws(rung == RECORDED).to(device)
    given = Frozen(X.to(device))
    graph = graph_of(Source("model", model, (given,)), tracers=[rung])
    assert [graph.op(name).target for name in graph.of_kind("input")] == ["c_x"]
    assert [graph.op(name).target for name in graph.of_kind("output")] == ["x"]
    assert [value["name"] for value in graph.other_outputs] == ["n"]
    assert "forward" not in vars(model) and given.x.device.type == device


PARAMETERS = """
from tests.support.tracers import DRAFT
from tests.tracing.test_inputs_and_outputs import Draws, Frozen, X
from ptgraph.tracing.build_graph import graph_of
from ptgraph.tracing.source import Source

graph_of(Source("model", Draws(recorded=False), (Frozen(X),)), tracers=[DRAFT])
"""


def test_a_draft_runs_with_the_numbers_of_the_parameters() -> None:
    """The C library fills new memory with large negative numbers: what is not copied takes another branch."""
    run = subprocess.run(
        [sys.executable, "-c", PARAMETERS],
        cwd=ROOT,
        env=os.environ | {"MALLOC_PERTURB_": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]


def test_dimensions_of_tensors_beside_objects_vary() -> None:
    model = Call(lambda f, c, d: f(c) * d.x)
    source = Source("model", model, (X, Slotted(2)), {}, {"c": {0: "batch"}})
    graph = graph_of(source)
    assert graph.op("output").shape == ("batch", 4)
    checks = compare(source, graph)
    assert all(check.agrees for check in checks) and checks[1].sizes != checks[0].sizes


def test_values_of_no_tensors_take_no_part_in_the_file_of_another_model() -> None:
    """A model without them has no such keys, so that files from before stay as they are."""
    graph = graph_of(Source("model", nn.Linear(4, 4), (X,)))
    assert {"other_inputs", "other_outputs"} & set(document(graph)["model"]) == set()
    assert isinstance(X, Tensor) and dataclasses.is_dataclass(Slotted)


class OddMemory(nn.Module):
    """Its constants have no memory of the usual kind."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.sparse = torch.eye(4).to_sparse()

    def forward(self, x: Tensor) -> Tensor:
        return torch.sparse.mm(self.sparse, self.layer(x).T)


@pytest.mark.parametrize("rung", [EXPORT, RECORDED])
def test_sparse_constants_have_a_graph(rung: str) -> None:
    graph = graph_of(Source("model", OddMemory(), (X,)), tracers=[rung])
    assert graph.op("output").shape == (4, 2)


def test_a_packed_sequence_is_made_again_without_its_constructor() -> None:
    packed = nn.utils.rnn.pack_sequence([torch.ones(3, 4), torch.ones(2, 4)])
    graph = graph_of(Source("model", nn.GRU(4, 4), (packed,)))
    assert [graph.op(name).target for name in graph.of_kind("input")] == ["input_data", "input_batch_sizes"]
