"""The page in a real browser, without a network: what it shows, how it opens, and that a model cannot run code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ptgraph
from ptgraph.backends.html import render
from ptgraph.graph import ModelGraph
from ptgraph.options import Options

ATTENTION = "/layers.0.attention"
SCRIPT = "</script><script>hacked=1</script>"
IMAGE = "\"'><img src=x onerror=hacked=1>"
CONTROL = "\u2028\u2029\u202e\u200f\u0000"
LONG = "x" * 10_000


class Gated(nn.Module):
    """A block that reads a gate made elsewhere."""

    def __init__(self, size: int, *, deep: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(size, size)
        self.inner = Gated(size, deep=False) if deep else None

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        x = self.linear(x).relu() * gate
        return x if self.inner is None else x + self.inner(x, gate)


class Shared(nn.Module):
    """One gate for four blocks: it is drawn as a stub at each."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(8, 8)
        self.blocks = nn.ModuleList([Gated(8, deep=k % 2 == 0) for k in range(4)])

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate(x).sigmoid()
        for block in self.blocks:
            x = block(x, gate)
        return x


def hostile() -> nn.Module:
    """A model all of whose names and texts try to get out of where they belong."""

    def init(self: nn.Module) -> None:
        nn.Module.__init__(self)
        self.first, self.second = IMAGE, CONTROL
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


