"""A page in a real browser, without a network: what tests ask of it, and the geometry that must hold on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext

LOCAL = ("file:", "data:", "blob:")
LISTEN = "(kind) => { window.clickedAt = null; ptgraph.network.once(kind, () => { clickedAt = performance.now(); }); }"
WAIT = """(async () => {
    const end = performance.now() + 30_000;
    while (!(CONDITION)) {
        if (performance.now() > end) throw new Error(`It does not become true: ${() => CONDITION}`);
        await new Promise(requestAnimationFrame);
    }
})()"""
GO_TO = """(hash) => {
    const before = location.href;
    const heard = new Promise((done) => addEventListener('hashchange', () => done(), { once: true }));
    location.hash = hash;
    return location.href === before ? null : heard;
}"""
QUIET = "!window.clickedAt || performance.now() - clickedAt > 600"  # two clicks in a row are not one double click


class Opened:
    """A page in the browser, with what went wrong in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        self.outside: list[str] = []
        page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda r: self.outside.append(r.url) if not r.url.startswith(LOCAL) else None)

    def do(self, expression: str, argument: Any = None) -> Any:
        return self.page.evaluate(expression, argument)

    def wait(self, condition: str) -> None:
        """Wait until *condition* holds in the page; the page's policy lets no `wait_for_function` look twice."""
        self.do(WAIT.replace("CONDITION", condition))

    def settle(self) -> None:
        """Wait until the graph shows what is open now, where the camera is now."""
        self.wait("ptgraph.isSettled()")

    def ids(self) -> set[str]:
        """The closed boxes that show."""
        return {box["id"] for box in self.do("ptgraph.visible()")}

    def frames(self) -> set[str]:
        return {frame["id"] for frame in self.do("ptgraph.frames()")}

    def selected(self) -> str | None:
        found: str | None = self.do("ptgraph.selected()")
        return found

    def spot(self, expression: str) -> dict[str, float]:
        """Return where on the screen the point of the canvas is that the JavaScript *expression* yields."""
        found: dict[str, float] = self.do(f"ptgraph.toScreen({expression})")
        return found

    def click(self, expression: str, *, double: bool = False) -> None:
        self.wait(QUIET)
        self.settle()  # else the camera may move between the look and the click
        spot = self.spot(expression)
        self.do(f"({LISTEN})({'doubleClick' if double else 'click'!r})")
        (self.page.mouse.dblclick if double else self.page.mouse.click)(spot["x"], spot["y"])
        self.wait("clickedAt !== null")
        self.settle()

    def go_to(self, hash: str) -> None:
        """Change the address, as a person does; return when the page has heard of it."""
        self.do(GO_TO, hash)

    def knob(self, kind: str, box: str, name: str = "") -> None:
        found = f"ptgraph.{kind}().find((box) => box.id === {box!r})"
        knob = f"{found}.knobs.find((knob) => knob.name === {name!r})" if name else f"{found}.knob"
        self.click(knob)

    def hover(self, expression: str) -> str:
        """Move the pointer there, and return what the page says of it."""
        spot = self.spot(expression)
        self.page.mouse.move(spot["x"] - 3, spot["y"])
        self.page.mouse.move(spot["x"], spot["y"])
        self.page.wait_for_selector("#tip", state="visible")
        return str(self.page.inner_text("#tip"))

    def tab(self, name: str) -> None:
        self.page.click(f"[data-tab-button={name}]")

    def details(self) -> str:
        return str(self.page.inner_text("#details"))


@cache
def _context(browser: Browser, width: int, height: int, **settings: Any) -> BrowserContext:
    """Return a context without a network, shared by all pages of these settings.

    A new one takes longer than a page of ptgraph does. So does a window, which Chromium closes with its last page:
    an empty page keeps it open.
    """
    settings = {"reduced_motion": "reduce", **settings}
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **settings)
    context.new_page()
    return context


@contextmanager
def visiting(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Yield a function that opens a file; afterwards, nothing must have gone wrong in any of them."""
    opened: list[Opened] = []

    def go(file: Path, hash: str = "", width: int = 1400, height: int = 900, **settings: Any) -> Opened:
        page = Opened(_context(browser, width, height, **settings).new_page())
        opened.append(page)
        page.page.goto(file.as_uri() + hash, wait_until="load")
        page.wait("window.ptgraph && document.querySelector('#details h2, #details dl')")  # all is there
        return page

    try:
        yield go
    finally:
        for page in opened:
            assert page.do("localStorage.length") == 0, "pages of one context share it"
            page.page.close()
    assert [page.errors for page in opened if page.errors] == []
    assert [page.outside for page in opened if page.outside] == []


def check_geometry(page: Opened) -> int:
    """Check that nothing overlaps or spills in what is open now; return how many boxes there are."""
    boxes, frames, stubs = (page.do(f"ptgraph.{kind}()") for kind in ("visible", "frames", "stubs"))
    solid = sorted(boxes + stubs, key=lambda box: box["y"] - box["height"] / 2)
    for index, one in enumerate(solid):
        for other in solid[index + 1 :]:
            if other["y"] - other["height"] / 2 >= one["y"] + one["height"] / 2:
                break
            assert not overlaps(one, other), (name(one), name(other))
    for index, frame in enumerate(frames):
        for other in frames[index + 1 :]:
            apart = not overlaps(frame, other) or encloses(frame, other) or encloses(other, frame)
            assert apart, (frame["id"], other["id"])
        for box in solid:
            assert not overlaps(frame, box) or encloses(frame, box), (frame["id"], name(box))
    for box in boxes:
        label = box["label"]
        assert max(label["titleWidth"], label["subtitleWidth"]) <= label["room"] < box["width"]
    for edge in page.do("ptgraph.edges()"):
        assert len(edge["points"]) > 1
        for one, other in pairwise(edge["points"]):
            assert one != other, edge
    return len(boxes)


def name(box: dict[str, Any]) -> str:
    return str(box.get("id") or f"{box['source']} → {box['reader']}")


def overlaps(one: dict[str, Any], other: dict[str, Any]) -> bool:
    slack = 0.01  # of rounding
    return all(
        abs(one[axis] - other[axis]) + slack < (one[size] + other[size]) / 2
        for axis, size in (("x", "width"), ("y", "height"))
    )


def encloses(frame: dict[str, Any], box: dict[str, Any]) -> bool:
    return all(
        abs(frame[axis] - box[axis]) + box[size] / 2 <= frame[size] / 2 + 0.01
        for axis, size in (("x", "width"), ("y", "height"))
    )
