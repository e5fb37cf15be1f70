"""The figure: it fits, nothing stands on anything, and it shows what an author would have drawn."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array
from torch import Tensor, nn

from ptgraph import export, trace
from ptgraph.drawing.shapes import Circle, Drawing, Item, Text
from ptgraph.drawing.shapes import Path as Line
from ptgraph.errors import UsageError
from ptgraph.figure.compose import figure
from ptgraph.figure.layout.series_parallel import arrange
from ptgraph.figure.layout.tree import Parallel, leaf_names
from ptgraph.figure.options import FigureOptions, points
from ptgraph.formats.flowchart import chart
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.recorded_pipelines import recorded
from ptgraph.graph.view.build import view
from ptgraph.onnx.reading.read import graph_of_model
from tests.conftest import ROOT, graph_of
from tests.support.figure_checks import body, check, of_kind, words
from tests.support.figure_truth import torn
from tests.support.zoo import ZOO
from tests.support.zoo import graph_of as zoo

PAGE = 234 * 72 / 25.4


class Down(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.pool, self.conv = nn.MaxPool2d(2), nn.Conv2d(width, 2 * width, 3, padding=1)

    def forward(self, x: Tensor) -> Any:
        return self.conv(self.pool(x)).relu()


class Up(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.up, self.conv = nn.ConvTranspose2d(width, width // 2, 2, 2), nn.Conv2d(width, width // 2, 3, padding=1)

    def forward(self, x: Tensor, skip: Tensor) -> Any:
        return self.conv(torch.cat([skip, self.up(x)], 1)).relu()


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 2, 1)
        self.down1, self.down2, self.up1, self.up2 = Down(8), Down(16), Up(32), Up(16)

    def forward(self, image: Tensor) -> Any:
        first = self.stem(image)
        second = self.down1(first)
        return self.head(self.up2(self.up1(self.down2(second), second), first))


@pytest.fixture(scope="module")
def graphs(tiny: ModelGraph) -> dict[str, ModelGraph]:
    with torch.device("meta"):
        unet = trace(UNet(), torch.zeros(1, 3, 16, 16))
        columns = trace(nn.Transformer(32, 2, 3, 3, 64, batch_first=True), torch.zeros(1, 5, 32), torch.zeros(1, 4, 32))
    pipelines = {kind: recorded(kind) for kind in ("pretrain", "grpo")}
    return {"tiny": tiny, "medium": graph_of("medium"), "unet": unet, "columns": columns, **pipelines}


NAMES = ["tiny", "medium", "unet", "columns", "pretrain", "grpo"]


def drawn(graph: ModelGraph, depth: int | None = None, **given: Any) -> Drawing:
    """Return a figure of which nothing that flows is missing."""
    drawing = figure(graph, FigureOptions(**given), depth)
    assert "focus" in given or not torn(graph, drawing)
    return drawing


def item(drawing: Drawing, id: str) -> Item:
    (found,) = (item for item in drawing.items if item.id == id)
    return found


def texts(drawing: Drawing) -> list[str]:
    return [mark.text for item in drawing.items for mark in item.marks if isinstance(mark, Text)]


def middle(found: Item) -> float:
    left, _, right, _ = body(found)
    return (left + right) / 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"depth": 1},
        {"depth": 9, "width": "600mm"},
        {"width": "100mm"},
        {"direction": "LR", "width": "400mm"},
        {"direction": "LR", "depth": 9, "width": "2000mm"},
        {"show": ("shapes", "params", "flops", "dtype"), "legend": True},
        {"show": ()},
    ],
    ids=str,
)
def test_it_fits_and_nothing_stands_on_anything(
    name: str, given: dict[str, Any], graphs: dict[str, ModelGraph]
) -> None:
    drawing = drawn(graphs[name], **given)
    check(drawing, widest=points(given.get("width", "174mm")))
    if "depth" not in given:
        assert len(of_kind(drawing, "box", "sign")) <= 60
        assert drawing.height <= PAGE + (60 if "legend" in given else 0.1)


@pytest.mark.parametrize("name", ZOO)
def test_odd_models_too(name: str) -> None:
    for depth in (None, 9):
        check(drawn(zoo(name), depth, width="600mm"), widest=points("600mm"))


def test_a_model_reads_like_the_figure_of_a_paper(graphs: dict[str, ModelGraph]) -> None:
    drawing = drawn(graphs["tiny"])
    spine = ["input_ids", "embedding", "layers.0.attention_norm", "layers.0.attention.o_proj", "norm", "head", "output"]
    places = [body(item(drawing, id)) for id in spine]
    assert len({round(left + right, 1) for left, _, right, _ in places}) == 1
    assert [top for _, top, *_ in places] == sorted(top for _, top, *_ in places)
    assert [i.kind for i in of_kind(drawing, "sign")].count("sign plus") == 2
    assert {"layers.0–11", "×12", "TransformerBlock"} <= set(texts(drawing))
    sides = [body(item(drawing, f"layers.0.attention.{name}_proj")) for name in "qkv"]
    assert len({top for _, top, *_ in sides}) == 1
    norms = [body(item(drawing, f"layers.0.attention.{name}_norm")) for name in "qk"]
    assert len({top for _, top, *_ in norms}) == 1
    gate, up = (middle(item(drawing, f"layers.0.feed_forward.{name}_proj")) for name in ("gate", "up"))
    assert (gate + up) / 2 == pytest.approx(middle(item(drawing, "head")), abs=0.1)


def test_a_residual_is_a_line_beside_its_branch(graphs: dict[str, ModelGraph]) -> None:
    drawing = drawn(graphs["tiny"])
    (path,) = item(drawing, "embedding→add_2").marks
    assert isinstance(path, Line)
    (circle,) = (mark for mark in item(drawing, "add_2").marks if isinstance(mark, Circle))
    assert path.points[-1] == pytest.approx((circle.x + circle.radius, circle.y), abs=0.1)
    assert path.radius > 0
    assert max(x for x, _ in path.points) > body(item(drawing, "layers.0.attention"))[2]


def test_operations_that_only_reshape_are_left_out_of_the_drawing_alone(graphs: dict[str, ModelGraph]) -> None:
    ids = {item.id for item in drawn(graphs["tiny"], 9, width="600mm").items}
    assert "scaled_dot_product_attention" in ids
    assert not {"unflatten", "transpose", "flatten"} & ids
    assert {"unflatten", "transpose", "flatten"} <= set(graphs["tiny"].ops)


def test_encoder_and_decoder_are_two_columns(graphs: dict[str, ModelGraph]) -> None:
    drawing = drawn(graphs["columns"])
    encoder, decoder = body(item(drawing, "encoder")), body(item(drawing, "decoder"))
    assert encoder[2] < decoder[0]
    assert encoder[1] < decoder[3]
    assert decoder[1] < encoder[3]
    (path,) = item(drawing, "encoder.norm→decoder.layers.0.multihead_attn").marks
    assert isinstance(path, Line)
    (x, y), (before, level) = path.points[-1], path.points[-2]
    left, top, _, bottom = body(item(drawing, "decoder.layers.0.multihead_attn"))
    assert x == pytest.approx(left, abs=0.1)
    assert top < y == level < bottom
    assert encoder[2] < before < decoder[0]


@pytest.mark.parametrize("path", ["layers.0.attention", "layers.3.attention"])
def test_one_part_can_be_drawn_alone(path: str, graphs: dict[str, ModelGraph]) -> None:
    drawing = drawn(graphs["tiny"], focus=path)
    check(drawing, widest=points("174mm"))
    assert {"q_proj", "k_proj", "v_proj", "o_proj", "rope", "attention_norm"} <= set(texts(drawing))
    assert "head" not in texts(drawing)
    assert path in drawing.title


@pytest.mark.parametrize("depth", [None, 1, 9])
def test_what_goes_in_and_out_is_called_as_around_it(depth: int | None, graphs: dict[str, ModelGraph]) -> None:
    drawing = drawn(graphs["columns"], depth, focus="decoder", width="400mm")
    check(drawing, widest=points("400mm"))
    assert {"encoder", "tgt", "output"} <= set(texts(drawing))


@pytest.mark.parametrize(
    ("path", "beside"),
    [
        ("layers.0", ("embedding", "layers.1")),
        ("layers.3", ("layers.2", "layers.4")),
        ("layers.11", ("layers.10", "norm")),
        ("layers.3.attention_norm", ("layers.2", "attention")),
    ],
)
def test_one_of_equal_blocks_stands_between_its_own_neighbours(
    path: str, beside: tuple[str, str], graphs: dict[str, ModelGraph]
) -> None:
    drawing = drawn(graphs["tiny"], focus=path)
    assert tuple(end.partition(":")[2] for end in ends(drawing)) == beside
    assert path in drawing.title


class ReluGate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        return self.down(torch.relu(self.up(x)) * gate)


class TanhGate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        return self.down(torch.tanh(self.up(x)) * gate)


class Layers(nn.Module):
    def __init__(self, classes: list[type[nn.Module]]) -> None:
        super().__init__()
        self.gate, self.layers = nn.Linear(4, 4), nn.ModuleList(one() for one in classes)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x, gate = torch.softmax(x, -1), torch.sigmoid(self.gate(y))
        for layer in self.layers:
            x = layer(x, gate)
        return torch.log(x)


def ends(drawing: Drawing) -> list[str]:
    return [one.id for one in of_kind(drawing, "box") if ":" in one.id]


def test_operations_of_the_model_itself_are_named_beside_one_of_equal_blocks() -> None:
    graph = trace(Layers([ReluGate] * 4), torch.zeros(2, 4), torch.zeros(2, 4))
    assert ends(drawn(graph, focus="layers.0")) == ["input:softmax", "input:sigmoid", "output:layers.1"]
    assert ends(drawn(graph, focus="layers.2")) == ["input:layers.1", "input:sigmoid", "output:layers.3"]
    assert ends(drawn(graph, focus="layers.3")) == ["input:layers.2", "input:sigmoid", "output:log"]


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5, 6, 8, 9])
def test_a_block_within_a_pattern_stands_between_its_own_neighbours(number: int) -> None:
    graph = trace(Layers([ReluGate, ReluGate, ReluGate, TanhGate] * 3), torch.zeros(2, 4), torch.zeros(2, 4))
    assert [box.repeat for box in view(graph).boxes.values() if box.repeat > 1] == [3, 3]
    before = f"layers.{number - 1}" if number else "softmax"
    assert ends(drawn(graph, focus=f"layers.{number}")) == [
        f"input:{before}",
        "input:sigmoid",
        f"output:layers.{number + 1}",
    ]


def test_the_parts_of_a_value_that_are_added_are_told_apart() -> None:
    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Any:
            a, b = torch.cat([self.one(x), self.other(x)], dim=1).chunk(2, dim=1)
            return a + b

    drawing = drawn(trace(Halves(), torch.zeros(2, 4)))
    assert {"chunk", "add"} <= set(texts(drawing))


def test_the_ends_of_one_part_say_their_type_if_asked(graphs: dict[str, ModelGraph]) -> None:
    drawing = drawn(graphs["tiny"], focus="layers.0.attention", show=("shapes", "dtype"))
    notes = {mark.text for item in of_kind(drawing, "box") for mark in item.marks[-1:] if isinstance(mark, Text)}
    assert {"float32 2×16×512"} <= notes
    assert not any("tensor" in text for text in texts(drawing))


def test_no_focus_in_words_is_no_focus(graphs: dict[str, ModelGraph]) -> None:
    assert drawn(graphs["tiny"], focus="") == drawn(graphs["tiny"])
    assert chart(graphs["tiny"], Options(figure=FigureOptions(focus=""))) == chart(graphs["tiny"], Options())


def test_a_layer_alone_is_a_box_with_what_comes_in_and_goes_out(graphs: dict[str, ModelGraph]) -> None:
    drawing = drawn(graphs["tiny"], focus="head")
    assert len(of_kind(drawing, "box")) == 3
    assert "head" in texts(drawing)


def test_a_focus_that_there_is_not_names_what_is_near(graphs: dict[str, ModelGraph]) -> None:
    with pytest.raises(UsageError, match=r"layers\.0\.atention.*there are: .*layers\.0\.attention"):
        drawn(graphs["tiny"], focus="layers.0.atention")


def test_an_export_with_such_a_focus_is_refused_and_writes_nothing(
    graphs: dict[str, ModelGraph], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"focus is 'layers\.99'"):
        export(graphs["tiny"], tmp_path, "svg", figure=FigureOptions(focus="layers.99"))
    assert not list(tmp_path.iterdir())


def test_the_box_says_what_is_asked_for(graphs: dict[str, ModelGraph]) -> None:
    assert "Linear · 25.8M" in texts(drawn(graphs["tiny"]))
    assert "2×16×512" in texts(drawn(graphs["tiny"]))
    assert "Linear" in texts(drawn(graphs["tiny"], show=()))
    assert not of_kind(drawn(graphs["tiny"], show=()), "label")
    assert "Linear · 1.65G FLOPs · float32" in texts(drawn(graphs["tiny"], show=("flops", "dtype")))


def test_a_legend_says_what_is_used(graphs: dict[str, ModelGraph]) -> None:
    plain, explained = drawn(graphs["tiny"]), drawn(graphs["tiny"], legend=True)
    assert explained.height > plain.height
    found = {mark.text for item in of_kind(explained, "legend") for mark in item.marks if isinstance(mark, Text)}
    assert {"Linear", "Embedding", "addition", "multiplication", "×N"} <= found
    assert "Convolution" not in found


def test_the_font_and_the_theme_are_those_asked_for(graphs: dict[str, ModelGraph]) -> None:
    assert drawn(graphs["tiny"], font="Source Sans 3").font == "Source Sans 3"
    assert drawn(graphs["tiny"], font="Arial").font == "Arial"
    assert drawn(graphs["tiny"]).font is None
    assert drawn(graphs["tiny"], theme="dark").background != drawn(graphs["tiny"]).background


def test_it_is_said_in_words_too(graphs: dict[str, ModelGraph]) -> None:
    drawing = drawn(graphs["tiny"])
    assert drawing.title == "tiny: 85.3M parameters"
    assert "layers.0–11 (TransformerBlock), 12 times" in drawing.description
    assert item(drawing, "head").title == "head: Linear, 25.8M params, 1.65G FLOPs"
    assert all(i.title for i in drawing.items if i.kind.split()[0] not in ("label", "legend"))


FIGURES = """
import pathlib, sys
from ptgraph.figure.compose import figure
from ptgraph.graph.recorded_pipelines import PIPELINES, recorded
from ptgraph.onnx.reading.read import read

