"""The same model gives the same bytes, from any folder and in any process, and no file holds a path of the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ptgraph.formats.registry import FORMATS
from ptgraph.models import PRESETS
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
'''


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


def test_the_same_bytes_from_two_folders_and_two_hash_seeds(tmp_path: Path) -> None:
    found = []
    for name, seed in (("one", "1"), ("another/deeper", "2")):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "net.py").write_text(MODEL)
        found.append(export("net.py:Net", folder, seed, "--weights", "embedded", "-f", "all"))
    assert len(found[0]) > len(FORMATS)
    assert sorted(found[0]) == sorted(found[1])
    for name in found[0]:
        assert found[0][name] == found[1][name], f"{name} differs"
        assert str(tmp_path).encode() not in found[0][name], f"{name} holds an absolute path"


def test_the_committed_exports_are_what_the_code_writes_now(tmp_path: Path) -> None:
    kept = {path.name: path.read_bytes() for path in (ROOT / "exports").glob("tiny.*")}
    assert sorted(kept) == ["tiny.html", "tiny.json", "tiny.netron.json", "tiny.onnx", "tiny.svg"]
    written = export("tiny", tmp_path, "3")
    for name, data in kept.items():
        assert data == written[name], f"exports/{name} is old; run: make exports"


def test_no_file_holds_a_path_of_this_machine(tmp_path: Path) -> None:
    assert "tiny" in PRESETS
    site = str(Path(sys.executable).parents[1])
    for path in (ROOT / "exports").glob("tiny.*"):
        data = path.read_bytes()
        for place in (str(ROOT), site, str(Path.home()), str(tmp_path), shutil.which("python3") or site):
            assert place.encode() not in data, f"{path.name} holds {place}"
