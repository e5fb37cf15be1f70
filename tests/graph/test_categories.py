"""The category that the words of a class name suggest."""

from __future__ import annotations

import pytest

from ptgraph.graph.categories import category_of_name


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("GptOssModel", "Layers & blocks"),
        ("PropertyNet", "Layers & blocks"),
        ("EuropeanModel", "Layers & blocks"),
        ("CongruentNet", "Layers & blocks"),
        ("SSM", "Recurrent"),
        ("BiGRU", "Recurrent"),
        ("rnn_cell", "Recurrent"),
        ("MambaMixer", "Recurrent"),
        ("RoPE", "Embedding"),
        ("YarnRope", "Embedding"),
        ("SparseMoE", "Layers & blocks"),
        ("MobileViTNorm", "Normalization"),
        ("LayerNormalization", "Normalization"),
        ("NormalizeVectors", "Normalization"),
        ("NormalCell", "Layers & blocks"),
    ],
)
def test_a_short_word_counts_where_it_is_one(name: str, category: str) -> None:
    assert category_of_name(name, has_parts=True) == category
