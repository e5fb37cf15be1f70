"""The figure: well-formed, nothing on top of anything, text within its box, and the same bytes every time."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from html import escape
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from torch import Tensor, nn

from ptgraph import trace
from ptgraph.backends.svg import draw, render
from ptgraph.graph import ModelGraph
from ptgraph.layout import part_name, text_width
from ptgraph.options import Options
from ptgraph.style import STYLES
from ptgraph.view import count_text, view
from tests.conftest import ROOT
from tests.test_zoo import ZOO, graph_of

SVG = "{http://www.w3.org/2000/svg}"
TITLE = "{http://www.w3.org/1999/xlink}title"


@dataclass(frozen=True)
class Drawn:
    """A box of a figure: its corners, and what is written in it as (text, x, anchor, size, whether bold)."""

    kind: str
    name: str
    left: float
    top: float
    right: float
    bottom: float
    texts: tuple[tuple[str, float, float, str, float, bool], ...]
    tooltip: str

    def overlaps(self, other: Drawn) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def holds(self, other: Drawn) -> bool:
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


def corners(group: ElementTree.Element) -> tuple[float, float, float, float]:
    numbers: list[float] = []
    for shape in [*group.iter(f"{SVG}polygon"), *group.iter(f"{SVG}path")]:
        numbers += map(float, re.findall(r"-?\d+(?:\.\d+)?", shape.get("points") or shape.get("d") or ""))
    xs, ys = numbers[::2], numbers[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def boxes(text: str, kind: str) -> list[Drawn]:
    """Return the boxes of one kind: ``node`` or ``cluster``."""
    found = []
    for group in ElementTree.fromstring(text).iter(f"{SVG}g"):
        words = (group.get("class") or "").split()
        if kind not in words:
            continue
        texts = tuple(
            (
                item.text or "",
                float(item.get("x", 0)),
                float(item.get("y", 0)),
                item.get("text-anchor", "start"),
                float(item.get("font-size", 0)),
                item.get("font-weight") == "bold",
            )
            for item in group.iter(f"{SVG}text")
        )
        tooltip = next((a.get(TITLE, "") for a in group.iter(f"{SVG}a")), "")
        name = group.find(f"{SVG}title").text or ""
        found.append(Drawn(words[-1] if kind == "node" else kind, name, *corners(group), texts, tooltip))
    return found


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


DRAWN = [(name, depth) for name in ("tiny", "dynamic", "net") for depth in (None, 1, 2, 9)]


@pytest.mark.parametrize(("name", "depth"), DRAWN)
def test_no_box_is_drawn_on_another(name: str, depth: int | None, graphs: dict[str, ModelGraph]) -> None:
    picture = view(graphs[name])
    text = draw(graphs[name], depth)
    drawn = boxes(text, "node")
    names = [box.name for box in drawn]
    assert len(names) == len(set(names))
    visible = picture.visible(picture.opened(depth))
    assert {part_name(box) for box in visible} == {box.name for box in drawn if box.kind != "stub"}
    assert len(drawn) > 3
    for one, other in combinations(drawn, 2):
        assert not one.overlaps(other), (one, other)
    frames = {box.name: box for box in boxes(text, "cluster")}
    assert set(frames) == {f"cluster_{part_name(b)}" for b in picture.opened(depth) - {"/"}}
    for box in visible:
        around = {f"cluster_{part_name(b)}" for b in picture.chain(box)[1:-1]}
        (here,) = (d for d in drawn if d.name == part_name(box))
        for frame in frames.values():
            assert frame.holds(here) if frame.name in around else not frame.overlaps(here)
    for one, other in combinations(frames.values(), 2):
        assert one.holds(other) or other.holds(one) or not one.overlaps(other)


def written_inside(box: Drawn) -> None:
    for text, x, y, anchor, size, bold in box.texts:
        width = text_width(text, size) * (1 if bold else 0.92)  # of the estimate for bold letters
        left = x - {"start": 0, "middle": width / 2, "end": width}[anchor]
        assert box.left - 0.5 <= left, text
        assert left + width <= box.right + 0.5, text
        assert box.top <= y - size * 0.7, text
        assert y <= box.bottom, text


@pytest.mark.parametrize(("name", "depth"), DRAWN)
def test_text_is_written_inside_its_box(name: str, depth: int | None, graphs: dict[str, ModelGraph]) -> None:
    for box in boxes(draw(graphs[name], depth), "node"):
        assert box.texts
        assert {(x, anchor) for _, x, _, anchor, _, _ in box.texts} == {(box.texts[0][1], "middle")}
        assert box.texts[0][1] == pytest.approx((box.left + box.right) / 2, abs=0.1)
        written_inside(box)


@pytest.mark.parametrize("name", ZOO)
def test_odd_models_too(name: str) -> None:
    text = draw(graph_of(name))
    drawn = boxes(text, "node")
    for box in drawn:
        written_inside(box)
    for one, other in combinations(drawn, 2):
        assert not one.overlaps(other)


NAMES = [
    *("<&\"'>", "&amp;", "&bogus;", "\\N\\G\\l\\n", "<b>x</b>", "]]>", "<!--", "-->", "{x|y}", "%d", "a→b"),
    *("層の名前", "Слой", "😀", "\u202eabc", "W" * 60, " ", "a\tb", "\x07\x1b", "\x07\x1c", "\ud800"),
]


class Odd(nn.Module):
    def __init__(self, names: list[str]) -> None:
        super().__init__()
        for name in names:
            self.add_module(name, nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU()))

    def forward(self, x: Tensor) -> Any:
        return [part(x) for part in self.children()]


def test_names_of_any_kind_are_written_as_they_are() -> None:
    graph = replace(trace(Odd(NAMES), torch.ones(1, 2)), name='<m> & "m"')
    assert len(view(graph).boxes["/"].parts) == 1 + 2 * len(NAMES)  # the input, the parts and the outputs
    for depth in (1, 2):
        text = draw(graph, depth)
        root = ElementTree.fromstring(text)
        assert root.find(f"{SVG}title").text == f'<m> & "m": {count_text(4 * len(NAMES))} parameters'
        whole = "\n".join(root.itertext()).replace("\u2060", "")
        for name in NAMES:
            if name.isprintable() and name.strip() and len(name) < 48:
                assert name in whole, name
        drawn = boxes(text, "node")
        for box in drawn:
            written_inside(box)
        for one, other in combinations(drawn, 2):
            assert not one.overlaps(other)
        tips = {item.get(TITLE, "").replace("\u2060", "") for item in root.iter()}
        for name in ("&amp;", "&bogus;", "\\N\\G\\l\\n", "<b>x</b>", "W" * 60):
            assert any(tip.startswith(f"{name}: ") for tip in tips), name
        identifiers = [item.get("id") for item in root.iter() if item.get("id")]
        assert len(identifiers) == len(set(identifiers))


def test_a_long_name_is_cut_in_the_box_and_whole_in_the_tooltip() -> None:
    name = "very_long_" * 30
    graph = trace(Odd([name]), torch.ones(1, 2))
    (box,) = (b for b in boxes(draw(graph, 1), "node") if b.kind == "module")
    assert box.texts[0][0].endswith("…")
    assert box.right - box.left < 600
    assert name in box.tooltip


def test_a_long_name_of_a_class_is_cut_too() -> None:
    class Part(nn.Sequential):
        pass

    Part.__name__ = Part.__qualname__ = "VeryLong" * 30
    graph = trace(nn.Sequential(Part(nn.Linear(2, 2), nn.ReLU())), torch.ones(1, 2))
    (box,) = (b for b in boxes(draw(graph, 1), "node") if b.kind == "module")
    assert box.texts[1][0].startswith("VeryLongVeryLong")
    assert box.texts[1][0].endswith("…")
    written_inside(box)


def test_dimensions_are_written_as_the_user_names_them() -> None:
    graph = trace(nn.Linear(2, 2), torch.ones(3, 2), dynamic={"input": {0: "<&\\N>"}})
    words = "".join(ElementTree.fromstring(draw(graph)).itertext()).replace("\u2060", "")
    assert "<&\\N>×2" in words


def test_a_folded_block_stands_once_with_its_number(graphs: dict[str, ModelGraph]) -> None:
    layers = sum(path.startswith("layers.") and path.count(".") == 1 for path in graphs["tiny"].components)
    for depth in (None, 1, 9):
        text = draw(graphs["tiny"], depth)
        assert "".join(ElementTree.fromstring(text).itertext()).count(f"×{layers}\n") == 1
        assert text.count(f"layers.0–{layers - 1} ×{layers}") == 1
        assert ">layers.1<" not in text
    assert "×12" in draw(graphs["tiny"])


def test_shared_values_are_drawn_as_stubs_at_each_reader(graphs: dict[str, ModelGraph]) -> None:
    drawn = boxes(draw(graphs["net"], 9), "node")
    stubs = [box for box in drawn if box.kind == "stub"]
    shared = {link.source for link in view(graphs["net"]).links if link.shared}
    assert shared
    assert len(stubs) == sum(link.shared for link in view(graphs["net"]).links)
    assert all("read in many places" in stub.tooltip for stub in stubs)


def test_an_edge_says_the_shape_that_flows(graphs: dict[str, ModelGraph]) -> None:
    root = ElementTree.fromstring(draw(graphs["dynamic"], 1))
    edges = [g for g in root.iter(f"{SVG}g") if "edge" in (g.get("class") or "")]
    labels = ["".join(t.text or "" for t in edge.iter(f"{SVG}text")).strip() for edge in edges]
    assert "batch×sequence" in labels
    assert all("batch" in label or "sequence" in label or label == "64" for label in labels)
    picture = view(graphs["dynamic"])
    at = picture.shown(picture.opened(1))
    pairs = {(at[link.source], at[link.target]) for link in picture.links}
    assert len(edges) == len({pair for pair in pairs if pair[0] != pair[1]})


def test_a_box_looks_like_its_category(graphs: dict[str, ModelGraph]) -> None:
    picture = view(graphs["net"])
    root = ElementTree.fromstring(draw(graphs["net"], 1))
    fills = {}
    for group in root.iter(f"{SVG}g"):
        if "node" in (group.get("class") or "").split():
            shape = next(s for s in group.iter() if s.get("fill") and s.tag in (f"{SVG}path", f"{SVG}polygon"))
            fills[group.find(f"{SVG}title").text] = shape.get("fill")
    for box in picture.visible({"/"}):
        look = STYLES[picture.boxes[box].category]
        assert fills[part_name(box)] in (look.fill, {"#ffffff": "white"}.get(look.fill))


@pytest.mark.parametrize("name", ["tiny", "net"])
def test_the_figure_is_the_same_every_time_and_says_nothing_of_this_machine(
    name: str, graphs: dict[str, ModelGraph]
) -> None:
    first, second = draw(graphs[name]), draw(graphs[name])
    assert first == second
    assert render(graphs[name], Options()) == {"svg": [first.encode()]}
    assert render(graphs[name], Options(depth=1)) == {"svg": [draw(graphs[name], 1).encode()]}
    assert str(ROOT) not in first
    assert not re.search(r"(?<![\w/:])/(home|usr|tmp|work|root)/", first)
    year = time.strftime("%Y")
    assert not re.search(rf"{year}-\d\d|\d\d:\d\d:\d\d|(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ", first)


@pytest.mark.parametrize("name", ["tiny", "dynamic", "net"])
def test_a_figure_takes_no_time(name: str, graphs: dict[str, ModelGraph]) -> None:
    draw(graphs[name])
    start = time.process_time()
    draw(graphs[name])
    assert time.process_time() - start < 1


def test_a_notebook_shows_the_figure(graphs: dict[str, ModelGraph]) -> None:
    assert graphs["net"]._repr_svg_() == draw(graphs["net"])


def test_a_model_without_a_tensor_is_drawn_all_the_same() -> None:
    class Silent(nn.Module):
        def forward(self, count: int) -> int:
            return count + 1

    graph = trace(Silent(), 3)
    assert boxes(draw(graph), "node") == []
    assert escape("Silent: 0 parameters") in draw(graph)
