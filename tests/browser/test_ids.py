"""A module of any name is drawn, opened and addressed on the page, which reads ids as Python writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import torch
from playwright.sync_api import Browser

import ptgraph
from ptgraph.formats.html import render
from ptgraph.formats.options import Options
from tests.support.box_ids import EXAMPLES
from tests.support.browser_page import Opened, visiting
from tests.support.odd_names import Odd

LETTERS = "".join(map(chr, range(0x20, 0x7F)))
NAMES = [f"x{sign}y" for sign in LETTERS if sign not in "."]
NAMES += [sign for sign in LETTERS if not sign.isalnum() and sign not in "._"]
NAMES += [
    "~",
    "a~1",
    "~~",
    "a~",
    "%7E",
    "a%7E1",
    "%",
    "op=x",
    "run=x",
    "tab=table",
    "class=x",
]
NAMES += [
    "a",
    "a#2",
    "model:x",
    "a:",
    "__proto__",
    "constructor",
    "toString",
    "<b>x</b>",
    "&amp;",
    "</script>",
    "{{x}}",
]
NAMES += [
    "nul\x00",
    "line\nend",
    "\r\n",
    "tab\t",
    "quotes\"'`",
    "back\\",
    "\x1b[31m",
    "\u202eright",
    "\u2066\u2069",
    "\u200b",
]
NAMES += [
    "→",
    "a→b",
    "😀",
    "👩‍👩‍👧",
    "مرحبا",
    "שלום",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\ufffe",
    "\ud800",
    "\udcff",
    "é",
    "e\u0301",
    "☃" * 300,
]
NAMES = list(dict.fromkeys(NAMES))


@pytest.fixture(scope="module")
def odd(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The page of a model whose modules have all these names."""
    file = tmp_path_factory.mktemp("odd") / "odd.html"
    graph = ptgraph.trace(Odd(NAMES), torch.zeros(1, 2))
    file.write_bytes(b"".join(render(graph, Options())["html"]))
    with visiting(browser) as go:
        yield go(file)


def test_the_page_reads_ids_as_python_writes_them(odd: Opened) -> None:
    stored = json.dumps(EXAMPLES["stored"])
    for id, base, numbers in EXAMPLES["ids"]:
        assert odd.do(f"ptgraph.splitId({json.dumps(id)}, {stored})") == {"base": base, "numbers": numbers}
    for call, id in EXAMPLES["runs"]:
        assert odd.do(f"ptgraph.runId({json.dumps(call)}) === {json.dumps(id)}"), call


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.encode("unicode_escape").decode()[:20])
def test_a_name(odd: Opened, name: str) -> None:
    id = odd.do(f"ptgraph.runId({json.dumps(name)})")
    text = json.dumps(id)
    assert odd.do(f"ptgraph.has({text})")
    box = odd.do(f"ptgraph.box({text})")
    assert (box["base"], box["numbers"], box["component"]) == (id, [], name)
    odd.do("ptgraph.openToLevel(1)")
    odd.do(f"ptgraph.select({text})")
    assert odd.do(f"ptgraph.selected() === {text}")
    odd.page.locator("#details button[data-act=toggle]").click()
    assert odd.do(f"ptgraph.frames().some((frame) => frame.id === {text})")
    address = odd.do("location.hash")
    odd.do("ptgraph.select(null)")
    odd.go_to(address)
    assert odd.do(f"ptgraph.selected() === {text}")
    odd.page.locator("#details button[data-act=toggle]").click()
    assert not odd.do(f"ptgraph.frames().some((frame) => frame.id === {text})")


@pytest.mark.parametrize("name", ["a~1", "x~y", "x%y", "line\nend", "→", "😀"])
def test_a_path_is_an_address(odd: Opened, name: str) -> None:
    odd.go_to("#" + quote(name, safe=""))
    assert odd.do(f"ptgraph.selected() === ptgraph.runId({json.dumps(name)})")


def is_searched(name: str) -> bool:
    """Say whether a search can mean this name alone: case, outer space and line ends do not count, * and ? are any."""
    return len(name.strip()) == len(name) > 1 and not set("\r\n*?") & set(name) and not name[1:2].islower()


@pytest.mark.parametrize("name", [name for name in NAMES if is_searched(name)])
def test_a_search(odd: Opened, name: str) -> None:
    odd.page.fill("#search", name)
    odd.page.keyboard.press("Enter")
    assert odd.do(f"ptgraph.box(ptgraph.selected()).component === {json.dumps(name)}")
