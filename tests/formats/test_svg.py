"""The figure of real models as SVG: well-formed, its words as they are and in their boxes."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from playwright.sync_api import Browser, Page
from torch import Tensor, nn

from ptgraph import trace
from ptgraph.drawing.palettes import palette
from ptgraph.figure.options import FigureOptions
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import view
from ptgraph.notebook.display import svg_of
from tests.conftest import ROOT
from tests.support.odd_names import Odd
from tests.support.sample_drawing import draw
from tests.support.zoo import ZOO, graph_of

SVG = "{http://www.w3.org/2000/svg}"


def groups(text: str, word: str) -> list[ElementTree.Element]:
    """Return the groups of a figure that have a class."""
    return [g for g in ElementTree.fromstring(text).iter(f"{SVG}g") if word in (g.get("class") or "").split()]


def title_of(group: ElementTree.Element) -> str:
    return group.findtext(f"{SVG}title") or ""


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(8), nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        return x + self.down(self.up(self.norm(x)).relu()) * table


class Net(nn.Module):
    """Folds, shared values, groups, frames in frames."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.left, self.right = (nn.ModuleList(Block() for _ in range(3)) for _ in range(2))
        self.branches = nn.ModuleList(nn.Sequential(nn.Linear(8, n + 2), nn.ReLU()) for n in range(5))

    def forward(self, ids: Tensor) -> Any:
        x = self.embed(ids)
        table = torch.arange(8).add(1).mul(2).float().cos()
        for block in [*self.left, *self.right]:
            x = block(x, table)
        return torch.cat([branch(x) for branch in self.branches], dim=-1)


@pytest.fixture(scope="module")
def graphs(tiny: ModelGraph, tiny_dynamic: ModelGraph) -> dict[str, ModelGraph]:
    with torch.device("meta"):
        net = trace(Net(), torch.zeros(2, 3, dtype=torch.int64))
    return {"tiny": tiny, "dynamic": tiny_dynamic, "net": net}


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    return browser.new_page()


MEASURE = """() => [...document.querySelectorAll('svg g.box')].map(group => {
    const corners = e => { const b = e.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height] };
    return [corners([...group.querySelectorAll('rect')].at(-1)),
            [...group.querySelectorAll('text')].map(text => [text.textContent, corners(text)])]; })"""


def written_inside(page: Page, text: str) -> int:
    """Assert that in a real browser all words are inside their boxes; return how many boxes there are."""
    page.set_content(text)
    boxes = page.evaluate(MEASURE)
    for (left, top, right, bottom), texts in boxes:
        assert texts
        for words, (start, above, end, below) in texts:
            assert left < start, words
            assert end < right, words
            assert top < (above + below) / 2 < bottom, words
    return len(boxes)


@pytest.mark.parametrize("name", ["tiny", "dynamic", "net"])
@pytest.mark.parametrize("depth", [None, 1, 9])
def test_words_are_inside_their_boxes(name: str, depth: int | None, graphs: dict[str, ModelGraph], page: Page) -> None:
    assert written_inside(page, draw(graphs[name], Options(depth=depth))) > 3


@pytest.mark.parametrize("name", ZOO)
def test_those_of_odd_models_too(name: str, page: Page) -> None:
    assert written_inside(page, draw(graph_of(name))) > 0


NAMES = [
    *("<&\"'>", "&amp;", "&bogus;", "\\N\\G\\l\\n", "<b>x</b>", "]]>", "<!--", "-->", "{x|y}", "%d", "a→b"),
    *("層の名前", "Слой", "😀", "\u202eabc", "W" * 60, " ", "a\tb", "\x07\x1b", "\x07\x1c", "\ud800"),
]


def test_names_of_any_kind_are_written_as_they_are() -> None:
    graph = replace(trace(Odd(NAMES), torch.ones(1, 2)), name='<m> & "m"')
    for depth in (1, 2):
        text = draw(graph, Options(depth=depth))
        root = ElementTree.fromstring(text)
        assert (root.findtext(f"{SVG}title") or "").startswith('<m> & "m"')
        whole = "\n".join(root.itertext())
        for name in NAMES:
            if name.isprintable() and name.strip() and len(name) < 30:
                assert name in whole, name
        tips = {title_of(group) for group in root.iter(f"{SVG}g")}
        for name in ("&amp;", "&bogus;", "\\N\\G\\l\\n", "<b>x</b>", "W" * 60):
            assert any(tip.startswith(f"{name}: ") for tip in tips), name
        identifiers = [item.get("id") for item in root.iter() if item.get("id")]
        assert len(identifiers) == len(set(identifiers))
        assert "<script" not in text


