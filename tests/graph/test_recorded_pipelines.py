"""The recorded training steps in the package are what recording gives now, and reading them takes no extra."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

import ptgraph
from ptgraph.formats.json import document
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.recorded_pipelines import PIPELINES, pipelines_of, recorded
from ptgraph.graph.serialize import to_json
from tests.conftest import ROOT, graph_of


class TransformerLM(nn.ReLU):
    """Has the name of the Pure Transformer, and is none."""


@pytest.mark.parametrize("kind", PIPELINES)
def test_what_is_shipped_is_what_recording_gives_now(kind: str, recordings: dict[str, ModelGraph]) -> None:
    kept, fresh = recorded(kind), recordings[kind]
    said = "models/training/recorded is old; run: make recorded"
    assert (ROOT / "models/training/recorded" / f"{kind}.json").read_text("utf-8") == to_json(fresh), said
    assert list(kept.ops.nodes(data=True)) == list(fresh.ops.nodes(data=True))
    assert list(kept.ops.edges(data=True)) == list(fresh.ops.edges(data=True))
    assert list(kept.components.nodes(data=True)) == list(fresh.components.nodes(data=True))
    assert list(kept.components.edges) == list(fresh.components.edges)
    assert list(kept.calls.items()) == list(fresh.calls.items())
    assert list(kept.classes.items()) == list(fresh.classes.items())
    assert list(kept.config.items()) == list(fresh.config.items())
    for field in ("name", "parameters", "tracer", "attempts", "dimensions", "blocks"):
        assert getattr(kept, field) == getattr(fresh, field)
    assert kept.kind.name == "pipeline"
    assert document(kept) == document(fresh)


def test_each_reading_is_a_graph_of_its_own() -> None:
    one, other = recorded("grpo"), recorded("grpo")
    assert one.ops is not other.ops and to_json(one) == to_json(other)


def test_the_pure_transformer_has_its_pipelines_and_no_other_model_has_any(tiny: ModelGraph) -> None:
    assert {kind: graph.name for kind, graph in pipelines_of(tiny).items()} == {kind: kind for kind in PIPELINES}
    assert pipelines_of(ptgraph.trace(TransformerLM(), torch.zeros(2))) == {}
    assert pipelines_of(recorded("grpo")) == {}


def test_the_models_that_are_trained_are_of_the_class_that_is_looked_for() -> None:
    assert graph_of("nano").component("").type == "ptgraph.models.transformer.TransformerLM"


def test_a_pipeline_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="there is no pipeline 'sft'; choose from pretrain, grpo"):
        recorded("sft")


def test_reading_imports_neither_the_training_code_nor_what_it_needs() -> None:
    code = (
        "import sys\n"
        "from ptgraph.graph.recorded_pipelines import recorded\n"
        "assert recorded('pretrain').kind.name == recorded('grpo').kind.name == 'pipeline'\n"
        "wrong = {'datasets', 'tokenizers', 'torch', 'ptgraph.models.training'} & {*sys.modules}\n"
        "assert not wrong, wrong\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
