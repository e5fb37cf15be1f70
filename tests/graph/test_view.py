"""The view: what is folded is equal and chained, what is linked is linked in the graph, and it opens as it should."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import networkx as nx
import pytest
import torch
from torch import Tensor, nn

from ptgraph import trace
from ptgraph.graph.labels import count_text, op_title, shape_text
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.view.build import SHARED_PLACES, view
from ptgraph.graph.view.model import BOX_LIMIT, Box, View
from ptgraph.graph.view.nesting import GROUP_SIZE
from ptgraph.page.scopes import scopes
from tests.support.random_wiring import Layer, Wired
from tests.support.zoo import RUNS, graph_of


class Model(nn.Module):
    """Layers, wired by a function."""

    def __init__(self, wire: Any, layers: int = 4, **choices: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(**choices) for _ in range(layers))
        self.head = nn.Linear(4, 4)
        self.wire = wire

    def forward(self, x: Tensor) -> Any:
        return self.wire(self, x)


def picture_of(wire: Any, **choices: Any) -> View:
    return runs(trace(Model(wire, **choices), torch.ones(2, 4)))


def runs(graph: ModelGraph) -> View:
    """Return a view with runs of single blocks alone; tests/graph/test_folding.py is about the others."""
    return view(graph, patterns=False)


def modules(picture: View, word: str = "layers") -> list[tuple[str, int]]:
    """Return title and ×N of the frames whose title begins with *word*, in order."""
    return [(b.title, b.repeat) for b in picture.boxes.values() if b.kind == "module" and b.title.startswith(word)]


def box(picture: View, title: str) -> Box:
    (found,) = (b for b in picture.boxes.values() if b.title == title)
    return found


def inside(picture: View, outer: str) -> set[str]:
    """Return the boxes without parts that *outer* is or holds."""
    return {b.id for b in picture.boxes.values() if not b.parts and outer in picture.chain(b.id)}


# Folding


def chain(model: Model, x: Tensor) -> Any:
    for layer in model.layers:
        x = layer(x)
    return model.head(x)


def test_a_chain_of_equal_blocks_is_folded_to_one() -> None:
    picture = picture_of(chain, layers=5)
    assert modules(picture) == [("layers.0–4", 5)]
    folded = box(picture, "layers.0–4")
    assert folded.params == 5 * (4 * 4 + 4)
    assert folded.flops == 5 * 2 * 2 * 4 * 4
    leaves = inside(picture, folded.id)
    into = {(link.source, link.target) for link in picture.links if link.target in leaves and link.source not in leaves}
    out = {(link.source, link.target) for link in picture.links if link.source in leaves and link.target not in leaves}
    assert into == {("x", "/layers.0.linear"), ("x", "add")}
    assert out == {("add", "/head")}


def test_folded_blocks_of_a_sequential_are_numbered_too() -> None:
    picture = view(trace(nn.Sequential(*(Layer() for _ in range(3)), nn.Tanh()), torch.ones(2, 4)))
    assert [
        (b.title, b.repeat) for b in map(picture.boxes.get, picture.boxes["/"].parts) if b and b.kind == "module"
    ] == [
        ("0–2", 3),
        ("3", 1),
    ]


def test_blocks_with_names_of_their_own_are_folded_from_first_to_last() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.low, self.middle, self.high = Layer(), Layer(), Layer()

        def forward(self, x: Tensor) -> Tensor:
            return self.high(self.middle(self.low(x)))

    assert modules(view(trace(Named(), torch.ones(2, 4))), "low") == [("low … high", 3)]


def test_one_block_that_runs_again_and_again_is_folded_and_its_weights_count_once() -> None:
    def albert(model: Model, x: Tensor) -> Any:
        for _ in range(6):
            x = model.layers[0](x)
        return x

    picture = picture_of(albert)
    assert modules(picture) == [("layers.0", 6)]
    assert box(picture, "layers.0").params == 4 * 4 + 4
    assert box(picture, "layers.0").flops == 6 * 2 * 2 * 4 * 4


def test_weights_that_folded_blocks_share_count_once() -> None:
    model = Model(chain)
    for layer in model.layers:
        layer.linear.bias = model.layers[0].linear.bias
    graph = trace(model, torch.ones(2, 4))
    folded = [b for b in view(graph).boxes.values() if b.repeat > 1]
    for b in folded:
        paths = [f"layers.{i}." for i in range(4)]
        count = {p.tied_to or p.name: p.count for p in graph.parameters if p.name.startswith(tuple(paths))}
        assert (b.repeat, b.params) in {(3, 3 * 16 + 4), (4, sum(count.values()))}
    assert folded


def test_what_is_not_chained_is_not_folded() -> None:
    assert modules(picture_of(lambda m, x: sum(layer(x) for layer in m.layers))) == [
        (f"layers.{i}", 1) for i in range(4)
    ]


def test_what_is_used_elsewhere_too_is_not_folded_away() -> None:
    def unet(model: Model, x: Tensor) -> Any:
        skips = []
        for layer in model.layers[:2]:
            x = layer(x)
            skips.append(x)
        for layer in model.layers[2:]:
            x = layer(x) + skips.pop()
        return x

    assert modules(picture_of(unet)) == [(f"layers.{i}", 1) for i in range(4)]

    def kept(model: Model, x: Tensor) -> Any:
        a = model.layers[1](model.layers[0](x))
        return model.layers[3](model.layers[2](a)), a

    assert modules(picture_of(kept)) == [("layers.0–1", 2), ("layers.2–3", 2)]


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        ("aaaa", [("layers.0–3", 4)]),
        ("abab", [(f"layers.{i}", 1) for i in range(4)]),
        ("aabb", [("layers.0–1", 2), ("layers.2–3", 2)]),
        ("abbb", [("layers.0", 1), ("layers.1–3", 3)]),
        ("aaab", [("layers.0–2", 3), ("layers.3", 1)]),
    ],
)
def test_blocks_that_read_other_things_are_not_folded(masks: str, expected: list[tuple[str, int]]) -> None:
    def masked(model: Model, x: Tensor) -> Any:
        given = {"a": x.exp(), "b": x.sin()}
        x = x * 2
        for layer, mask in zip(model.layers, masks, strict=True):
            x = layer(x, given[mask])
        return x

    picture = picture_of(masked)
    assert modules(picture) == expected
    for title, repeat in expected:
        first = int(title.removeprefix("layers.")[0])
        assert len(set(masks[first : first + repeat])) == 1


def test_blocks_that_read_the_same_things_in_other_places_are_not_folded() -> None:
    """One takes its neighbour's from the left, the next from the right: not one picture for both."""

    class Turns(Model):
        def __init__(self) -> None:
            super().__init__(None)
            self.layers = nn.ModuleList(Layer(swap=bool(i % 2)) for i in range(4))

        def forward(self, x: Tensor) -> Any:
            other, x = x.exp(), x * 2
            for layer in self.layers:
                x = layer(x, other)
            return x

    assert modules(runs(trace(Turns(), torch.ones(2, 4)))) == [(f"layers.{i}", 1) for i in range(4)]

    class Minus(nn.Module):
        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return (a - b).tanh()

    class Either(nn.Module):
        def __init__(self, sides: str) -> None:
            super().__init__()
            self.layers = nn.ModuleList(Minus() for _ in sides)
            self.sides = sides

        def forward(self, x: Tensor) -> Any:
            other, x = x.exp(), x * 2
            for layer, side in zip(self.layers, self.sides, strict=True):
                x = layer(x, other) if side == "l" else layer(other, x)
            return x

    def titles(sides: str) -> list[tuple[str, int]]:
        return modules(runs(trace(Either(sides), torch.ones(2, 4))))

    assert titles("llll") == [("layers.0–3", 4)]
    assert titles("lrlr") == [(f"layers.{i}", 1) for i in range(4)]
    assert titles("llrr") == [("layers.0–1", 2), ("layers.2–3", 2)]


