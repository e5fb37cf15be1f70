"""PDF and PNG: opened by real readers, with the size, the words and the fonts that they should have."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from ptgraph.drawing.typst import png_of, typeset
from ptgraph.errors import ExportError
from ptgraph.figure.compose import figure
from ptgraph.formats.options import Options
from ptgraph.formats.registry import FORMATS
from ptgraph.graph.model import ModelGraph
from tests.conftest import ROOT
from tests.support.sample_drawing import HOSTILE, WORDS, by_hand


def fonts_of(reader: PdfReader) -> dict[str, bool]:
    """Return the fonts of a PDF, wherever in it, and whether each is embedded."""
    found: dict[str, bool] = {}
    for number in range(1, len(reader.xref[0]) + len(reader.xref_objStm) + 2):
        thing = reader.get_object(number)
        if isinstance(thing, dict) and thing.get("/Type") == "/FontDescriptor":
            found[str(thing["/FontName"])] = any(name in thing for name in ("/FontFile", "/FontFile2", "/FontFile3"))
    return found


def test_a_pdf_is_one_page_of_the_drawings_size_with_its_words_and_its_fonts() -> None:
    reader = PdfReader(BytesIO(typeset(by_hand(words="plain"), "pdf")))
    (page,) = reader.pages
    assert (float(page.mediabox.width), float(page.mediabox.height)) == (240, 220)
    text = page.extract_text()
    assert all(word in text for word in (*WORDS, "plain"))
    assert b" 1 Tr" not in page.get_contents().get_data()  # no outline of a letter over the letter before it
    fonts = fonts_of(reader)
    assert all(fonts.values())
    assert {name.partition("+")[2].partition("-Identity")[0] for name in fonts} == {
        *("SourceSansPro-Regular", "SourceSansPro-Bold", "SourceSansPro-It")
    }
    assert reader.metadata is not None
    assert reader.metadata.title == "tiny plain"
    assert reader.metadata.creation_date is None
    assert b"A decoder plain" in b"".join(str(reader.get_object(n)).encode() for n in range(1, 40))


def test_hostile_words_do_no_harm() -> None:
    reader = PdfReader(BytesIO(typeset(by_hand(), "pdf")))
    assert r"\input{x} $_^%#~{} \N é" in reader.pages[0].extract_text()
    assert r"</text><script>alert(1)</script>&amp;" in reader.pages[0].extract_text()
    assert HOSTILE.partition("\x00")[0] in str(reader.metadata and reader.metadata.title)


def test_a_png_has_300_dots_an_inch_and_is_a_picture_on_white() -> None:
    picture = Image.open(BytesIO(png_of(by_hand())))
    picture.load()
    assert picture.size == (1000, 917)  # 240 × 220 points
    assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert picture.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
    assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 50
    dark = Image.open(BytesIO(png_of(by_hand("dark"))))
    corner = dark.convert("RGB").getpixel((0, 0))
    assert isinstance(corner, tuple) and max(corner) < 40


def test_both_are_the_same_bytes_in_every_run_and_folder(tmp_path: Path) -> None:
    code = (
        "import hashlib; from ptgraph.drawing.typst import typeset; from tests.support.sample_drawing import by_hand; "
    )
    code += "print(*(hashlib.sha256(typeset(by_hand(), format)).hexdigest() for format in ('pdf', 'png')))"
    here = [hashlib.sha256(typeset(by_hand(), format)).hexdigest() for format in ("pdf", "png")]
    there = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.split() == here


def test_a_font_that_is_not_here_is_named() -> None:
    with pytest.raises(ExportError, match="font 'No Such Font' is not installed here; there are: "):
        typeset(replace(by_hand(), font="No Such Font"), "pdf")


def test_a_font_that_is_usual_elsewhere_is_used_or_named() -> None:
    try:
        written = typeset(replace(by_hand(), font="Arial"), "pdf")
    except ExportError as error:
        assert str(error).startswith("font 'Arial' is not installed here")
    else:  # a machine that has it
        assert any("Arial" in name for name in fonts_of(PdfReader(BytesIO(written))))


def test_a_font_by_name_is_used() -> None:
    reader = PdfReader(
        BytesIO(typeset(replace(by_hand(words="plain"), font="No Such Font, 'new computer Modern'"), "pdf"))
    )
    assert {name.partition("+")[2].partition("-")[0] for name in fonts_of(reader)} == {"NewCM10"}


@pytest.mark.parametrize("missing", ["typst", "font_source_sans_pro"])
def test_without_the_extra_the_remedy_is_told(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ExportError, match=rf"{missing} is not installed; pip install 'ptgraph\[pdf\]'"):
        typeset(by_hand(), "pdf")


def test_a_model_as_pdf_and_png(tiny: ModelGraph) -> None:
    drawing = figure(tiny)
    (page,) = PdfReader(BytesIO(b"".join(FORMATS["pdf"].render(tiny, Options())["pdf"]))).pages
    assert float(page.mediabox.width) == pytest.approx(drawing.width, abs=0.01)
    assert float(page.mediabox.height) == pytest.approx(drawing.height, abs=0.01)
    text = "".join(page.extract_text().split())
    words = {mark.text for item in drawing.items for mark in item.marks if hasattr(mark, "text")}
    assert len(words) > 5
    assert all("".join(word.split()) in text for word in words)
    picture = Image.open(BytesIO(b"".join(FORMATS["png"].render(tiny, Options())["png"])))
    assert picture.size == pytest.approx((drawing.width / 72 * 300, drawing.height / 72 * 300), abs=1)


def test_the_command_writes_both(cli: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    done = cli("export", "tiny", "-o", ".", "-f", "pdf,png", "--theme", "dark")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.pdf", "tiny.png"}
