"""Standard output of a real process: one file with ``-o -``, and nothing of what models and programs print."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

NET = """
import os
import torch
from torch import nn

os.system("echo imported")

class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        os.system("echo made")
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        os.write(1, b"run\\n")
        return self.layer(x)

    def example_inputs(self):
        return torch.zeros(1, 2)
"""
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def ptgraph(tmp_path: Path, script: str) -> Run:
    (tmp_path / "net.py").write_text(NET)

    def run(*args: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([script, *args], cwd=tmp_path, capture_output=True, check=False)

    return run


def test_what_programs_and_c_code_print_is_on_stderr(ptgraph: Run) -> None:
    done = ptgraph("info", "net.py:Noisy", "--json")
    assert json.loads(done.stdout)["total_params"] == 6
    assert all(word in done.stderr for word in (b"imported", b"made", b"run"))


@pytest.mark.parametrize("name", ["json", "svg"])
def test_one_format_goes_to_stdout_as_it_would_be_in_a_file(ptgraph: Run, tmp_path: Path, name: str) -> None:
    done = ptgraph("export", "net.py:Noisy", "-f", name, "-o", "-")
    assert ptgraph("export", "net.py:Noisy", "-f", name).returncode == 0
    assert (done.returncode, done.stdout) == (0, (tmp_path / "exports" / f"Noisy.{name}").read_bytes())
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "-o - writes one format to stdout, such as -f json"),
        (["-f", "json,svg"], "-o - writes one format to stdout, and 2 are named: svg, json"),
        (["-f", "onnx"], "onnx is 2 files, which need a folder: onnx, netron.json"),
        (["-f", "html", "--open"], "-o - writes one file to stdout, so that --open does not go with it"),
        (["-f", "html", "--compare", "tiny"], "-o - writes one file to stdout, so that --compare does not go with it"),
    ],
)
def test_what_is_not_one_file_is_refused(ptgraph: Run, options: list[str], says: str) -> None:
    done = ptgraph("export", "net.py:Noisy", "-o", "-", *options)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines()[-1] == f"ptgraph: error: {says}"