def test_folds_are_found_inside_of_folds() -> None:
    model = nn.Sequential(*(nn.Sequential(*(Layer() for _ in range(3))) for _ in range(2)))
    picture = view(trace(model, torch.ones(2, 4)))
    outer, inner = box(picture, "0–1"), box(picture, "0–2")
    assert (outer.repeat, inner.repeat, inner.parent) == (2, 3, outer.id)
    assert (outer.params, inner.params) == (2 * 3 * 20, 3 * 20)


def check_folds(graph: ModelGraph, picture: View) -> int:
    """Compare a view with the graph, operation by operation: every edge of the graph must show, and no other.

    Return how many blocks were folded away.
    """
    stands: dict[str, tuple[str, int]] = {}  # an operation → the one that stands for it, and in which copy it is
    for b in picture.boxes.values():
        if b.repeat == 1:
            continue
        calls = list(graph.calls)
        run = [c for c in calls[calls.index(b.id[1:]) :] if graph.calls[c].component.count(".") == 1][: b.repeat]
        assert len(run) == b.repeat
        copies = [[n for n in graph.of_kind("op") if (graph.op(n).call + ".").startswith(c + ".")] for c in run]
        for copy, names in enumerate(copies):
            assert [graph.op(n).target for n in names] == [graph.op(n).target for n in copies[0]]
            stands.update({name: (first, copy) for first, name in zip(copies[0], names, strict=True)})
    shown = {b.op: b.id for b in picture.boxes.values() if b.op is not None}
    expected: dict[str, set[tuple[str, str]]] = defaultdict(set)
    chained: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for source, target in graph.ops.edges:
        if graph.op(source).kind == "parameter":
            continue
        (s, i), (t, k) = stands.get(source, (source, -1)), stands.get(target, (target, -1))
        pair = shown[s], shown[t]
        if (
            source in stands
            and target in stands
            and picture.chain(pair[0])[-2] == picture.chain(pair[1])[-2]
            and i != k
        ):
            assert k == i + 1
            chained[k].add(pair)
        elif pair[0] != pair[1]:
            where = "inside" if i == k != -1 else "into later" if k > 0 else "other"
            expected[where].add(pair)
    drawn = {(link.source, link.target) for link in picture.links}
    assert expected["inside"] | expected["other"] == drawn
    assert expected["into later"] <= drawn  # what later copies read from elsewhere, the first reads too
    return len([n for n, (_, copy) in stands.items() if copy])


