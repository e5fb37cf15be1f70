"""The other viewers in Chromium: Model Explorer, plain pyvis, Netron. See ``browser_timer``."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import TimeoutError as TooLong

from .browser_timer import PAN, PATIENCE, QUIET, Report, chromium
from .process_timer import GAVE_UP

# What WebGL draws in a frame is added up, so that one sees when the picture is there, and when it has changed last.
WEBGL = """
(() => {
  const seen = { drawn: 0, frame: 0, changed: 0 };
  bench.webgl = seen;
  const { prototype } = WebGL2RenderingContext;
  const watch = (name, amount) => {
    const original = prototype[name];
    prototype[name] = function draw(...given) {
      seen.frame += amount(...given);
      return original.apply(this, given);
    };
  };
  watch('drawArrays', (mode, first, count) => count);
  watch('drawElements', (mode, count) => count);
  watch('drawArraysInstanced', (mode, first, count, instances) => count * instances);
  watch('drawElementsInstanced', (mode, count, type, offset, instances) => count * instances);
  const each = () => {
    if (seen.frame && seen.frame !== seen.drawn) {
      seen.drawn = seen.frame;
      seen.changed = performance.now();
      if (!seen.first) seen.first = seen.changed;
    }
    seen.frame = 0;
    requestAnimationFrame(each);
  };
  requestAnimationFrame(each);
})();
"""
SETTLED = "([before, quiet]) => bench.webgl.drawn > before && performance.now() - bench.webgl.changed > quiet"

DRAG = """
(duration) => {
  const target = document.querySelector('webgl-renderer canvas');
  const say = (to, type, x, y) => to.dispatchEvent(new MouseEvent(type, {
    clientX: x, clientY: y, bubbles: true, cancelable: true, view: window, button: 0, buttons: 1,
  }));
  say(target, 'mousedown', 500, 450);
  const moved = bench.pan((t) => say(window, 'mousemove', 500 + 100 * Math.cos(6 * t), 450 + 100 * Math.sin(6 * t)),
    duration);
  return moved.then((found) => {
    say(window, 'mouseup', 500, 450);
    return { far: found.median, far_low: found.low };
  });
}
"""

# pyvis keeps its network in a global variable: seen when it is made, and asked to tell when it stands still.
NETWORK = """
Object.defineProperty(window, 'network', {
  configurable: true,
  get: () => bench.network,
  set: (network) => {
    bench.network = network;
    network.once('stabilizationIterationsDone', () => bench.painted().then(() => {
      bench.answered = performance.now();
    }));
  },
});
"""
PYVIS_PAN = """
(duration) => {
  network.stopSimulation();
  network.fit({ animation: false });
  const [{ x, y }, scale] = [network.getViewPosition(), network.getScale()];
  const move = (t) => network.moveTo({
    position: { x: x + 100 * Math.cos(6 * t) / scale, y: y + 100 * Math.sin(6 * t) / scale }, scale });
  return bench.pan(move, duration).then((found) => ({ far: found.median, far_low: found.low }));
}
"""

NETRON = "import netron, sys; netron.start(sys.argv[1], ('127.0.0.1', int(sys.argv[2])), browse=False); netron.wait()"
# It asks first whether it may count its users; that is answered at once.
NETRON_CLOCK = """
(async () => {
  const buttons = () => [...document.querySelectorAll('button')];
  const accept = () => buttons().find((button) => button.innerText.trim() === 'Accept' && button.offsetParent);
  const isShown = () => document.body?.className === 'default' && document.querySelector('#canvas #nodes > g');
  while (!isShown()) {
    accept()?.click();
    await bench.frame();
  }
  await bench.painted();
  bench.shown = performance.now();
})();
"""


def model_explorer(file: Path, report: Report) -> None:
    """Measure Model Explorer: the graph shown, all layers expanded, and panning then."""
    program = str(Path(sys.executable).parent / "model-explorer")
    port = _free_port()
    command = [program, "--no_open_in_browser", "--skip_health_check", "--port", str(port)]
    with _server(command, port), chromium(WEBGL, offline=False) as page:
        page.route("**", lambda route: route.continue_() if "//localhost" in route.request.url else route.abort())
        query = quote(json.dumps({"models": [{"url": str(file)}]}))
        page.goto(f"http://localhost:{port}/?data={query}", wait_until="commit")
        try:
            page.wait_for_function("bench.webgl.first")
        except TooLong:
            sys.exit(f"{GAVE_UP}shows nothing after {PATIENCE} s")
        report({"first": page.evaluate("bench.webgl.first") / 1000})
        page.wait_for_function(SETTLED, arg=[0, QUIET])
        before = page.evaluate("bench.webgl.drawn")
        page.evaluate("bench.clicked = performance.now()")
        page.locator("mat-icon.expand-all").click()
        try:
            page.wait_for_function(SETTLED, arg=[before, QUIET])
        except TooLong:
            sys.exit(f"{GAVE_UP}not all is open after {PATIENCE} s")
        report({"everything": page.evaluate("bench.webgl.changed - bench.clicked") / 1000})
        report(page.evaluate(DRAG, PAN))


def pyvis(file: Path, report: Report) -> None:
    """Measure pyvis's page: standing still, which is when it shows itself, and panning then."""
    with chromium(NETWORK) as page:
        page.goto(file.as_uri(), wait_until="commit")
        try:
            page.wait_for_function("bench.answered")
        except TooLong:
            sys.exit(f"{GAVE_UP}does not stand still after {PATIENCE} s")
        seconds = page.evaluate("bench.answered") / 1000
        report({"first": seconds, "everything": seconds})
        report(page.evaluate(PYVIS_PAN, PAN))


def netron(file: Path, report: Report) -> None:
    """Measure Netron: the graph shown."""
    port = _free_port()
    command = [sys.executable, "-c", NETRON, str(file), str(port)]
    with _server(command, port), chromium(NETRON_CLOCK, offline=False) as page:
        debugger = page.context.new_cdp_session(page)
        page.goto(f"http://127.0.0.1:{port}", wait_until="commit")
        until = time.monotonic() + PATIENCE
        while (
            time.monotonic() < until
        ):  # it forbids eval, and so Playwright's evaluate(); the debugger's protocol works
            answer = debugger.send("Runtime.evaluate", {"expression": "bench.shown", "returnByValue": True})
            if shown := answer["result"].get("value"):
                report({"first": shown / 1000})
                return
            time.sleep(0.05)
        sys.exit(f"{GAVE_UP}shows nothing after {PATIENCE} s")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _server(command: list[str], port: int) -> Iterator[None]:
    """Run a server until it is no longer needed."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(PATIENCE * 10):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield
    finally:
        server.kill()
        server.wait()


VIEWERS: dict[str, Callable[[Path, Report], None]] = {
    "model-explorer": model_explorer,
    "pyvis": pyvis,
    "netron": netron,
}
