"""The ONNX file: it runs and agrees with torch when it has weights, and is small, honest and legible without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import ptgraph
from ptgraph.backends import onnx as backend
from ptgraph.errors import ExportError
from ptgraph.graph import ModelGraph
from ptgraph.models import TransformerConfig, TransformerLM
from ptgraph.options import Options

SMALL = {
    "vocab_size": 96,
    "context_length": 64,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_layers": 3,
    "num_heads": 4,
    "num_kv_heads": 2,
    "head_dim": 12,
}


def transformer(**overrides: Any) -> TransformerLM:
    torch.manual_seed(0)
    return TransformerLM(TransformerConfig(**SMALL, **overrides)).eval()


def proto_of(graph: ModelGraph, **options: Any) -> onnx.ModelProto:
    return onnx.load_from_string(b"".join(backend.render(graph, Options(**options))["onnx"]))


def leaves(result: Any) -> list[torch.Tensor]:
    return [t for t in torch.utils._pytree.tree_leaves(result) if isinstance(t, torch.Tensor)]


def run(path: Path, inputs: dict[str, torch.Tensor]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})


def agree(path: Path, model: nn.Module, inputs: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        expected = leaves(model(**inputs))
    got = run(path, inputs)
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected, strict=True):
        scale = max(theirs.abs().max().item(), 1e-6)
        assert np.abs(ours - theirs.numpy()).max() / scale < 1e-4


class ConvNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Linear(8, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.stem(image).mean((-1, -2)))


class Several(nn.Module):
    """Two named outputs, one of them a pair, from tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids: torch.Tensor) -> dict[str, Any]:
        hidden = self.embedding(ids)
        return {"logits": self.head(hidden), "parts": hidden.chunk(2, -1)}


def models() -> dict[str, tuple[nn.Module, dict[str, torch.Tensor]]]:
    torch.manual_seed(0)
    ids = torch.randint(0, 96, (2, 16))
    encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    return {
        "dense": (transformer(), {"input_ids": ids}),
        "sparse": (transformer(attention="sparse", index_top_k=4), {"input_ids": ids}),
        "tied head": (transformer(tie_embeddings=True), {"input_ids": ids}),
        "convolutions": (ConvNet(), {"image": torch.randn(2, 3, 8, 8)}),
        "lstm": (nn.LSTM(4, 5, batch_first=True), {"input": torch.randn(2, 3, 4)}),
        "encoder": (nn.TransformerEncoder(encoder, 2, enable_nested_tensor=False), {"src": torch.randn(2, 7, 16)}),
        "several outputs": (Several(), {"ids": torch.randint(0, 11, (2, 3))}),
    }


@pytest.mark.parametrize("weights", ["embedded", "external"])
@pytest.mark.parametrize("name", list(models()))
def test_it_runs_and_agrees_with_torch(name: str, weights: Any, tmp_path: Path) -> None:
    model, inputs = models()[name]
    model.eval()
    paths = ptgraph.export(model, tmp_path, "onnx", name="m", weights=weights, kwargs=inputs)
    assert [p.name for p in paths] == (["m.onnx.data", "m.onnx"] if weights == "external" else ["m.onnx"])
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    agree(tmp_path / "m.onnx", model, inputs)


@pytest.mark.parametrize("overrides", [{}, {"attention": "sparse", "index_top_k": 4}], ids=["dense", "sparse"])
def test_dynamic_dimensions_keep_their_names_and_vary(overrides: dict[str, Any], tmp_path: Path) -> None:
    model = transformer(**overrides)
    graph = ptgraph.trace(model, torch.zeros(2, 16, dtype=torch.int64), dynamic={"input_ids": {0: "batch", 1: "time"}})
    ptgraph.export(graph, tmp_path, "onnx", name="m", weights="embedded")
    proto = onnx.load(tmp_path / "m.onnx")
    assert [d.dim_param for d in proto.graph.input[0].type.tensor_type.shape.dim] == ["batch", "time"]
    assert [d.dim_param or d.dim_value for d in proto.graph.output[0].type.tensor_type.shape.dim] == [
        *("batch", "time"),
        SMALL["vocab_size"],
    ]
    named = {d.dim_param for v in proto.graph.value_info for d in v.type.tensor_type.shape.dim if d.dim_param}
    assert {word for text in named for word in re.findall(r"[A-Za-z_]\w*", text)} <= {"batch", "time", "Max", "Min"}
    for shape in ((3, 5), (1, 64)):
        agree(tmp_path / "m.onnx", model, {"input_ids": torch.randint(0, 96, shape)})


