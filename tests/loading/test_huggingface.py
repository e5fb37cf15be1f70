"""A Hugging Face config becomes a model on `meta` and inputs that torch.export follows."""

from __future__ import annotations

import copy
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from ptgraph.common.limits import limits, remedy
from ptgraph.errors import LoadError, PtgraphError, PtgraphWarning
from ptgraph.loading import huggingface as hf
from ptgraph.loading.config_fields import culprits
from ptgraph.loading.huggingface_inputs import example_inputs
from ptgraph.loading.target import load

# One family per line: model type, an architecture, settings that keep it small, the inputs it gets.
FAMILIES: list[tuple[str, str, dict[str, Any], dict[str, list[int]]]] = [
    ("llama", "LlamaForCausalLM", {"num_hidden_layers": 1}, {"input_ids": [1, 16]}),
    ("gpt2", "GPT2LMHeadModel", {"n_layer": 1}, {"input_ids": [1, 16]}),
    ("bert", "BertForMaskedLM", {"num_hidden_layers": 1}, {"input_ids": [1, 16]}),
    (
        "t5",
        "T5ForConditionalGeneration",
        {"num_layers": 1, "num_decoder_layers": 1},
        {"input_ids": [1, 16], "decoder_input_ids": [1, 16]},
    ),
    ("vit", "ViTForImageClassification", {"num_hidden_layers": 1}, {"pixel_values": [1, 3, 224, 224]}),
    ("resnet", "ResNetForImageClassification", {"depths": [1, 1, 1, 1]}, {"pixel_values": [1, 3, 224, 224]}),
    (
        "swin",
        "SwinForImageClassification",
        {"depths": [1, 1], "num_heads": [3, 6], "image_size": 112},
        {"pixel_values": [1, 3, 112, 112]},
    ),
    (
        "whisper",
        "WhisperForConditionalGeneration",
        {"encoder_layers": 1, "decoder_layers": 1},
        {"input_features": [1, 80, 3000], "decoder_input_ids": [1, 16]},
    ),
    ("mixtral", "MixtralForCausalLM", {"num_hidden_layers": 1}, {"input_ids": [1, 16]}),
    (
        "clip",
        "CLIPModel",
        {"text_config": {"num_hidden_layers": 1}, "vision_config": {"num_hidden_layers": 1}},
        {"input_ids": [1, 16], "pixel_values": [1, 3, 224, 224]},
    ),
    ("mamba", "MambaForCausalLM", {"num_hidden_layers": 1}, {"input_ids": [1, 16]}),
    (
        "convnext",
        "ConvNextForImageClassification",
        {"depths": [1, 1, 1, 1]},
        {"pixel_values": [1, 3, 224, 224]},
    ),
    (
        "deepseek_v3",
        "DeepseekV3ForCausalLM",
        {"num_hidden_layers": 2, "first_k_dense_replace": 1},
        {"input_ids": [1, 16]},
    ),
    ("qwen3", "Qwen3ForCausalLM", {"num_hidden_layers": 1}, {"input_ids": [1, 16]}),
]

# The further rules, one model each.
RULES: list[tuple[str, dict[str, Any], dict[str, list[int]]]] = [
    ("wav2vec2", {}, {"input_values": [1, 16_000]}),
    ("dac", {}, {"input_values": [1, 1, 16_000]}),
    ("audio-spectrogram-transformer", {}, {"input_values": [1, 1024, 128]}),
    ("clap", {}, {"input_ids": [1, 16], "input_features": [1, 1, 1024, 64]}),
    ("wav2vec2-bert", {}, {"input_features": [1, 128, 160]}),
    ("videomae", {}, {"pixel_values": [1, 16, 3, 224, 224]}),
    ("vjepa2", {"frames_per_clip": 2}, {"pixel_values_videos": [1, 2, 3, 256, 256]}),
    ("layoutlm", {}, {"input_ids": [1, 16], "bbox": [1, 16, 4]}),
    ("patchtst", {}, {"past_values": [1, 32, 1]}),
    ("xlnet", {}, {"input_ids": [1, 16]}),  # max_position_embeddings is -1
    ("gpt2", {"n_positions": 8}, {"input_ids": [1, 8]}),
    ("vit", {"image_size": [32, 64], "num_channels": 1}, {"pixel_values": [1, 1, 32, 64]}),
]


def write(folder: Path, settings: dict[str, Any]) -> Path:
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture
def build(tmp_path):
    """Build the model of a model type and its settings."""
    return lambda kind, **settings: hf.build(write(tmp_path, {"model_type": kind, **settings}))


