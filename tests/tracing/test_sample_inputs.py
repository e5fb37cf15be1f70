"""The inputs that a model is verified on: two sizes of all that may vary, and numbers that it can do something with."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.export import Dim

from ptgraph.tracing.build_graph import graph_of
from ptgraph.tracing.sample_inputs import Sample, Sampler
from ptgraph.tracing.source import Source


class Words(nn.Module):
    """Token and place tables of different lengths; the tokens reach theirs rearranged."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(50, 4)
        self.places = nn.Embedding(9, 4)
        self.table = nn.Parameter(torch.randn(7, 4))

    def forward(self, ids: Any, places: Any, rows: Any, attention_mask: Any, keep: Any, scale: Any) -> Any:
        found = self.tokens(ids.t().contiguous().t().unsqueeze(0)).squeeze(0) + self.places(places) + self.table[rows]
        return found * attention_mask.unsqueeze(-1) * scale * keep


NAMED = {name: {0: "batch", 1: "length"} for name in ("ids", "places", "rows", "attention_mask")}
INPUTS = {
    **{name: torch.zeros(2, 3, dtype=torch.int64) for name in NAMED},
    "keep": torch.zeros((), dtype=torch.bool),
    "scale": torch.zeros(4),
}


def sampler(model: nn.Module, kwargs: dict[str, Any], dynamic: dict[str, dict[int, str]] | None = None) -> Sampler:
    source = Source("model", model.eval(), (), kwargs, dynamic or {})
    return Sampler(source, graph_of(source))


def both(made: Sampler) -> tuple[Sample, Sample]:
    return made.first(), next(made.others())


def test_numbers_are_such_as_the_model_can_use():
    for sample in both(sampler(Words(), INPUTS, NAMED)):
        for name, rows in {"ids": 50, "places": 9, "rows": 7}.items():
            values = sample.named[name]
            assert values.min() >= 0 and values.max() < rows
            assert len(values.unique()) > 2
        assert (sample.named["attention_mask"] == 1).all()
        assert sample.named["keep"].item() is True
        assert sample.named["scale"].std() > 0
        assert sample.kwargs == sample.named


def test_all_dimensions_of_a_name_have_one_size_and_all_sizes_change():
    first, other = both(sampler(Words(), INPUTS, NAMED))
    assert (first.case, first.sizes) == ("batch=2 length=3", {"batch": 2, "length": 3})
    assert {tuple(first.named[name].shape) for name in NAMED} == {(2, 3)}
    assert set(other.sizes) == {"batch", "length"}
    assert all(other.sizes[name] != size for name, size in first.sizes.items())
    assert {tuple(other.named[name].shape) for name in NAMED} == {tuple(other.sizes.values())}
    assert other.case == " ".join(f"{name}={size}" for name, size in other.sizes.items())


def test_a_model_of_one_size_has_two_sets_of_numbers():
    made = sampler(nn.Linear(4, 2), {"input": torch.zeros(3, 4)})
    first, *others = made.first(), *made.others()
    assert [first.case, *(other.case for other in others)] == ["first values", "other values"]
    assert [sample.sizes for sample in (first, *others)] == [{}, {}]
    assert first.named["input"].shape == others[0].named["input"].shape == (3, 4)
    assert not torch.equal(first.named["input"], others[0].named["input"])


def test_the_numbers_are_the_same_each_time():
    made = [both(sampler(nn.Linear(4, 2), {"input": torch.zeros(3, 4)})) for _ in range(2)]
    for one, two in zip(*made, strict=True):
        assert torch.equal(one.named["input"], two.named["input"])


def test_real_examples_come_first_and_zeros_are_none():
    class Sum(nn.Module):
        def forward(self, x: Any, y: Any, n: Any) -> Any:
            return x + y + n

    x, n = torch.arange(3.0), torch.tensor([5, 3, 1])
    first, other = both(sampler(Sum(), {"x": x, "y": torch.zeros(3), "n": n}))
    assert torch.equal(first.named["x"], x) and torch.equal(first.named["n"], n)
    assert first.named["y"].any()
    assert not torch.equal(other.named["x"], x)
    assert other.named["n"].max() <= 5  # which was seen to be possible


def test_integers_of_which_nothing_is_known_are_small():
    class Plain(nn.Module):
        def forward(self, n: Any) -> Any:
            return n + 1

    first, other = both(sampler(Plain(), {"n": torch.zeros(100, dtype=torch.int32)}))
    assert {0, 1} == set(first.named["n"].tolist()) == set(other.named["n"].tolist())
    assert first.named["n"].dtype == torch.int32


def test_a_padding_mask_leaves_nothing_out():
    class Padded(nn.Module):
        def forward(self, x: Any, key_padding_mask: Any) -> Any:
            return x.masked_fill(key_padding_mask, 0)

    first, _ = both(sampler(Padded(), {"x": torch.zeros(3), "key_padding_mask": torch.zeros(3, dtype=torch.bool)}))
    assert not first.named["key_padding_mask"].any()


def test_nested_inputs_keep_their_places_and_what_is_no_tensor_its_value():
    class Nested(nn.Module):
        def forward(self, pair: Any, more: Any, factor: Any = 1, nothing: Any = None) -> Any:
            return (pair[0] @ pair[1] + more["bias"]) * factor

    given = {"more": {"bias": torch.ones(5)}, "pair": [torch.ones(2, 3), torch.ones(3, 5)], "factor": 4}
    first, other = both(sampler(Nested(), given))
    assert [t.shape for t in other.kwargs["pair"]] == [(2, 3), (3, 5)]
    assert other.kwargs["more"]["bias"].shape == (5,)
    assert (first.kwargs["factor"], other.kwargs["factor"]) == (4, 4)
    assert torch.equal(first.kwargs["pair"][0], torch.ones(2, 3))
    assert list(first.named) == ["more_bias", "pair_0", "pair_1"]


def test_sizes_that_depend_on_each_other_still_do():
    class Twice(nn.Module):
        def forward(self, a: Any, b: Any, c: Any) -> Any:
            return torch.cat([a, a]) + b, c.reshape(-1, 8).sum(0)

    given = {"a": torch.zeros(5), "b": torch.zeros(10), "c": torch.zeros(16)}
    first, other = both(sampler(Twice(), given, {"a": {0: "n"}, "b": {0: "m"}}))
    assert first.sizes == {"n": 5, "m": 10}
    assert other.sizes["m"] == 2 * other.sizes["n"] != 10
    assert other.named["c"].shape == (16,)


def test_a_range_that_the_program_knows_is_kept_to():
    dims = {"input": {0: Dim("rows", min=2, max=6)}}
    program = torch.export.export(nn.Linear(4, 2), (torch.randn(6, 4),), dynamic_shapes=dims)
    made = Sampler(source := Source("model", program=program), graph_of(source))
    sizes = [sample.named["input"].shape[0] for sample in made.others()]
    assert sizes and set(sizes) <= {2, 3, 4, 5}
    assert torch.equal(made.first().named["input"], program.example_inputs[0][0])
