"""What lies beside a target can be imported, and stands in for no library that is imported later."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ptgraph.loading.sibling_modules import is_library

NET = """
from torch import nn
import torch
from utils import WIDTH

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        from helpers import twice
        return twice(self.linear(x))

    def example_inputs(self):
        return torch.zeros(2, WIDTH)
"""
LIBRARIES = ["profile", "cProfile", "json", "sympy", "mpmath", "networkx", "graphviz", "jinja2", "rich"]
LIBRARIES += ["onnx", "onnx_ir", "onnxscript", "onnxruntime", "typst", "torch", "numpy"]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a model, what it imports, and files called like libraries, which must not be imported."""
    for name in [*LIBRARIES, "elsewhere/utils", "elsewhere/helpers"]:
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"raise RuntimeError('{name} was imported')\n")
    (tmp_path / "model").mkdir()
    for file in tmp_path.glob("*.py"):
        file.rename(tmp_path / "model" / file.name)
    for name, text in {"net": NET, "utils": "WIDTH = 4\n", "helpers": "def twice(x): return x * 2\n"}.items():
        (tmp_path / "model" / f"{name}.py").write_text(text)
    return tmp_path


def test_no_library_is_shadowed_and_the_models_own_files_are_found(cli: Run, folder: Path) -> None:
    installed = str(folder / "elsewhere")  # has a utils, too
    result = cli("export", "model/net.py:Net", "-f", "onnx,html,svg,json,pdf", "-o", "out", PYTHONPATH=installed)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) == 6


def test_a_target_may_be_called_like_a_library(cli: Run, folder: Path) -> None:
    (folder / "model" / "onnx_ir.py").write_text(NET)
    result = cli("export", "model/onnx_ir.py:Net", "-f", "onnx", "-o", "out")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library(name: str) -> None:
    assert is_library(name)


@pytest.mark.parametrize("name", ["utils", "helpers", "model", "models", "net", "config", "data", "layers", "ops"])
def test_a_name_of_ones_own(name: str) -> None:
    assert not is_library(name)