@pytest.mark.parametrize("seed", range(25))
def test_however_layers_are_wired_folding_loses_no_edge_and_makes_up_none(seed: int) -> None:
    with torch.device("meta"):
        graph = trace(Wired(seed), torch.ones(2, 4))
    check_folds(graph, runs(graph))


def test_random_wirings_do_fold() -> None:
    """Else the test above would prove nothing."""
    folded = 0
    for seed in range(25):
        with torch.device("meta"):
            graph = trace(Wired(seed), torch.ones(2, 4))
        folded += check_folds(graph, runs(graph)) > 0
    assert folded > 5


def test_a_preset_is_folded_to_one_layer(tiny: ModelGraph) -> None:
    picture = view(tiny)
    folded = [b for b in picture.boxes.values() if b.repeat > 1]
    layers = sum(path.startswith("layers.") and path.count(".") == 1 for path in tiny.components)
    assert [(b.title, b.repeat) for b in folded] == [(f"layers.0–{layers - 1}", layers)]
    assert folded[0].params == sum(p.count for p in tiny.parameters if p.name.startswith("layers."))
    assert folded[0].flops == sum(tiny.component(f"layers.{i}").flops for i in range(layers))
    leaves = inside(picture, folded[0].id)
    into = {link.source for link in picture.links if link.target in leaves} - leaves
    assert {picture.boxes[source].component for source in into} == {"embedding", "rope"}
    assert {link.target for link in picture.links if link.source in leaves} - leaves == {"/norm"}


# Links, stubs, groups


@pytest.mark.parametrize(("name", "device"), RUNS)
def test_every_link_is_a_way_in_the_graph_and_every_box_has_a_place(name: str, device: str) -> None:
    graph = graph_of(name, device)
    picture = view(graph)
    assert next(iter(picture.boxes)) == picture.root
    for b in picture.boxes.values():
        assert picture.boxes[b.id] is b
        assert b.parent is None or b.id in picture.boxes[b.parent].parts
        assert picture.chain(b.id)[-1] == picture.root
        assert b.parts == tuple(dict.fromkeys(b.parts))
        assert b.component in graph.components
        assert (b.kind == "pattern") == b.id.startswith("*")
    stand_for: dict[str, list[str]] = defaultdict(list)  # a box → the operations that are there
    for b in picture.boxes.values():
        stand_for[b.id] += [b.op] if b.op is not None else []
    for op, (box, _) in picture.stands.items():
        stand_for[box].append(op)
    for link in picture.links:
        source, target = picture.boxes[link.source], picture.boxes[link.target]
        assert not source.parts and not target.parts
        assert source.op is not None and target.op is not None
        assert any(
            nx.has_path(graph.ops, one, other) for one in stand_for[link.source] for other in stand_for[link.target]
        )
        edges = graph.ops.out_edges(source.op, data=True)
        shapes = {reader: shape_text(edge["shape"]) for _, reader, edge in edges}
        assert link.label in ([shapes[target.op]] if target.op in shapes else shapes.values())
    assert len({(link.source, link.target) for link in picture.links}) == len(picture.links)
    ends = {b.op for b in picture.boxes.values() if b.kind in ("input", "output")}
    assert ends == set(graph.of_kind("input", "output"))


