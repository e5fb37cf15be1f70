"""Limits: each is named in the message about it, and raising it helps, on the command line and in Python."""

from __future__ import annotations

import json
import re
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from onnx import helper
from torch import nn

import ptgraph
from ptgraph.cli.main import main
from ptgraph.common.limits import LIMITS, limit, limit_text, limits, remedy
from ptgraph.errors import PtgraphError, UsageError
from ptgraph.loading.checkpoint import read
from ptgraph.loading.target import load
from ptgraph.onnx.metadata import TREE
from ptgraph.onnx.reading.read import graph_of_model
from ptgraph.page.overlay_files import read_overlay
from tests.conftest import ROOT
from tests.support.small_onnx import model_of

node = helper.make_node
README = (ROOT / "README.md").read_text(encoding="utf-8")


class Branch(nn.Linear):
    def __init__(self) -> None:
        super().__init__(4, 4)

    def forward(self, x: torch.Tensor) -> Any:
        x = super().forward(x)
        return x + 1 if x.sum() > 0 else x - 1


def config(folder: Path) -> None:
    settings = {"model_type": "gpt2", "n_layer": 9, "n_embd": 8, "n_head": 2, "vocab_size": 8}
    (folder / "config.json").write_text(json.dumps(settings))
    load(str(folder))


def within_each_other(_: Path) -> None:
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("mine", 1)]
    inner = helper.make_function("mine", "inner", ["x"], ["y"], [node("Relu", ["x"], ["y"])], imports)
    calls = [node("inner", ["x"], ["h"], domain="mine"), node("Relu", ["h"], ["y"])]
    outer = helper.make_function("mine", "outer", ["x"], ["y"], calls, imports)
    nodes = [node("outer", ["x"], ["y"], domain="mine")]
    graph_of_model(model_of(nodes, {"x": [2]}, {"y": [2]}, functions=[inner, outer]), "m")


def long_name(_: Path) -> None:
    graph_of_model(model_of([node("Relu", ["x"], ["y"], "a/b/c/d")], {"x": [2]}, {"y": [2]}), "m")


def long_path(_: Path) -> None:
    tree_of(["a.b.c.d"])


def many_paths(_: Path) -> None:
    tree_of(["a.{0–9}"])


def many_modules(_: Path) -> None:
    tree_of(list("abcdefgh"))


def tree_of(paths: list[str]) -> None:
    model = model_of([node("Relu", ["x"], ["y"])], {"x": [2]}, {"y": [2]})
    model.metadata_props.add(key=TREE, value=json.dumps({"modules": {"L": paths}}))
    graph_of_model(model, "m")


def overlay(folder: Path) -> None:
    (folder / "a.csv").write_text("path,a\n" + "".join(f"layer{n},1\n" for n in range(9)))
    read_overlay(folder / "a.csv")


def script(folder: Path) -> None:
    torch.jit.script(nn.Linear(2, 2)).save(folder / "a.pt")
    load(str(folder / "a.pt"), ["input:float32:1x2"])


def unpacks(folder: Path) -> None:
    torch.save(nn.Linear(2, 2).state_dict(), folder / "a.pt")
    with zipfile.ZipFile(folder / "a.pt") as old, zipfile.ZipFile(folder / "b.pt", "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
        new.writestr("a/notes", bytes(10_000), zipfile.ZIP_DEFLATED)
    read(folder / "b.pt")


def many_inputs(folder: Path) -> None:
    class Sums(nn.Module):
        def forward(self, x: list[torch.Tensor]) -> torch.Tensor:
            return torch.stack(x).sum()

    torch.export.save(torch.export.export(Sums(), ([torch.zeros(2)] * 9,)), folder / "a.pt2")
    load(str(folder / "a.pt2"))


def empty(_: Path) -> None:
    with torch.device("meta"):
        model = Branch()
    ptgraph.trace(model, torch.rand(1, 4))


CASES: list[tuple[str, int, Callable[[Path], None]]] = [
    ("layers", 8, config),
    ("modules", 8, config),
    ("modules", 8, many_paths),
    ("modules", 7, many_modules),
    ("nodes", 2, within_each_other),
    ("nesting", 1, within_each_other),
    ("parts", 3, long_name),
    ("parts", 3, long_path),
    ("text", 30, config),
    ("text", 30, overlay),
    ("numbers", 8, overlay),
    ("code", 9, script),
    ("unpacked", 99, unpacks),
    ("values", 9, many_inputs),
    ("weights", 9, empty),
]


@pytest.mark.parametrize(("name", "low", "action"), CASES)
def test_a_message_names_its_limit_and_raising_it_helps(
    name: str, low: int, action: Callable[[Path], None], tmp_path: Path
) -> None:
    with limits(**{name: low}), pytest.raises(PtgraphError) as caught:
        action(tmp_path)
    assert remedy(name) in str(caught.value)
    with limits(**{name: low * 1000}):
        action(tmp_path)


def test_every_limit_is_tried_and_in_the_readme() -> None:
    elsewhere = {"seconds", "memory"}  # in test_layout_option.py and test_verifying.py
    assert {name for name, _, _ in CASES} | elsewhere == {*LIMITS}
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", README.split("### Limits")[1], re.MULTILINE)[: len(LIMITS)]
    assert rows == [(name, limit_text(name), one.meaning) for name, one in LIMITS.items()]


def test_values_and_their_units() -> None:
    with limits(text="2MiB", weights="1 GiB", layers=5, nodes="3k"):
        assert (limit("text"), limit("weights"), limit("layers"), limit("nodes")) == (2**21, 2**30, 5, 3000)
        assert (limit_text("text"), limit_text("nodes")) == ("2 MiB", "3,000")
        with limits(text=1000, layers=6):
            assert (limit_text("text"), limit("layers"), limit("nodes")) == ("1,000 bytes", 6, 3000)
        assert limit("layers") == 5
        found: list[int] = []
        other = threading.Thread(target=lambda: found.append(limit("layers")))
        other.start()
        other.join()
        assert found == [LIMITS["layers"].default]
    assert limit("text") == LIMITS["text"].default


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "", "x", "1.5", "5 apples", "9" * 5000])
def test_a_value_that_is_none(value: Any) -> None:
    with (
        pytest.raises(UsageError, match=r"the limit layers is .*; it must be a whole number above 0"),
        limits(layers=value),
    ):
        pass


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"model_type": "gpt2", "n_layer": 3, "n_embd": 8, "n_head": 2, "vocab_size": 8}
    (tmp_path / "config.json").write_text(json.dumps(settings))

    def run(*given: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["info", "config.json", *given])
        return result.exit_code, result.stderr

    assert run("--limit", "layers=2") == (
        3,
        f"ptgraph: error: config.json: n_layer is 3, and ptgraph makes no more than 2; {remedy('layers')}\n",
    )
    assert run("--limit", "layers=2", "--limit", "layers=3")[0] == 0
    assert run()[0] == 0
    code, said = run("--limit", "layer=2")
    assert (code, said) == (2, "ptgraph: error: there is no limit 'layer'; did you mean layers?\n")
    assert run("--limit", "layers")[1].endswith("a limit is NAME=VALUE, such as layers=200000 or text=64MiB\n")
    listed = CliRunner().invoke(main, ["limits"]).stdout
    assert [line.split()[0] for line in listed.splitlines()] == [*LIMITS]
