"""Everything that the page offers, clicked through for presets and for models that ptgraph has never seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.browser_page import Opened, check_geometry

Visit = Callable[..., Opened]
MODELS = ["tiny", "medium", "bert", "swin", "mixtral", "whisper"]
MEASURES = ["params", "flops", "bytes", "dtype", "category"]


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def data(file: Path, name: str) -> Any:
    """Return one of the JSON objects in a page."""
    text = file.read_text(encoding="utf-8")
    return json.loads(text.partition(f'id="ptgraph-{name}">')[2].partition("</script>")[0])


def test_every_module_opens_shows_its_details_and_closes(visit: Visit, model: str) -> None:
    page = visit(model)
    ids = page.do("ptgraph.ids().filter((id) => ptgraph.box(id).canOpen)")
    assert ids
    for box in ids:
        page.do(f"ptgraph.select({json.dumps(box)})")
        said = page.details()
        assert page.do(f"ptgraph.box({json.dumps(box)}).title") in said
        if page.page.locator("#details >> text=Open").count():
            page.page.locator("#details button[data-act=toggle]").click()
        assert box in page.frames()
        page.page.locator("#details button[data-act=toggle]").click()
        assert box not in page.frames()


@pytest.mark.parametrize("level", [1, 2, 3])
def test_levels(visit: Visit, model: str, level: int) -> None:
    page = visit(model)
    button = page.page.locator(f"[data-level='{level}']")
    if button.is_hidden():  # it would show what the level before it shows
        assert level == 3
        page.do("ptgraph.openToLevel(3)")
    else:
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
    assert check_geometry(page) >= level


def test_the_view_is_moved(visit: Visit, model: str) -> None:
    page = visit(model)
    scale = "ptgraph.network.getScale()"
    before = page.do(scale)
    page.page.click("#closer")
    assert page.do(scale) == pytest.approx(before * 1.25)
    page.page.click("#further")
    page.page.click("#fit")
    page.page.click("#flow")
    assert page.page.get_attribute("#flow", "aria-pressed") == "true"
    check_geometry(page)
    page.page.click("#flow")
    page.click("ptgraph.visible()[1]")
    chosen = page.selected()
    assert chosen is not None
    page.page.keyboard.press("z")
    page.settle()
    middle = page.do("ptgraph.network.getViewPosition()")
    place = page.do("ptgraph.visible()[1]")
    assert (middle["x"], middle["y"]) == (pytest.approx(place["x"], abs=1), pytest.approx(place["y"], abs=1))


def test_colours(visit: Visit, model: str) -> None:
    page = visit(model)
    for measure in MEASURES:
        page.page.select_option("#colour", measure)
        legend = page.page.inner_text("#legend")
        colours = page.do("ptgraph.visible().map(({ id }) => ptgraph.box(id).fill)")
        assert len(set(colours)) > 1 or measure == "dtype", measure
        if measure in ("params", "flops", "bytes"):
            assert page.do(f"ptgraph.measures().find(({{ name }}) => name === '{measure}').title") in legend
            low, high = page.do("ptgraph.range()")
            assert 0 < low < high
        elif measure == "dtype":
            assert "float32" in legend


def test_components(visit: Visit, files: dict[str, Path], model: str) -> None:
    page = visit(model)
    page.tab("components")
    root = page.page.locator("#components")
    classes = data(files[model], "details")["classes"]
    cards = root.locator("button.card")
    assert cards.count() == len(classes)
    for category in {found["category"] for found in classes.values()}:
        assert category in root.inner_text()
    for index in range(cards.count()):
        type_ = cards.nth(index).get_attribute("data-type")
        cards.nth(index).click()
        shown = root.inner_text()
        assert classes[type_]["name"] in shown
        assert "Statistics" in shown
        if classes[type_]["uses"] != [["", 1]]:  # all but the model itself
            assert "Where it is used" in shown, type_
        root.locator(".back button").click()
    root.locator("input[type=search]").fill("norm")
    assert 0 < cards.count() < len(classes)


def test_pipelines(visit: Visit, model: str) -> None:
    page = visit(model)
    page.tab("pipelines")
    titles = page.page.locator("#pipelines h3").all_inner_texts()
    assert titles[:1] == ["Forward pass"]
    assert "The attention mechanism" in titles
    assert ("GRPO fine-tuning" in titles) == (model in ("tiny", "medium"))
    assert page.page.locator("#pipelines svg").count() == len(titles)
    for index, pipeline in enumerate(page.do("ptgraph.pipelines()")):
        page.tab("pipelines")
        page.page.locator("#pipelines header >> text=Follow it in the graph").nth(index).click()
        assert page.do("ptgraph.diagram()") == pipeline["key"]
        assert page.do("ptgraph.home()") == pipeline["id"]
        check_geometry(page)


@pytest.mark.parametrize("kind", ["pretrain", "grpo"])
def test_every_stage_of_training_opens_its_code(visit: Visit, kind: str) -> None:
    page = visit("tiny")
    page.tab("pipelines")
    page.do(f"ptgraph.showDiagram('{kind}')")
    stages = page.do("ptgraph.ids().filter((id) => ptgraph.box(id).kind === 'module')")
    assert len(stages) > 8
    for stage in stages:
        page.do(f"ptgraph.reveal({json.dumps(stage)}, '{kind}')")
        page.page.locator("#details summary:has-text('.py')").last.click()
        assert "def " in page.page.locator("#details pre.code").last.inner_text(), stage


def test_table(visit: Visit, model: str) -> None:
    page = visit(model)
    page.tab("table")
    rows = page.page.locator("#table [role=row][aria-level]")
    count = rows.count()
    assert count == page.do("ptgraph.visible().length + ptgraph.frames().length")
    closed = page.page.locator("#table [role=row][aria-expanded=false]").first
    closed.focus()
    page.page.keyboard.press("ArrowRight")
    assert rows.count() > count
    page.page.keyboard.press("ArrowLeft")
    assert rows.count() == count
    page.page.keyboard.press("Enter")
    assert page.page.is_visible("#graph")
    assert page.selected() is not None


SEARCHES = {
    "tiny": ["q_proj", "layers.*.q_proj", "rmsnorm", "aten.rms_norm", "2x16x512", "layers.7.attention", "grpo_loss"],
    "medium": ["layers.*.down_proj", "layers.23.feed_forward"],
    "bert": ["intermediate", "encoder.layer.*.query", "embedding"],
    "swin": ["conv 4x4", "conv2d", "encoder.layers.*.norm"],
    "mixtral": ["experts", "layers.7.mlp", "float32 norm"],
    "whisper": ["conv 3", "decoder.layers.*.k_proj", "encoder_attn"],
}


@pytest.mark.parametrize(("model", "typed"), [(model, typed) for model in SEARCHES for typed in SEARCHES[model]])
def test_search(visit: Visit, model: str, typed: str) -> None:
    page = visit(model)
    page.page.keyboard.press("/")
    page.page.keyboard.type(typed)
    found = page.page.locator("#results [role=option]")
    assert found.count() >= 1
    page.page.keyboard.press("Enter")
    chosen = page.selected()
    assert chosen is not None
    assert page.page.is_hidden("#results")
    last = typed.split()[0].rpartition(".")[2].lower()
    if last.isidentifier() and "x" not in last:
        assert last in (page.details() + page.page.url).lower()


def test_pictures_are_saved_and_printed(visit: Visit, tmp_path: Path, model: str) -> None:
    page = visit(model)
    for kind in ("svg", "png"):
        page.page.click(".menu summary")
        with page.page.expect_download() as download:
            page.page.click(f"#{kind}")
        download.value.save_as(tmp_path / f"seen.{kind}")
        page.page.click(".menu summary")
    tree = ElementTree.parse(tmp_path / "seen.svg")
    texts = {text.text for text in tree.iter("{http://www.w3.org/2000/svg}text")}
    assert {box["label"]["title"] for box in page.do("ptgraph.visible()")} <= texts
    assert (tmp_path / "seen.png").read_bytes().startswith(b"\x89PNG")
    pdf = page.page.pdf()
    assert pdf.startswith(b"%PDF")
    page.do("window.dispatchEvent(new Event('beforeprint'))")
    assert page.page.locator("#print-figure svg text").count() >= page.do("ptgraph.visible().length")
    page.do("window.dispatchEvent(new Event('afterprint'))")
    assert page.page.locator("#print-figure svg").count() == 0


def test_your_own_numbers(visit: Visit) -> None:
    page = visit("measured")
    page.page.select_option("#colour", "overlay milliseconds")
    assert "milliseconds" in page.page.inner_text("#legend")
    assert page.do("ptgraph.range()") == [0, 21]
    said = page.hover("ptgraph.visible().find((box) => box.id === '/layers.0')")
    assert "milliseconds: 15.5 on average of 12" in said
    page.do("ptgraph.open('/layers.0'); ptgraph.pick('/layers.0', 7)")
    assert page.do("ptgraph.box('/layers.0.attention').value") == 3.5
    page.do("ptgraph.select('/layers.0.attention')")
    assert "3.5" in page.details()
    page.page.select_option("#colour", "overlay error")
    assert page.do("ptgraph.range()") == [-2, 3]
    attention = "ptgraph.ids().find((id) => id.startsWith('scaled_dot_product_attention'))"
    value = f"ptgraph.box({attention}).value"
    assert page.do(value) == 1.5  # of block 7, which is picked
    page.do("ptgraph.pick('/layers.0', 6)")
    assert page.do(value) is None


def test_two_models_side_by_side(visit: Visit) -> None:
    page = visit("compared")
    assert {"a:/", "b:/"} <= page.frames()
    assert page.page.input_value("#colour") == "changes"
    assert "85.3M → 178M parameters" in page.page.inner_text("header.bar")
    page.knob("visible", "a:/layers.0")
    assert {"a:/layers.0", "b:/layers.0"} <= page.frames()  # both open together
    check_geometry(page)
    listed = page.page.locator("#details li.change")
    assert listed.count() > 5
    assert "hidden_size" in page.details()
    listed.nth(1).locator("button").first.click()
    assert page.selected() in ("a:/embedding", "b:/embedding")
    assert "Embedding" in page.details()
    page.page.focus("#graph")
    page.page.keyboard.press("Escape")
    page.tab("changes")
    assert page.page.locator("#changes li.change").count() > 5
    page.tab("table")
    assert page.page.locator("#table [role=row]").count() > 10
    page = visit("compared with evil")
    assert page.do("window.hacked") is None
    assert page.page.locator("img").count() == 0
