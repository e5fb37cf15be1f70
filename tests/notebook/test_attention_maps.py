"""Attention patterns are those that the model itself attends by: its output follows from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import ptgraph
from ptgraph.models import Attention
from ptgraph.models.attention import causal_mask
from ptgraph.notebook.attention_maps import attention_patterns
from tests.models.small import SIZES, make, tokens


def assert_rows_sum_to_one(patterns: dict[str, Tensor]) -> None:
    assert patterns
    for pattern in patterns.values():
        torch.testing.assert_close(pattern.sum(dim=-1), torch.ones(pattern.shape[:-1]))
        assert (pattern >= 0).all()


def attended(module: nn.Module, run: Callable[[], Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Run a model; return what went into *module* first, what came out, and its values."""
    seen: list[tuple[Tensor, Tensor]] = []
    handle = module.register_forward_hook(lambda _, args, result: seen.append((args[0], result)))
    with torch.no_grad():
        run()
    handle.remove()
    ((x, output),) = seen
    values: Tensor = module.v_proj(x)
    return x, output, values


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_the_output_of_the_pure_transformers_attention_follows_from_its_pattern(kind: str) -> None:
    model = make(attention=kind)
    patterns = attention_patterns(model, tokens())
    assert list(patterns) == [f"layers.{i}.attention" for i in range(SIZES["num_layers"])]
    assert_rows_sum_to_one(patterns)
    for name, pattern in patterns.items():
        assert pattern.shape == (2, 6, 20, 20)
        module = model.get_submodule(name)
        assert isinstance(module, Attention)
        _, output, values = attended(module, lambda: model(tokens()))
        heads = values.unflatten(-1, (2, -1)).transpose(1, 2).repeat_interleave(3, dim=1)
        recomputed = module.o_proj((pattern @ heads).transpose(1, 2).flatten(2))
        torch.testing.assert_close(recomputed, output, rtol=1e-4, atol=1e-4)