def test_a_weightless_file_is_small_and_checked_and_shows_each_weight_on_its_node(tiny: ModelGraph) -> None:
    (data,) = backend.render(tiny, Options())["onnx"]
    assert len(data) < 400_000
    proto = onnx.load_from_string(data)
    onnx.checker.check_model(proto)
    assert [value.name for value in proto.graph.input] == ["input_ids"]
    shown = {item.values.name: (tuple(item.dims), item.values.data_type) for item in proto.graph.sparse_initializer}
    assert shown == {p.name: (p.shape, onnx.TensorProto.FLOAT) for p in tiny.parameters}
    read = {name for node in proto.graph.node for name in node.input}
    assert set(shown) <= read
    assert not {i.name for i in proto.graph.initializer} & set(shown)


def test_a_weightless_file_says_so(tiny: ModelGraph) -> None:
    proto = proto_of(tiny)
    props = {p.key: p.value for p in proto.metadata_props}
    assert props["ptgraph.weights"] == "none"
    assert props["ptgraph.parameters"] == str(tiny.component("").total_params)
    assert "no weights" in proto.doc_string and "85,327,872 parameters" in proto.doc_string


def test_scalars_and_bfloat16_have_a_weightless_form(tmp_path: Path) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.0, dtype=torch.bfloat16))
            self.linear = nn.Linear(4, 4, dtype=torch.bfloat16)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.linear(x) * self.scale

    proto = proto_of(ptgraph.trace(Scaled(), torch.zeros(2, 4, dtype=torch.bfloat16)))
    onnx.checker.check_model(proto)
    kinds = {item.values.data_type for item in proto.graph.sparse_initializer}
    assert kinds == {onnx.TensorProto.BFLOAT16}
    (scalar,) = [item for item in proto.graph.initializer if item.name == "scale"]
    assert np.isnan(onnx.numpy_helper.to_array(scalar).astype(np.float32))


def test_every_edge_has_a_shape_and_every_node_says_where_it_is_from(tiny: ModelGraph) -> None:
    proto = proto_of(tiny)
    shaped = {v.name for v in [*proto.graph.value_info, *proto.graph.output] if v.type.tensor_type.HasField("shape")}
    assert {name for node in proto.graph.node for name in node.output} <= shaped
    for node in proto.graph.node:
        props = {p.key: p.value for p in node.metadata_props}
        assert props["ptgraph.module"] in {*tiny.components, tiny.name}
        assert props["ptgraph.class"] in tiny.classes
        if "ptgraph.source" in props:
            assert re.fullmatch(r"(ptgraph|torch)/[\w/]+\.py:\d+", props["ptgraph.source"])
    sources = [p.value for n in proto.graph.node for p in n.metadata_props if p.key == "ptgraph.source"]
    assert len(sources) > 0.9 * len(proto.graph.node)


def test_weights_keep_their_names_and_values_once(tmp_path: Path) -> None:
    model = transformer(tie_embeddings=True)
    graph = ptgraph.trace(model, torch.zeros(2, 16, dtype=torch.int64))
    held = {i.name: onnx.numpy_helper.to_array(i) for i in proto_of(graph, weights="embedded").graph.initializer}
    distinct = dict(model.named_parameters())
    assert "head.weight" not in held
    for name, parameter in distinct.items():
        assert np.array_equal(held[name], parameter.detach().numpy())


def test_weights_of_a_model_on_meta_are_refused(tiny: ModelGraph) -> None:
    with pytest.raises(ExportError, match=r"tiny has no weights to write .*meta device.*--weights none"):
        backend.render(tiny, Options(weights="external"))


def test_too_much_for_one_file_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = ptgraph.trace(ConvNet(), torch.zeros(2, 3, 8, 8))
    monkeypatch.setattr(backend, "PROTOBUF_LIMIT", 100)
    with pytest.raises(ExportError, match="--weights external"):
        backend.render(graph, Options(weights="embedded"))


def test_an_operator_without_translation_is_named() -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.eigvalsh(x)

    graph = ptgraph.trace(Odd(), torch.eye(3))
    with pytest.raises(ExportError, match=r"cannot translate Odd: .*eigh"):
        backend.render(graph, Options())


def test_the_program_is_left_as_it_was(tiny: ModelGraph) -> None:
    before = str(tiny.program.graph)
    backend.render(tiny, Options())
    assert str(tiny.program.graph) == before
