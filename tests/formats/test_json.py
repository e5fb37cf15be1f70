"""The JSON file: every one is valid against the schema in the package, strict, sorted and free of paths."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
import torch
from torch import nn

import ptgraph
from ptgraph.formats.json import document, render
from ptgraph.formats.options import Options
from ptgraph.graph.analysis import analyze
from ptgraph.graph.model import ModelGraph
from tests.support.json_schema import SCHEMA, validator


def text_of(graph: ModelGraph) -> str:
    return b"".join(render(graph, Options())["json"]).decode()


def test_the_schema_is_a_schema_and_allows_nothing_unknown() -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    with pytest.raises(jsonschema_rs.ValidationError):
        validator.validate({"schema_version": 1})


def test_tiny_is_valid_and_says_what_the_graph_says(tiny: ModelGraph) -> None:
    data = json.loads(text_of(tiny))
    validator.validate(data)
    assert data["totals"] == analyze(tiny).written_totals
    assert len(data["ops"]) == len(tiny.ops)
    assert len(data["edges"]) == tiny.ops.number_of_edges()
    assert [c["path"] for c in data["components"]] == list(tiny.components)
    assert data["model"]["config"]["num_layers"] == len(data["blocks"][tiny.component("layers.0").block])
    assert data["tracer"] == {"used": "torch.export", "failed": []}


def test_named_dimensions_are_kept(tiny_dynamic: ModelGraph) -> None:
    data = document(tiny_dynamic)
    validator.validate(json.loads(json.dumps(data)))
    assert data["model"]["dimensions"] == ["batch", "sequence"]
    assert data["model"]["outputs"][0]["shape"] == ("batch", "sequence", 50304)


def test_keys_are_sorted_and_numbers_are_strict() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.limit = float("inf")
            self.missing = float("nan")
            self.act = nn.ReLU()

        def forward(self, x):
            return self.act(x)

    graph = ptgraph.trace(Odd(), torch.zeros(2, 3))
    text = text_of(graph)
    data = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    validator.validate(data)
    assert data["components"][0]["settings"]["limit"] == "inf"
    assert list(data) == sorted(data)
    assert text == json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def test_text_that_is_not_unicode_still_makes_json() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.text = "half a pair \ud800 and a separator \u2028"

        def forward(self, x):
            return x + 1

    data = json.loads(text_of(ptgraph.trace(Odd(), torch.zeros(2))))
    assert data["components"][0]["settings"]["text"] == Odd().text
