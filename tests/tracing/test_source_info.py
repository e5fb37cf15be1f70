"""Files are named as they are imported now, whatever was imported before."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

import ptgraph
from ptgraph.tracing.source_info import SourceFiles

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def forward(self, x):
        return x + 1

def example_inputs():
    return torch.ones(2)
"""


def test_a_module_that_takes_the_place_of_another_is_named_by_its_own_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of modules is the same before and after, and so was the map of files that was kept by it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    shown = []
    for package in ("alpha", "beta"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "net.py").write_text(NET)
        before = {*sys.modules}
        source = ptgraph.load_target(f"{package}.net:Net", ["x:float32:2"])
        graph = ptgraph.trace(source)
        shown.append((graph.classes[graph.component("").type].file, graph.op("add").file))
        for name in {*sys.modules} - before:
            if name.startswith(package):
                del sys.modules[name]
    assert shown == [("alpha/net.py",) * 2, ("beta/net.py",) * 2]


def test_code_that_torch_made_is_no_source_of_the_user() -> None:
    """Its name has a number that counts what torch.fx made before in the process."""
    own = f'  File "{__file__}", line 7, in forward'
    made = '  File "<eval_with_key>.12", line 13, in forward'
    assert SourceFiles().last_frame(f"{own}\n    x\n{made}\n    y") == ("tests/tracing/test_source_info.py", 7)
    assert SourceFiles().last_frame(made) == (None, None)


def test_modules_that_are_loaded_only_when_used_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries put such into ``sys.modules``, and loading one may fail."""

    class Lazy(types.ModuleType):
        def __getattribute__(self, name: str) -> object:
            raise ImportError(f"{name} is looked for")

    monkeypatch.setitem(sys.modules, "ptgraph_lazy", Lazy("ptgraph_lazy"))
    monkeypatch.setitem(sys.modules, "ptgraph_nothing", 3)
    assert SourceFiles().relative_path(__file__)
