"""Patterns on the page: one period stands for all, any can be picked, and all of them can show."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import expect

from ptgraph.graph.view.build import view
from tests.browser.conftest import PATTERNS
from tests.support.browser_page import Opened, check_geometry
from tests.support.pattern_models import graph_of_letters, places_of

Visit = Callable[..., Opened]
PATTERN = "*3/layers.0"  # [layers.0–1 ×2, layers.2] ×4, then layers.12–13 ×2


def title(page: Opened, box: str) -> Any:
    return page.do(f"ptgraph.box({box!r}).title")


def go(page: Opened, path: str) -> str:
    """Follow the address of a path, and return the path of the box that it leads to."""
    found: str = page.do(f"(ptgraph.follow({path!r}), ptgraph.box(ptgraph.selected()).path)")
    return found


def test_a_pattern_is_open_at_first_and_closes_to_one_box(visit: Visit) -> None:
    page = visit("patterns")
    assert page.frames() == {PATTERN}
    assert title(page, PATTERN) == "layers.0–2"
    page.knob("frames", PATTERN, "close")
    assert title(page, PATTERN) == "layers.0–11 ×4"
    assert PATTERN in page.ids()
    page.do(f"ptgraph.select('{PATTERN}')")
    details = page.details()
    assert "Stands for 4 repetitions of a pattern of 3 blocks." in details
    assert "2 × Local + Wide" in page.do(f"ptgraph.box('{PATTERN}').subtitle")
    assert "320" in details and "80 in each" in details  # parameters: two of 20, and one of 40


def test_a_repetition_is_picked(visit: Visit) -> None:
    page = visit("patterns")
    page.knob("frames", PATTERN, "next")
    assert title(page, PATTERN) == "layers.3–5"
    assert (title(page, "/layers.0"), title(page, "/layers.2")) == ("layers.3–4 ×2", "layers.5")
    page.do("ptgraph.select('/layers.2')")
    page.page.fill("#details input[type=number]", "3")
    page.page.keyboard.press("Enter")
    assert page.page.url.endswith("#layers.8")
    assert "layers.8" in page.details()
    page.do("ptgraph.select('/layers.0.linear')")
    first, second = (page.page.locator("#details input[type=number]").nth(k) for k in (0, 1))
    assert (first.input_value(), second.input_value()) == ("3", "6")
    second.fill("7")
    page.page.keyboard.press("Enter")
    assert page.page.url.endswith("#layers.7.linear")
    assert title(page, "/layers.0") == "layers.7"
    check_geometry(page)


def test_a_link_to_a_repetition_shows_it_again(visit: Visit) -> None:
    page = visit("patterns")
    page.do(f"ptgraph.select('{PATTERN}')")
    page.do(f"ptgraph.pick('{PATTERN}', 2)")
    again = visit("patterns", hash="#" + page.page.url.partition("#")[2])
    assert (again.selected(), title(again, PATTERN)) == (PATTERN, "layers.6–8")


def test_all_repetitions_show(visit: Visit) -> None:
    page = visit("patterns")
    page.knob("frames", PATTERN, "unfold")
    blocks = [f"{PATTERN}~{k}" for k in range(4)]
    assert [title(page, block) for block in blocks] == ["layers.0–2", "layers.3–5", "layers.6–8", "layers.9–11"]
    chain = [(edge["source"], edge["target"]) for edge in page.do("ptgraph.edges()")]
    assert set(pairwise(blocks)) <= set(chain)
    assert (blocks[-1], "/layers.12") in chain
    page.do(f"ptgraph.open('{blocks[2]}')")
    page.do("ptgraph.unfold('/layers.0~2')")
    assert {"/layers.0~2.0", "/layers.0~2.1", "/layers.2~2"} <= page.ids()
    assert [title(page, box) for box in ("/layers.0~2.1", "/layers.2~2")] == ["layers.7", "layers.8"]
    assert ("/layers.0~2.1", "/layers.2~2") in {(e["source"], e["target"]) for e in page.do("ptgraph.edges()")}
    check_geometry(page)
    page.do("ptgraph.select('/layers.0~2.1')")
    assert page.page.url.endswith("#layers.7")
    page.do("ptgraph.openEverything()")
    page.wait("ptgraph.visible().length >= 14")
    leaves = page.do("ptgraph.visible().map(({ id }) => ptgraph.box(id).path)")
    assert {f"layers.{k}.linear" for k in range(14)} <= set(leaves)
    check_geometry(page)
    page.page.click("#flow")
    check_geometry(page)


@pytest.mark.parametrize("unfolded", [False, True])
@pytest.mark.parametrize(("model", "layers"), [("patterns", 14), ("nested", 33)])
def test_the_path_of_every_layer_leads_to_it(visit: Visit, model: str, layers: int, unfolded: bool) -> None:
    page = visit(model)
    if unfolded:
        page.do("ptgraph.openEverything()")
    for path in [f"layers.{k}{end}" for k in range(layers) for end in ("", ".linear")]:
        assert go(page, path) == path
    check_geometry(page)


@pytest.mark.parametrize("model", PATTERNS)
def test_when_all_shows_every_edge_of_the_graph_does_and_no_other(visit: Visit, model: str) -> None:
    page = visit(model)
    page.do("ptgraph.openEverything()")
    graph = graph_of_letters(PATTERNS[model])
    ids = {
        op: f"{box}~{'.'.join(map(str, numbers))}" if numbers else box
        for op, (box, numbers) in places_of(view(graph)).items()
    }
    expected = {(ids[source], ids[target]) for source, target in graph.ops.edges if source in ids and target in ids}
    assert {(edge["source"], edge["target"]) for edge in page.do("ptgraph.edges()")} == expected


def test_a_search_finds_a_layer_of_another_repetition(visit: Visit) -> None:
    page = visit("patterns")
    for typed, said in (("layers.7", "layers.7"), ("layers.5", "layers.5"), ("layers.10.linear", "linear")):
        page.page.fill("#search", typed)
        assert page.page.inner_text("#result-0 .name") == said
        page.page.keyboard.press("Enter")
        assert page.do("ptgraph.box(ptgraph.selected()).path") == typed
        assert page.page.url.endswith(f"#{typed}")


def test_patterns_in_patterns(visit: Visit) -> None:
    page = visit("nested")
    outer, inner = "*11/layers.0", "*5/layers.0"
    page.do(f"ptgraph.close('{inner}')")
    page.do(f"ptgraph.pick('{outer}', 2)")
    assert title(page, inner) == "layers.22–31 ×2"
    page.do(f"ptgraph.open('{inner}')")
    page.do(f"ptgraph.pick('{inner}', 1)")
    assert title(page, inner) == "layers.27–31"
    assert title(page, "/layers.2") == "layers.29–30 ×2"
    page.do("ptgraph.select('/layers.2')")
    assert page.page.url.endswith("#layers.29")
    for box in (outer, f"{inner}~1"):
        page.do(f"ptgraph.unfold('{box}')")
        page.do(f"ptgraph.open('{outer}~1')")
    assert title(page, f"{inner}~1.0") == "layers.11–15"
    check_geometry(page)


def test_gemma(visit: Visit) -> None:
    page = visit("gemma3")
    assert "*6/layers.0" in page.frames()
    assert go(page, "layers.9.mlp.up_proj") == "layers.9.mlp.up_proj"
    for level in (1, 2, 3):
        page.do(f"ptgraph.openToLevel({level})")
        check_geometry(page)
    for tab in ("components", "pipelines", "table"):
        page.tab(tab)
    expect(page.page.locator("[data-tab=table], #table").first).to_contain_text("6 × Gemma3DecoderLayer")
    page.tab("graph")
    for measure in page.do("[...document.querySelectorAll('#colour option')].map((option) => option.value)"):
        page.page.select_option("#colour", measure)
