"""Figures of networks that are too long for a page and whose levels are no modules: a box for each level."""

from __future__ import annotations

import random
import warnings
from functools import cache

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array
from torch import Tensor, nn

from ptgraph import FigureOptions, trace
from ptgraph.drawing.shapes import Drawing
from ptgraph.figure.compose import figure
from ptgraph.figure.options import points
from ptgraph.figure.simplify import simplify
from ptgraph.figure.stages import in_stages
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.module_paths import is_within
from ptgraph.graph.view.build import view
from ptgraph.onnx.reading.read import graph_of_model
from tests.support.figure_checks import body, check, of_kind
from tests.support.figure_truth import torn
from tests.support.staged_u_nets import LEVELS, STAGED
from tests.support.u_nets import Flat
from tests.support.wirings import conv, image


@cache
def graph_of(name: str) -> ModelGraph:
    make, inputs = STAGED[name]
    return trace(make().eval(), *inputs(), name="model")


def drawn(name: str, width: str, height: str | None = None, depth: int | None = None) -> Drawing:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return figure(graph_of(name), FigureOptions(width=width, height=height), depth)


def stages(drawing: Drawing) -> list[str]:
    return [item.id for item in of_kind(drawing, "box") if item.kind.startswith("box stage")]


@pytest.mark.parametrize("name", STAGED)
@pytest.mark.parametrize("width", ["174mm", "140mm"])
def test_each_level_is_a_box_on_each_side_where_all_blocks_are_too_long_for_a_page(name: str, width: str) -> None:
    drawing = drawn(name, width)
    check(drawing, widest=points(width))
    assert torn(graph_of(name), drawing) == []
    assert drawing.height <= points(FigureOptions().highest)
    places = {item.id: body(item) for item in of_kind(drawing, "box")}
    names = stages(drawing)
    down = [places[name] for name in names if name.startswith(("down", "input_blocks"))]
    up = [places[name] for name in names if name.startswith(("up", "output_blocks"))]
    assert len(down) == len(up) == LEVELS == len(names) / 2
    assert [top for _, top, _, _ in down] == sorted(top for _, top, _, _ in down)
    assert max(right for _, _, right, _ in down) < min(left for left, _, _, _ in up)


@pytest.mark.parametrize("name", STAGED)
def test_no_level_is_a_box_where_there_is_room_for_all_blocks_or_a_depth_is_asked_for(name: str) -> None:
    assert stages(drawn(name, "600mm", "900mm")) == []
    assert stages(drawn(name, "600mm", "900mm", depth=1)) == []


def read_by(graph: ModelGraph, path: str) -> tuple[int | str, ...]:
    """Return the height and width of the image that the first operation of a module reads."""
    first = next(name for name in graph.of_kind("op") if is_within(graph.op(name).scope, path))
    (image,) = (graph.op(name) for name in graph.ops.predecessors(first) if graph.op(name).kind != "parameter")
    return tuple(image.shape or ())[2:]


@pytest.mark.parametrize("name", STAGED)
def test_a_stage_has_the_modules_of_one_list_that_read_values_of_one_size(name: str) -> None:
    graph = graph_of(name)
    found = in_stages(simplify(graph, view(graph)), graph)
    stages = [box for box in found.boxes.values() if box.kind == "stage"]
    assert len(stages) == 2 * LEVELS
    for stage in stages:
        boxes = [found.boxes[part] for part in stage.parts]
        modules = [box.component for box in boxes if box.kind == "module" and box.params]
        assert len({read_by(graph, path) for path in modules}) == 1
        assert stage.params == sum(graph.component(path).total_params for path in modules)
        assert {path.split(".")[0] for path in modules} == {stage.title.split(".")[0]}


class Ping(nn.Module):
    """Two lists; each value goes from one to the other and back."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.ModuleList(conv(3, 3) for _ in range(3)), nn.ModuleList(conv(3, 3) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for one, other in zip(self.left, self.right, strict=True):
            x = other(torch.tanh(one(x)))
        return x


def test_no_value_flows_out_of_a_stage_and_back_into_it() -> None:
    graph = trace(Ping().eval(), *image(), name="model")
    found = in_stages(simplify(graph, view(graph, patterns=False)), graph)
    assert [box.id for box in found.boxes.values() if box.kind == "stage"] == []


class Uneven(nn.Module):
    """Each of two functions is called again and again, and no step is like another."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        steps = torch.sin, torch.relu, torch.exp, torch.abs, torch.cos, torch.tanh, torch.sigmoid, torch.sqrt
        for function, each in ((self.first, steps), (self.second, steps[::-1])):
            for step in each:
                x = x + step(function(x) * x.sum())
        return x