def test_no_query_sees_the_future_and_a_sparse_one_only_its_best_keys() -> None:
    future = ~causal_mask(20, 20, torch.device("cpu"))
    for kind in ("dense", "sparse"):
        for pattern in attention_patterns(make(attention=kind), tokens()).values():
            assert pattern[..., future].eq(0).all()
            most = int((pattern > 0).sum(dim=-1).max())
            assert most == (20 if kind == "dense" else SIZES["index_top_k"])


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("batched", [True, False])
def test_multihead_attention_gives_its_own_weights_and_what_was_asked_for(need_weights: bool, batched: bool) -> None:
    torch.manual_seed(0)
    module = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    x = torch.randn(3, 5, 8) if batched else torch.randn(5, 8)
    returned = []
    module.register_forward_hook(lambda _, args, result: returned.append(result))
    patterns = attention_patterns(module, x, x, x, need_weights=need_weights)
    assert_rows_sum_to_one(patterns)
    output, weights = module(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(patterns[""], weights if batched else weights[None])
    own_output, own_weights = returned[0]
    torch.testing.assert_close(own_output, output)
    assert (own_weights is not None) == need_weights
    if need_weights:
        torch.testing.assert_close(own_weights, weights.mean(dim=-3))


def test_a_mask_of_multihead_attention_is_obeyed() -> None:
    torch.manual_seed(0)
    module = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    x, mask = torch.randn(3, 5, 8), torch.zeros(3, 5, dtype=torch.bool)
    mask[:, 3:] = True
    (pattern,) = attention_patterns(module, x, x, x, key_padding_mask=mask, need_weights=False).values()
    assert pattern[..., 3:].eq(0).all()
    torch.testing.assert_close(pattern.sum(dim=-1), torch.ones(3, 2, 5))


def test_an_encoder_layer_gives_its_pattern_though_it_has_a_fast_path() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    x = torch.randn(3, 5, 8)
    patterns = attention_patterns(layer, x)
    assert list(patterns) == ["self_attn"]
    _, weights = layer.self_attn(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(patterns["self_attn"], weights)
    assert torch.backends.mha.get_fastpath_enabled()


def hugging_face(name: str, implementation: str) -> nn.Module:
    import transformers

    torch.manual_seed(0)
    if name == "bert":
        config: Any = transformers.BertConfig(
            vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
        )
    else:
        config = transformers.GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2)
    config._attn_implementation = implementation
    model: nn.Module = transformers.AutoModel.from_config(config, attn_implementation=implementation)
    return model.eval()


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_hugging_face_attends_alike_by_sdpa_and_eagerly_as_it_says_itself(name: str) -> None:
    ids = torch.randint(0, 50, (2, 7), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    found = {
        kind: attention_patterns(hugging_face(name, kind), input_ids=ids, attention_mask=mask)
        for kind in ("sdpa", "eager")
    }
    assert len(found["sdpa"]) == 2
    assert found["sdpa"].keys() == found["eager"].keys()
    model = hugging_face(name, "eager")
    with torch.no_grad():
        own = model(input_ids=ids, attention_mask=mask, output_attentions=True).attentions
    for (path, pattern), weights in zip(found["sdpa"].items(), own, strict=True):
        assert_rows_sum_to_one({path: pattern})
        torch.testing.assert_close(pattern, found["eager"][path])
        torch.testing.assert_close(pattern, weights)


class Plain(nn.Module):
    """Attention by hand, with a softmax that is a module; its scores have heads, and its gate is no attention."""

    category = "Attention"

    def __init__(self) -> None:
        super().__init__()
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        heads = x.unflatten(-1, (2, -1)).transpose(1, 2)
        gate = heads.softmax(dim=1)
        return self.softmax(heads @ heads.mT) @ (heads * gate)


class Calls(nn.Module):
    """Calls of scaled_dot_product_attention in every form, twice over."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        first = F.scaled_dot_product_attention(query, key, value, **self.options)
        return first + F.scaled_dot_product_attention(query, key, value=value, **self.options)


def test_attention_by_hand_is_found_and_other_softmaxes_are_not() -> None:
    x = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    patterns = attention_patterns(nn.Sequential(Plain()), x)
    assert list(patterns) == ["0"]
    heads = x.unflatten(-1, (2, -1)).transpose(1, 2)
    torch.testing.assert_close(patterns["0"], (heads @ heads.mT).softmax(dim=-1))


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((2, 3, 5, 8), {}),
        ((2, 3, 5, 8), {"is_causal": True}),
        ((2, 3, 5, 8), {"scale": 0.5}),
        ((2, 3, 5, 8), {"attn_mask": torch.randn(5, 5, generator=torch.Generator().manual_seed(1))}),
        ((2, 3, 5, 8), {"attn_mask": torch.eye(5, dtype=torch.bool).expand(2, 1, 5, 5)}),
        ((2, 5, 8), {"attn_mask": torch.eye(5, dtype=torch.bool).expand(2, 5, 5)}),
        ((5, 8), {"is_causal": True}),
    ],
)
def test_every_form_of_the_call_is_recomputed(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    random = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(shape, generator=random) for _ in range(3))
    patterns = attention_patterns(Calls(**options), query, key, value)
    assert list(patterns) == ["", "#2"]
    expected = F.scaled_dot_product_attention(query, key, value, **options)
    heads = value if value.ndim == 4 else value[:, None] if value.ndim == 3 else value[None, None]
    torch.testing.assert_close((patterns[""] @ heads).reshape(shape), expected)


def test_a_query_that_may_see_no_key_has_a_row_of_zeros() -> None:
    x = torch.randn(1, 1, 3, 4)
    mask = torch.ones(3, 3, dtype=torch.bool)
    mask[1] = False
    (pattern, _) = attention_patterns(Calls(attn_mask=mask), x, x, x).values()
    assert pattern.sum(dim=-1).flatten().tolist() == pytest.approx([1, 0, 1])


def test_the_model_is_left_as_it_was() -> None:
    model = make()
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    attention_patterns(model, tokens())
    assert model.training and all(module.training for module in model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_target_needs_no_inputs_and_gives_the_same_patterns_each_time() -> None:
    source = ptgraph.load_target("nano", weights=True)
    first, second = ptgraph.attention_patterns(source), ptgraph.attention_patterns(source)
    assert list(first) == [f"layers.{i}.attention" for i in range(4)]
    assert_rows_sum_to_one(first)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.allclose(first["layers.0.attention"][0, 0, -1], torch.full((16,), 1 / 16))  # tokens differ


def test_a_model_needs_weights_and_modules(tmp_path: Path) -> None:
    with pytest.raises(ptgraph.UsageError, match=r"no weights .*weights=True"):
        ptgraph.attention_patterns(ptgraph.load_target("nano"))
    with torch.no_grad():
        program = torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),))
    torch.export.save(program, tmp_path / "net.pt2")
    with pytest.raises(ptgraph.UsageError, match="an exported program has no modules left"):
        ptgraph.attention_patterns(ptgraph.load_target(str(tmp_path / "net.pt2")))
    with pytest.raises(ptgraph.UsageError, match="nano has its inputs already"):
        ptgraph.attention_patterns(ptgraph.load_target("nano", weights=True), tokens())


def test_a_model_that_does_not_attend_has_no_patterns() -> None:
    assert attention_patterns(nn.Sequential(nn.Linear(4, 4), nn.Softmax(-1)), torch.zeros(2, 3, 5, 4)) == {}
