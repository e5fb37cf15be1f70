"""Viewers in headless Chromium, one process a measurement: ``python -m benchmarks.browser_timer VIEWER FILE``.

Prints the figures as JSON, a line after each step with all figures so far: what is cut short still says what it knew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from .process_timer import CHROMIUM

FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card, for Model Explorer
)
SIZE = {"width": 1400, "height": 900}
PATIENCE = 60  # seconds: a viewer that does not show a graph by then does not
SAMPLE = 60  # modules that are opened, evenly spread, where a page has more
PAN = 3000  # milliseconds
QUIET = 2000  # milliseconds without a change: nothing more will come

Figures = dict[str, float]
Report = Callable[[Figures], None]

# In every page: `painted` ends after the next frame; `pan` moves the camera at every frame, and counts them.
HELPERS = """
window.bench = {
  frame: () => new Promise((done) => requestAnimationFrame(done)),
  async painted() {
    await this.frame();
    await new Promise((done) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = done;
      channel.port2.postMessage(0);
    });
  },
  async pan(move, duration) {
    const stamps = [];
    const start = performance.now();
    while (performance.now() - start < duration || stamps.length < 3) {
      await this.frame();
      stamps.push(performance.now());
      move((performance.now() - start) / duration);
    }
    const gaps = stamps.slice(1).map((stamp, k) => stamp - stamps[k]).sort((a, b) => a - b);
    const rate = (share) => 1000 / gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))];
    return { median: rate(0.5), low: rate(0.95) };
  },
};
"""

# `ready`: the page has been painted; `answered`: the address says that a key has selected a box.
CLOCK = """
(async () => {
  while (!window.ptgraph) await bench.frame();
  await bench.frame();
  await bench.frame();
  document.getElementById('graph').focus();
  bench.ready = true;
  while (!location.hash) await bench.frame();
  bench.answered = performance.now();
})();
"""

UNTIL = """
async (name) => {
  while (!bench[name]) await bench.frame();
  return bench[name];
}
"""

OPEN = """
async (sample) => {
  const data = JSON.parse(document.getElementById('ptgraph-data').textContent);
  const { boxes } = data.documents[0];
  const parts = (id) => boxes[id].parts || [];
  const parent = new Map(Object.keys(boxes).flatMap((id) => parts(id).map((part) => [part, id])));
  const all = Object.keys(boxes).filter((id) => id !== '/' && parts(id).length);
  const step = Math.max(1, all.length / sample);
  const times = [];
  ptgraph.openToLevel(1);
  for (let k = 0; Math.floor(k * step) < all.length; k += 1) {
    const id = all[Math.floor(k * step)];
    const around = [];
    for (let at = parent.get(id); at !== '/'; at = parent.get(at)) around.unshift(at);
    around.forEach((outer) => ptgraph.open(outer));
    const took = [];
    while (took.length < 3) {
      await bench.painted();
      await bench.painted();
      const start = performance.now();
      ptgraph.open(id);
      await bench.painted();
      took.push(performance.now() - start);
      ptgraph.close(id);
    }
    times.push(took.sort((a, b) => a - b)[1]);
    if (around.length) ptgraph.close(around[0]);
    await bench.painted();
  }
  times.sort((a, b) => a - b);
  return { median: times[Math.floor(times.length / 2)], worst: times[times.length - 1], modules: times.length };
}
"""

EVERYTHING = """
async () => {
  const start = performance.now();
  await ptgraph.openEverything();
  await bench.painted();
  return (performance.now() - start) / 1000;
}
"""

# Far: all of the graph in view, in a circle. Near: large enough to read, straight down past the middle box.
PANS = """
async ([duration, { width, height }]) => {
  const move = (x, y, scale) => ptgraph.moveTo({ x, y, scale });
  const boxes = ptgraph.visible();
  const range = (axis, size) => boxes.reduce(([low, high], box) => [
    Math.min(low, box[axis] - box[size] / 2), Math.max(high, box[axis] + box[size] / 2)], [Infinity, -Infinity]);
  const [left, right] = range('x', 'width');
  const [top, bottom] = range('y', 'height');
  const whole = Math.min(1, width / (right - left), height / (bottom - top));
  const middle = boxes.sort((a, b) => a.y - b.y)[Math.floor(boxes.length / 2)];
  const far = await bench.pan((t) => move(
    (left + right) / 2 + 100 * Math.cos(6 * t) / whole, (top + bottom) / 2 + 100 * Math.sin(6 * t) / whole, whole,
  ), duration);
  const near = await bench.pan((t) => move(middle.x, middle.y + 4000 * (t - 0.5) / 0.6, 0.6), duration);
  return { far: far.median, far_low: far.low, near: near.median, near_low: near.low };
}
"""


@contextmanager
def chromium(*scripts: str, offline: bool = True) -> Iterator[Page]:
    """Open a page in a Chromium of its own, with *scripts* in all that it shows."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        context = browser.new_context(viewport=SIZE, offline=offline, reduced_motion="reduce")  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        for script in (HELPERS, *scripts):
            page.add_init_script(script)
        yield page
        browser.close()


def ptgraph(file: Path, report: Report) -> None:
    """Measure ptgraph's page: its first interaction, opening modules, opening everything, and panning then."""
    with chromium(CLOCK) as page:
        page.goto(file.as_uri(), wait_until="commit")
        page.evaluate(UNTIL, "ready")  # and not wait_for_function, which the page's policy forbids
        page.keyboard.press("ArrowDown")
        report({"first": page.evaluate(UNTIL, "answered") / 1000})
        opened: dict[str, Any] = page.evaluate(OPEN, SAMPLE)
        report({"open": opened["median"], "open_worst": opened["worst"], "modules": opened["modules"]})
        report({"everything": page.evaluate(EVERYTHING)})
        report(page.evaluate("ptgraph.counts()"))
        report(page.evaluate(PANS, [PAN, SIZE]))


def main(viewer: str, file: str) -> None:
    """Measure one viewer on one file."""
    from . import viewers

    figures: Figures = {}

    def report(found: Figures) -> None:
        figures.update(found)
        print(json.dumps(figures), flush=True)

    {"ptgraph": ptgraph, **viewers.VIEWERS}[viewer](Path(file).resolve(), report)


if __name__ == "__main__":
    main(*sys.argv[1:])
