"""Patterns: several blocks in a row that repeat as a whole become one box, and nothing of the graph is lost by it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from ptgraph import trace
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import view
from ptgraph.graph.view.model import Box, View
from ptgraph.loading.target import load
from ptgraph.tracing.build_graph import graph_of
from tests.support.architectures import GEMMA_3
from tests.support.gallery import check_gallery
from tests.support.pattern_models import LETTERS, SMALL, folds_of, graph_of_letters, places_of
from tests.support.random_wiring import Wired

ZEROS = "aten.zeros_like.default"
ADDED_UP = {"aten.add.Tensor", ZEROS}  # operations that a Σ stands for


def said(picture: View, box: str = "/") -> list[Any]:
    """Return title and repeat of each module and pattern in *box*, with what a pattern is made of."""
    found: list[Any] = []
    for part in map(picture.boxes.__getitem__, picture.boxes[box].parts):
        if part.kind == "pattern":
            found.append((part.title, part.repeat, said(picture, part.id)))
        elif part.kind == "module":
            found.append((part.title, part.repeat))
    return found


def check(graph: ModelGraph, picture: View) -> int:
    """Compare a view with the graph, operation by operation and edge by edge; return how many patterns it has.

    Every operation that is drawn or folded away has a place: a box, and its number in each fold around that. Edges
    within one place of all folds, or into the first of them, are links; those from one block to the next are carries.
    """
    plain = view(graph, patterns=False)
    places = places_of(picture)
    assert len({(box, *numbers) for box, numbers in places.values()}) == len(places)
    drawn_plain = {b.op for b in plain.boxes.values() if b.op is not None} | plain.stands.keys()
    assert places.keys() <= drawn_plain
    assert {graph.op(op).target for op in drawn_plain - places.keys() if op is not None} <= ADDED_UP
    for op, (box, numbers) in places.items():  # the block that a place is in is the one that the operation is in
        component = picture.boxes[box].component
        for fold, number in reversed(list(zip(folds_of(picture, box), numbers, strict=True))):
            period = len(fold.paths) // fold.repeat
            assert len(fold.paths) == period * fold.repeat and (period == 1 or fold.kind == "pattern")
            for one in range(period):
                first, here = fold.paths[one], fold.paths[number * period + one]
                if component == first or component.startswith(first + "."):
                    component = here + component[len(first) :]
                    break
        assert graph.op(op).scope == component

    drawn = {(link.source, link.target) for link in picture.links}
    carries = {fold.id: {(c.source, c.target) for c in fold.carries} for fold in picture.boxes.values()}
    reached: dict[str, set[tuple[str, str]]] = defaultdict(set)
    links: set[tuple[str, str]] = set()
    for source, target in drawn_edges(graph, places):
        (s, i), (t, k) = places[source], places[target]
        if s == t and i == k:
            continue
        common = [f.id for f in folds_of(picture, s) if f.id in picture.chain(t)]
        apart = next((n for n in range(len(common)) if i[n] != k[n]), None)
        if apart is None:
            assert (s, t) in drawn, (source, target)
            links.add((s, t))
        else:
            assert k[apart] == i[apart] + 1
            assert (s, t) in carries[common[apart]], (source, target)
            reached[common[apart]].add((s, t))
    assert drawn == links
    for fold_id, found in carries.items():
        assert found == reached[fold_id]
    for b in picture.boxes.values():
        check_sums(graph, picture, b, {op for op, place in places.items() if is_in_first(picture, b, *place)})
    return sum(b.kind == "pattern" for b in picture.boxes.values())


def drawn_edges(graph: ModelGraph, places: Container[str]) -> Iterator[tuple[str, str]]:
    """Yield the edges between operations that have a place; a copy that is left out hands on what it reads."""

    def origins(name: str) -> Iterator[str]:
        if name in places:
            yield name
        elif graph.op(name).kind == "op" and graph.op(name).target != ZEROS:
            for source in graph.ops.predecessors(name):
                yield from origins(source)

    for name in graph.ops:
        if name in places:
            for source in graph.ops.predecessors(name):
                yield from ((origin, name) for origin in origins(source))


def call_chain(graph: ModelGraph, op: str) -> list[str]:
    """Return the calls that an operation is in, innermost first."""
    found: list[str] = []
    call: str | None = graph.ops.nodes[op]["call"]
    while call is not None:
        found.append(call)
        call = graph.calls[call].parent
    return found


def is_in_first(picture: View, b: Box, box: str, numbers: Sequence[int]) -> bool:
    """Return whether a place is in *b*, and in the first block of each fold around that."""
    around = picture.chain(b.id)[1:]
    folds = zip(folds_of(picture, box), numbers, strict=True)
    return b.id in picture.chain(box) and all(number == 0 for fold, number in folds if fold.id in around)


def check_sums(graph: ModelGraph, picture: View, box: Box, placed: set[str]) -> None:
    """Check that a fold has the sums of all that it stands for."""
    if box.repeat == 1:
        return
    calls = {
        call for op in placed for call in call_chain(graph, op) if graph.calls[call].component in box.paths
    }  # those that something drawn is in
    inside = [op for op in graph.of_kind("op") if op in placed or not calls.isdisjoint(call_chain(graph, op))]
    assert box.flops == sum(graph.op(op).flops for op in inside)
    assert box.bytes == sum(graph.op(op).activation_bytes for op in inside)
    tensors = {
        p.tied_to or p.name: p.count
        for p in graph.parameters
        if p.kind == "parameter" and p.name.startswith(tuple(path + "." for path in box.paths))
    }
    if box.paths:  # else it has operations alone
        assert box.params == sum(tensors.values()) > 0


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("lglg", [("layers.0–3", 2, [("layers.0", 1), ("layers.1", 1)])]),
        ("llllg" * 3, [("layers.0–14", 3, [("layers.0–3", 4), ("layers.4", 1)])]),
        ("lgg" * 2 + "lg", [("layers.0–5", 2, [("layers.0", 1), ("layers.1–2", 2)]), ("layers.6", 1), ("layers.7", 1)]),
        ("llg" * 2 + "ll", [("layers.0–5", 2, [("layers.0–1", 2), ("layers.2", 1)]), ("layers.6–7", 2)]),
        ("lgllgl", [("layers.0–5", 2, [("layers.0", 1), ("layers.1", 1), ("layers.2", 1)])]),
        (
            "d" + "lg" * 3 + "d",
            [("layers.0", 1), ("layers.1–6", 3, [("layers.1", 1), ("layers.2", 1)]), ("layers.7", 1)],
        ),
        (
            ("lg" * 2 + "d") * 3,
            [("layers.0–14", 3, [("layers.0–3", 2, [("layers.0", 1), ("layers.1", 1)]), ("layers.4", 1)])],
        ),
        ("llllll", [("layers.0–5", 6)]),
        ("llggdd", [("layers.0–1", 2), ("layers.2–3", 2), ("layers.4–5", 2)]),
        ("lgd", [("layers.0", 1), ("layers.1", 1), ("layers.2", 1)]),
    ],
)
def test_what_repeats_as_a_whole_is_one_box(letters: str, expected: list[Any]) -> None:
    graph = graph_of_letters(letters)
    picture = view(graph)
    assert said(picture) == expected
    check(graph, picture)


def masked(masks: str) -> Callable[[Any, Tensor], Any]:
    """Return a wiring in which each layer reads one of several values made before them all."""

    def wire(model: Any, x: Tensor) -> Any:
        given = {"a": x.exp(), "b": x.sin()}
        x = x * 3
        for layer, mask in zip(model.layers, masks, strict=True):
            x = layer(x, given[mask])
        return x.sum()

    return wire


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        ("abab", [("layers.0–3", 2, [("layers.0", 1), ("layers.1", 1)])]),
        ("aab" * 2 + "a", [("layers.0–5", 2, [("layers.0–1", 2), ("layers.2", 1)]), ("layers.6", 1)]),
        ("aabaaa", [("layers.0–1", 2), ("layers.2", 1), ("layers.3–5", 3)]),
        ("abba", [("layers.0", 1), ("layers.1–2", 2), ("layers.3", 1)]),
    ],
)
def test_equal_layers_that_read_other_things_in_turn_are_a_pattern(masks: str, expected: list[Any]) -> None:
    graph = graph_of_letters("l" * len(masks), masked(masks))
    picture = view(graph)
    assert said(picture) == expected
    check(graph, picture)


def taps(model: Any, x: Tensor) -> Any:
    """The second period hands something to an output, too."""
    values = []
    for layer in model.layers:
        x = layer(x)
        values.append(x)
    return x.sum(), values[3]


def skips(model: Any, x: Tensor) -> Any:
    """A layer of the second period reads what one of the first made, beside what it is handed."""
    values = [x]
    for k, layer in enumerate(model.layers):
        values.append(layer(values[-1], values[1]) if k == 4 else layer(values[-1], x))
    return values[-1].sum()


def crosses(model: Any, x: Tensor) -> Any:
    """Within the second period, the wide layer reads what the plain one read, not what that made."""
    values = [x]
    for k, layer in enumerate(model.layers):
        values.append(layer(values[-1 - (k == 3)], values[-1 - (k != 3)]) if k % 2 else layer(values[-1], x))
    return values[-1].sum()


@pytest.mark.parametrize("wire", [taps, skips, crosses])
def test_a_period_that_is_wired_in_another_way_is_none(wire: Callable[..., Any]) -> None:
    graph = graph_of_letters("lg" * 4, wire)
    picture = view(graph)
    for box in picture.boxes.values():
        if box.kind == "pattern":
            assert not {"layers.2", "layers.3", "layers.4", "layers.5"} <= set(box.paths)
    check(graph, picture)
    assert next(name for name, *_ in said(picture)) in ("layers.0", "layers.0–3")


def test_a_period_whose_parts_read_one_value_at_first_and_two_later_is_none() -> None:
    """Else what folds inside of the first period would not fold inside of the others."""

    class Pair(nn.Module):
        def __init__(self, letters: str) -> None:
            super().__init__()
            self.layers = nn.ModuleList(LETTERS[letter]() for letter in letters)

        def forward(self, x: Tensor) -> Any:
            x = other = x * 2
            for k, layer in enumerate(self.layers):
                x, other = layer(x, other), (x if k % 3 == 2 else other)
            return x.sum()

    graph = trace(Pair("llg" * 3), torch.ones(2, 4))
    picture = view(graph)
    check(graph, picture)
    assert all("layers.0" not in box.paths for box in picture.boxes.values() if box.kind == "pattern")


def at_random(seed: int) -> ModelGraph:
    """Return a model whose layers follow a pattern, but for a few that are others, or wired in another way."""
    rng = random.Random(seed)
    period = [rng.choice("lgd") for _ in range(rng.randint(1, 4))]
    letters = [rng.choice("lgd") if rng.random() < 0.07 else letter for letter in period * 4]
    odd = [rng.random() < 0.07 for _ in letters]

    def wire(model: Any, x: Tensor) -> Any:
        masks, values = [x.exp(), x.sin()], [x * 3]
        for layer, is_odd in zip(model.layers, odd, strict=True):
            values.append(layer(values[-2 if is_odd and len(values) > 1 else -1], masks[is_odd]))
        return values[-1].sum()

    return graph_of_letters("".join(letters), wire)


def test_however_layers_follow_and_are_wired_no_edge_is_lost_and_none_made_up() -> None:
    graphs = [at_random(seed) for seed in range(12)]
    assert sum(check(graph, view(graph)) > 0 for graph in graphs) >= 6


@pytest.mark.parametrize("seed", range(10))
def test_layers_that_are_wired_at_random_lose_no_edge_and_get_none(seed: int) -> None:
    with torch.device("meta"):
        graph = trace(Wired(seed), torch.ones(2, 4))
    check(graph, view(graph))


def test_two_modules_that_run_in_turn_are_a_pattern_and_their_weights_count_once() -> None:
    def turns(model: Any, x: Tensor) -> Any:
        for _ in range(3):
            for layer in model.layers:
                x = layer(x)
        return x.sum()

    graph = graph_of_letters("lg", turns)
    (pattern,) = (b for b in view(graph).boxes.values() if b.kind == "pattern")
    assert (pattern.repeat, pattern.paths) == (3, ("layers.0", "layers.1") * 3)
    assert pattern.params == graph.component("").total_params
    assert pattern.flops == sum(graph.op(op).flops for op in graph.of_kind("op"))


def test_without_patterns_only_runs_fold() -> None:
    picture = view(graph_of_letters("llg" * 3), patterns=False)
    assert said(picture) == [
        (f"layers.{k}–{k + 1}", 2) if k % 3 == 0 else (f"layers.{k}", 1) for k in range(9) if k % 3 != 1
    ]


def test_a_pattern_says_what_it_is_made_of_and_opens_with_what_it_is_in() -> None:
    picture = view(graph_of_letters("llg" * 3 + "d"))
    pattern = picture.boxes["*3/layers.0"]
    assert (pattern.subtitle, pattern.category, pattern.component) == ("2 × Local + Wide", "Container", "")
    assert picture.opened(1) == {"/"}
    assert picture.opened(2) == {"/", pattern.id, "/layers.9"}
    assert pattern.id in picture.opened(None, 7)
    assert pattern.id not in picture.opened(None, 6)
    assert {"/layers.0", "/layers.2", "/layers.9"} <= picture.opened(None, 30)  # one level, in a pattern or not


def gemma(folder: Path, config: Any) -> ModelGraph:
    config.save_pretrained(folder)
    return graph_of(load(str(folder)))


def test_gemma_3_at_its_default_size(tmp_path: Path) -> None:
    graph = gemma(tmp_path / "gemma3", GEMMA_3)
    picture = view(graph)
    assert [s for s in said(picture) if s[0].startswith("layers")] == [
        ("layers.0–23", 4, [("layers.0–4", 5), ("layers.5", 1)]),
        ("layers.24–25", 2),
    ]
    assert check(graph, picture) == 1
    layers = [b for b in picture.boxes.values() if b.parent == "/" and b.title.startswith("layers")]
    assert sum(b.params for b in layers) == sum(p.count for p in graph.parameters if p.name.startswith("layers."))
    check_gallery("gemma3", graph)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            transformers.Gemma3TextConfig(num_hidden_layers=13, **SMALL),
            [("layers.0–11", 2, [("layers.0–4", 5), ("layers.5", 1)]), ("layers.12", 1)],
        ),
        (
            transformers.Gemma2Config(num_hidden_layers=4, **SMALL),
            [("layers.0–3", 2, [("layers.0", 1), ("layers.1", 1)])],
        ),
    ],
)
def test_small_gemmas(tmp_path: Path, config: Any, expected: list[Any]) -> None:
    graph = gemma(tmp_path / "gemma", config)
    picture = view(graph)
    assert [s for s in said(picture) if s[0].startswith("layers")] == expected
    check(graph, picture)
