"""axe-core finds nothing serious on the page: light and dark, wide and narrow, in every state a person can reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.browser_page import Opened

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
STATES_OF_A_COMPARISON = {
    "the start": "",
    "the changes": "document.querySelector('[data-tab-button=changes]').click()",
}


@pytest.fixture(params=[(1400, 900), (390, 844)], ids=["wide", "narrow"])
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    return dict(zip(("width", "height"), request.param, strict=True))


@pytest.fixture(params=["light", "dark"])
def settings(request: pytest.FixtureRequest, size: dict[str, int]) -> dict[str, Any]:
    return {**size, "color_scheme": request.param}


@pytest.mark.parametrize("state", STATES)
def test_nothing_serious_is_in_the_way(visit: Callable[..., Opened], settings: dict[str, Any], state: str) -> None:
    check(visit("tiny", **settings), STATES[state])


@pytest.mark.parametrize("state", STATES_OF_A_COMPARISON)
def test_nor_is_it_in_a_comparison(visit: Callable[..., Opened], settings: dict[str, Any], state: str) -> None:
    check(visit("compared", **settings), STATES_OF_A_COMPARISON[state])


def check(page: Opened, script: str) -> None:
    """Run *script* in the page, and check that axe-core finds nothing serious in it then."""
    page.do(AXE.read_text(encoding="utf-8"))  # the page's policy lets no script in from outside, but this
    page.do(f"() => {{ {script} }}")
    page.settle()
    found = page.do("axe.run(document, { resultTypes: ['violations'] })")
    serious = [
        (violation["id"], node["target"], node["failureSummary"])
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]
    assert serious == []
    assert len(found["passes"]) > 10  # it did look