class Opened:
    """A page in the browser, with what went wrong in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        self.outside: list[str] = []
        page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda r: self.outside.append(r.url) if not r.url.startswith(LOCAL) else None)

    def do(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def ids(self) -> set[str]:
        return {box["id"] for box in self.do("ptgraph.visible()")}

    def frames(self) -> set[str]:
        return {frame["id"] for frame in self.do("ptgraph.frames()")}

    def click(self, expression: str) -> None:
        """Click the point of the canvas that the JavaScript *expression* yields."""
        spot = self.do(f"ptgraph.toScreen({expression})")
        self.page.wait_for_timeout(450)  # two clicks in a row are not one double click
        self.page.mouse.click(spot["x"], spot["y"])
        self.page.wait_for_timeout(350)

    def knob(self, kind: str, box: str) -> None:
        self.click(f"ptgraph.{kind}().find((box) => box.id === {box!r}).knob")

    def details(self) -> str:
        return str(self.page.inner_text("#details"))


LOCAL = ("file:", "data:", "blob:")


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, tiny: ModelGraph) -> dict[str, Path]:
    """The pages that the tests open."""
    graphs = {
        "tiny": tiny,
        "shared": ptgraph.trace(Shared(), torch.zeros(2, 8)),
        "hostile": replace(ptgraph.trace(hostile(), torch.zeros(2, 4)), name=f"name {SCRIPT}{IMAGE}"),
    }
    folder = tmp_path_factory.mktemp("pages")
    for name, graph in graphs.items():
        (folder / f"{name}.html").write_bytes(b"".join(render(graph, Options())["html"]))
    return {name: folder / f"{name}.html" for name in graphs}


@pytest.fixture
def visit(browser: Any, files: dict[str, Path]) -> Iterator[Callable[..., Opened]]:
    """Open a page; when the test is over, nothing must have gone wrong in it."""
    opened: list[Opened] = []
    contexts = []

    def go(name: str, hash: str = "", width: int = 1400, height: int = 900, **settings: Any) -> Opened:
        settings = {"reduced_motion": "reduce", **settings}
        context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **settings)
        contexts.append(context)
        page = Opened(context.new_page())
        opened.append(page)
        page.page.goto(files[name].as_uri() + hash, wait_until="load")
        page.page.wait_for_function("window.ptgraph")
        return page

    yield go
    for context in contexts:
        context.close()
    assert [page.errors for page in opened if page.errors] == []
    assert [page.outside for page in opened if page.outside] == []


def overlaps(one: dict[str, float], other: dict[str, float]) -> bool:
    slack = 0.01  # of rounding
    return all(
        abs(one[axis] - other[axis]) + slack < (one[size] + other[size]) / 2
        for axis, size in (("x", "width"), ("y", "height"))
    )


def encloses(frame: dict[str, float], box: dict[str, float]) -> bool:
    return all(
        abs(frame[axis] - box[axis]) + box[size] / 2 <= frame[size] / 2 + 0.01
        for axis, size in (("x", "width"), ("y", "height"))
    )


def test_it_opens_folded(visit: Callable[..., Opened]) -> None:
    page = visit("tiny")
    assert {"input_ids", "/embedding", "/rope", "/layers.0", "/norm", "/head", "output"} == page.ids()
    assert page.frames() == set()
    assert "85.3M parameters" in page.page.inner_text("header.bar")
    assert "torch.export" in page.page.inner_text("header.bar")
    assert "TransformerLM" in page.details()


def test_the_plus_opens_a_box_and_its_head_closes_it(visit: Callable[..., Opened]) -> None:
    page = visit("tiny")
    page.knob("visible", "/layers.0")
    assert page.frames() == {"/layers.0"}
    assert ATTENTION in page.ids()
    page.knob("visible", ATTENTION)
    assert page.frames() == {"/layers.0", ATTENTION}
    head = "(({ x, y, height }) => ({ x, y: y - height / 2 + 8 }))(ptgraph.frames().find((f) => f.id === '/layers.0'))"
    page.do("ptgraph.network.fit({ animation: false })")
    page.click(head)
    assert page.frames() == set()
    assert "/layers.0" in page.ids()


def test_a_box_opens_under_the_pointer(visit: Callable[..., Opened]) -> None:
    page = visit("tiny", height=1600)
    top = "(({ x, y, height }) => ptgraph.toScreen({ x, y: y - height / 2 }))"
    before = page.do(f"{top}(ptgraph.visible().find((box) => box.id === '/layers.0'))")
    page.do("ptgraph.open('/layers.0')")
    after = page.do(f"{top}(ptgraph.frames()[0])")
    assert after["x"] == pytest.approx(before["x"], abs=2)
    assert after["y"] == pytest.approx(before["y"], abs=60)


def test_keys(visit: Callable[..., Opened]) -> None:
    page = visit("tiny")
    keyboard = page.page.keyboard
    page.page.focus("#graph")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown"):
        keyboard.press(key)
    assert page.do("ptgraph.state.selected") == "/layers.0"
    keyboard.press("Enter")
    assert page.frames() == {"/layers.0"}
    keyboard.press("Enter")
    assert page.frames() == set()
    keyboard.press("2")
    assert page.frames() == {"/layers.0", "/rope"}
    keyboard.press("Escape")
    assert page.do("ptgraph.state.selected") is None
    keyboard.press("?")
    assert page.page.is_visible("#help")
    keyboard.press("Escape")
    assert not page.page.is_visible("#help")


def test_search_finds_and_selects(visit: Callable[..., Opened]) -> None:
    page = visit("tiny")
    page.page.keyboard.press("/")
    page.page.keyboard.type("q_pr")
    assert page.page.locator("#results [role=option]").count() == 1
    page.page.keyboard.press("Enter")
    assert page.do("ptgraph.state.selected") == f"{ATTENTION}.q_proj"
    assert page.frames() == {"/layers.0", ATTENTION}
    assert page.page.url.endswith("#layers.0.attention.q_proj")
    for typed in ("rmsnorm", "aten.rms_norm", "2x16x512"):
        page.page.fill("#search", typed)
        assert page.page.locator("#results [role=option]").count() > 1, typed


def test_details(visit: Callable[..., Opened]) -> None:
    page = visit("tiny", "#layers.0.attention.q_proj")
    shown = page.details()
    for text in ("torch.nn.modules.linear.Linear", "262,144", "512×512", "in_features", "aten.linear.default"):
        assert text in shown
    page.page.click("#details nav >> text=attention")
    assert page.do("ptgraph.state.selected") == ATTENTION
    shown = page.details()
    for text in ("ptgraph.models.attention.Attention", "Causal self-attention", "num_kv_heads", "655,360"):
        assert text in shown
    page.page.click("#details summary:has-text('attention.py')")
    assert "class Attention(nn.Module):" in page.details()
    assert page.page.locator("#details table th[scope=col]").count() >= 2


def test_the_address_selects(visit: Callable[..., Opened]) -> None:
    page = visit("tiny", "#layers.0.feed_forward")
    assert page.do("ptgraph.state.selected") == "/layers.0.feed_forward"
    page.do("location.hash = '#layers.7.attention.k_norm'")  # a block that is folded into the first
    page.page.wait_for_timeout(100)
    assert page.do("ptgraph.state.selected") == f"{ATTENTION}.k_norm"
    page.do("location.hash = '#nothing.of.that.name'")
    page.page.wait_for_timeout(100)
    assert page.do("ptgraph.state.selected") == f"{ATTENTION}.k_norm"


@pytest.mark.parametrize("level", ["1", "2", "3", "Infinity"])
@pytest.mark.parametrize("model", ["tiny", "shared", "hostile"])
def test_nothing_overlaps_or_spills(visit: Callable[..., Opened], model: str, level: str) -> None:
    page = visit(model)
    page.do(f"ptgraph.openToLevel({level})")
    boxes, frames, stubs = (page.do(f"ptgraph.{kind}()") for kind in ("visible", "frames", "stubs"))
    for one, other in combinations(boxes + stubs, 2):
        assert not overlaps(one, other), (one["id"], other["id"])
    for one, other in combinations(frames, 2):
        assert not overlaps(one, other) or encloses(one, other) or encloses(other, one)
    for box in boxes:
        label = box["label"]
        assert max(label["titleWidth"], label["subtitleWidth"]) <= label["room"] < box["width"]
        for frame in frames:
            assert not overlaps(frame, box) or encloses(frame, box)


def test_a_value_read_in_many_places_is_a_stub(visit: Callable[..., Opened]) -> None:
    page = visit("shared")
    stubs = page.do("ptgraph.stubs()")
    assert len({stub["child"] for stub in stubs}) == len(stubs) == 4
    assert not any(edge["source"] == stubs[0]["source"] for edge in page.do("ptgraph.edges()"))
    page.do("ptgraph.open('/blocks.0')")
    children = {stub["child"] for stub in page.do("ptgraph.stubs()")}
    assert "/blocks.0" not in children
    assert len(children) == 5  # at the product and the inner block, instead


def test_it_fits_a_telephone(visit: Callable[..., Opened]) -> None:
    page = visit("tiny", width=390, height=844, color_scheme="dark")
    assert page.do("document.documentElement.dataset.theme") == "dark"
    assert page.do("document.documentElement.scrollWidth") <= 390
    graph, details = (page.page.locator(name).bounding_box() for name in ("#graph", "#details"))
    assert graph["height"] > 300
    assert details["y"] >= graph["y"] + graph["height"] - 1
    page.page.click("#theme")
    assert page.do("document.documentElement.dataset.theme") == "light"


def test_a_hostile_model_is_only_text(visit: Callable[..., Opened]) -> None:
    page = visit("hostile")
    assert SCRIPT in page.page.inner_text("#name")
    page.do("ptgraph.openToLevel(Infinity)")
    seen = [page.details()]
    for k in range(page.do("Object.keys(ptgraph.state.data.boxes).length")):
        page.do(f"ptgraph.select(Object.keys(ptgraph.state.data.boxes)[{k}])")
        seen.append(page.details())
    page.page.fill("#search", "script")
    seen.append(page.page.inner_text("#results"))
    assert sum(SCRIPT in text for text in seen) >= 3
    assert sum(IMAGE in text for text in seen) >= 3
    assert any(LONG in text for text in seen)
    assert page.page.locator("img").count() == 0
    assert page.do("window.hacked") is None
    assert page.do("document.documentElement.scrollWidth") <= 1400