def test_calls_of_one_module_in_a_row_are_a_stage_with_what_is_between_them() -> None:
    graph = trace(Uneven().eval(), torch.ones(2, 4), name="model")
    drawing = figure(graph, FigureOptions(height="60mm"))
    assert stages(drawing) == ["first–7", "second–7"]
    assert torn(graph, drawing) == []
    check(drawing, widest=points(FigureOptions().width))
    found = in_stages(simplify(graph, view(graph)), graph)
    first = found.boxes["/first–7"]
    assert (first.title, first.subtitle, first.params) == ("first", "8 × Sequential", 20)
    calls = [part for part in first.parts if found.boxes[part].kind == "module"]
    assert calls == ["/first", *(f"/first@{number}" for number in range(1, 8))]


class Detections(nn.Module):
    """Many operations on each of many levels after the only module."""

    def __init__(self, levels: int = 12) -> None:
        super().__init__()
        self.head, self.levels = nn.Linear(8, 8 * levels), levels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        boxes, scores = [], []
        for level in self.head(x).chunk(self.levels, -1):
            score = level.sigmoid()
            best, index = (score * level.exp()).topk(2)
            boxes.append(level.gather(-1, index) - best)
            scores.append(best + score.amax(-1, keepdim=True))
        return torch.cat(boxes, -1), torch.cat(scores, -1)


def test_many_operations_are_one_box_where_they_would_be_too_wide_to_be_read() -> None:
    graph = trace(Detections().eval(), torch.ones(2, 8), name="model")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing = figure(graph, FigureOptions(width="84mm"))
    check(drawing, widest=points("84mm"))
    assert torn(graph, drawing) == []
    (stage,) = stages(drawing)
    found = in_stages(simplify(graph, view(graph)), graph)
    (box,) = (box for box in found.boxes.values() if box.id == stage)
    assert box.subtitle == f"{len(box.parts)} operations"


def without_names(levels: int = 3, layers: int = 30) -> ModelGraph:
    """Return the graph of a file of dense layers, none like the one before, without a name of a module."""
    chosen, nodes, weights, channels = random.Random(0), [], [], 3
    value = "x"
    for level in range(levels):
        for layer in range(layers):
            end, size, width = f"{level}_{layer}", chosen.choice([1, 3, 5]), chosen.randint(1, 6)
            weights.append(from_array(np.zeros((width, channels, size, size), np.float32), f"w{end}"))
            nodes += [
                helper.make_node(chosen.choice(["Relu", "Tanh", "Sigmoid"]), [value], [f"a{end}"]),
                helper.make_node("Conv", [f"a{end}", f"w{end}"], [f"c{end}"], pads=[size // 2] * 4),
                helper.make_node("Concat", [value, f"c{end}"], [f"x{end}"], axis=1),
            ]
            value, channels = f"x{end}", channels + width
        nodes.append(helper.make_node("MaxPool", [value], [f"p{level}"], kernel_shape=[2, 2], strides=[2, 2]))
        value = f"p{level}"
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])
    made = helper.make_tensor_value_info(value, TensorProto.FLOAT, [1, channels, 32 >> levels, 32 >> levels])
    return graph_of_model(helper.make_model(helper.make_graph(nodes, "g", [given], [made], weights)), "file")


def test_a_file_without_names_has_a_box_for_each_resolution() -> None:
    graph = without_names()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing = figure(graph)
    assert torn(graph, drawing) == []
    assert drawing.height <= points(FigureOptions().highest)
    found = in_stages(simplify(graph, view(graph)), graph)
    boxes = [found.boxes[name] for name in stages(drawing)]
    assert [box.subtitle for box in boxes] == ["91 operations"] * 3
    assert sum(box.params for box in boxes) == graph.component("").total_params


@pytest.mark.filterwarnings("ignore:.*does not fit")
def test_modules_without_a_list_are_boxes_by_resolution_where_nothing_else_fits() -> None:
    graph = trace(Flat(levels=4).eval(), *image(), name="model")
    drawing = figure(graph, FigureOptions(width="84mm", height="40mm"))
    assert torn(graph, drawing) == []
    check(drawing, widest=points("84mm"))
    assert "encoder1–/pool1" in stages(drawing)
    found = in_stages(simplify(graph, view(graph)), graph).boxes.values()
    assert len({box.id for box in found}) == len(found)
    parts = [part for box in found if box.kind == "stage" for part in box.parts]
    assert len(set(parts)) == len(parts)
