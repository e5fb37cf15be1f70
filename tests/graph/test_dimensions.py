"""Sizes in named dimensions, as a paper writes them."""

from __future__ import annotations

from typing import Any

import pytest

from ptgraph.graph.dimensions import dimension_text, dimensions_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (3, "3"),
        (0, "0"),
        ("H", "H"),
        ("batch", "batch"),
        ("(((H - 1)//2)) + 1", "H/2"),
        ("((((((H - 1)//2)) + 1) - 1)//2) + 1", "H/4"),
        ("16*(((H - 1)//8)) + 16", "2H"),
        ("(H + 1)//2", "H/2"),
        ("(H - 3)//2", "(H/2-2)"),
        ("3*H//4", "3H/4"),
        ("H*W", "H·W"),
        ("((((H - 1)//2) + 1))*((((W - 1)//2) + 1))", "H·W/4"),
        ("2*s0", "2s0"),
        ("past + seq", "(past+seq)"),
        ("H - 6", "(H-6)"),
        ("H - H + 4", "4"),
        ("Max(1, s0)", "Max(1, s0)"),
        ("u0", "?"),
        ("u0 + 100", "?"),
        ("2*u12", "?"),
        ("unk__3", "?"),
        ("onnx::Shape_422_dim_0", "?"),
        ("Addoutput_dim_1", "?"),
        ("-1", "?"),
        (-1, "?"),
        ("", "?"),
        ("a very long name that nobody can read", "?"),
        ("H//0", "H//0"),
    ],
)
def test_a_size_reads_as_in_a_paper(size: Any, text: str) -> None:
    assert dimension_text(size) == text


def test_a_sum_among_sizes_is_in_brackets() -> None:
    assert dimensions_text(("B", "past + seq", 16)) == "B×(past+seq)×16"
    assert dimensions_text(("u0 + 100", 16)) == "?×16"
    assert dimensions_text(()) == "scalar"
    assert dimensions_text(None) == ""


@pytest.mark.parametrize("size", [8, 16, 32, 256])
def test_a_quotient_is_exact_where_it_has_no_rest(size: int) -> None:
    for expression, divided in (("(((H - 1)//2)) + 1", 2), ("((((((H - 1)//2)) + 1) - 1)//4) + 1", 8)):
        assert eval(expression, {"H": size}) == size // divided
        assert dimension_text(expression) == f"H/{divided}"