for graph in (read(pathlib.Path(sys.argv[1]), "tiny"), *map(recorded, PIPELINES)):
    print(figure(graph))
"""


def test_it_is_the_same_in_processes_with_other_hash_seeds() -> None:
    command = [sys.executable, "-c", FIGURES, str(ROOT / "exports/tiny.onnx")]
    first, second = (
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True).stdout
        for seed in "12"
    )
    assert first.count(b"Text(") > 100
    assert first == second


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4))
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Any:
        return self.last(self.first(x) * (1 + self.weight.to(torch.float64)))


def test_what_is_made_of_a_weight_is_no_position() -> None:
    with torch.device("meta"):
        drawing = drawn(trace(Scale(), torch.zeros(2, 4)))
    assert [stub.title for stub in of_kind(drawing, "stub")] == ["weight, read by mul"]
    assert len(of_kind(drawing, "sign")) == 1


class Stages(nn.Module):
    """Stages too many to open, of blocks that differ; then a fold."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(Stage(8 * (n + 1)) for n in range(12))

    def forward(self, x: Tensor) -> Any:
        return [stage(x) for stage in self.stages]


class Stage(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.norm, self.act, self.last = (
            nn.Linear(4, width),
            nn.LayerNorm(width),
            nn.GELU(),
            nn.Linear(width, 4),
        )

    def forward(self, x: Tensor) -> Any:
        return x + self.last(self.act(self.norm(self.first(x))))


def test_stages_that_differ_in_width_are_all_open_or_all_closed() -> None:
    with torch.device("meta"):
        drawing = drawn(trace(Stages(), torch.zeros(2, 4)))
    assert of_kind(drawing, "frame") == []


class Positions(nn.Module):
    """Operations on positions in a group, whose value a module without weights changes and hands back."""

    def __init__(self) -> None:
        super().__init__()
        self.aux, self.lin = Shifted(), nn.Linear(4, 4)

    def forward(self, x: Tensor, positions: Tensor) -> Any:
        places = self.aux(positions * 2)
        return self.lin(x), (places + 1) * 3


class Shifted(nn.Module):
    def forward(self, ids: Tensor) -> Any:
        return (ids - 1) * ids


def twice_shaped() -> ModelGraph:
    """Return a file that reads the shape of a value, and later that of what it made with it."""
    nodes, value = [], "x"
    for n in range(2):
        nodes += [
            helper.make_node("Shape", [value], [f"shape{n}"]),
            helper.make_node("Gather", [f"shape{n}", "zero"], [f"batch{n}"]),
            helper.make_node("Concat", [f"batch{n}", "rest"], [f"wanted{n}"], axis=0),
            helper.make_node("Reshape", [value, f"wanted{n}"], [f"reshaped{n}"]),
            helper.make_node("Relu", [f"reshaped{n}"], [f"value{n}"]),
        ]
        value = f"value{n}"
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])]
    yields = [helper.make_tensor_value_info(value, TensorProto.FLOAT, None)]
    constants = [from_array(np.array([number]), name) for name, number in (("zero", 0), ("rest", -1))]
    model = helper.make_model(helper.make_graph(nodes, "g", given, yields, constants))
    return graph_of_model(model, "twice")


