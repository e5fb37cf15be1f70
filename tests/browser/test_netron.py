"""The ONNX files open in the real Netron, in a real Chromium: drawn without an error, weights on their nodes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import pytest
from playwright.sync_api import sync_playwright

from ptgraph.backends.onnx import render
from ptgraph.graph import ModelGraph
from ptgraph.options import Options
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS, graph_of

SERVE = "import netron, sys; netron.start(sys.argv[1], ('127.0.0.1', int(sys.argv[2])), browse=False); netron.wait()"
# Netron forbids eval in its page, so Playwright's evaluate() fails there; the debugger protocol still works.
STATE = """JSON.stringify({
  state: document.body.className,
  nodes: document.querySelectorAll('#canvas #nodes > g').length || document.querySelectorAll('#canvas g.node').length,
  text: [...document.querySelectorAll('#canvas text')].map(t => t.textContent),
  error: (document.querySelector('.message') || {innerText: ''}).innerText})"""
ACCEPT = "[...document.querySelectorAll('button')].filter(b => b.innerText.trim() == 'Accept').forEach(b => b.click())"


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@contextmanager
def serve(path: Path) -> Iterator[int]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(path), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        server.kill()
        server.wait()


def open_in_netron(path: Path, limit: float = 90) -> dict[str, Any]:
    """Return what Netron shows of the file when it has drawn it: the number of nodes and the texts."""
    with serve(path) as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        debugger = page.context.new_cdp_session(page)

        def run(script: str) -> Any:
            answer = debugger.send("Runtime.evaluate", {"expression": script, "returnByValue": True})
            return answer["result"].get("value")

        page.goto(f"http://127.0.0.1:{port}", wait_until="load")
        run(ACCEPT)
        end = time.monotonic() + limit
        while True:
            run(ACCEPT)
            state = json.loads(run(STATE))
            if "default" in state["state"].split() and state["nodes"]:
                break
            assert time.monotonic() < end, f"Netron did not draw {path.name}: {state['error'] or state['state']}"
            time.sleep(0.1)
        browser.close()
    return dict(state)


@pytest.mark.parametrize("preset", ["tiny", "medium"])
def test_netron_draws_it_with_weights_on_their_nodes(preset: str, tiny: ModelGraph, tmp_path: Path) -> None:
    graph = tiny if preset == "tiny" else graph_of(preset)
    path = tmp_path / f"{preset}.onnx"
    path.write_bytes(b"".join(render(graph, Options())["onnx"]))
    shown = open_in_netron(path)
    proto = onnx.load(path)
    # A box for each node, each input and each output: none for a weight.
    assert shown["nodes"] == len(proto.graph.node) + len(proto.graph.input) + len(proto.graph.output)
    embedding = graph.op("p_embedding_weight").shape
    assert embedding is not None
    assert any("×".join(map(str, embedding)) in text for text in shown["text"])
