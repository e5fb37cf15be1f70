"""Fourteen Hugging Face architectures, default configs at full size, from a config.json on disk to all files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import onnx
import pytest
import transformers
from playwright.sync_api import Browser

from ptgraph.figure.compose import figure
from ptgraph.figure.options import FigureOptions, points
from ptgraph.formats.export import export
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.model import BOX_LIMIT
from ptgraph.loading.target import load
from ptgraph.onnx.verifying.compare import compare
from ptgraph.tracing.build_graph import graph_of
from tests.support.architectures import CONFIGS
from tests.support.browser_page import check_geometry, visiting
from tests.support.figure_checks import check, of_kind
from tests.support.figure_truth import torn
from tests.support.gallery import check_gallery
from tests.support.json_schema import validator
from tests.support.one_translation import translated_once
from tools.gallery import DOCS


def check_figures(name: str, graph: ModelGraph) -> None:
    """Draw it for a page, as in the gallery, and for a column: it fits, nothing overlaps, and no text is under 6 pt."""
    column = figure(graph, FigureOptions(width="84mm"))
    for drawing, width in ((check_gallery(name, graph), "174mm"), (column, "84mm")):
        check(drawing, widest=points(width))
        assert torn(graph, drawing) == []
        assert 5 < len(of_kind(drawing, "box", "sign")) <= BOX_LIMIT
        assert drawing.height <= points("234mm") + 0.1


def check_page(browser: Browser, file: Path) -> None:
    """Open the page to three levels, down and to the right: no box overlaps another, no label leaves its box."""
    assert file.stat().st_size < 4_000_000
    with visiting(browser) as visit:
        page = visit(file)
        for flow in ("down", "right"):
            counts = []
            for level in (1, 2, 3):
                page.do(f"ptgraph.openToLevel({level})")
                counts.append(check_geometry(page))
            assert counts == sorted(counts)
            assert page.do("ptgraph.flow()") == flow
            page.page.click("#flow")


@pytest.mark.parametrize("name", list(CONFIGS))
def test_all_files_are_written_at_full_size(name: str, tmp_path: Path, browser: Browser) -> None:
    CONFIGS[name].save_pretrained(tmp_path / name)
    source = load(str(tmp_path / name))
    assert source.model is not None
    assert all(parameter.is_meta for parameter in source.model.parameters())
    graph = graph_of(source)
    done = export(graph, tmp_path)
    suffixes = ("onnx", "netron.json", "html", "svg", "json")
    assert [path.name for path in done.files] == [f"{name}.{suffix}" for suffix in suffixes]
    assert (graph.tracer, done.skipped) == ("torch.export", ())

    check_figures(name, graph)
    assert (tmp_path / f"{name}.svg").read_bytes() == (DOCS / f"gallery/{name}.svg").read_bytes()
    check_page(browser, tmp_path / f"{name}.html")

    proto = onnx.load(tmp_path / f"{name}.onnx")
    onnx.checker.check_model(proto)
    states = {p.name for p in graph.parameters}
    assert not states & {value.name for value in proto.graph.input}
    assert (tmp_path / f"{name}.onnx").stat().st_size < 10_000_000

    data = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    validator.validate(data)
    assert data["totals"]["total_params"] == sum(p.numel() for p in set(source.model.parameters()))
    assert data["totals"]["flops"] > 0

    ElementTree.parse(tmp_path / f"{name}.svg")
    page = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
    assert "http://" not in page.partition("<script")[0]


WIDTH: dict[str, Any] = {
    "vocab_size": 128,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 4,
}
GROUPED: dict[str, Any] = {**WIDTH, "num_key_value_heads": 2}
VISION: dict[str, Any] = {**{k: v for k, v in WIDTH.items() if k != "vocab_size"}, "image_size": 32, "patch_size": 8}
SPECIAL: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
TOKENS = ("input_ids:int64:batch=2xsequence=16",)
SMALL = {
    "llama": (transformers.LlamaConfig(**GROUPED), TOKENS),
    "qwen3": (transformers.Qwen3Config(**GROUPED, head_dim=16), TOKENS),
    "mixtral": (transformers.MixtralConfig(**GROUPED, num_local_experts=4), TOKENS),
    "deepseek_v3": (
        transformers.DeepseekV3Config(
            **WIDTH,
            num_key_value_heads=4,
            moe_intermediate_size=32,
            n_routed_experts=8,
            n_group=2,
            topk_group=1,
            num_experts_per_tok=2,
            first_k_dense_replace=1,
            q_lora_rank=32,
            kv_lora_rank=16,
            qk_rope_head_dim=8,
            qk_nope_head_dim=16,
            v_head_dim=16,
        ),
        TOKENS,
    ),
    "gpt2": (transformers.GPT2Config(n_embd=64, n_head=4, n_layer=4, vocab_size=128, **SPECIAL), TOKENS),
    "bert": (transformers.BertConfig(**WIDTH), TOKENS),
    "mamba": (
        transformers.MambaConfig(hidden_size=64, num_hidden_layers=4, vocab_size=128, **SPECIAL),
        ("input_ids:int64:batch=2x16",),  # on a CPU it goes through the sequence step by step
    ),
    "t5": (
        transformers.T5Config(d_model=64, d_kv=16, d_ff=128, num_layers=4, num_heads=4, vocab_size=128),
        (*TOKENS, "decoder_input_ids:int64:batch=2xtarget=12"),
    ),
    "whisper": (
        transformers.WhisperConfig(
            d_model=64,
            encoder_layers=4,
            decoder_layers=4,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=128,
            decoder_ffn_dim=128,
            vocab_size=128,
            max_source_positions=100,
            decoder_start_token_id=1,
            **SPECIAL,
        ),
        ("input_features:float32:batch=2x80x200", "decoder_input_ids:int64:batch=2xtarget=12"),
    ),
    "clip": (
        transformers.CLIPConfig(text_config={**WIDTH, **SPECIAL}, vision_config=VISION, projection_dim=32),
        (*TOKENS, "pixel_values:float32:images=3x3x32x32"),
    ),
    "vit": (transformers.ViTConfig(**VISION), ("pixel_values:float32:batch=2x3x32x32",)),
    "swin": (
        transformers.SwinConfig(embed_dim=24, num_heads=[2, 3, 6, 12]),
        ("pixel_values:float32:batch=2x3x224x224",),
    ),
    "resnet": (
        transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16, 32, 64]),
        ("pixel_values:float32:batch=2x3x64x64",),
    ),
    "convnext": (
        transformers.ConvNextConfig(hidden_sizes=[8, 16, 32, 64], image_size=64),
        ("pixel_values:float32:batch=2x3x64x64",),
    ),
}


@pytest.mark.parametrize("name", list(SMALL))
def test_it_computes_what_torch_does_at_two_sizes(name: str, tmp_path: Path) -> None:
    config, inputs = SMALL[name]
    config.save_pretrained(tmp_path / name)
    source = load(str(tmp_path / name), inputs, weights=True, made_up=True)
    graph = graph_of(source)
    with translated_once():
        for structure in ("functions", "flat"):
            found = compare(source, graph, None, Options(weights="external", structure=structure), None)
            assert len({comparison.shape for comparison in found}) > 1
            assert all(comparison.agrees for comparison in found), (structure, found)


def test_outputs_keep_the_field_names_of_their_model_output(tmp_path: Path) -> None:
    config = transformers.T5Config(num_layers=1, d_model=32, d_kv=8, num_heads=4, d_ff=64, vocab_size=99)
    config.architectures = ["T5ForConditionalGeneration"]
    config.save_pretrained(tmp_path)
    graph = graph_of(load(str(tmp_path)))
    assert [graph.op(name).target for name in graph.of_kind("output")] == ["logits", "encoder_last_hidden_state"]
    assert [graph.op(name).target for name in graph.of_kind("input")] == ["input_ids", "decoder_input_ids"]


def test_inputs_that_are_given_join_those_that_are_worked_out(tmp_path: Path) -> None:
    config = transformers.T5Config(num_layers=1, d_model=32, d_kv=8, num_heads=4, d_ff=64, vocab_size=99)
    config.save_pretrained(tmp_path)
    graph = graph_of(load(str(tmp_path), ["input_ids:int64:3x5"]))
    assert [graph.op(name).shape for name in graph.of_kind("input")] == [(3, 5), (3, 16)]
