"""What the browser tests share: one Chromium for all of them, and the pages that they open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from playwright.sync_api import Browser
from torch import Tensor, nn

import ptgraph
from ptgraph.comparison.diff import compare
from ptgraph.formats.html import render, render_comparison
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.loading.target import load
from ptgraph.page.overlay import Overlay
from ptgraph.tracing.build_graph import graph_of
from tests.conftest import graph_of as graph_of_preset
from tests.support.browser_page import Opened, visiting
from tests.support.pattern_models import SMALL, graph_of_letters

SCRIPT = "</script><script>hacked=1</script>"
IMAGE = "\"'><img src=x onerror=hacked=1>"
CONTROL = "\u2028\u2029\u202e\u200f\u0000"
LONG = "x" * 10_000

PATTERNS = {"patterns": "llg" * 4 + "ll", "nested": ("lgllg" * 2 + "d") * 3}

FOREIGN = {
    "gemma3": transformers.Gemma3TextConfig(num_hidden_layers=14, **SMALL),
    "bert": transformers.BertConfig(),
    "swin": transformers.SwinConfig(),
    "mixtral": transformers.MixtralConfig(num_hidden_layers=8),
    "whisper": transformers.WhisperConfig(),
}


class Gated(nn.Module):
    """A block that reads a gate made elsewhere."""

    def __init__(self, size: int, *, deep: bool, smooth: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(size, size)
        self.inner = Gated(size, deep=False) if deep else None
        self.smooth = smooth

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        x = self.linear(x)
        x = (x.tanh() if self.smooth else x.relu()) * gate
        return x if self.inner is None else x + self.inner(x, gate)


class Shared(nn.Module):
    """One gate for four blocks, no two of them alike: it is drawn as a stub at each."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(8, 8)
        self.blocks = nn.ModuleList([Gated(8, deep=k % 2 == 0, smooth=k > 1) for k in range(4)])

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate(x).sigmoid()
        for block in self.blocks:
            x = block(x, gate)
        return x


def hostile() -> nn.Module:
    """A model all of whose names and texts try to get out of where they belong."""

    def init(self: nn.Module) -> None:
        nn.Module.__init__(self)
        self.first, self.second = IMAGE, CONTROL  # type: ignore[assignment]
        setattr(self, f"setting {SCRIPT}", 1)
        for size, name in enumerate((SCRIPT, IMAGE, CONTROL, LONG), 4):  # of other sizes each, or they would fold
            self.add_module(name, nn.Sequential(nn.Linear(size, size + 1), nn.ReLU()))

    def forward(self: nn.Module, x: Tensor) -> Tensor:
        for child in self.children():
            x = child(x)
        return x

    texts = {"__doc__": f"{SCRIPT} {IMAGE}\n\n{CONTROL} {LONG}", "__module__": f"module{IMAGE}"}
    made: nn.Module = type(f"Class{SCRIPT}", (nn.Module,), {"__init__": init, "forward": forward, **texts})()
    return made


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, tiny: ModelGraph) -> Iterator[dict[str, Path]]:
    """The pages by name, each made when it is first asked for."""
    folder = tmp_path_factory.mktemp("pages")

    def graph(name: str) -> ModelGraph:
        if name in FOREIGN:
            FOREIGN[name].save_pretrained(folder / name)
            return graph_of(load(str(folder / name)))
        return graph_of_preset(name)

    def hostile_graph() -> ModelGraph:
        return replace(ptgraph.trace(hostile(), torch.zeros(2, 4)), name=f"name {SCRIPT}{IMAGE}")

    def made(name: str) -> bytes:
        options = Options()
        if name == "shared":
            drawn = ptgraph.trace(Shared(), torch.zeros(2, 8))
        elif name in PATTERNS:
            drawn = graph_of_letters(PATTERNS[name])
        elif name == "hostile":
            drawn = hostile_graph()
            hurtful = {path: float(k) for k, path in enumerate(drawn.components)}
            options = Options(overlays=(Overlay(f"{SCRIPT}{IMAGE}{CONTROL}", hurtful), Overlay(LONG, {SCRIPT: 1.0})))
        elif name == "measured":
            drawn = tiny
            times = {f"layers.{k}": 10.0 + k for k in range(12)} | {f"layers.{k}.attention": k / 2 for k in range(12)}
            signed = {"embedding": -2.0, "head": 3.0, "scaled_dot_product_attention_7": 1.5}
            options = Options(overlays=(Overlay("milliseconds", times), Overlay("error", signed)))
        elif name == "compared":
            return b"".join(render_comparison(tiny, other := graph("small"), compare(tiny, other), options)["html"])
        elif name == "compared with evil":
            other = hostile_graph()
            return b"".join(render_comparison(tiny, other, compare(tiny, other), options)["html"])
        else:
            drawn = tiny if name == "tiny" else graph(name)
        return b"".join(render(drawn, options)["html"])

    class Pages(dict[str, Path]):
        def __missing__(self, name: str) -> Path:
            self[name] = folder / f"{name}.html"
            self[name].write_bytes(made(name))
            return self[name]

    yield Pages()


@pytest.fixture
def visit(browser: Browser, files: dict[str, Path]) -> Iterator[Callable[..., Opened]]:
    """Open a page; when the test is over, nothing must have gone wrong in it."""
    with visiting(browser) as go:
        yield lambda name, *rest, **settings: go(files[name], *rest, **settings)
