"""The servers that other viewers bring along, and pages that may ask nobody but them."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

PATIENCE = 60  # seconds: a server that does not answer by then does not
SIZE: Any = {"width": 1400, "height": 900}


@contextmanager
def served(log: Path, *command: str) -> Iterator[str]:
    """Run a server, and yield its address; ``PORT`` in the command becomes a free port, *log* gets what it says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.replace("PORT", str(port)) for word in command]
    with log.open("wb") as said, subprocess.Popen(words, stdout=said, stderr=subprocess.STDOUT) as server:
        try:
            _answering(server, port, log)
            yield f"http://localhost:{port}"
        finally:
            server.kill()


def _answering(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(PATIENCE * 10):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert server.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@contextmanager
def visiting(browser: Browser, address: str) -> Iterator[Page]:
    """Yield an empty page that reaches only *address*; at the end, no script of it may have failed."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    own = (address, "data:", "blob:")
    page.route("**", lambda route: route.continue_() if route.request.url.startswith(own) else route.abort())
    try:
        yield page
        assert errors == []
    finally:
        context.close()


__all__ = ["served", "visiting"]