@pytest.mark.parametrize("depth", [None, 1, 9])
def test_a_value_may_leave_a_group_of_positions_and_come_back(depth: int | None) -> None:
    traced = trace(Positions(), torch.zeros(2, 4), torch.zeros(2, 4, dtype=torch.int64))
    assert any(box.kind == "group" for box in view(traced).boxes.values())
    for graph in (traced, twice_shaped()):
        check(drawn(graph, depth), widest=points("174mm"))


def test_a_long_file_without_modules_is_drawn() -> None:
    nodes = []
    chosen = random.Random(0)  # so that no operations in a row repeat
    for n in range(350):
        nodes += [
            helper.make_node(chosen.choice(["Relu", "Tanh", "Sigmoid", "Exp", "Abs"]), [f"v{n}"], [f"relu{n}"]),
            helper.make_node("Softmax", [f"relu{n}"], [f"softmax{n}"]),
            helper.make_node("TopK", [f"relu{n}", "k"], [f"topk{n}", ""]),
            helper.make_node("Concat", [f"softmax{n}", f"topk{n}"], [f"v{n + 1}"], axis=0),
        ]
    given, yields = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 4]) for name in ("v0", "v350"))
    model = helper.make_model(helper.make_graph(nodes, "g", [given], [yields], [from_array(np.array([4]), "k")]))
    graph = graph_of_model(model, "long")
    drawing = drawn(graph, 1)
    assert len(of_kind(drawing, "box")) > 1050  # in a chain longer than Python's stack
    assert len(drawing.description) < 400


