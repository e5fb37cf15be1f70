"""What the page says in words, of real models: each fact once, and nothing that a strange string could upset."""

from __future__ import annotations

import json

import pytest
import torch
from pygments.lexers.python import PythonLexer
from torch import nn

import ptgraph
from ptgraph.graph.analysis import analyze
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.module_paths import folded_paths
from ptgraph.graph.recorded_pipelines import recorded
from ptgraph.graph.view.build import view
from ptgraph.page import descriptions
from ptgraph.page.descriptions import KINDS, described, described_classes, tokens

LINEAR = "torch.nn.modules.linear.Linear"


def joined(pieces: list[list[str]]) -> str:
    return "".join(text for _, text in pieces)


def test_all_that_the_boxes_name_is_described_and_nothing_else(tiny: ModelGraph) -> None:
    picture = view(tiny)
    found, boxes = described(tiny, picture), picture.boxes.values()
    assert found["components"].keys() == {box.component for box in boxes}
    assert found["ops"].keys() == {box.op for box in boxes if box.op is not None}
    assert json.loads(json.dumps(found)) == json.loads(json.dumps(described(tiny, view(tiny))))


def test_a_component_says_its_own_parameters_and_leaves_out_what_is_plain(tiny: ModelGraph) -> None:
    components = described(tiny, view(tiny))["components"]
    (weight,) = components["layers.0.attention.q_proj"]["parameters"]
    assert weight["name"] == "weight"
    assert weight["shape"] == "512×512"
    assert weight["trainable"] is True
    assert "tied_to" not in weight
    assert "used" not in weight
    assert "parameters" not in components["layers.0"]
    assert "own_buffers" not in components["layers.0"]
    assert components[""]["settings"]["num_layers"] == 12  # of the config


def test_an_operation_says_which_weights_it_reads(tiny: ModelGraph) -> None:
    ops = described(tiny, view(tiny))["ops"]
    assert ops["embedding"]["reads"] == [{"name": "embedding.weight", "shape": "50304×512"}]
    assert ops["embedding"]["file"] == "torch/nn/modules/sparse.py"
    assert "reads" not in ops["input_ids"]


def test_every_class_that_is_used_is_described_in_order_of_use(tiny: ModelGraph) -> None:
    classes = described_classes(tiny)
    types = [component["type"] for _, component in tiny.components.nodes(data=True)]
    assert list(classes) == list(dict.fromkeys(types))
    for name, about in classes.items():
        assert joined(about["tokens"]) == tiny.classes[name].source
        assert "source" not in about
        assert sum(count for _, count in about["uses"]) == about["statistics"]["count"] == types.count(name)
    assert ["layers.{0–11}.attention.q_proj", 12] in classes[LINEAR]["uses"]
    assert classes[LINEAR]["category"] == "Linear"


def test_statistics_of_a_class_count_everything_once(tiny: ModelGraph) -> None:
    classes = described_classes(tiny)
    totals = analyze(tiny).totals
    whole = classes[tiny.component("").type]["statistics"]
    assert (whole["params"], whole["flops"], whole["share"]) == (totals["total_params"], totals["flops"], 1.0)
    linear = [c for _, c in tiny.components.nodes(data=True) if c["type"] == LINEAR]
    statistics = classes[LINEAR]["statistics"]
    assert statistics["params"] == sum(c["own_params"] for c in linear)
    assert statistics["flops"] == sum(c["flops"] for c in linear)
    assert statistics["calls"] == len(linear)
    assert 0 < statistics["bytes"] < whole["bytes"]


class Nested(nn.Module):
    """One in the other, and one weight under two names."""

    def __init__(self, inner: nn.Module | None) -> None:
        super().__init__()
        self.inner = inner
        self.linear = nn.Linear(4, 4, bias=False)
        if isinstance(inner, Nested):
            self.linear.weight = inner.linear.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x if self.inner is None else self.inner(x))


def test_a_class_within_itself_and_a_tied_weight_count_once() -> None:
    graph = ptgraph.trace(Nested(Nested(None)), torch.zeros(2, 4))
    classes = described_classes(graph)
    nested = classes[graph.component("").type]["statistics"]
    assert nested["count"] == 2
    assert nested["params"] == classes[LINEAR]["statistics"]["params"] == 16
    assert nested["flops"] == graph.component("").flops
    parameters = [c.get("parameters") for c in described(graph, view(graph))["components"].values()]
    assert sorted(p[0].get("tied_to", "") for p in parameters if p)[-1].endswith("linear.weight")


def test_stages_of_a_pipeline_are_described_with_their_code() -> None:
    classes = described_classes(recorded("pretrain"))
    assert {about["category"] for about in classes.values()} == {"Training", "Data pipeline"}
    assert all(about["tokens"] and about["line"] for about in classes.values())


def test_paths_that_differ_in_numbers_are_one() -> None:
    layers = [f"layers.{i}.mlp.{j}" for i in range(3) for j in range(2)]
    assert folded_paths(layers) == [["layers.{0–2}.mlp.{0–1}", 6]]
    uneven = [f"s.{i}.{j}" for i, count in enumerate((2, 2, 4, 2)) for j in range(count)]
    assert folded_paths(uneven) == [["s.{0–1,3}.{0–1}", 6], ["s.2.{0–3}", 4]]
    assert folded_paths(["", "h.0", "h.2", "conv1", "conv2", "x.01", "x.02", "²"]) == [
        ["", 1],
        ["h.{0,2}", 2],
        *([name, 1] for name in ("conv1", "conv2", "x.01", "x.02", "²")),
    ]
    assert folded_paths(["9" * 5000, "3.3"]) == [["9" * 5000, 1], ["3.3", 1]]


def test_source_is_told_apart_and_joins_to_itself() -> None:
    source = '@cache\nclass A(int):\n    """Doc."""\n    def f(self) -> None:  # why\n        return 1.5, f"{y}"\n'
    pieces = tokens(source)
    assert joined(pieces) == source
    kinds = {text.strip(): kind for kind, text in pieces}
    assert {kinds[text] for text in ("class", "def", "return", "None")} == {"k"}
    assert (kinds["@cache"], kinds["A"], kinds["f"], kinds["# why"], kinds["1.5"]) == ("d", "n", "n", "c", "m")
    assert kinds['"""Doc."""'] == "s"
    assert {kind for kind, _ in pieces} <= {*KINDS.values(), "n", ""}


def test_source_is_told_apart_as_pygments_does(tiny: ModelGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = "x = [a.print, .5, ...]\n  match x: # is\n    case -1_0.e+3j: y = f'{a.b!r:>{n}} {{' % (not y,)\n  @a.b(c)\n"
    sources = [odd, *(code.source or "" for code in tiny.classes.values())]
    found = [tokens(source) for source in sources]
    tokens.cache_clear()
    monkeypatch.setattr(descriptions, "_Lexer", PythonLexer)
    assert found == [tokens(source) for source in sources]
    tokens.cache_clear()


def test_any_string_is_source() -> None:
    for text in ("", "\n", "\ud800", "</script>", "\u2028'''", "'" * 10_001, "\r\n\tx\r", "\x00\ufeff", "f'{'" * 3000):
        assert joined(tokens(text)) == text
