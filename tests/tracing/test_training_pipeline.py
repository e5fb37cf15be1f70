"""Pipelines: a real step of pretraining and of GRPO, as the graph that every backend draws."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pytest

import ptgraph
from ptgraph.drawing.palettes import STYLES
from ptgraph.graph.model import ModelGraph
from ptgraph.tracing.training_pipeline import record_pipeline
from tests.support.json_schema import validator

STAGES = {
    "pretrain": ["load", "tokenize", "pack", "stack", "forward", "language_loss", "backward", "clip", "update"],
    "grpo": [
        *("sample_prompts", "repeat", "generate", "reward", "advantages", "reference_log_probs"),
        *("policy_log_probs", "grpo_loss", "backward", "clip", "update"),
    ],
}
EDGES = {
    "pretrain": {
        *(("load", "tokenize"), ("tokenize", "pack"), ("pack", "stack"), ("stack", "forward")),
        *(("forward", "language_loss"), ("language_loss", "backward")),
        *(("backward", "clip"), ("backward", "update"), ("clip", "update")),
    },
    "grpo": {
        *(("sample_prompts", "repeat"), ("sample_prompts", "reward"), ("repeat", "generate"), ("generate", "reward")),
        *(("generate", "reference_log_probs"), ("generate", "policy_log_probs"), ("generate", "grpo_loss")),
        *(("reward", "advantages"), ("advantages", "grpo_loss")),
        *(("reference_log_probs", "grpo_loss"), ("policy_log_probs", "grpo_loss"), ("grpo_loss", "backward")),
        *(("backward", "clip"), ("backward", "update"), ("clip", "update")),
    },
}


@pytest.mark.parametrize("kind", STAGES)
def test_the_stages_are_those_that_ran_in_order(recordings: dict[str, ModelGraph], kind: str) -> None:
    graph = recordings[kind]
    assert graph.of_kind("op") == STAGES[kind]
    assert nx.is_directed_acyclic_graph(graph.ops)
    assert all(list(graph.ops).index(a) < list(graph.ops).index(b) for a, b in graph.ops.edges)


@pytest.mark.parametrize("kind", STAGES)
def test_what_flows_between_the_stages_is_what_one_gave_the_next(recordings: dict[str, ModelGraph], kind: str) -> None:
    stages = set(STAGES[kind])
    assert {(a, b) for a, b in recordings[kind].ops.edges if {a, b} <= stages} == EDGES[kind]


def test_what_comes_from_outside_is_read_by_the_stages_that_were_given_it(recordings: dict[str, ModelGraph]) -> None:
    def readers(kind: str) -> dict[str, list[str]]:
        graph = recordings[kind]
        return {graph.op(name).target: list(graph.ops.successors(name)) for name in graph.of_kind("input")}

    assert readers("pretrain") == {"rows": ["load"], "model": ["forward"], "parameters": ["backward"]}
    assert readers("grpo") == {
        "source": ["sample_prompts"],
        "model": ["generate", "policy_log_probs"],
        "reference": ["reference_log_probs"],
        "parameters": ["backward"],
    }
    for graph in recordings.values():
        (output,) = graph.of_kind("output")
        assert list(graph.ops.predecessors(output)) == ["update"]


def test_the_sizes_are_those_of_the_config(recordings: dict[str, ModelGraph]) -> None:
    pretrain, grpo = recordings["pretrain"], recordings["grpo"]
    batch, length = pretrain.config["batch_size"], pretrain.config["sequence_length"]
    assert pretrain.component("pack").calls == batch
    assert pretrain.ops.edges["pack", "stack"]["shape"] == (batch, length + 1)
    assert pretrain.op("stack").shape == (batch, length)
    assert pretrain.op("forward").shape == (batch, length, 512)
    assert pretrain.op("language_loss").shape == ()
    assert re.fullmatch(r"\d+–\d+ numbers", str(pretrain.op("tokenize").shape[0]))  # type: ignore[index]
    rows = grpo.config["prompts"] * grpo.config["group_size"]
    assert grpo.op("reward").shape == (grpo.config["prompts"], grpo.config["group_size"])
    assert grpo.op("repeat").shape == (f"{rows} texts",)
    assert grpo.op("policy_log_probs").shape == (rows, grpo.config["max_new_tokens"])
    assert grpo.component("update").calls == grpo.config["updates"] == 2
    assert grpo.component("generate").calls == 1


@pytest.mark.parametrize("kind", STAGES)
def test_a_stage_says_its_role_and_shows_its_code(recordings: dict[str, ModelGraph], kind: str) -> None:
    graph = recordings[kind]
    for name in STAGES[kind]:
        stage, op = graph.component(name), graph.op(name)
        assert stage.category in STYLES
        code = graph.classes[stage.type]
        assert code.doc and f"def {name}(" in str(code.source)
        assert op.file == code.file and str(op.file).startswith("ptgraph/models/training/")
        assert op.line and op.line > 1
    assert graph.component(STAGES[kind][0]).category == "Data pipeline"
    assert graph.component("update").category == "Training"


@pytest.mark.parametrize("kind", STAGES)
def test_the_backends_draw_it(recordings: dict[str, ModelGraph], kind: str, tmp_path: Path) -> None:
    page, figure, data = ptgraph.export(recordings[kind], tmp_path, formats="svg,json,html")
    validator.validate(json.loads(data.read_text("utf-8")))
    text = figure.read_text("utf-8")
    assert re.search(f"<title[^>]*>{kind}</title>", text)
    assert all(f">{name}</text>" in text for name in STAGES[kind])
    assert "16 runs" in text if kind == "pretrain" else "2 runs" in text
    assert "ms</text>" not in text
    assert all(f'"title":"{name}"' in page.read_text("utf-8") for name in STAGES[kind])


def test_it_has_no_onnx_and_the_error_says_why(recordings: dict[str, ModelGraph], tmp_path: Path) -> None:
    with pytest.raises(ptgraph.ExportError, match="grpo has no ONNX: it is a pipeline of Python functions"):
        ptgraph.export(recordings["grpo"], tmp_path, formats="onnx")
    with pytest.warns(UserWarning, match="no onnx: grpo has no ONNX: it is a pipeline"):
        written = ptgraph.export(recordings["grpo"], tmp_path)
    assert [path.suffix for path in written] == [".html", ".svg", ".json"]


def test_the_same_bytes_on_two_runs_and_from_two_folders(
    cli: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, recordings: dict[str, ModelGraph]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    result = cli("pipeline", "grpo", cwd=other, PYTHONHASHSEED="7")
    assert (result.returncode, result.stderr) == (0, "")
    for path in ptgraph.export(recordings["grpo"], tmp_path, formats="html,svg,json"):
        assert path.read_bytes() == (other / "exports" / path.name).read_bytes()
        assert str(other).encode() not in path.read_bytes()


def test_with_times_each_stage_says_how_long_it_took(tmp_path: Path) -> None:
    graph = record_pipeline("pretrain", times=True)
    measured = [graph.op(name).attributes for name in graph.of_kind("op")]
    assert sum(stage["share"] for stage in measured) == pytest.approx(1, abs=0.01)
    slowest = max(measured, key=lambda stage: stage["milliseconds"])
    assert slowest in (graph.op("forward").attributes, graph.op("backward").attributes)
    (figure,) = ptgraph.export(graph, tmp_path, formats="svg")
    assert len(re.findall(r"[\d.]+ ms</text>", figure.read_text("utf-8"))) == len(measured)


def test_a_pipeline_or_preset_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="there is no pipeline 'sft'; choose from pretrain, grpo"):
        record_pipeline("sft")
    with pytest.raises(ValueError, match="there is no preset 'huge'; choose from nano, tiny"):
        record_pipeline("grpo", "huge")