@pytest.mark.parametrize(("kind", "architecture", "settings", "shapes"), FAMILIES, ids=lambda v: str(v)[:12])
def test_families(build, kind, architecture, settings, shapes):
    for model in (build(kind, **settings), build(kind, architectures=[architecture], **settings)):
        inputs = example_inputs(model)
        assert {name: list(tensor.shape) for name, tensor in inputs.items()} == shapes
        assert not model.training
        tensors = [*model.parameters(), *model.buffers(), *inputs.values()]
        assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert type(model).__name__ == architecture
    program = torch.export.export(model, (), inputs, strict=False)
    names = program.call_spec.out_spec.context
    assert names  # a ModelOutput keeps its field names
    assert not any("cache" in name or "past_key" in name for name in names)


@pytest.mark.parametrize(("kind", "settings", "shapes"), RULES, ids=lambda value: str(value)[:20])
def test_rules(build, kind, settings, shapes):
    inputs = example_inputs(build(kind, **settings))
    assert {name: list(tensor.shape) for name, tensor in inputs.items()} == shapes


def test_text_of_a_model_whose_images_need_companions(build):
    small = {"num_hidden_layers": 1}
    model = build("qwen2_vl", text_config=small, vision_config={"depth": 1})
    assert list(example_inputs(model)) == ["input_ids"]


def test_images_with_text(build):
    model = build(
        "llava",
        text_config={"model_type": "llama", "num_hidden_layers": 1},
        vision_config={"model_type": "clip_vision_model", "num_hidden_layers": 2},
    )
    assert list(example_inputs(model)) == ["input_ids", "pixel_values"]


def test_parameters_made_by_the_old_constructor_are_on_meta(build):
    model = build("xlnet", n_layer=1)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


def test_ties_are_kept(build):
    model = build("gpt2", architectures=["GPT2LMHeadModel"], n_layer=1)
    assert model.lm_head.weight is model.transformer.wte.weight


def test_caches_are_off_in_nested_configs_too(build):
    model = build("llava", text_config={"model_type": "llama", "use_cache": True, "num_hidden_layers": 1})
    assert model.config.text_config.use_cache is False


@pytest.mark.parametrize("key", ["dtype", "torch_dtype"])
def test_floats_have_the_dtype_of_the_model(build, key):
    model = build("vit", num_hidden_layers=1, **{key: "bfloat16"})
    assert next(model.parameters()).dtype is torch.bfloat16
    assert example_inputs(model)["pixel_values"].dtype is torch.bfloat16
    assert example_inputs(build("gpt2", n_layer=1))["input_ids"].dtype is torch.int64


def test_batch(build):
    assert example_inputs(build("gpt2", n_layer=1), batch=2)["input_ids"].shape == (2, 16)


def test_dynamic_shapes(build):
    inputs = example_inputs(build("clip"))
    assert hf.dynamic_shapes(inputs) == {
        "input_ids": {0: "batch", 1: "sequence"},
        "pixel_values": {0: "batch"},
    }


def test_infinity_as_transformers_writes_it(tmp_path):
    transformers.Mamba2Config(num_hidden_layers=1).save_pretrained(tmp_path)
    config: Any = hf.build(tmp_path).config
    assert config.time_step_limit[1] == float("inf")


def test_own_code_is_not_needed_where_transformers_has_the_class(build):
    model = build("bert", auto_map={"AutoModel": "modeling_x.X"}, num_hidden_layers=1)
    assert type(model) is transformers.BertModel


def test_a_config_is_a_file_or_in_a_folder(tmp_path):
    with pytest.raises(LoadError, match=r"the folder .* holds no config\.json"):
        hf.need_config(tmp_path)
    write(tmp_path, {})
    hf.need_config(tmp_path)
    hf.need_config(tmp_path / "config.json")
    with pytest.raises(LoadError, match="does not exist"):
        hf.need_config(tmp_path / "model.json")


def test_model_name(tmp_path, monkeypatch):
    folder = tmp_path / "my-llama"
    folder.mkdir()
    write(folder, {"model_type": "llama", "_name_or_path": ""})
    assert hf.model_name(folder) == "my-llama"
    assert hf.model_name(folder / "config.json") == "my-llama"
    monkeypatch.chdir(folder)
    assert hf.model_name(Path("config.json")) == "my-llama"
    assert hf.model_name((folder / "config.json").rename(folder / "other.json")) == "llama"
    write(folder, {"model_type": "llama", "_name_or_path": "meta-llama/Llama-3.1-8B"})
    assert hf.model_name(folder) == "Llama-3.1-8B"


