"""U-Nets on the page: as in the figure, the contracting path down at the left, the expanding one up at the right."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from torch import Tensor, nn

import ptgraph
from ptgraph.formats.html import render
from ptgraph.formats.options import Options
from tests.support.browser_page import Opened, check_geometry, visiting
from tests.support.page_walk import Links, crossed, missing, state_of, walk
from tests.support.u_nets import NO_U, U_NETS, Flat
from tests.support.wirings import image

STEPS = 40


class Twice(nn.Module):
    """Two U-Nets, one after the other, each in a box of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.middle = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(1, 3, 3, padding=1)
        self.first, self.second, self.head = Flat(), Flat(levels=2), nn.Conv2d(1, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.middle(self.first(self.stem(x)))))


MADE = {**U_NETS, **NO_U, "twice": (Twice, image)}
Visit = Callable[[str], tuple[Opened, Path]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"": tmp_path_factory.mktemp("u")}


@pytest.fixture
def show(browser: Browser, files: dict[str, Path]) -> Iterator[Visit]:
    with ExitStack() as stack:

        def go(name: str) -> tuple[Opened, Path]:
            if name not in files:
                make, inputs = MADE[name]
                graph = ptgraph.trace(make().eval(), *inputs(), name="model")
                files[name] = files[""] / f"{name}.html"
                files[name].write_bytes(b"".join(render(graph, Options())["html"]))
            return stack.enter_context(visiting(browser))(files[name]), files[name]

        yield go


def by_title(page: Opened) -> dict[str, Any]:
    return {box["label"]["title"]: box for box in page.do("ptgraph.visible()")}


def is_straight(points: list[dict[str, float]]) -> bool:
    """Return whether a line has horizontal and vertical parts only."""
    return all(min(abs(a["x"] - b["x"]), abs(a["y"] - b["y"])) < 0.01 for a, b in pairwise(points))


def check(page: Opened, file: Path) -> None:
    check_geometry(page)
    state = state_of(page)
    assert missing(Links.of(file), state) == []
    assert page.do("ptgraph.flow()") != "down" or crossed(state) == []


@pytest.mark.parametrize("flow", ["down", "right"])
@pytest.mark.parametrize("name", ["flat", "denoiser", "tokens"])
def test_a_u_net_is_a_u(show: Visit, name: str, flow: str) -> None:
    page, file = show(name)
    along, across, width, height = ("y", "x", "width", "height") if flow == "down" else ("x", "y", "height", "width")
    if flow == "right":
        page.do("document.getElementById('flow').click()")
    check(page, file)
    boxes = {box["id"]: box for box in page.do("ptgraph.visible()")}
    edges = [edge for edge in page.do("ptgraph.edges()") if edge["source"] in boxes and edge["target"] in boxes]
    titles = by_title(page)
    up, down = titles["output"][across], titles["x"][across]
    assert up > down + titles["x"][width] / 2
    across_it = 0
    for edge in edges:
        source, target, points = boxes[edge["source"]], boxes[edge["target"]], edge["points"]
        assert is_straight(points)
        first, last = points[0], points[-1]
        for box, end in ((source, first), (target, last)):  # each end is on a side of its box
            beside = abs(abs(end[across] - box[across]) - box[width] / 2)
            over = abs(abs(end[along] - box[along]) - box[height] / 2)
            assert min(beside, over) < 0.01
            assert abs(end[across] - box[across]) < box[width] / 2 + 0.01
            assert abs(end[along] - box[along]) < box[height] / 2 + 0.01
        if source[across] == pytest.approx(up, abs=0.5) and target[across] == pytest.approx(
            up, abs=0.5
        ):  # it runs up, and its head is at the upper end
            assert first[along] > last[along]
            assert last[along] == pytest.approx(target[along] + target[height] / 2, abs=0.01)
        elif target[across] == pytest.approx(up, abs=0.5) and len(points) == 2:
            assert first[along] == last[along]
            assert source[along] == pytest.approx(target[along], abs=0.6)
            across_it += 1
    assert across_it == {"flat": 3, "denoiser": 5, "tokens": 3}[name]