def test_columns_do_not_depend_on_the_order_of_a_set() -> None:
    def columns(letter: str) -> list[list[str]]:
        names = [letter + other for other in "abcdefghijklm"]
        flow: nx.DiGraph[str] = nx.DiGraph(pairwise(names[4:]))
        flow.add_edges_from([(names[0], names[2]), (names[1], names[2])])
        tree = arrange(flow, sorted(flow), lambda _: True, lambda _: False)
        across = next(part for part in tree.parts if isinstance(part, Parallel) and part.across)
        return [[name[1:] for name in leaf_names(part)] for part in across.parts]

    assert {str(columns(letter)) for letter in "abcdefghijklmnop"} == {"[['a'], ['b', 'c']]"}


class Twice(nn.Module):
    """A layer, and a block of two, that are called on values of two shapes; *after* each other, or side by side."""

    def __init__(self, *, after: bool) -> None:
        super().__init__()
        self.layer, self.block = nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 6), nn.Linear(6, 5))
        self.after = after

    def forward(self, x: Tensor, y: Tensor) -> Any:
        first = self.block(self.layer(x))
        return first, self.block(self.layer(y + first.sum() if self.after else y))


@pytest.mark.parametrize(("after", "shapes"), [(True, ["2×5", "2×8", "3×7×5", "3×7×8"]), (False, [])])
def test_each_call_of_a_module_says_its_own_shape_and_two_side_by_side_none(after: bool, shapes: list[str]) -> None:
    drawing = drawn(trace(Twice(after=after), torch.zeros(2, 4), torch.zeros(3, 7, 4)), 1)
    labels = [mark.text for item in of_kind(drawing, "label") for mark in item.marks if isinstance(mark, Text)]
    assert sorted({*labels}.intersection(["2×5", "2×8", "3×7×5", "3×7×8"])) == shapes


