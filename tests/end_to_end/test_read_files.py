"""ONNX and .pt2 files as targets: what the command line and the API make of models whose Python is not at hand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import ptgraph
from ptgraph.cli.main import main
from ptgraph.errors import ExportError, UsageError
from ptgraph.graph.model import ModelGraph
from ptgraph.loading.target import load
from tests.conftest import ROOT
from tests.support.browser_page import visiting
from tests.support.json_schema import validator

TINY = ROOT / "exports" / "tiny.onnx"
Run = Callable[..., subprocess.CompletedProcess[str]]


def test_an_onnx_file_is_written_as_all_pictures_and_says_so(cli: Run, tmp_path: Path) -> None:
    result = cli("export", str(TINY), "-o", "out")
    assert (result.returncode, result.stderr) == (0, "")
    assert [line.partition("\t")[0] for line in result.stdout.splitlines()] == [
        f"out/tiny.{suffix}" for suffix in ("html", "svg", "json")
    ]
    data = json.loads((tmp_path / "out" / "tiny.json").read_text(encoding="utf-8"))
    validator.validate(data)
    assert data["tracer"] == {"used": "an ONNX file", "failed": []}
    assert data["totals"]["total_params"] == 85_327_872


def test_the_page_of_a_file_says_where_it_is_from(tmp_path: Path, browser) -> None:
    ptgraph.export(ptgraph.trace(ptgraph.load_target(str(TINY))), tmp_path, "html")
    with visiting(browser) as visit:
        page = visit(tmp_path / "tiny.html").page
        assert "read from an ONNX file" in page.inner_text("#totals")
        assert "TransformerLM" in page.inner_text("#details")


def test_the_figure_of_a_file_of_ptgraph_is_that_of_the_model(tiny: ModelGraph) -> None:
    """Boxes of modules, their order, numbers and folds are the same; operations are ONNX's own."""
    from ptgraph.graph.view.build import view

    graph = ptgraph.trace(ptgraph.load_target(str(TINY)))
    shown = [
        [(b.title, b.subtitle, b.category, b.repeat, b.params, b.flops) for b in view(g).boxes.values() if b.params]
        for g in (tiny, graph)
    ]
    assert [box for box in shown[0] if box[0] != "linear"] == [b for b in shown[1] if b[0] not in _NODES]


_NODES = {"MatMul", "Transpose", "Gather"}


def test_the_numbers_of_a_file_are_those_of_a_file(command: Callable[..., Result]) -> None:
    """It has no state_dict, and says of no weight whether it can be trained."""
    *_, totals, elements = command("info", str(TINY)).stdout.splitlines()
    assert totals.startswith("85,327,872 parameters, 0 unused; ")
    assert elements.endswith(" tied = 85,327,872 in the file")
    assert "state_dict" not in elements


@pytest.mark.parametrize("command", [["export", "-f", "all"], ["export", "--compare", str(TINY)], ["info"]])
def test_reading_a_file_needs_no_torch(command: list[str], tmp_path: Path) -> None:
    code = "import sys; from ptgraph.cli.main import main\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, *command, str(TINY)], check=True, capture_output=True, cwd=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-f", "onnx"], "tiny was read from an ONNX file, which is its ONNX; name other formats"),
        (["--input", "x:float32:1"], f"{TINY} is an ONNX file, which is drawn as it is; --input cannot change it"),
        (["--weights", "embedded"], f"{TINY} is an ONNX file, which is drawn as it is; --weights cannot change it"),
        (["--checkpoint", "w.pt"], f"{TINY} is an ONNX file, which is drawn as it is; --checkpoint cannot change it"),
        (["--name", "a/b"], "the name 'a/b' is no file name of letters, digits and . _ + -, such as 'a_b'"),
    ],
)
def test_what_does_not_go_with_a_file_is_an_error(options: list[str], message: str, workdir: Path) -> None:
    result = CliRunner().invoke(main, ["export", str(TINY), *options])
    assert result.stderr == f"ptgraph: error: {message}\n"
    assert result.exit_code == (5 if options[0] == "-f" else 2)


