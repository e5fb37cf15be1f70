"""``ptgraph export A --compare B``, end to end: one page, what is in it, and what does not go with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from click.testing import Result

from ptgraph.formats.registry import FORMATS

Run = Callable[..., Result]
OTHERS = [name for name in FORMATS if name != "html"]

NET = """
import torch
from torch import nn
{helper}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, WIDTH)
        self.act = nn.ReLU()
        self.last = nn.Linear(WIDTH, 2)

    def forward(self, x):
        return self.last(self.act(self.first(x)))

    def example_inputs(self):
        return {{"x": torch.zeros(3, 4)}}
"""
OTHER = """
from torch import nn

class Other(nn.Module):
    def forward(self, image):
        return image.flatten(1)
"""


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name, width in (("v1", 8), ("v2", 16)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "width.py").write_text(f"WIDTH = {width}\n")
        (tmp_path / name / "net.py").write_text(NET.format(helper="from width import WIDTH"))
    (tmp_path / "other.py").write_text(OTHER)
    return tmp_path


def data_of(page: Path) -> Any:
    text = page.read_text(encoding="utf-8")
    (found,) = re.findall(r'<script type="application/json" id="ptgraph-data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


def test_a_comparison_is_one_page(cli: Callable[..., CompletedProcess[str]], folders: Path) -> None:
    done = cli("export", "v1/net.py:Net", "--compare", "v2/net.py:Net", "-o", "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in (folders / "out").iterdir()] == ["Net-vs-Net.html"]
    assert done.stdout.startswith("out/Net-vs-Net.html\t")
    comparison = data_of(folders / "out" / "Net-vs-Net.html")["comparison"]
    assert comparison["summary"]["params"] == [58, 114]  # each found the width.py beside it
    assert comparison["status"]["b"]["/first"] == "changed"


def test_its_name_and_inputs_can_be_given(command: Run, folders: Path) -> None:
    given = ("--name", "both", "--input", "x:float32:batch=2x4", "-f", "html")
    done = command("export", "v1/net.py:Net", "--compare", "v2/net.py:Net", "-o", "out", *given)
    assert (done.exit_code, done.stderr) == (0, "")
    comparison = data_of(folders / "out" / "both.html")["comparison"]
    (first,) = (change for change in comparison["changes"] if change["title"] == "first")
    assert ["shape", "batch×8", "batch×16"] in first["what"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-f", "onnx,html"), "a comparison is a page (html only), so that --compare writes no onnx"),
        (("-f", "all"), f"a comparison is a page (html only), so that --compare writes no {', '.join(OTHERS)}"),
        (("--opset", "20"), "a comparison is a page of two models, so that --opset does not go with --compare"),
        (
            ("--weights", "embedded"),
            "a comparison is a page of two models, so that --weights does not go with --compare",
        ),
        (("--name", "a/b"), "the name 'a/b' is no file name of letters, digits and . _ + -, such as 'a_b'"),
    ],
)
def test_what_is_no_comparison_is_an_error(command: Run, folders: Path, options: tuple[str, ...], message: str) -> None:
    done = command("export", "v1/net.py:Net", "--compare", "v2/net.py:Net", "-o", "out", *options)
    assert (done.exit_code, done.stderr) == (2, f"ptgraph: error: {message}\n")
    assert not (folders / "out").exists()


def test_inputs_that_do_not_fit_the_other_model_are_an_error(command: Run, folders: Path) -> None:
    done = command("export", "v1/net.py:Net", "--compare", "other.py:Other", "--input", "x:float32:2x4")
    assert done.exit_code == 2
    assert done.stderr == (
        "ptgraph: error: --compare other.py:Other, which is given the same --input: "
        "--input x: forward has no argument of that name; it takes image\n"
    )


def test_the_other_model_is_not_there(command: Run, folders: Path) -> None:
    done = command("export", "nano", "--compare", "nope")
    assert done.exit_code == 3
    assert done.stderr.startswith("ptgraph: error: unknown target 'nope'")
