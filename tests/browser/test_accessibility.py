"""axe-core finds nothing serious on the page: light and dark, wide and narrow, in every state a person can reach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from ptgraph.backends.html import render
from ptgraph.graph import ModelGraph
from ptgraph.options import Options
from tests.conftest import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"  # `make check` installs it
SERIOUS = ("serious", "critical")

# What a person may look at, and the JavaScript that gets there from the start.
STATES = {
    "the start": "",
    "results of a search": "(({ box }) => { box.focus(); box.value = 'attention';"
    " box.dispatchEvent(new Event('input', { bubbles: true })); })({ box: document.getElementById('search') })",
    "the keys": "document.getElementById('keys').click()",
    "details of a module": "ptgraph.select('/layers.0.attention')",
    "details of an operation": "ptgraph.select('input_ids')",
    "everything open": "ptgraph.openToLevel(Infinity)",
    "the components": "document.querySelector('[data-tab-button=components]').click()",
    "the pipelines": "document.querySelector('[data-tab-button=pipelines]').click()",
    "the table": "document.querySelector('[data-tab-button=table]').click()",
}


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory, tiny: ModelGraph) -> Path:
    path = tmp_path_factory.mktemp("accessibility") / "tiny.html"
    path.write_bytes(b"".join(render(tiny, Options())["html"]))
    return path


@pytest.fixture(params=[(1400, 900), (390, 844)], ids=["wide", "narrow"])
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    return dict(zip(("width", "height"), request.param, strict=True))


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, file: Path, size: Any) -> Iterator[Page]:
    settings: Any = {"viewport": size, "color_scheme": request.param, "reduced_motion": "reduce"}
    context = browser.new_context(offline=True, **settings)
    page = context.new_page()
    page.goto(file.as_uri(), wait_until="load")
    page.evaluate(AXE.read_text(encoding="utf-8"))  # the page's policy lets no script in from outside, but this
    yield page
    context.close()


@pytest.mark.parametrize("state", STATES)
def test_nothing_serious_is_in_the_way(page: Page, state: str) -> None:
    page.evaluate(f"() => {{ {STATES[state]} }}")
    page.wait_for_timeout(150)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    serious = [
        (violation["id"], node["target"], node["failureSummary"])
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]
    assert serious == []
    assert len(found["passes"]) > 10  # it did look