def test_more_depth_than_there_is_is_all_of_it(graphs: dict[str, ModelGraph]) -> None:
    assert drawn(graphs["unet"], 10**9) == drawn(graphs["unet"], 3)
    assert chart(graphs["unet"], Options(10**9)) == chart(graphs["unet"], Options(3))


class Gated(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, width), nn.Linear(width, 4)

    def forward(self, x: Tensor, gate: Tensor) -> Any:
        return self.last(self.first(x).relu()) * gate


class Condition(nn.Module):
    """A condition that every stage reads, through a reshape; the first, which makes a value of it, as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.begin = nn.Linear(3, 4), nn.Linear(4, 4)
        self.stages = nn.ModuleList(Gated(8 * (n + 1)) for n in range(5))

    def forward(self, x: Tensor) -> Any:
        condition = self.embed(x)
        value, gate = self.begin(condition), condition.unsqueeze(0)
        for stage in self.stages:
            value = stage(value, gate)
        return value


def test_a_value_that_is_read_everywhere_is_a_stub_behind_a_reshape_too() -> None:
    drawing = drawn(trace(Condition(), torch.zeros(2, 3)), 9, width="600mm")
    ids = {item.id for item in of_kind(drawing, "edge")}
    assert [stub.title.partition(",")[0] for stub in of_kind(drawing, "stub")] == ["embed"] * 5
    assert "embed→begin" in ids
    assert len([id for id in ids if id.startswith("embed→")]) == 1


@pytest.mark.parametrize("width", ["20mm", "40mm", "84mm"])
@pytest.mark.parametrize("name", NAMES)
def test_a_legend_is_no_wider_than_the_figure_may_be(name: str, width: str, graphs: dict[str, ModelGraph]) -> None:
    drawing = drawn(graphs[name], 1, width=width, legend=True)
    assert drawing.width <= points(width) + 0.1
    for item in of_kind(drawing, "legend"):
        for mark in item.marks:
            if isinstance(mark, Text):
                left, top, right, bottom = words(mark)
                assert left >= 0
                assert right <= drawing.width + 0.1
                assert drawing.height / 2 < top < bottom <= drawing.height


class LongNames(nn.Module):
    """An input with a long name that every stage reads."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(Gated(8 * (n + 1)) for n in range(5))

    def forward(self, x: Tensor, condition_of_the_stages_with_a_name_longer_than_any_that_is_read: Tensor) -> Any:
        for stage in self.stages:
            x = stage(x, condition_of_the_stages_with_a_name_longer_than_any_that_is_read)
        return x