def test_the_names_of_modules_do_not_mix_up_ids() -> None:
    """A stub is named by two boxes with an arrow between them, so that no id of a box may hold one."""
    names = ["a→b", "a-b", "a->b", "ab", "a%2192b", "a%252192b", "→", "%", "#", "/", "@"]

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name in names:
                self.add_module(name, nn.Sequential(nn.Linear(4, 4), nn.ReLU()))

        def forward(self, x: Tensor) -> Any:
            y = x.exp()
            return [self._modules[name](y) for name in names]  # type: ignore[misc]

    picture = view(trace(Odd(), torch.ones(2, 4)))
    assert [b.title for b in picture.boxes.values() if b.parent == "/" and b.kind == "module"] == names
    assert not [b for b in picture.boxes if "→" in b]
    laid_out = scopes(picture, dict.fromkeys(picture.boxes, (50.0, 20.0)))
    ends = [stub for scope in laid_out.values() for stub in scope.stubs]
    assert {source for source, _ in ends} == {"exp"}
    assert {picture.boxes[child].component.partition(".")[0] for _, child in ends} == set(names[1:])


def test_copies_and_casts_that_change_nothing_are_left_out_and_what_they_joined_stays_joined() -> None:
    class Copies(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x: Tensor) -> Any:
            y = self.drop(x.contiguous().to(torch.float32)).clone()
            return (y + 1).to(torch.float64)

    graph = trace(Copies(), torch.ones(2, 4))
    picture = view(graph)
    (cast,) = (n for n in graph.of_kind("op") if graph.op(n).dtype == "float64")
    (add,) = graph.ops.pred[cast]
    assert [(link.source, link.target) for link in picture.links] == [("x", add), (add, cast), (cast, "output")]


@pytest.mark.parametrize("readers", range(SHARED_PLACES - 1, SHARED_PLACES + 2))
def test_a_value_that_many_modules_read_is_shared(readers: int) -> None:
    class Shares(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, i + 2), nn.ReLU()) for i in range(readers))

        def forward(self, x: Tensor) -> Any:
            y = x.exp()
            return [layer(y) for layer in self.layers]

    picture = view(trace(Shares(), torch.ones(2, 4)))
    shared = [link for link in picture.links if link.shared]
    assert len(shared) == (readers - 1 if readers >= SHARED_PLACES else 0)
    assert {link.source for link in shared} <= {"exp"}
    links = [link for link in picture.links if link.source == "exp"]
    assert len(links) == readers
    assert not links[0].shared
    assert picture.chain(links[0].target)[-2] == "/layers.0"


def test_a_box_whose_inside_reads_a_value_everywhere_is_joined_to_it_by_a_line() -> None:
    class Inside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, 4 + i), nn.Linear(4 + i, 4)) for i in range(6))

        def forward(self, x: Tensor) -> Any:
            found = self.layers[0](x)
            for layer in self.layers[1:]:
                found = found + layer(x)
            return found

    picture = view(trace(nn.Sequential(nn.Linear(4, 4), Inside()), torch.ones(2, 4)))
    laid_out = scopes(picture, dict.fromkeys(picture.boxes, (50.0, 20.0)))
    stubs = {name: scope.stubs for name, scope in laid_out.items()}
    assert stubs["/"] == []
    assert {child for _, child in stubs["/1"]} == {f"/1.layers.{k}" for k in range(1, 6)}


@pytest.mark.parametrize("steps", range(GROUP_SIZE - 1, GROUP_SIZE + 2))
def test_operations_on_positions_are_put_in_one_box(steps: int) -> None:
    class Positions(nn.Module):
        def forward(self, x: Tensor, position_ids: Tensor) -> Any:
            mask = position_ids
            for _ in range(steps - 1):
                mask = mask + 1
            return x * (mask > 2)

    graph = trace(Positions(), torch.ones(2, 4), torch.zeros(2, 4, dtype=torch.int64))
    groups = [b for b in view(graph).boxes.values() if b.kind == "group"]
    assert [len(b.parts) for b in groups] == ([steps] if steps >= GROUP_SIZE else [])
    for b in groups:
        assert (b.title, b.subtitle) == ("positions & masks", f"{steps} operations")


