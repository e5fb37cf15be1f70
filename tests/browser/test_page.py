"""The page of small models: how it opens, what a hand and the keys do, and that a model cannot run code in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.conftest import CONTROL, IMAGE, LONG, SCRIPT
from tests.support.browser_page import Opened, check_geometry

ATTENTION = "/layers.0.attention"
HEAD = "(({ x, y, height }) => ({ x, y: y - height / 2 + 8 }))"
Visit = Callable[..., Opened]


def test_it_opens_folded(visit: Visit) -> None:
    page = visit("tiny")
    assert {"input_ids", "/embedding", "/rope", "/layers.0", "/norm", "/head", "output"} == page.ids()
    assert page.frames() == set()
    assert "85.3M parameters" in page.page.inner_text("header.bar")
    assert "torch.export" in page.page.inner_text("header.bar")
    assert "TransformerLM" in page.details()


def test_the_plus_opens_a_box_and_its_head_closes_it(visit: Visit) -> None:
    page = visit("tiny")
    page.knob("visible", "/layers.0")
    assert page.frames() == {"/layers.0"}
    assert ATTENTION in page.ids()
    page.knob("visible", ATTENTION)
    assert page.frames() == {"/layers.0", ATTENTION}
    page.do("ptgraph.fit()")
    page.click(f"{HEAD}(ptgraph.frames().find((f) => f.id === '/layers.0'))")
    assert page.frames() == set()
    assert "/layers.0" in page.ids()


def test_a_box_opens_under_the_pointer(visit: Visit) -> None:
    page = visit("tiny", height=1600)
    top = "(({ x, y, height }) => ptgraph.toScreen({ x, y: y - height / 2 }))"
    before = page.do(f"{top}(ptgraph.visible().find((box) => box.id === '/layers.0'))")
    page.do("ptgraph.open('/layers.0')")
    after = page.do(f"{top}(ptgraph.frames()[0])")
    assert after["x"] == pytest.approx(before["x"], abs=2)
    assert after["y"] == pytest.approx(before["y"], abs=60)


def test_a_double_click_goes_inside_and_crumbs_lead_out(visit: Visit) -> None:
    page = visit("tiny")
    page.click("ptgraph.visible().find((box) => box.id === '/layers.0')", double=True)
    assert {ATTENTION, "/layers.0.attention_norm"} <= page.ids()
    assert "/embedding" not in page.ids()  # it is outside: a label says what comes from there
    assert page.do("ptgraph.ports()[0].label").startswith("embedding 2×16×512")
    check_geometry(page)
    page.do(f"ptgraph.dive({ATTENTION!r})")
    assert page.page.locator("#crumbs li").all_inner_texts() == ["tiny", "layers.0", "attention"]
    page.page.click("#crumbs >> text=layers.0")
    assert page.frames() == {ATTENTION}
    page.page.click("#crumbs >> text=tiny")
    assert "/embedding" in page.ids()
    assert page.page.locator("#crumbs").is_hidden()


def test_a_page_that_has_just_opened_can_be_clicked(visit: Visit) -> None:
    page = visit("tiny")
    page.do("performance.now = () => 100")  # milliseconds since it opened
    page.click("ptgraph.visible().find((box) => box.id === '/layers.0')")
    assert page.selected() == "/layers.0"
    page.do("clickedAt = null")
    page.click("ptgraph.visible().find((box) => box.id === '/layers.0')", double=True)
    assert page.do("ptgraph.home()") == "/layers.0"


def test_one_of_equal_blocks_is_picked(visit: Visit) -> None:
    page = visit("tiny")
    page.do("ptgraph.open('/layers.0')")
    title = "ptgraph.box('/layers.0').title"
    assert page.do(title) == "layers.0"
    page.knob("frames", "/layers.0", "next")
    assert page.do(title) == "layers.1"
    page.do(f"ptgraph.select('{ATTENTION}.q_proj')")
    assert "layers.1.attention.q_proj" in page.details()
    page.page.fill("#details input[type=number]", "7")
    page.page.keyboard.press("Enter")
    assert page.do(title) == "layers.7"
    assert "layers.7.attention.q_proj" in page.details()
    assert page.page.url.endswith("#layers.7.attention.q_proj")
    page.page.focus("#graph")
    page.page.keyboard.press("[")
    assert page.page.url.endswith("#layers.6.attention.q_proj")


def test_equal_blocks_unfold(visit: Visit) -> None:
    page = visit("tiny")
    page.do("ptgraph.open('/layers.0')")
    page.knob("frames", "/layers.0", "unfold")
    assert {f"/layers.0~{k}" for k in range(12)} <= page.ids()
    chain = [(edge["source"], edge["target"]) for edge in page.do("ptgraph.edges()")]
    assert {(f"/layers.0~{k}", f"/layers.0~{k + 1}") for k in range(11)} <= set(chain)
    page.do("ptgraph.open('/layers.0~5')")
    assert "/layers.0.attention~5" in page.ids()
    assert page.do("ptgraph.box('/layers.0.attention~5').path") == "layers.5.attention"
    check_geometry(page)
    page.do("ptgraph.select('/layers.0.attention~5')")
    assert page.page.url.endswith("#layers.5.attention")
    page.do("ptgraph.openEverything()")
    page.settle()
    counts = page.do("ptgraph.counts()")
    assert counts["boxes"] == check_geometry(page) > 12 * 30
    assert counts["held"] == 0  # too small to read: vis-network has none of them
    page.do("ptgraph.moveTo({ x: 300, y: 800, scale: 0.8 })")
    page.settle()
    counts = page.do("ptgraph.counts()")
    assert 0 < counts["drawn"] <= counts["held"] < 100
    page.page.focus("#graph")
    page.do("ptgraph.unfold('/layers.0')")
    assert "/layers.0~0" not in page.ids() | page.frames()


def test_keys(visit: Visit) -> None:
    page = visit("tiny")
    press = page.page.keyboard.press
    page.page.focus("#graph")
    for _ in range(3):
        press("ArrowDown")
    assert page.selected() == "/layers.0"
    press("Enter")
    assert page.frames() == {"/layers.0"}
    press("Enter")
    assert page.frames() == set()
    press("2")
    assert page.frames() == {"/layers.0", "/rope"}
    press("d")
    assert page.do("ptgraph.home()") == "/layers.0"
    press("u")
    assert page.do("ptgraph.home()") == "/"
    press("r")
    assert page.do("ptgraph.flow()") == "right"
    press("r")
    press("c")
    assert page.page.input_value("#colour") == "params"
    press("z")
    press("f")
    press("Escape")
    assert page.selected() is None
    for key, panel in {"b": "components", "p": "pipelines", "t": "table", "g": "graph"}.items():
        press(key)
        assert page.page.is_visible(f"#{panel}")
    press("?")
    listed = page.page.inner_text("#key-list")
    assert "go inside the selected box" in listed
    press("Escape")
    assert not page.page.is_visible("#help")


def test_hovering_says_what_it_is_and_lights_what_goes_with_it(visit: Visit) -> None:
    page = visit("tiny")
    said = page.hover("ptgraph.visible().find((box) => box.id === '/layers.0')")
    assert "layers.0–11 ×12" in said and "parameters" in said
    lit = page.do("ptgraph.lit().boxes")
    assert lit == ["/embedding", "/layers.0", "/norm", "/rope"]
    page.page.mouse.move(5, 300)
    assert page.do("ptgraph.lit().boxes") == []
    page.click("ptgraph.visible().find((box) => box.id === '/norm')")  # a click keeps it lit
    page.page.mouse.move(5, 300)
    assert {"/layers.0", "/head"} <= set(page.do("ptgraph.lit().boxes"))


def test_the_map_shows_where_one_is(visit: Visit) -> None:
    page = visit("tiny")
    assert page.page.is_hidden("#minimap")  # all of it shows
    page.do("ptgraph.openEverything(); ptgraph.moveTo({ x: 300, y: 500, scale: 0.8 })")
    page.settle()
    assert page.page.is_visible("#minimap")
    before = page.do("ptgraph.network.getViewPosition().y")
    box = page.page.locator("#minimap").bounding_box()
    page.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 6)
    assert page.do("ptgraph.network.getViewPosition().y") > before + 1000


def test_the_address_selects(visit: Visit) -> None:
    page = visit("tiny", "#layers.0.feed_forward")
    assert page.selected() == "/layers.0.feed_forward"
    page.go_to("#layers.7.attention.k_norm")  # a block that is folded into the first
    assert page.selected() == f"{ATTENTION}.k_norm"
    assert "layers.7.attention.k_norm" in page.details()
    page.go_to("#nothing.of.that.name")
    assert page.selected() == f"{ATTENTION}.k_norm"
    assert visit("tiny", "#tab=table").page.is_visible("#table [role=treegrid]")
    page = visit("tiny", "#class=ptgraph.models.attention.Attention")
    assert "Causal self-attention" in page.page.inner_text("#components")
    page = visit("tiny", "#grpo:advantages")
    assert (page.do("ptgraph.diagram()"), page.selected()) == ("grpo", "/advantages")


@pytest.mark.parametrize("flow", ["down", "right"])
@pytest.mark.parametrize("level", ["1", "2", "3", "Infinity"])
@pytest.mark.parametrize("model", ["tiny", "shared", "hostile"])
def test_nothing_overlaps_or_spills(visit: Visit, model: str, level: str, flow: str) -> None:
    page = visit(model)
    if flow == "right":
        page.page.click("#flow")
    page.do(f"ptgraph.openToLevel({level})")
    check_geometry(page)


def test_a_value_read_in_many_places_is_a_stub(visit: Visit) -> None:
    page = visit("shared")
    stubs = page.do("ptgraph.stubs()")
    assert [stub["reader"] for stub in stubs] == [f"/blocks.{k}" for k in range(1, 4)]
    lines = [edge["target"] for edge in page.do("ptgraph.edges()") if edge["source"] == stubs[0]["source"]]
    assert lines == ["/blocks.0"]  # who reads it first
    said = page.hover("ptgraph.stubs()[0]")
    assert "read in 6 places" in said
    assert all(f"blocks.{k}" in said for k in range(4))
    assert len(page.do("ptgraph.lit().stubs")) == 3
    page.page.mouse.move(5, 300)
    page.do("ptgraph.open('/blocks.0')")
    readers = {stub["reader"] for stub in page.do("ptgraph.stubs()")}
    assert readers == {"/blocks.0.inner", *(f"/blocks.{k}" for k in range(1, 4))}
    (line,) = (edge["target"] for edge in page.do("ptgraph.edges()") if edge["source"] == stubs[0]["source"])
    assert page.do(f"ptgraph.box({line!r}).title") == "mul"  # the product reads it first


def test_a_sum_of_two_values_is_a_sign_that_can_be_clicked_and_found(visit: Visit) -> None:
    page = visit("tiny")
    page.do("ptgraph.open('/layers.0')")
    signs = [box for box in page.do("ptgraph.visible()") if box["label"]["title"] == "+"]
    assert len(signs) == 2  # around attention, and around the feed-forward network
    for sign in signs:
        assert sign["width"] == sign["height"]
        (edge,) = (
            e for e in page.do("ptgraph.edges()") if e["target"] == sign["id"] and e["points"][-1]["y"] == sign["y"]
        )
        assert edge["points"][-1]["x"] == pytest.approx(sign["x"] + sign["width"] / 2)  # the skip comes in at the side
    said = page.hover(f"ptgraph.visible().find((box) => box.id === {signs[0]['id']!r})")
    assert said.startswith("add")
    page.click(f"ptgraph.visible().find((box) => box.id === {signs[0]['id']!r})")
    assert page.selected() == signs[0]["id"]
    assert "aten.add.Tensor" in page.details()
    page.page.fill("#search", "aten.add")
    assert page.page.locator("#results [role=option]").count() >= 2


def test_it_fits_a_telephone(visit: Visit) -> None:
    page = visit("tiny", width=390, height=844, color_scheme="dark")
    assert page.do("document.documentElement.dataset.theme") == "dark"
    graph, details = (page.page.locator(name).bounding_box() for name in ("#graph", "#details"))
    assert graph["height"] > 250
    assert details["y"] >= graph["y"] + graph["height"] - 1
    for tab in ("graph", "components", "pipelines", "table"):
        page.tab(tab)
        assert page.do("document.documentElement.scrollWidth") <= 390
    page.page.click("#theme")
    assert page.do("document.documentElement.dataset.theme") == "light"


def test_a_hostile_model_is_only_text(visit: Visit) -> None:
    page = visit("hostile")
    assert SCRIPT in page.page.inner_text("#name")
    page.do("ptgraph.openToLevel(Infinity)")
    seen = [page.details()]
    for k in range(page.do("ptgraph.ids().length")):
        page.do(f"ptgraph.select(ptgraph.ids()[{k}])")
        seen.append(page.details())
    page.page.fill("#search", "script")
    seen.append(page.page.inner_text("#results"))
    page.page.keyboard.press("Escape")
    for tab in ("components", "pipelines", "table"):
        page.tab(tab)
        seen.append(page.page.inner_text(f"#{tab}"))
    page.tab("graph")
    seen.append(page.hover("ptgraph.visible()[1]"))
    for measure in page.do("ptgraph.measures().map(({ name }) => name)"):
        page.do(f"ptgraph.colorBy({measure!r})")
        seen.append(page.page.inner_text("#legend"))
    assert sum(SCRIPT in text for text in seen) >= 5
    assert sum(IMAGE in text for text in seen) >= 5
    assert any(LONG in text for text in seen)
    assert any(text.count(CONTROL[0]) for text in seen)
    assert page.page.locator("img").count() == 0
    assert page.do("window.hacked") is None
    assert page.do("document.documentElement.scrollWidth") <= 1400


def test_the_policy_of_the_page_forbids_everything_from_outside(visit: Visit, files: dict[str, Path]) -> None:
    policy = visit("tiny").do("document.querySelector('meta[http-equiv=Content-Security-Policy]').content")
    assert "default-src 'none'" in policy
    text = files["tiny"].read_text(encoding="utf-8")
    head = text[: text.index("<script")]
    assert "http://" not in head.replace("http://www.w3.org/2000/svg", "") and "https://" not in head