def test_a_stub_is_cut_like_what_stands_in_a_box() -> None:
    drawing = drawn(trace(LongNames(), torch.zeros(2, 4), torch.zeros(2, 4)), 9)
    check(drawing, widest=points("174mm"))
    (stub, *_) = of_kind(drawing, "stub")
    assert "longer_than_any_that_is_read, read by" in stub.title
    assert next(mark.text for mark in stub.marks if isinstance(mark, Text)).endswith("…")


def test_the_direction_is_that_asked_for_if_less_deep_fits(graphs: dict[str, ModelGraph]) -> None:
    for direction, name, width in (("LR", "tiny", "174mm"), ("TB", "columns", "84mm")):
        drawing = drawn(graphs[name], 9, direction=direction, width=width)
        check(drawing, widest=points(width))
        way = {"TB": "from top to bottom", "LR": "from left to right"}[direction]
        assert drawing.description.startswith(f"A diagram that flows {way}")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"width": 84}, "width is 84; it is a length such as 84mm"),
        ({"height": "84"}, "height is '84'; it is a length such as 84mm"),
        ({"height": "9m"}, "height is '9m'; it is a length such as 84mm"),
        ({"height": "3000mm"}, "height is '3000mm'; a figure is from 20mm to 2000mm high"),
        ({"show": "shapes"}, "show is 'shapes'; it is a tuple of: shapes, params"),
        ({"show": ("colours",)}, "show is 'colours'; there are: shapes"),
    ],
)
def test_choices_that_there_are_not_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        FigureOptions(**given)
