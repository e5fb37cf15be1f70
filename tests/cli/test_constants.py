"""Constants of a model that is traced without weights: they have their numbers, so that the graph is the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptgraph.cli.tracing import graph_of_target
from ptgraph.formats.json import document
from ptgraph.graph.model import ModelGraph
from ptgraph.loading.target import load
from ptgraph.onnx.verifying.compare import compare
from ptgraph.tracing.torch_internals import is_empty
from tests.support.tracers import EXPORT

MODELS = '''
import numpy
import torch
from torch import nn

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.scale = torch.tensor([1.0, 2.0, 3.0, 4.0])
        self.several = [torch.arange(4.0)]
        self.array = torch.from_numpy(numpy.ones(4, dtype="float32"))

    def example_inputs(self):
        return (torch.ones(2, 4),)

class OfForward(Base):
    def forward(self, x):
        return self.layer(x) * torch.tensor([1.0, 2.0, 3.0, 4.0], device=x.device)

class Attribute(Base):
    def forward(self, x):
        return self.layer(x) * self.scale + self.several[0]

class Array(Base):
    def forward(self, x):
        return self.layer(x) * self.array

class OnCpu(Base):
    def forward(self, x):
        return self.layer(x) + torch.arange(4) * torch.tensor(2.0)

class WithoutParameters(nn.Module):
    """Its inputs are on the CPU, and its mask is on meta."""

    def __init__(self):
        super().__init__()
        self.mask = torch.tensor([True, False])

    def forward(self, x):
        x.view(3, 2).masked_fill_(self.mask.unsqueeze(0), 9.0)
        return x

    def example_inputs(self):
        return (torch.ones(6),)

class Data(Base):
    """Writes through ``data``, which torch.export does not follow by itself."""

    def forward(self, x):
        y = self.layer(x)
        z = y.new_zeros(2, 6)
        z.data[:, 2:].copy_(y)
        return z + self.layer.weight.data.sum()
'''


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("constants") / "constant_models.py"
    path.write_text(MODELS)
    return path


def graph_with(weights: bool, target: str) -> ModelGraph:
    return graph_of_target(target, (), lambda doing: None, weights=weights)


@pytest.mark.parametrize("name", ["OfForward", "Attribute", "Array", "OnCpu", "WithoutParameters", "Data"])
def test_a_graph_is_the_same_without_weights_and_with_them(name: str, file: Path) -> None:
    target = f"{file}:{name}"
    without, whole = (graph_with(weights, target) for weights in (False, True))
    assert json.dumps(document(without)) == json.dumps(document(whole))
    assert (whole.tracer, whole.attempts) == (EXPORT, ())
    assert not any(map(is_empty, whole.program.constants.values()))
    assert all(check.agrees for check in compare(load(target, (), weights=True), whole))
