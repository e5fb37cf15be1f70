"""docs/gallery.md shows all models, and its figures are what the code draws now.

Those of the architectures are drawn where these are traced: in test_architectures.py, and Gemma in test_folding.py.
"""

from __future__ import annotations

import re

import pytest

from ptgraph.models import PRESETS
from tests.conftest import graph_of
from tests.support.architectures import CONFIGS
from tests.support.gallery import TEXT, check_gallery
from tools.gallery import ARCHITECTURES, DOCS


def test_it_shows_the_presets_the_architectures_and_gemma() -> None:
    names = [*PRESETS, *ARCHITECTURES]
    assert set(ARCHITECTURES) == {*CONFIGS, "gemma3"}
    assert re.findall(r"\(gallery/(.*)\.svg\)", TEXT) == names
    assert sorted(path.name for path in (DOCS / "gallery").iterdir()) == sorted(f"{name}.svg" for name in names)


def test_its_figures_are_small() -> None:
    assert all(path.stat().st_size < 60_000 for path in (DOCS / "gallery").iterdir())


@pytest.mark.parametrize("name", PRESETS)
def test_the_figures_of_the_presets_are_what_the_code_draws_now(name: str) -> None:
    check_gallery(name, graph_of(name))