def error(action, *arguments) -> str:
    with pytest.raises(LoadError) as caught:
        action(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_file_is_missing(tmp_path):
    assert error(hf.build, tmp_path) == f"{tmp_path}/config.json does not exist"


def test_not_json(tmp_path):
    (tmp_path / "config.json").write_text("{model_type}")
    assert "not JSON" in error(hf.build, tmp_path)


def test_not_an_object(tmp_path):
    (tmp_path / "config.json").write_text("[1]")
    assert "a JSON list instead of an object" in error(hf.build, tmp_path)


def test_transformers_is_missing(build, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert error(build, "bert") == "transformers is not installed; pip install 'ptgraph[hf]'"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "no 'model_type'"),
        ({"model_type": "lama"}, "unknown model type 'lama'; did you mean llama"),
        ({"model_type": "!"}, "unknown model type '!'"),
        ({"model_type": "own", "auto_map": {"AutoModel": "x.Y"}}, "needs the model's own code (auto_map)"),
        ({"model_type": "bert", "architectures": ["BertForMaskLM"]}, "did you mean BertForMaskedLM"),
        ({"model_type": "bert", "architectures": ["BertConfig"]}, "unknown architecture 'BertConfig'"),
        (
            {"model_type": "bert", "architectures": ["Own"], "auto_map": {}},
            "architecture 'Own' needs the model",
        ),
        ({"model_type": "bert", "hidden_size": "wide"}, "not a valid bert config"),
        ({"model_type": "bert", "hidden_size": 7}, "transformers cannot build this model"),
        ({"model_type": "depth_anything"}, "no base model; name a class in 'architectures'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_configs_that_cannot_be_built(tmp_path, settings, message):
    assert message in error(hf.build, write(tmp_path, settings))


def test_no_rule_for_an_input(build):
    message = error(example_inputs, build("perceiver"))
    assert "PerceiverModel: no example is known for its input 'inputs'" in message
    assert message.endswith("describe it with --input inputs:DTYPE:SHAPE")


# What a config asks for, and does not get


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "_attn_implementation_internal"])
@pytest.mark.parametrize(
    "value", ["kernels-community/flash-attn", "flash_attention_2", "flex_attention", "evil/kernel"]
)
def test_attention_is_computed_as_ptgraph_says(build, key, value):
    model = build("llama", num_hidden_layers=1, **{key: value})
    assert model.config._attn_implementation in ("sdpa", "eager")


def test_attention_of_configs_within_is_computed_as_ptgraph_says(build):
    asked = {"attn_implementation": "kernels-community/flash-attn", "experts_implementation": "evil/kernel"}
    parts = {name: {"num_hidden_layers": 1, **asked} for name in ("text_config", "vision_config")}
    model = build("clip", architectures=["CLIPModel"], **parts, **asked)
    for config in (model.config, model.config.text_config, model.config.vision_config):
        assert config._attn_implementation in ("sdpa", "eager")


def test_experts_are_computed_as_ptgraph_says(build):
    model = build("mixtral", num_hidden_layers=1, experts_implementation="evil/kernel")
    assert model.config._experts_implementation == hf.EXPERTS


@pytest.mark.parametrize("kind", ["detr", "upernet"])
def test_nothing_is_fetched(tmp_path, kind):
    settings = {"model_type": kind, "backbone": "evil/backbone", "use_timm_backbone": False}
    write(tmp_path, settings | {"use_pretrained_backbone": True})
    text = error(hf.build, tmp_path)
    assert "it names what would have to be fetched, and ptgraph fetches nothing (https://" in text
    assert "evil/backbone" in text


@pytest.mark.parametrize("where", [(), ("text_config",)])
def test_quantization_is_said_to_be_ignored(tmp_path, where):
    settings: dict[str, Any] = {"model_type": "clip"}
    inner = settings
    for name in where:
        inner = inner.setdefault(name, {})
    inner["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    write(tmp_path, settings)
    with pytest.warns(PtgraphWarning, match="quantization_config is ignored"):
        source = load(str(tmp_path))
    assert {p.dtype for p in source.model.parameters()} == {torch.float32}


# Configs that nobody wrote

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 32}
WHOLE: dict[str, dict[str, Any]] = {
    "gpt2": {
        "n_layer": 1,
        "n_embd": 8,
        "n_head": 2,
        "vocab_size": 32,
        "architectures": ["GPT2Model"],
        "dtype": "float32",
    }
    | {"_name_or_path": "a/b", "activation_function": "gelu_new", "num_labels": 2, "id2label": {"0": "a"}},
    "clip": {"projection_dim": 8, "text_config": SMALL, "vision_config": {"image_size": 32, "patch_size": 8, **SMALL}},
    "mixtral": {"num_local_experts": 2, "num_experts_per_tok": 1, "num_key_value_heads": 1, "rope_theta": 1e4, **SMALL},
    "resnet": {"embedding_size": 4, "hidden_sizes": [4, 8], "depths": [1, 1], "num_channels": 3, "layer_type": "basic"},
}
VALUES: list[Any] = [None, True, -1, 0, math.inf, math.nan, 0.5, 10**9, 10**30, "", "x", "\ud800"]
VALUES += [[], [None], [5], [-1, -1], [[["x"]]], {}, {"a": {"b": [None]}}]


