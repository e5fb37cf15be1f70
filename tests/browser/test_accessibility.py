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


SIZES = [(1400, 900), (390, 844)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=["wide", "narrow"])
@pytest.mark.parametrize(("name", "states"), [("tiny", STATES), ("compared", STATES_OF_A_COMPARISON)])
def test_nothing_serious_is_in_the_way(
    visit: Callable[..., Opened], name: str, states: dict[str, str], size: tuple[int, int], scheme: str
) -> None:
    page = visit(name, width=size[0], height=size[1], color_scheme=scheme)
    page.do(AXE.read_text(encoding="utf-8"))  # the page's policy lets no script in from outside, but this
    for state, script in states.items():
        page.do(f"() => {{ {script} }}")
        page.settle()
        assert serious(page) == [], state
        page.page.keyboard.press("Escape")  # closes what lies over the page


def serious(page: Opened) -> list[Any]:
    """Return what axe-core finds in the page that is serious."""
    found = page.do("axe.run(document, { resultTypes: ['violations'] })")
    assert len(found["passes"]) > 10  # it did look
    return [
        (violation["id"], node["target"], node["failureSummary"])
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]
