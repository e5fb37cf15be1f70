"""Attention, its rotary positions and its norms, against a few plain lines of arithmetic."""

import math

import torch
from torch import Tensor

from ptgraph.models import Attention, RMSNorm, RotaryEmbedding
from ptgraph.models.rope import rotate
from tests.models.small import make


def plain_norm(x: Tensor, eps: float) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt()


def plain_rope(x: Tensor, theta: float) -> Tensor:
    """Turn each pair as a complex number."""
    half = x.shape[-1] // 2
    pairs = torch.complex(x[..., :half], x[..., half:])
    angles = torch.tensor([[p * theta ** (-i / half) for i in range(half)] for p in range(x.shape[-2])])
    turned = pairs * torch.polar(torch.ones_like(angles), angles)
    return torch.cat((turned.real, turned.imag), dim=-1)


def plain_attention(attention: Attention, x: Tensor, theta: float) -> Tensor:
    """One head after another."""
    width, group = attention.head_dim, attention.num_heads // attention.num_kv_heads
    future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
    heads = []
    for head in range(attention.num_heads):
        own = slice(head * width, (head + 1) * width)
        shared = slice(head // group * width, (head // group + 1) * width)
        query = plain_norm(plain_rope(x @ attention.q_proj.weight[own].T, theta), attention.q_norm.eps)
        key = plain_norm(plain_rope(x @ attention.k_proj.weight[shared].T, theta), attention.k_norm.eps)
        value = x @ attention.v_proj.weight[shared].T
        scores = (query @ key.mT / math.sqrt(width)).masked_fill(future, -math.inf)
        heads.append(scores.softmax(-1) @ value)
    return torch.cat(heads, dim=-1) @ attention.o_proj.weight.T


def test_attention_is_plain_attention() -> None:
    model = make()
    attention = model.layers[0].attention
    x = torch.randn(2, 20, model.config.hidden_size)
    expected = plain_attention(attention, x, model.config.rope_theta)
    torch.testing.assert_close(attention(x, model.rope(x)), expected, atol=1e-5, rtol=1e-4)


def test_probabilities_are_those_of_the_forward() -> None:
    """With the identity as the value of every token, the output *is* the probabilities."""
    model = make(num_heads=1, num_kv_heads=1, head_dim=40)
    attention = model.layers[0].attention
    sequence = model.config.hidden_size
    x = torch.randn(1, sequence, sequence)
    with torch.no_grad():
        attention.v_proj.weight.copy_(torch.linalg.inv(x[0]).T)
        attention.o_proj.weight.copy_(torch.eye(sequence))
    mask = torch.ones(sequence, sequence, dtype=torch.bool).tril()
    torch.testing.assert_close(
        attention.probabilities(x, model.rope(x), mask), attention(x, model.rope(x)), atol=1e-3, rtol=1e-3
    )


def test_rotated_products_depend_only_on_distance() -> None:
    rope = RotaryEmbedding(12, theta=100.0)
    query, key = torch.randn(2, 1, 1, 12)
    rotation = rope(torch.zeros(1, 30, 12))
    queries, keys = rotate(query.expand(1, 30, 12), rotation), rotate(key.expand(1, 30, 12), rotation)
    products = (queries @ keys.mT)[0]
    for distance in range(-29, 30):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-5, rtol=1e-4)
    assert products[0].std() > 0.1  # and they do depend on it


def test_rotation_can_start_later_and_follows_the_dtype() -> None:
    rope = RotaryEmbedding(12)
    whole, tail = rope(torch.zeros(1, 30, 1)), rope(torch.zeros(1, 10, 1), start=20)
    for all_positions, last_positions in zip(whole, tail, strict=True):
        torch.testing.assert_close(all_positions[20:], last_positions)
    assert {table.dtype for table in rope(torch.zeros(1, 3, 1, dtype=torch.bfloat16))} == {torch.bfloat16}


def test_norm_makes_the_mean_square_one() -> None:
    x = 5 * torch.randn(3, 7, 40)
    torch.testing.assert_close(RMSNorm(40)(x).square().mean(-1), torch.ones(3, 7))
    assert not list(RMSNorm(40).parameters())