def test_a_file_has_no_model_to_verify_or_to_explore(workdir: Path) -> None:
    message = (
        f"ptgraph: error: {TINY} is an ONNX file, and ptgraph makes no model in torch of one; "
        "name the model itself, and to verify the file, name it as --onnx\n"
    )
    verified, written = (CliRunner().invoke(main, [command, str(TINY)]) for command in ("verify", "notebook"))
    assert (verified.stderr, verified.exit_code, written.exit_code) == (message, 2, 2)
    assert "is an ONNX file, and a notebook runs the model" in written.stderr
    with pytest.raises(UsageError, match="makes no model in torch"):
        load(str(TINY), weights=True, made_up=True)
    graph = ptgraph.trace(load(str(TINY)))
    with pytest.raises(ExportError, match="was read from an ONNX file"):
        ptgraph.export(graph, "unused", "onnx")
    with pytest.raises(UsageError, match="an exported program has no modules"):
        ptgraph.attention_patterns(load(str(TINY)))


def test_a_file_compares_and_takes_a_name_and_numbers_of_ones_own(
    command: Callable[..., Result], tmp_path: Path
) -> None:
    made = command("export", str(TINY), "-o", "out", "--compare", str(TINY))
    assert made.stdout.startswith("out/tiny-vs-tiny.html\t")
    (tmp_path / "loss.csv").write_text("path,loss\nlayers.0,1\nlayers.1.attention/Add,2\n", encoding="utf-8")
    result = command("export", str(TINY), "-o", "out", "-f", "html", "--name", "mine", "--overlay", "loss.csv")
    assert (result.stdout.partition("\t")[0], result.exit_code) == ("out/mine.html", 0)


def test_a_file_compared_with_the_model_differs_in_operations_alone(tiny: ModelGraph) -> None:
    back = replace(ptgraph.trace(load(str(TINY))), name="file")
    summary = ptgraph.compare(tiny, back).data()["summary"]
    assert summary["params"][0] == summary["params"][1]


MODEL = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(8, 8), nn.LayerNorm(8)

    def forward(self, x):
        return self.norm(x + self.linear(x))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(10, 8), nn.Linear(8, 10, bias=False)
        self.blocks = nn.ModuleList(Block() for _ in range(3))
        self.head.weight = self.embedding.weight

    def forward(self, ids):
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(x)
"""
SAVE = """
import torch, net
torch.export.save(torch.export.export(net.Net().eval(), (torch.zeros(2, 4, dtype=torch.int64),)), "net.pt2")
"""


def test_a_program_is_drawn_where_its_python_is_not(cli: Run, tmp_path: Path) -> None:
    """The tree of its file, and that of the ONNX made of it, is that of the model: classes, categories, parameters."""
    (tmp_path / "net.py").write_text(MODEL, encoding="utf-8")
    subprocess.run([sys.executable, "-c", SAVE], check=True, cwd=tmp_path, capture_output=True)
    made = cli("export", "net.py:Net", "--input", "ids:int64:2x4", "-o", "made", "-f", "json,svg")
    assert made.returncode == 0, made.stderr
    (tmp_path / "net.py").unlink()
    shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
    for target, folder, formats in (
        ("net.pt2", "out", "onnx,html,svg,json"),
        ("out/net.onnx", "back", "html,svg,json"),
    ):
        result = cli("export", target, "-o", folder, "-f", formats)
        assert (result.returncode, result.stderr) == (0, "")
        trees = [
            {
                c["path"]: [c[f] for f in ("type", "category", "own_params", "total_params", "tied", "flops")]
                for c in data
            }
            for data in (
                json.loads((tmp_path / file).read_text(encoding="utf-8"))["components"]
                for file in ("made/Net.json", f"{folder}/net.json")
            )
        ]
        assert trees[0] == trees[1]
        assert "blocks.0–2 ×3" in (tmp_path / folder / "net.svg").read_text(encoding="utf-8")
