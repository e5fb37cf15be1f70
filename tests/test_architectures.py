"""Fourteen Hugging Face architectures, default configs at full size, from a config.json on disk to all four files."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import onnx
import pytest
import transformers

from ptgraph.build import build
from ptgraph.exporter import export
from ptgraph.load import load
from ptgraph.tracer import capture

SCHEMA = json.loads((files("ptgraph") / "schema.json").read_text(encoding="utf-8"))

LLAMA_80 = transformers.LlamaConfig(
    num_hidden_layers=80, hidden_size=8192, intermediate_size=28672, num_attention_heads=64, num_key_value_heads=8
)

# The longest first, so that two workers end together.
CONFIGS = {
    "deepseek_v3": transformers.DeepseekV3Config(),
    "llama-80x8192": LLAMA_80,
    "mamba": transformers.MambaConfig(),
    "mixtral": transformers.MixtralConfig(),
    "qwen3": transformers.Qwen3Config(),
    "swin": transformers.SwinConfig(),
    "clip": transformers.CLIPConfig(),
    "t5": transformers.T5Config(),
    "bert": transformers.BertConfig(),
    "whisper": transformers.WhisperConfig(),
    "gpt2": transformers.GPT2Config(),
    "vit": transformers.ViTConfig(),
    "resnet": transformers.ResNetConfig(),
    "convnext": transformers.ConvNextConfig(),
}


@pytest.mark.parametrize("name", list(CONFIGS))
def test_all_four_files_are_written_at_full_size(name: str, tmp_path: Path) -> None:
    CONFIGS[name].save_pretrained(tmp_path / name)
    source = load(str(tmp_path / name))
    assert source.model is not None
    assert all(parameter.is_meta for parameter in source.model.parameters())
    graph = build(capture(source))
    done = export(graph, tmp_path)
    assert [path.name for path in done.files] == [f"{name}.{format}" for format in ("onnx", "html", "svg", "json")]
    assert (graph.tracer, done.skipped) == ("torch.export", ())

    proto = onnx.load(tmp_path / f"{name}.onnx")
    onnx.checker.check_model(proto)
    states = {p.name for p in graph.parameters}
    assert not states & {value.name for value in proto.graph.input}
    assert (tmp_path / f"{name}.onnx").stat().st_size < 10_000_000

    data = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.validate(data, SCHEMA)
    assert data["totals"]["total_params"] == sum(p.numel() for p in set(source.model.parameters()))
    assert data["totals"]["flops"] > 0

    ElementTree.parse(tmp_path / f"{name}.svg")
    page = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
    assert "http://" not in page.partition("<script")[0]


def test_outputs_keep_the_field_names_of_their_model_output(tmp_path: Path) -> None:
    config = transformers.T5Config(num_layers=1, d_model=32, d_kv=8, num_heads=4, d_ff=64, vocab_size=99)
    config.architectures = ["T5ForConditionalGeneration"]
    config.save_pretrained(tmp_path)
    graph = build(capture(load(str(tmp_path))))
    assert [graph.op(name).target for name in graph.of_kind("output")] == ["logits", "encoder_last_hidden_state"]
    assert [graph.op(name).target for name in graph.of_kind("input")] == ["input_ids", "decoder_input_ids"]


def test_inputs_that_are_given_join_those_that_are_worked_out(tmp_path: Path) -> None:
    config = transformers.T5Config(num_layers=1, d_model=32, d_kv=8, num_heads=4, d_ff=64, vocab_size=99)
    config.save_pretrained(tmp_path)
    graph = build(capture(load(str(tmp_path), ["input_ids:int64:3x5"])))
    assert [graph.op(name).shape for name in graph.of_kind("input")] == [(3, 5), (3, 16)]
