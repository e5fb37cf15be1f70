"""A command that needs no torch imports none. The direction of imports is a contract in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["export", "--help"],
        ["train", "--help"],
        ["train", "grpo", "--help"],
        ["--version"],
        ["formats"],
        ["limits"],
        ["schema"],
    ],
)
def test_commands_that_need_no_torch_import_none(command: list[str]) -> None:
    code = "import sys; from ptgraph.cli.main import main\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True)


def test_the_schema_of_the_graph_needs_no_torch() -> None:
    code = "import sys, ptgraph.graph.model; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