def mutants(settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the config with each of its fields, and of those within, as each kind of JSON."""
    for name, value in settings.items():
        for other in VALUES:
            yield {**copy.deepcopy(settings), name: other}
        for inner in mutants(value) if isinstance(value, dict) else ():
            yield {**copy.deepcopy(settings), name: inner}


@pytest.mark.parametrize("kind", WHOLE)
def test_any_value_of_any_field_gives_a_model_or_a_sentence(tmp_path, kind):
    whole = {"model_type": kind, **WHOLE[kind]}
    refused = 0
    for settings in (whole, *mutants(whole)):
        write(tmp_path, settings)
        try:
            load(str(tmp_path))
        except PtgraphError as raised:
            refused += 1
            assert str(raised).strip()
            assert settings is not whole
    assert refused > len(WHOLE[kind])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "it is nested too deeply"),
        ('{"model_type": ' + "[" * 900 + "]" * 900 + "}", "'model_type' is"),
        ('{"model_type": "bert", "a": ' + '{"a": ' * 900 + "1" + "}" * 901, "not a valid bert config"),
        ("", "not JSON"),
        ("\udcff", "not JSON"),
        (
            '{"model_type": "bert", "num_hidden_layers": 1000000000}',
            "num_hidden_layers is 1,000,000,000, and ptgraph makes no more than 100,000; raise it",
        ),
    ],
    ids=["deep", "deep kind", "deep setting", "empty", "bytes", "layers"],
)
def test_files_that_nobody_wrote(tmp_path, text, message):
    (tmp_path / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    assert message in error(load, str(tmp_path))


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"rope_theta": "a"}, 'rope_theta is "a"'),
        ({"rope_theta": [1]}, "rope_theta is [1]"),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": "a"}}, '"rope_theta": "a"'),
        ({"rope_scaling": {"type": "linear", "factor": "a"}}, 'rope_scaling is {"type": "linear", "factor": "a"}'),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "beta_fast": "x"}}, '"beta_fast": "x"'),
    ],
)
def test_a_field_is_named_where_transformers_names_none(tmp_path, more, named):
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 32}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "architectures": ["LlamaForCausalLM"]}
    write(tmp_path, {"model_type": "llama", **sizes, **heads})
    load(str(tmp_path))
    write(tmp_path, {"model_type": "llama", **sizes, **heads, **more})
    said = error(load, str(tmp_path))
    assert named in said.rpartition("(")[2], said
    assert not any(name in said.rpartition("(")[2] for name in (*sizes, *heads))


def test_no_field_is_named_where_none_alone_is_the_cause():
    def attempt(settings):
        raise TypeError

    assert culprits({"a": 1, "b": {"c": 2}}, attempt) == ""
    assert culprits({"a": 1, "b": {"c": 2}}, lambda settings: 1 / ("a" not in settings)) == " (a is 1)"
    long = {"b": {"c": 2, "d": "d" * 100}}
    assert culprits(long, lambda settings: 1 / ("c" not in settings.get("b", {}))) == " (c is 2)"


def test_a_model_of_more_modules_than_the_limit(tmp_path):
    write(tmp_path, {"model_type": "gpt2", "n_layer": 10_000, "n_embd": 8, "n_head": 2})
    with limits(modules=1000):
        assert f"a model of more than 1,000 modules; {remedy('modules')}" in error(load, str(tmp_path))
    write(tmp_path, {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2})
    assert load(str(tmp_path)).model is not None


def test_a_byte_order_mark_and_a_name_said_twice(tmp_path):
    text = '{"model_type": "lama", "model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2}'
    (tmp_path / "config.json").write_text(text, encoding="utf-8-sig")
    assert type(hf.build(tmp_path)) is transformers.GPT2Model
