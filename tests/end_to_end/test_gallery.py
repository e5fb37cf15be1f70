"""docs/gallery.md shows all models, and its figures are what the code draws now."""

from __future__ import annotations

import re

import pytest

from ptgraph.graph.model import ModelGraph
from ptgraph.models import PRESETS
from tests.conftest import ROOT, graph_of
from tests.support.architectures import CONFIGS
from tools.gallery import ARCHITECTURES, figure_of

DOCS = ROOT / "docs"
TEXT = (DOCS / "gallery.md").read_text(encoding="utf-8")
OLD = "docs/gallery is old; run: make gallery"


def test_it_shows_the_presets_the_architectures_and_gemma() -> None:
    names = [*PRESETS, *ARCHITECTURES]
    assert set(ARCHITECTURES) == {*CONFIGS, "gemma3"}
    assert re.findall(r"\(gallery/(.*)\.svg\)", TEXT) == names
    assert sorted(path.name for path in (DOCS / "gallery").iterdir()) == sorted(f"{name}.svg" for name in names)


def test_its_figures_are_small() -> None:
    assert all(path.stat().st_size < 60_000 for path in (DOCS / "gallery").iterdir())


@pytest.mark.parametrize("name", ["nano", "tiny"])
def test_what_is_cheap_to_draw_is_what_the_code_draws_now(name: str, tiny: ModelGraph) -> None:
    drawn = figure_of(name, name, tiny if name == "tiny" else graph_of(name))
    assert (DOCS / f"gallery/{name}.svg").read_bytes() == drawn.svg(), OLD
    assert drawn.entry() in TEXT, OLD
