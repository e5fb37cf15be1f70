"""The same model gives the same bytes, from any folder and in any process, and no file holds a path of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ptgraph.formats.registry import FORMATS
from tests.conftest import ROOT

MODEL = '''
import torch
from torch import nn


class Block(nn.Module):
    """A residual block."""

    def __init__(self):
        super().__init__()
        self.names = {"b": 1, "a": 2}
        self.linear = nn.Linear(4, 4)

    def forward(self, x, scale=None, callback=print):
        return x + self.linear(x).relu()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.data_folder = __file__
        self.blocks = nn.ModuleList(Block() for _ in range(3))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return {"out": x, "sum": x.sum()}

    def example_inputs(self):
        return {"x": torch.zeros(2, 4)}


class Complains(Net):
    """No tracer but the last can follow it, and the reason is written."""

    def forward(self, x):
        if type(x) is not torch.Tensor or torch.compiler.is_exporting():
            raise ValueError(f"no file {__file__}, which {torch.__file__} asks for")
        return super().forward(x)
'''
ODD = "zq-odd"  # no word of any file, so that it is found also where the rest of a path is cut or escaped
FOLDERS = ["plain", f"deeper/{ODD} & 'naïve' 100% (1)"]


def export(target: str, folder: Path, seed: str, *options: str) -> dict[str, bytes]:
    """Export in a process of its own, from *folder*, and return the files."""
    subprocess.run(
        [sys.executable, "-m", "ptgraph", "export", target, "-o", "out", *options],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
    )
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir()}


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """All files of two models, written from two folders with two hash seeds."""
    written = []
    for seed, name in enumerate(FOLDERS, 1):
        folder = tmp_path_factory.mktemp("determinism") / name
        folder.mkdir(parents=True)
        (folder / "net.py").write_text(MODEL)
        export("net.py:Complains", folder, str(seed), "-f", "json,html")
        written.append(export("net.py:Net", folder, str(seed), "--weights", "embedded", "-f", "all"))
    return written


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the preset tiny, written from a folder with an odd name."""
    return export("tiny", tmp_path_factory.mktemp(ODD), "3")


def test_the_same_bytes_from_two_folders_and_two_hash_seeds(twice: list[dict[str, bytes]]) -> None:
    first, second = twice
    assert len(first) > len(FORMATS)
    assert sorted(first) == sorted(second)
    for name in first:
        assert first[name] == second[name], f"{name} differs"


def test_the_committed_exports_are_what_the_code_writes_now(tiny: dict[str, bytes]) -> None:
    kept = {path.name: path.read_bytes() for path in (ROOT / "exports").glob("tiny.*")}
    assert sorted(kept) == ["tiny.html", "tiny.json", "tiny.netron.json", "tiny.onnx", "tiny.svg"]
    for name, data in kept.items():
        assert data == tiny[name], f"exports/{name} is old; run: make exports"


def test_no_file_holds_a_path_of_this_machine(twice: list[dict[str, bytes]], tiny: dict[str, bytes]) -> None:
    files = {**tiny, **twice[1]}
    assert {"tiny.json", "Net.json", "Net.tfevents", "Complains.json"} <= set(files)
    assert b"no file net.py, which __init__.py asks for" in files["Complains.json"]
    for name, data in files.items():
        for path in (ODD, str(ROOT), sys.prefix, sys.base_prefix, str(Path.home())):
            assert path.encode() not in data, f"{name} holds {path}"