def test_the_levels_of_a_u_are_aligned(show: Visit) -> None:
    page, _ = show("flat")
    boxes = by_title(page)
    inner = [boxes[f"encoder{level}"] for level in (1, 2, 3)]
    cats = sorted((box for box in page.do("ptgraph.visible()") if box["label"]["title"] == "cat"), key=lambda c: c["y"])
    assert [box["y"] for box in inner] == pytest.approx([cat["y"] for cat in cats], abs=0.2)
    assert boxes["decoder1"]["y"] < boxes["decoder2"]["y"] < boxes["decoder3"]["y"] < boxes["bottleneck"]["y"]
    assert {boxes[f"pool{level}"]["x"] for level in (1, 2, 3)} == {box["x"] for box in inner}


def test_what_is_no_u_flows_down(show: Visit) -> None:
    page, _ = show("gated")
    for edge in page.do("ptgraph.edges()"):
        assert edge["points"][0]["y"] < edge["points"][-1]["y"]


def test_stubs_of_the_right_column_stand_at_the_right(show: Visit) -> None:
    page, _ = show("denoiser")
    boxes = {box["id"]: box for box in page.do("ptgraph.visible()")}
    stubs = page.do("ptgraph.stubs()")
    right = by_title(page)["output"]["x"]
    assert len(stubs) > 5
    for stub in stubs:
        reader = boxes[stub["reader"]]
        assert (stub["x"] > reader["x"]) == (abs(reader["x"] - right) < 0.5)


def test_a_block_of_a_u_opens_and_closes(show: Visit) -> None:
    page, file = show("flat")
    closed = page.do("ptgraph.edges()")
    for box in page.do("ptgraph.visible().map(({ id }) => id).filter((id) => ptgraph.box(id).canOpen)"):
        page.do(f"ptgraph.open({json.dumps(box)})")
        assert box in page.frames()
        check(page, file)
        page.do(f"ptgraph.close({json.dumps(box)})")
        assert page.do("ptgraph.edges()") == closed


@pytest.mark.parametrize("flow", ["down", "right"])
def test_a_u_within_a_frame(show: Visit, flow: str) -> None:
    page, file = show("twice")
    page.do("ptgraph.openToLevel(1)")
    if flow == "right":
        page.do("document.getElementById('flow').click()")
    along, across = ("y", "x") if flow == "down" else ("x", "y")
    for name, after in (("first", "/middle"), ("second", "/head")):
        page.do(f"ptgraph.open({by_title(page)[name]['id']!r})")
        check(page, file)
        edges = {edge["target"]: edge for edge in page.do("ptgraph.edges()")}
        assert any(edge["points"][0][along] > edge["points"][-1][along] for edge in edges.values())
        assert [edge for edge in page.do("ptgraph.edges()") if not is_straight(edge["points"])] == []
        _, over, *out = edges[after]["points"]  # up, over, and on along the flow
        assert over[across] < out[0][across]
        assert all(a[along] <= b[along] for a, b in pairwise(out))


@pytest.mark.parametrize("name", ["flat", "denoiser", "twice"])
def test_a_walk_over_a_u(show: Visit, name: str) -> None:
    page, file = show(name)
    seen = walk(page, file, STEPS)
    assert (seen.wrong, sorted(seen.crossings)) == ([], [])
    assert seen.states > STEPS / 5


@pytest.mark.parametrize("name", ["flat", "twice"])
def test_a_dive_into_a_u(show: Visit, name: str) -> None:
    page, file = show(name)
    for box in page.do("ptgraph.visible().map(({ id }) => id).filter((id) => ptgraph.box(id).canOpen)"):
        page.do(f"ptgraph.dive({json.dumps(box)})")
        check(page, file)
        page.do("document.querySelector('#crumbs li button')?.click()")
