"""In each state that a person can reach nothing overlaps, and nothing that flows is missing (see `page_walk`)."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser

import ptgraph
from ptgraph.formats.html import render
from ptgraph.formats.options import Options
from ptgraph.graph.view.build import view
from tests.support.browser_page import Opened, visiting
from tests.support.many_outputs import Decoder
from tests.support.page_walk import Links, missing, state_of, walk
from tests.support.repeat_models import MODELS as MODELS_THAT_REPEAT
from tests.support.wirings import WIRINGS, Wired

STEPS = 25
PAGES = ["tiny", "shared", "patterns", "nested"]
MODELS = ["unet", "conditioned", "detector", "translator", "gcn", "shared9"]


@pytest.mark.parametrize("name", PAGES)
def test_a_walk(visit: Callable[..., Opened], files: dict[str, Path], name: str) -> None:
    seen = walk(visit(name), files[name], STEPS)
    assert (seen.wrong, sorted(seen.crossings)) == ([], [])
    assert seen.states > STEPS / 5


@pytest.mark.parametrize("name", [*MODELS, 6, 9, 11])
def test_a_walk_over_a_wiring(browser: Browser, tmp_path: Path, name: str | int) -> None:
    if isinstance(name, str):
        make, inputs = WIRINGS[name]
        model, given = make().eval(), inputs()
    else:
        model, given = Wired(random.Random(name), 2), (torch.zeros(2, 4), torch.zeros(2, 4))
    file = tmp_path / "page.html"
    file.write_bytes(b"".join(render(ptgraph.trace(model, *given), Options())["html"]))
    with visiting(browser) as go:
        seen = walk(go(file), file, STEPS)
    assert (seen.wrong, sorted(seen.crossings)) == ([], [])
    assert seen.states > STEPS / 5


def test_a_walk_over_many_outputs(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    graph = ptgraph.trace(Decoder().eval(), torch.zeros(1, 3, dtype=torch.int64))
    file.write_bytes(b"".join(render(graph, Options())["html"]))
    with visiting(browser) as go:
        page, links = go(file), Links.of(file)
        groups = [name for name, box in links.boxes.items() if box["kind"] == "group"]
        assert len(groups) == 2
        for name in groups:
            page.do(f"ptgraph.open({name!r})")
            assert missing(links, state_of(page)) == []
        seen = walk(page, file, STEPS)
    assert (seen.wrong, sorted(seen.crossings)) == ([], [])


@pytest.mark.parametrize("name", ["experts", "heads", "siamese", "last has less", "timed"])
def test_a_walk_over_what_repeats(browser: Browser, tmp_path: Path, name: str) -> None:
    model, given = MODELS_THAT_REPEAT[name]
    file = tmp_path / "page.html"
    graph = ptgraph.trace(model, *given)
    file.write_bytes(b"".join(render(graph, Options())["html"]))
    folds = [box.id for box in view(graph).boxes.values() if box.repeat > 1 and box.parent == "/"]
    with visiting(browser) as go:
        page, links = go(file), Links.of(file)
        for step in (*(f"ptgraph.unfold({fold!r})" for fold in folds), f"ptgraph.dive({folds[0]!r})"):
            page.do(step)  # walks come to these states seldom
            assert missing(links, state_of(page)) == []
        seen = walk(page, file, STEPS)
    assert (seen.wrong, sorted(seen.crossings)) == ([], [])


def test_the_check_finds_each_line_and_stub_that_is_taken_away(
    visit: Callable[..., Opened], files: dict[str, Path]
) -> None:
    page, links = visit("shared"), Links.of(files["shared"])
    page.do("ptgraph.openToLevel(2)")
    state = state_of(page)
    assert missing(links, state) == []
    for kind in ("edges", "stubs"):
        assert state[kind]
        for taken in state[kind]:
            assert missing(links, {**state, kind: [each for each in state[kind] if each is not taken]}), taken
