"""The ruler never says less than real fonts, in fontTools, a browser and TeX, and hardly more."""

from __future__ import annotations

import base64
import random
import re
import subprocess
from html import unescape
from pathlib import Path
from statistics import mean

import pytest
from playwright.sync_api import Browser

from ptgraph.drawing import text_metrics
from ptgraph.drawing.font_widths import BOLD, CHARACTERS, REGULAR
from ptgraph.drawing.text_metrics import cut, plain_width, text_width
from ptgraph.drawing.tikz import BY, tex
from ptgraph.figure.compose import figure
from ptgraph.graph.model import ModelGraph
from tests.conftest import ROOT
from tests.support import fonts
from tests.support.figure_checks import check

WEIGHTS = [pytest.param(False, id="regular"), pytest.param(True, id="bold")]
ALMOST = 1e-9
ASCII = [chr(code) for code in range(0x20, 0x7F)]


def measured(text: str, bold: bool) -> float:
    """Return what ptgraph says of *text* of size 1."""
    return text_width(text, 1) if bold else plain_width(text, 1)


def in_figures() -> list[str]:
    """Return all that the figures of the gallery say."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs/gallery").glob("*.svg"))]
    found = [unescape(label) for text in texts for label in re.findall(r"<text[^>]*>([^<]+)</text>", text)]
    assert len(found) > 1000
    return list(dict.fromkeys(found))


def made_up() -> list[str]:
    """Return shapes, names of modules and classes, numbers, arrows, and any ASCII."""
    chance = random.Random(0)
    words = ["q", "proj", "norm", "embed", "tokens", "attn", "mlp", "layers", "Decoder", "RMS", "LSTM", "GELU", "T5"]
    found = []
    for _ in range(300):
        some = chance.choices(words, k=chance.randint(1, 4))
        found += ["_".join(some), "".join(word.title() for word in some), f"{some[0]}.{chance.randint(0, 99)}"]
        found.append("×".join(str(chance.choice([1, 2, 7, 16, 224, 512, 50304])) for _ in range(chance.randint(1, 5))))
        found += [
            f"{some[0]} ×{chance.randint(2, 99)}",
            f"{some[0]} → {some[-1]}",
            f"Linear · {chance.randint(1, 999)}M",
        ]
        found.append("".join(chance.choices(ASCII[1:], k=chance.randint(1, 30))))
    return list(dict.fromkeys(found))


LABELS = [*in_figures(), *made_up()]


@pytest.mark.parametrize("bold", WEIGHTS)
@pytest.mark.parametrize("name", ["Liberation Sans", "Source Sans Pro"])
def test_each_character_is_as_wide_as_in_the_font(name: str, bold: bool) -> None:
    font = fonts.fonts(bold)[name]
    table = dict(zip(CHARACTERS, (BOLD if bold else REGULAR)[name], strict=True))
    assert len(table) == len(CHARACTERS) > 500
    for character, width in table.items():
        assert -ALMOST <= width - 1000 * font.width(character) < 1, character


@pytest.mark.parametrize("bold", WEIGHTS)
def test_no_label_is_wider_than_measured_and_few_are_much_less(bold: bool) -> None:
    for font in fonts.fonts(bold).values():
        for label in LABELS:
            assert font.width(label) <= measured(label, bold) + ALMOST, label
    above = [measured(label, bold) / fonts.width(label, 1, bold=bold) for label in in_figures()]
    assert mean(above) < (1.02 if bold else 1.03)
    assert max(above) < 1.2
    above = [measured(label, bold) / fonts.width(label, 1, bold=bold) for label in made_up()]
    assert mean(above) < 1.05


@pytest.mark.parametrize("bold", WEIGHTS)
def test_a_browser_sets_no_label_wider(bold: bool, browser: Browser) -> None:
    file = fonts.SOURCE_SANS / f"SourceSansPro-{'Bold' if bold else 'Regular'}.ttf"
    script = """async ([labels, weight, data]) => {
        const face = new FontFace('Embedded', `url(data:font/ttf;base64,${data})`, { weight });
        document.fonts.add(await face.load());
        const context = document.createElement('canvas').getContext('2d');
        return ['Arial', 'Embedded'].map(family => {
            context.font = `${weight} 100px ${family}`;
            return labels.map(label => context.measureText(label).width / 100) }) }"""
    data = base64.b64encode(file.read_bytes()).decode()
    page = browser.new_page()
    for widths in page.evaluate(script, [LABELS, "700" if bold else "400", data]):
        assert len(set(widths)) > 500
        for label, width in zip(LABELS, widths, strict=True):
            assert width <= measured(label, bold) + 1e-4, label
    page.close()


@pytest.mark.parametrize(("bold", "size"), [(False, 6), (False, 7), (False, 8.5), (True, 7.3), (True, 8.5)])
def test_tex_sets_no_label_wider(bold: bool, size: float, tmp_path: Path) -> None:
    """With the fonts of the document that is written; all sizes are those of text in a figure."""
    lines = [
        r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{lmodern}\begin{document}",
        rf"\sffamily\fontsize{{{size}bp}}{{12bp}}\selectfont{BY}",
        r"\bfseries" if bold else "",
        *(rf"\setbox0=\hbox{{{tex(label)}}}\immediate\write16{{=\the\wd0}}" for label in LABELS),
        r"\end{document}",
    ]
    (tmp_path / "labels.tex").write_text("\n".join(lines), encoding="ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "labels.tex"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    widths = [float(width) for width in re.findall(r"^=([\d.]+)pt", said, re.MULTILINE)]
    for label, width in zip(LABELS, widths, strict=True):
        assert width * 72 / 72.27 / size <= measured(label, bold) + 1e-4, label


def test_what_is_not_in_the_table_has_a_safe_width() -> None:
    assert measured("層の名前", False) == 4
    assert measured("😀", True) == 1.5
    for bold in (False, True):
        outside = {c: w for c, w in fonts.Font(fonts.DEJAVU_FILES[bold]).widths.items() if c not in CHARACTERS}
        assert len(outside) > 5000
        assert mean(width <= measured(c, bold) for c, width in outside.items()) > 0.99


@pytest.mark.parametrize("bold", WEIGHTS)
def test_a_text_is_cut_to_the_longest_that_fits(bold: bool) -> None:
    text = "feed_forward_norm"
    for kept in range(1, len(text) - 3):
        width = 8.5 * measured(f"{text[:kept]}…", bold)
        assert cut(text, 8.5, width + 0.01, bold=bold) == f"{text[:kept]}…"
    assert cut(text, 8.5, 8.5 * measured(text, bold), bold=bold) == text


def test_the_checker_of_figures_does_not_take_the_word_of_the_ruler(
    tiny: ModelGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(figure(tiny), widest=500)
    monkeypatch.setattr(text_metrics, "_widest", lambda text, *, bold: 0.3 * len(text))
    with pytest.raises(AssertionError):
        check(figure(tiny), widest=500)
