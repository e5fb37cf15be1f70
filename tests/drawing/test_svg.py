"""SVG as it is written: valid, safe, restyled by plain CSS, several on a page, and the same in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser, Page

from ptgraph.drawing.shapes import Drawing, Item, Path, Text
from ptgraph.drawing.svg import write
from tests.conftest import ROOT
from tests.support.sample_drawing import HOSTILE, WORDS, by_hand

SVG = "{http://www.w3.org/2000/svg}"


def root_of(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def test_it_has_a_size_a_title_a_description_and_all_words() -> None:
    root = root_of(write(by_hand(words="plain"), "tiny"))
    assert root.attrib == {
        "id": "tiny",
        "role": "img",
        "aria-labelledby": "tiny-title tiny-desc",
        "width": "240pt",
        "height": "220pt",
        "viewBox": "0 0 240 220",
    }
    assert [(e.get("id"), e.text) for e in root[:2]] == [("tiny-title", "tiny plain"), ("tiny-desc", "A decoder plain")]
    assert {text.text for text in root.iter(f"{SVG}text")} == {*WORDS, "plain"}


def test_hostile_words_are_only_words() -> None:
    text = write(by_hand(), "a </style><script> b")
    root = root_of(text)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        *("svg", "title", "desc", "style", "defs", "marker", "g", "path", "rect", "circle", "text")
    }
    assert "<script" not in text
    assert not any(name.startswith("on") or "href" in name for element in root.iter() for name in element.attrib)
    shown = HOSTILE.replace("\x00", "\\x00").replace("\x07", "\\x07").replace("\ud800", "\\xd800")
    assert shown in [element.text for element in root.iter(f"{SVG}text")]
    assert root[0].text == f"tiny {shown}"
    text.encode()


def test_ids_are_valid_and_differ_whatever_they_are_made_of() -> None:
    items = tuple(
        Item(id, "box", ()) for id in ("a b", "a-b", "a→b", "a_b", "a.b", "<>", "", "é", "title", "arrow-1", "a-b-2")
    )
    root = root_of(write(replace(by_hand(), items=items), "9 lives"))
    ids = [element.get("id", "") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids)) == len(items) + 3
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", id) for id in ids)
    assert all(id.startswith("figure-9-lives") for id in ids)


def test_looks_are_in_the_style_sheet_alone() -> None:
    text = write(by_hand(), "tiny")
    root = root_of(text)
    for element in root.iterfind(f"{SVG}g/*"):
        assert not {"fill", "stroke", "style", "font-family", "font-size"} & set(element.attrib)
    assert text.count("font-family") == 1
    assert "#tiny .box.normalization text.look-2{" in text
    assert len(text) < 6000


def test_it_is_the_same_text_in_processes_with_other_hash_seeds() -> None:
    code = "from ptgraph.drawing.svg import write; from tests.support.sample_drawing import by_hand; "
    code += "print(ascii(write(by_hand(), 'tiny')))"
    for seed in "12":
        run = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout == ascii(write(by_hand(), "tiny")) + "\n"


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    return browser.new_page()


def looks(page: Page, selector: str) -> dict[str, str]:
    names = ("fill", "stroke", "font-weight", "font-size", "text-anchor", "stroke-dasharray", "marker-end")
    script = "(e, names) => { const s = getComputedStyle(e); return Object.fromEntries(names.map(n => [n, s[n]])) }"
    found: dict[str, str] = page.locator(selector).first.evaluate(script, list(names))
    return found


def test_a_browser_shows_each_mark_as_it_is_meant(page: Page) -> None:
    page.set_content(write(by_hand(words="plain"), "tiny"))
    assert looks(page, ".box.normalization rect")["fill"] == "rgb(251, 248, 209)"
    name, note = (looks(page, f".box.normalization text:nth-of-type({n})") for n in (1, 2))
    assert (name["font-weight"], name["font-size"], name["text-anchor"]) == ("700", "8px", "middle")
    assert (note["font-weight"], note["font-size"], note["stroke"]) == ("400", "7px", "none")
    assert looks(page, "#tiny-edge-1 path")["stroke-dasharray"] == "none"
    assert looks(page, "#tiny-edge-2 path")["stroke-dasharray"] == "3px, 2px"
    assert "tiny-arrow-1" in looks(page, "#tiny-edge-2 path")["marker-end"]
    assert looks(page, "#tiny-sum-1 path")["marker-end"] == "none"
    box = page.locator("#tiny-box-attention_norm text").first.bounding_box()
    around = page.locator("#tiny-box-attention_norm rect").bounding_box()
    assert box is not None
    assert around is not None
    assert around["x"] < box["x"]
    assert box["x"] + box["width"] < around["x"] + around["width"]
    page.locator("#tiny-box-attention_norm text").first.select_text()
    assert page.evaluate("String(getSelection())").strip() == "attention_norm"


def test_several_figures_of_one_page_keep_their_own_looks(page: Page) -> None:
    page.set_content(write(by_hand("paper", "a"), "one") + write(by_hand("dark", "b"), "two"))
    assert page.evaluate("(a => a.length == new Set(a).size)([...document.querySelectorAll('[id]')].map(e => e.id))")
    assert looks(page, "#one .frame rect")["fill"] != looks(page, "#two .frame rect")["fill"]
    assert looks(page, "#one .edge path")["stroke"] == "rgb(48, 53, 60)"


def test_css_restyles_a_figure(page: Page) -> None:
    more = "<style>.box.normalization rect { fill: red !important } .edge path { stroke-width: 3 !important }</style>"
    page.set_content(write(by_hand(words="a"), "tiny") + more)
    assert looks(page, ".box.normalization rect")["fill"] == "rgb(255, 0, 0)"


def test_the_tip_of_an_arrow_is_at_the_end_of_its_path(page: Page) -> None:
    line = Item("edge", "edge", (Path(((10, 50), (90, 50)), "#ff0000", 0.8, arrow=True),))
    page.set_content("<body style='margin:0'>" + write(Drawing(100, 100, (line,), "Arial", "t"), "one"))
    scale = 96 / 72
    red = page.evaluate(
        """async url => { const image = new Image(); image.src = url; await image.decode();
        const canvas = new OffscreenCanvas(1000, 1000), pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
        const data = pen.getImageData(0, 0, 1000, 1000).data, xs = [];
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 90 && data[i + 1] < 165) xs.push((i / 4) % 1000);
        return [Math.min(...xs), Math.max(...xs)] }""",
        "data:image/svg+xml;utf8," + page.locator("svg").evaluate("e => encodeURIComponent(e.outerHTML)"),
    )
    assert red[0] == pytest.approx(10 * scale, abs=1.5)
    assert red[1] == pytest.approx(90 * scale, abs=2)


@pytest.mark.parametrize("font", ["Source Sans 3", "Times, 'X Y'", "it's"])
def test_a_font_of_ones_own_comes_before_the_usual_ones(font: str, page: Page) -> None:
    text = Item("t", "t", (Text(5, 20, "words", 8, "#000000"),))
    page.set_content(write(replace(by_hand(), items=(text,), font=font), "one"))
    family = page.locator("#one text").evaluate("e => getComputedStyle(e).fontFamily")
    assert family.replace('"', "").startswith(font.replace("'", "").split(",")[0])
    assert family.endswith('Arial, Arimo, "Liberation Sans", Helvetica, sans-serif')