# Opening


class Tree(nn.Module):
    """Modules in modules, *width* wide and *depth* deep, all different so that none is folded."""

    count = 0

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        Tree.count += 1
        self.value = Tree.count
        self.parts = nn.ModuleList(Tree(width, depth - 1) for _ in range(width if depth else 0))

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return (x * self.value).sin()


def levels(picture: View) -> int:
    return max(len(picture.chain(b)) for b in picture.boxes)


def test_a_depth_opens_so_many_levels() -> None:
    picture = view(trace(Tree(2, 3), torch.ones(2)))
    assert picture.opened(1) == {"/"}
    for depth in range(1, levels(picture) + 3):
        opened = picture.opened(depth)
        assert opened == {b.id for b in picture.boxes.values() if b.parts and len(picture.chain(b.id)) <= depth}
        visible = picture.visible(opened)
        assert len(visible) == len(set(visible))
        for b in visible:
            assert b not in opened
            assert set(picture.chain(b)[1:]) <= opened
        covered = [
            leaf for leaf, at in picture.shown(opened).items() if not picture.boxes[leaf].parts and at in visible
        ]
        assert len(covered) == len(set(covered)) == sum(not b.parts for b in picture.boxes.values())
    assert picture.opened(0) == picture.opened(1)


@pytest.mark.parametrize(("width", "depth"), [(2, 2), (3, 3), (7, 2), (4, 3), (70, 1), (1, 5), (28, 1), (29, 1)])
def test_without_a_depth_it_opens_as_many_levels_as_a_picture_holds(width: int, depth: int) -> None:
    with torch.device("meta"):
        picture = view(trace(Tree(width, depth), torch.ones(2)))
    opened = picture.opened()
    shown = len(picture.visible(opened))
    level = max(len(picture.chain(b)) for b in opened)
    assert opened == picture.opened(level)
    assert (width, shown) not in [(28, 32), (29, 62)]  # two boxes for each of 28 are just as many as it holds
    assert shown <= BOX_LIMIT or level == 1
    deeper = picture.opened(level + 1)
    assert deeper == opened or len(picture.visible(deeper)) > BOX_LIMIT
    assert "/" in opened


def test_the_limit_can_be_chosen(tiny: ModelGraph) -> None:
    picture = view(tiny)
    sizes = [len(picture.visible(picture.opened(None, limit))) for limit in (1, 10, 30, 1000)]
    assert sizes == sorted(sizes)
    assert sizes[0] == len(picture.boxes["/"].parts)


def test_the_graph_is_not_changed(tiny: ModelGraph) -> None:
    before = nx.node_link_data(tiny.ops), nx.node_link_data(tiny.components), dict(tiny.calls)
    first, second = view(tiny), view(tiny)
    assert (nx.node_link_data(tiny.ops), nx.node_link_data(tiny.components), dict(tiny.calls)) == before
    assert first == second


# Words


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (7, "7"), (999, "999"), (1000, "1K"), (1234, "1.23K"), (999_499, "999K"), (999_500, "1M"),
     (85_327_872, "85.3M"), (7 * 10**10, "70G"), (10**18, "1E")],
)  # fmt: skip
def test_counts_are_said_in_three_digits(count: int, text: str) -> None:
    assert count_text(count) == text


@pytest.mark.parametrize(
    ("target", "title"),
    [
        ("aten.add.Tensor", "add"),
        ("aten.linear.default", "linear"),
        ("prims.sum.default", "sum"),
        ("mylib.rotate.default", "rotate"),
        ("operator.mul", "mul"),
        ("torch.nn.functional.gelu", "gelu"),
        ("torch.Tensor.add", "add"),
        ("torch.nn.modules.linear.Linear", "Linear"),
        ("cond", "cond"),
    ],
)
def test_an_operator_has_a_short_name(target: str, title: str) -> None:
    assert op_title(target) == title


def test_shapes_are_said_with_their_names() -> None:
    assert shape_text(("batch", 16, "2*n")) == "batch×16×2*n"
    assert (shape_text(()), shape_text(None), shape_text((0,))) == ("scalar", "", "0")
