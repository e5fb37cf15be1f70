"""Files of torch.jit.save: read if their code only computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ptgraph.api import trace
from ptgraph.errors import LoadError, UsageError
from ptgraph.graph.analysis import analyze
from ptgraph.loading.target import load

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit", "ignore:.*torch.jit")


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.lstm = nn.LSTM(4, 4)
        self.tied = nn.Linear(4, 4)
        first: Any = self.part[0]
        self.tied.weight = first.weight

    def forward(self, x: Tensor, scale: float = 2.0) -> Tensor:
        return self.tied(self.lstm(self.part(x))[0]) * scale


class Writes(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        torch.save(x, "written")
        return x


def saved(path: Path, model: nn.Module) -> Path:
    torch.jit.save(torch.jit.script(model.eval()), str(path))
    return path


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.ts", "model"])
def test_a_file_is_the_model_that_was_saved(tmp_path: Path, name: str) -> None:
    source = load(str(saved(tmp_path / name, Model())), ["x:float32:2xbatch=3x4"])
    graph = trace(source)
    plain = trace(Model(), torch.ones(2, 3, 4), dynamic={"x": {1: "batch"}})
    assert graph.name == "model"
    assert list(graph.components) == list(plain.components)
    assert all(parameter.used for parameter in graph.parameters)
    assert analyze(graph).totals["flops"] == analyze(plain).totals["flops"]
    assert {op.shape for op in map(graph.op, graph.of_kind("output"))} == {(2, "batch", 4)}


def test_a_file_without_inputs_says_which_it_takes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="its forward takes x: give each as --input"):
        load(str(saved(tmp_path / "model.pt", Model())))
    with pytest.raises(UsageError, match="holds its own weights"):
        load(str(tmp_path / "model.pt"), ["x:float32:3x4"], checkpoint="weights.pt")


def test_code_that_writes_files_is_refused_without_trust(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "writes.pt", Writes())
    with pytest.raises(LoadError, match=r"code that may do more than compute \(save\(\)\); --trust runs it"):
        load(str(path), ["x:float32:3x4"])
    assert isinstance(load(str(path), ["x:float32:3x4"], trust=True).model, torch.jit.ScriptModule)
    assert not Path("written").exists()


@pytest.mark.parametrize("what", [Model(), Model().state_dict()])
def test_a_file_of_torch_save_is_called_what_it_is(tmp_path: Path, what: Any) -> None:
    torch.save(what, tmp_path / "model.pt")
    with pytest.raises(LoadError, match=r"is a file of torch\.save: weights, or a module as Python code"):
        load(str(tmp_path / "model.pt"))


def test_a_damaged_file_is_an_error_of_loading(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.pt", Model())
    data = bytearray(path.read_bytes())
    at = data.index(b"data.pkl") + 40
    data[at : at + 60] = b"\xff" * 60
    path.write_bytes(data)
    with pytest.raises(LoadError, match="cannot read"):
        load(str(path), ["x:float32:3x4"])
