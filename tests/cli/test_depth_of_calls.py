"""Modules that are nested hundreds deep are exported, and calls without an end are an error with its reason."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

NET = """
import torch
from torch import nn

class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        for _ in range(300):
            self.inner = nn.Sequential(self.inner)

    def forward(self, x):
        return self.inner(x)

    def example_inputs(self):
        return torch.zeros(1, 2)

class Endless(Nested):
    def forward(self, x):
        return self(x)
"""


def test_three_hundred_levels_have_all_formats(tmp_path: Path, script: str) -> None:
    (tmp_path / "net.py").write_text(NET)
    done = subprocess.run([script, "export", "net.py:Nested"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (len(done.stdout.splitlines()), done.stderr) == (5, "")
    data = json.loads((tmp_path / "exports" / "Nested.json").read_text())
    assert len(data["components"]) == 302


def test_calls_without_an_end_are_one_sentence(tmp_path: Path, script: str) -> None:
    (tmp_path / "net.py").write_text(NET)
    done = subprocess.run([script, "export", "net.py:Endless"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.splitlines())) == (4, 1)
    assert "calls are nested deeper than Python's limit of 10,000" in done.stderr