def test_a_long_name_is_cut_in_the_box_and_whole_in_the_tooltip(page: Page) -> None:
    class Part(nn.Sequential):
        pass

    Part.__name__ = Part.__qualname__ = "VeryLong" * 30
    graph = trace(nn.ModuleDict({"m": Part(nn.Linear(2, 2), nn.ReLU())})["m"], torch.ones(1, 2))
    name = "very_long_" * 30
    odd = trace(Odd([name]), torch.ones(1, 2))
    (box,) = (g for g in groups(draw(odd, Options(depth=1)), "box") if name in title_of(g))
    assert any((text.text or "").endswith("…") for text in box.iter(f"{SVG}text"))
    for model in (graph, odd):
        assert written_inside(page, draw(model, Options(depth=1))) > 1


def test_dimensions_are_written_as_the_user_names_them() -> None:
    graph = trace(nn.Linear(2, 2), torch.ones(3, 2), dynamic={"input": {0: "<&\\N>"}})
    assert "<&\\N>×2" in "".join(ElementTree.fromstring(draw(graph)).itertext())


def test_a_folded_block_stands_once_with_its_number(graphs: dict[str, ModelGraph]) -> None:
    layers = sum(path.startswith("layers.") and path.count(".") == 1 for path in graphs["tiny"].components)
    for depth in (None, 1, 9):
        words = "\n".join(ElementTree.fromstring(draw(graphs["tiny"], Options(depth=depth))).itertext())
        assert f"×{layers}" in words
        assert "layers.1\n" not in words


def test_a_box_looks_like_its_category(graphs: dict[str, ModelGraph], page: Page) -> None:
    page.set_content(draw(graphs["tiny"]))
    fill = page.locator("g.box.attention rect, g.frame.attention rect").first.evaluate("e => getComputedStyle(e).fill")
    colors = palette("paper")
    allowed = (colors.style("Attention").fill, colors.frame("Attention").fill)
    assert fill in [f"rgb({', '.join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))})" for color in allowed]


def test_all_that_is_shown_can_be_found_and_copied(graphs: dict[str, ModelGraph], page: Page) -> None:
    page.set_content(draw(graphs["tiny"]))
    page.evaluate("getSelection().selectAllChildren(document.querySelector('svg'))")
    copied = page.evaluate("String(getSelection())")
    assert all(text.text in copied for text in ElementTree.fromstring(draw(graphs["tiny"])).iter(f"{SVG}text"))


def test_a_theme_is_as_it_is_named(graphs: dict[str, ModelGraph]) -> None:
    for theme in ("paper", "screen", "dark"):
        text = draw(graphs["tiny"], Options(figure=FigureOptions(theme=theme)))
        assert f'fill="{palette(theme).page}"' in text.partition('class="background"')[2].partition("/>")[0]
        assert palette(theme).style("Linear").border in text


@pytest.mark.parametrize("name", ["tiny", "net"])
def test_the_figure_is_short_and_says_nothing_of_this_machine_and_this_day(
    name: str, graphs: dict[str, ModelGraph]
) -> None:
    text = draw(graphs[name])
    assert len(text) < 40_000
    assert str(ROOT) not in text
    assert not re.search(r"(?<![\w/:])/(home|usr|tmp|work|root)/", text)
    year = time.strftime("%Y")
    assert not re.search(rf"{year}-\d\d|\d\d:\d\d:\d\d|(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ", text)


def test_a_notebook_shows_the_figure(graphs: dict[str, ModelGraph]) -> None:
    shown = svg_of(graphs["net"])
    assert shown == draw(graphs["net"], Options(figure=FigureOptions(theme="screen")))
    assert 'class="background"' in shown  # a notebook may be dark


def test_a_model_without_a_tensor_is_drawn_all_the_same() -> None:
    class Silent(nn.Module):
        def forward(self, count: int) -> int:
            return count + 1

    graph = trace(Silent(), 3)
    assert view(graph).boxes["/"].parts == ()
    assert groups(draw(graph), "box") == []
    assert "Silent" in (ElementTree.fromstring(draw(graph)).findtext(f"{SVG}title") or "")
