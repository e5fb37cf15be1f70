"""The flowchart in the real Mermaid, in a real Chromium with the network off, with the limits that GitHub has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Page
from torch import Tensor, nn

from ptgraph import trace
from ptgraph.drawing.palettes import palette
from ptgraph.errors import ExportError
from ptgraph.figure.options import FigureOptions
from ptgraph.formats.flowchart import box_lines, chart
from ptgraph.formats.mermaid import MOST_ARROWS, MOST_LETTERS, render
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from tests.conftest import ROOT
from tests.support.odd_names import Odd
from tests.support.zoo import graph_of

LIBRARY = ROOT / "node_modules" / "mermaid" / "dist" / "mermaid.min.js"
DRAW = """async (text) => {
  mermaid.initialize({ startOnLoad: false });
  const { svg } = await mermaid.render('figure', text);
  document.body.innerHTML = svg;
  const words = (item, where) => item.querySelector(where).innerText;
  const all = (where) => [...document.querySelectorAll(where)];
  const look = (item) => getComputedStyle(item.querySelector('rect, path, polygon')).fill;
  return {
    nodes: all('g.node').map((item) => [item.id, words(item, '.nodeLabel'), look(item)]),
    clusters: all('g.cluster').map((item) => [item.id, words(item, '.nodeLabel')]),
    labels: all('g.edgeLabels .edgeLabel span.edgeLabel').map((item) => item.innerText),
    arrows: all('path.flowchart-link').length,
    wide: all('svg')[0].viewBox.baseVal.width > all('svg')[0].viewBox.baseVal.height,
    limits: [mermaid.mermaidAPI.getConfig().maxTextSize, mermaid.mermaidAPI.getConfig().maxEdges],
  };
}"""
NAMES = (
    *("end", "class", "click", "style", "subgraph", "graph", "default", "o", "x", "direction TB", "call()"),
    *("- x", "* x", "+ x", "> x", "1) x", "`x`", "**b**", "_e_", "__x__", "~~s~~", "    x", "a  b", "[a](b)"),
    *('"', "'", "#quot;", "#35;", "&amp;", "<br/>", "<b>", "%%{init: {}}%%", "%% x", "a;b", "a|b", "$$x$$", "---"),
    *("b:fab:fa-x", "$$$"),
    *("{x}", "[[x]]", "(x)", "http://a", "fa:fa-car", "a\\nb", "\\", "style:#35;", "classDef a:#b;", "@{x}", "層", "→"),
)


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page that has Mermaid and no network."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_content("<!doctype html><body></body>")
    page.add_script_tag(path=LIBRARY)
    yield page
    context.close()


@pytest.fixture(scope="module")
def odd() -> ModelGraph:
    return trace(Odd(NAMES), torch.ones(1, 2))


def mermaid(graph: ModelGraph, options: Options = Options()) -> str:  # noqa: B008 (frozen)
    return b"".join(render(graph, options)["mmd"]).decode()


def flat(text: str) -> str:
    return " ".join(text.replace("\u2060", "").split())


@pytest.mark.parametrize(
    ("name", "depth"), [("tiny", None), ("tiny", 1), ("transformer", None), ("hostile", None), ("odd", 1), ("odd", 2)]
)
def test_mermaid_draws_every_box(name: str, depth: int | None, page: Page, tiny: ModelGraph, odd: ModelGraph) -> None:
    graph = {"tiny": tiny, "odd": odd}.get(name) or graph_of(name)
    options = Options(depth=depth)
    drawn = page.evaluate(DRAW, mermaid(graph, options))
    assert drawn["limits"] == [MOST_LETTERS, MOST_ARROWS]
    made = chart(graph, options)
    names = {key: f"b{number}" for number, key in enumerate(made.identifiers(), 1)}
    shown = [box for box in names if box in made.boxes]
    words = {box: box_lines(graph, made.boxes[box], ("shapes", "params")) for box in shown}
    said = {
        names[box]: flat(made.signs.get(box) or (" · " if box in made.frames else " ").join(words[box]))
        for box in shown
    }
    said |= {names[stub]: flat(title) for stubs in made.stubs.values() for stub, title in stubs}
    nodes = {re.search(r"flowchart-(b\d+)-", key)[1]: flat(text) for key, text, _ in drawn["nodes"]}  # type: ignore[index]
    frames = {re.search(r"(b\d+)$", key)[1]: flat(text) for key, text in drawn["clusters"]}  # type: ignore[index]
    assert nodes | frames == said
    assert set(frames) == {names[frame] for frame in made.frames}
    assert drawn["arrows"] == len(made.arrows)
    assert sorted(flat(label) for label in drawn["labels"]) == sorted(flat(arrow.label) for arrow in made.arrows)


def test_options_say_how_it_looks(page: Page, tiny: ModelGraph) -> None:
    for theme in ("paper", "screen", "dark"):
        figure = FigureOptions(theme=theme, direction="LR", show=())
        drawn = page.evaluate(DRAW, mermaid(tiny, Options(depth=1, figure=figure)))
        fills = {flat(text): fill for _, text, fill in drawn["nodes"]}
        red, green, blue = (int(palette(theme).style("Linear").fill[i : i + 2], 16) for i in (1, 3, 5))
        assert fills["head Linear"] == f"rgb({red}, {green}, {blue})"
        assert drawn["wide"]
        assert not any(drawn["labels"])


def test_names_that_vary_are_drawn_as_they_are(page: Page) -> None:
    graph = trace(nn.Linear(2, 2), torch.ones(3, 2), dynamic={"input": {0: '<&#;|">'}})
    assert '<&#;|">×2' in page.evaluate(DRAW, mermaid(graph))["labels"]


def test_a_figure_that_is_too_large_is_an_error_that_says_so() -> None:
    class Long(nn.Module):
        def forward(self, x: Tensor) -> Any:
            for _ in range(500):
                x = x @ x
            return x

    with pytest.raises(
        ExportError, match="at most 500 arrows, and this figure of Long has 501; choose a smaller depth"
    ):
        render(trace(Long(), torch.ones(1, 1)), Options())
