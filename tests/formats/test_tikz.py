"""TikZ: compiled by the real pdflatex, alone and within another document, and read back."""

from __future__ import annotations

import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from ptgraph.drawing.tikz import BY, comment, tex, write
from ptgraph.figure.compose import figure
from ptgraph.formats.options import Options
from ptgraph.formats.registry import FORMATS
from ptgraph.graph.model import ModelGraph
from tests.support.sample_drawing import WORDS, by_hand

ALONE = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{lmodern}\begin{document}%s\end{document}"


def compiled(text: str, folder: Path) -> PdfReader:
    """Return what pdflatex makes of a file; it stops at the first thing that it does not understand."""
    (folder / "figure.tex").write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "figure.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    return PdfReader(BytesIO((folder / "figure.pdf").read_bytes()))


def words_of(reader: PdfReader) -> str:
    return "".join("".join(page.extract_text().split()) for page in reader.pages)


def test_a_model_compiles_to_one_page_of_its_size_with_its_words(tiny: ModelGraph, tmp_path: Path) -> None:
    text = b"".join(FORMATS["tikz"].render(tiny, Options())["tex"]).decode()
    assert text.isascii()
    reader = compiled(text, tmp_path)
    (page,) = reader.pages
    drawing = figure(tiny)
    assert float(page.mediabox.width) == pytest.approx(drawing.width, abs=0.1)
    assert float(page.mediabox.height) == pytest.approx(drawing.height, abs=0.1)
    words = {mark.text for item in drawing.items for mark in item.marks if hasattr(mark, "text")}
    missing = [word for word in words if "".join(word.split()) not in words_of(reader)]
    assert not missing


def test_another_document_reads_it_and_gets_only_the_picture(tmp_path: Path) -> None:
    (tmp_path / "picture.tex").write_text(write(by_hand(words="plain")))
    preamble = r"\documentclass{article}\usepackage{tikz}\usetikzlibrary{arrows.meta}"
    reader = compiled(preamble + r"\begin{document}before\input{picture}after\end{document}", tmp_path)
    words = words_of(reader)
    assert len(reader.pages) == 1
    assert words.startswith("before")
    assert "after" in words
    assert "plain" in words


@pytest.mark.parametrize("theme", ["paper", "dark"])
def test_hostile_words_are_only_words(theme: str, tmp_path: Path) -> None:
    words = words_of(compiled(write(by_hand("dark" if theme == "dark" else "paper")), tmp_path))
    assert r"</text><script>alert(1)</script>&amp;" in words
    assert r"\x00\x07U+D800\input{x}$_^%#~{}\Né" in words.replace("ˆ", "^").replace("˜", "~")
    assert "U+6CE8U+1F389" in words
    assert all("".join(word.split()) in words for word in WORDS)


def test_every_character_of_the_usual_scripts_compiles(tmp_path: Path) -> None:
    letters = [chr(code) for code in [*range(0x180), *range(0x370, 0x400), *range(0x2000, 0x2300)]]
    text = "\n\n".join(tex("".join(letters[start : start + 8])) for start in range(0, len(letters), 8))
    assert text.isascii()
    words = words_of(compiled(ALONE % (BY + text), tmp_path))
    assert "ABCDEFGH" in words
    assert "é" in words
    assert "U+2603" not in words


def test_letters_are_kept_apart_that_would_become_others() -> None:
    assert tex("a--b") == "a-{}-{}b"
    assert tex("a_b%") == r"a\_b\%"
    assert tex("×λ⊕") == r"\by{}$\lambda$$\oplus$"
    assert tex("é注\x07") == r"\'{e}U+6CE8\textbackslash{}x07"
    assert comment("a\n\\end{document}注") == "a\\n\\end{document}\\u6ce8"
