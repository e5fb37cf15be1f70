"""Many outputs of one box are one box that says how many they are, and what they are called."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from ptgraph import FigureOptions, trace
from ptgraph.drawing.shapes import Drawing, Item, Text
from ptgraph.figure.compose import figure
from ptgraph.formats.dot import dot
from ptgraph.formats.flowchart import chart
from ptgraph.formats.mermaid import render
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import view
from tests.support.figure_checks import check, of_kind
from tests.support.figure_truth import torn
from tests.support.many_outputs import Decoder
from tests.support.pyramids import Pyramid


class Encoder(nn.Module):
    """A module with as many outputs as it has *names*."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names, self.layers = names, nn.ModuleList(nn.Linear(4 + k, 5 + k) for k in range(len(names)))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = {}
        for name, layer in zip(self.names, self.layers, strict=True):
            found[name] = x = layer(x)
        return found


class Named(nn.Module):
    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.encoder = Encoder(names)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.encoder(x)
        return found


@cache
def decoder() -> ModelGraph:
    return trace(Decoder().eval(), torch.zeros(1, 3, dtype=torch.int64))


def brackets(drawing: Drawing) -> dict[str, Item]:
    """Return the boxes that stand for several outputs, by the text in them."""
    found = [item for item in of_kind(drawing, "box") if item.id.startswith("outputs:")]
    return {" | ".join(mark.text for mark in item.marks if isinstance(mark, Text)): item for item in found}


def named(names: list[str]) -> Drawing:
    graph = trace(Named(names).eval(), torch.zeros(2, 4))
    drawing = figure(graph, FigureOptions(), 1)
    assert torn(graph, drawing) == torn(graph, chart(graph, Options(1))) == []
    check(drawing, widest=494)
    return drawing


def test_layers_whose_values_are_outputs_are_one() -> None:
    (layers,) = (box for box in view(decoder()).boxes.values() if box.repeat > 1)
    assert layers.repeat == 6


def test_outputs_of_one_box_with_one_name_are_one_with_their_number() -> None:
    drawing = figure(decoder(), FigureOptions(), 1)
    found = brackets(drawing)
    assert set(found) == {"cache ×12 | 1×3×8", "states ×6 | 1×3×8"}
    assert all(f"cache.{layer}.{which}" in found["cache ×12 | 1×3×8"].title for layer in range(6) for which in (0, 1))
    lines = [item.id for item in of_kind(drawing, "edge") if "outputs:" in item.id]
    assert sorted(lines) == sorted(f"layers.0→{item.id}" for item in found.values())


def test_outputs_of_two_boxes_say_which_they_are() -> None:
    drawing = figure(decoder(), FigureOptions(), 2)
    assert torn(decoder(), drawing) == torn(decoder(), chart(decoder(), Options(2))) == []
    assert {text.partition(" |")[0] for text in brackets(drawing)} == {"cache.*.0 ×6", "cache.*.1 ×6", "states ×6"}


def test_outputs_with_names_of_their_own_are_one_that_lists_them() -> None:
    (text,) = brackets(named(["loc", "scale", "state", "mask"]))
    assert text == "4 outputs | loc, scale, state, mask"


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["p2", "p3", "p4", "p5"], "p2 … p5 ×4 | 2×5 … 2×8"),
        (["out_0", "out_1", "out_2", "out_3"], "out_0 … out_3 ×4 | 2×5 … 2×8"),
        (["logits", *(f"state_{number}" for number in range(6))], "state_0 … | state_5 ×6 | 2×6 … 2×11"),
        (["a", "b", "c"], None),
        (["p2", "p3", "p4"], None),
    ],
)
def test_numbered_outputs_are_one_if_they_are_more_than_a_few(names: list[str], text: str | None) -> None:
    assert [*brackets(named(names))] == ([text] if text else [])


def test_an_output_that_no_bracket_names_is_found() -> None:
    drawing = figure(decoder(), FigureOptions(), 1)
    lost = brackets(drawing)["states ×6 | 1×3×8"]
    without = replace(drawing, items=tuple(item for item in drawing.items if item is not lost))
    assert sum("is not drawn" in one for one in torn(decoder(), without)) == 6


def test_text_formats_draw_the_same_brackets() -> None:
    source = dot(decoder(), Options(1)).source
    assert source.count("cache ×12") == 1
    assert "cache.5.1" in source
    (chunks,) = render(decoder(), Options(1)).values()
    assert "".join(map(bytes.decode, chunks)).count("cache ×12") == 1


@pytest.mark.parametrize("shared", [True, False])
def test_heads_on_four_scales_are_one_with_brackets_of_their_outputs(shared: bool) -> None:
    graph = trace(Pyramid(shared=shared).eval(), torch.zeros(1, 3, 64, 64))
    (heads,) = (box for box in view(graph).boxes.values() if box.repeat > 1)
    assert (heads.repeat, heads.title) == (4, "head" if shared else "head.0–3")
    for depth in (None, 1):
        drawing = figure(graph, FigureOptions(), depth)
        assert torn(graph, drawing) == torn(graph, chart(graph, Options(depth))) == []
        assert {text.partition(" |")[0] for text in brackets(drawing)} == {"classes ×4", "places ×4"}


def test_an_output_of_each_third_layer_is_no_output_of_each() -> None:
    class Taps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(12))

        def forward(self, x: Tensor) -> list[Tensor]:
            found = []
            for number, layer in enumerate(self.layers, 1):
                x = layer(x)
                found += [x] if number % 3 == 0 else []
            return found

    graph = trace(Taps(), torch.zeros(2, 4))
    boxes = view(graph).boxes.values()
    assert {(box.kind, box.repeat, len(box.paths)) for box in boxes if box.kind == "pattern"} == {("pattern", 4, 12)}
    drawing = figure(graph, FigureOptions(), 1)
    assert torn(graph, drawing) == []
    assert [text.partition(" |")[0] for text in brackets(drawing)] == ["4 outputs"]
