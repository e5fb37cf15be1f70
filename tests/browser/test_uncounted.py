"""The page says how many operations are not counted in full, where there are any."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser
from torch import Tensor, nn

import ptgraph
from ptgraph.formats.html import render
from ptgraph.formats.options import Options
from tests.support.browser_page import visiting


class Selects(nn.Module):
    def __init__(self, *, known: bool) -> None:
        super().__init__()
        self.linear, self.known = nn.Linear(8, 4), known

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x if self.known else x[x[:, 0] > 0])


@pytest.mark.parametrize("known", [True, False])
def test_the_page_says_what_is_not_counted(known: bool, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_bytes(b"".join(render(ptgraph.trace(Selects(known=known), torch.ones(5, 8)), Options())["html"]))
    with visiting(browser) as go:
        said = go(file).details()
    assert ("2 operations, or not in full" in said) != known
