"""Activation bytes: what a real forward pass makes, views and in-place operations nothing, on every rung alike."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import ptgraph
from ptgraph.graph.analysis import analyze
from ptgraph.graph.model import ModelGraph
from ptgraph.models import build as preset
from ptgraph.tracing.build_graph import build
from ptgraph.tracing.capture import LADDER, capture
from ptgraph.tracing.source import Source

X = torch.ones(2, 3, 8, 8)
IDS = torch.zeros(2, 16, dtype=torch.int64)


class Net(nn.Module):
    """Modules only, one of them twice, so that hooks see all that is made."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
        self.drop, self.flat, self.last = nn.Dropout(), nn.Flatten(), nn.Linear(144, 5)

    def forward(self, x: Tensor) -> Any:
        return self.last(self.flat(self.drop(self.act(self.norm(self.act(self.conv(x)))))))


class Shapes(nn.Module):
    """Says in its name for each result whether it is new memory."""

    def forward(self, x: Tensor) -> Any:
        y = x + 1
        views = {
            "view": y.view(2, -1).transpose(0, 1),
            "slices": y[:, :1, ..., ::2].expand(2, 5, 8, 4),
            "same": F.dropout(y.reshape(-1).contiguous().to(torch.float32), 0.5, False),
            "parts": y.chunk(2, -1)[1].unsqueeze(0).squeeze(0).permute(1, 0, 2, 3).detach(),
        }
        copies = {"turned": y.transpose(0, 1).reshape(6, 64), "half": y.half(), "packed": y.mT.contiguous()}
        return {**views, **copies}


def on_rung(tracer: str, model: nn.Module, *args: Any) -> ModelGraph:
    graph = build(capture(Source("net", model, args), tracers=[tracer]))
    assert graph is not None and graph.tracer == tracer
    return graph


def made(graph: ModelGraph) -> dict[str, int]:
    """Return the bytes of each operation that makes any."""
    sizes = {name: graph.op(name).activation_bytes for name in graph.of_kind("op")}
    return {name: size for name, size in sizes.items() if size}


def hooked(model: nn.Module, *args: Any) -> dict[str, int]:
    """Run *model*, and return for each module the bytes of the new tensors that it and its parts gave."""
    sums: dict[str, int] = {}

    def note(path: str) -> Any:
        def hook(module: nn.Module, given: Any, result: Tensor) -> None:
            new = result.untyped_storage().data_ptr() != given[0].untyped_storage().data_ptr()
            sums[path] = sums.get(path, 0) + new * result.nelement() * result.element_size()

        return hook

    handles = [part.register_forward_hook(note(path)) for path, part in model.named_modules() if path]
    with torch.no_grad():
        model.eval()(*args)
    for handle in handles:
        handle.remove()
    return sums


@pytest.mark.parametrize("tracer", LADDER)
def test_the_sums_are_those_of_a_real_forward_pass(tracer: str) -> None:
    graph, expected = on_rung(tracer, Net(), X), hooked(Net(), X)
    assert expected["act"] == 2 * (2 * 4 * 6 * 6) * 4
    assert {path: graph.component(path).activation_bytes for path in expected} == expected
    assert graph.component("").activation_bytes == sum(expected.values()) == sum(made(graph).values())
    analysis = analyze(graph)
    assert analysis["activation_bytes"] == sum(expected.values())
    assert {layer["path"]: layer["activation_bytes"] for layer in analysis.layers if layer["path"] in expected} == {
        path: size for path, size in expected.items() if path in {layer["path"] for layer in analysis.layers}
    }


@pytest.mark.parametrize("tracer", LADDER)
def test_a_view_makes_nothing_and_a_copy_all_of_itself(tracer: str) -> None:
    size = X.numel() * 4
    assert sorted(made(on_rung(tracer, Shapes(), X)).values()) == [size // 2, size, size, size]


def test_a_program_that_was_saved_and_loaded_has_the_same_bytes() -> None:
    program = torch.export.export(Shapes(), (X,))
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded = ptgraph.trace(torch.export.load(file))  # its values share no memory any more
    assert made(loaded) == made(ptgraph.trace(program)) == made(ptgraph.trace(Shapes(), X))


@pytest.mark.parametrize("tracer", LADDER)
def test_an_operation_in_place_makes_nothing(tracer: str) -> None:
    class Writes(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = x * 2
            y.add_(1).relu_()
            return F.hardtanh(y, inplace=True)

    assert list(made(on_rung(tracer, Writes(), X)).values()) == [X.numel() * 4]


@pytest.mark.parametrize("tracer", [t for t in LADDER if t != "torch.fx.symbolic_trace"])
def test_all_results_of_an_operation_count_each_by_its_type(tracer: str) -> None:
    class Several(nn.Module):
        def forward(self, x: Tensor) -> Any:
            values, indices = x.max(-1)
            return values, indices, x > 0

    assert sorted(made(on_rung(tracer, Several(), X)).values()) == [X.numel(), 48 * (4 + 8)]


def test_a_dynamic_size_is_that_of_the_example() -> None:
    class Double(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x * 2).flatten()

    graph = ptgraph.trace(Double(), torch.ones(3, 4), dynamic={"x": {0: "batch"}})
    assert list(made(graph).values()) == [3 * 4 * 4]


def test_what_runs_under_vmap_counts_for_every_example() -> None:
    class Each(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.func.vmap(lambda row: row.exp())(x)

    graph = ptgraph.trace(Each(), torch.ones(3, 4))
    assert graph.component("").activation_bytes == 3 * 4 * 4


def test_the_branch_of_a_condition_counts_what_it_gives() -> None:
    class Either(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cond(x.sum() > 0, lambda x: x.sin(), lambda x: x.cos(), (x,))

    graph = ptgraph.trace(Either(), torch.ones(3, 4))
    assert sorted(made(graph).values()) == [1, 4, 3 * 4 * 4]


def test_blocks_that_were_not_traced_have_the_bytes_of_a_full_trace(tiny: ModelGraph) -> None:
    layers = [tiny.component(f"layers.{i}").activation_bytes for i in range(tiny.config["num_layers"])]
    assert tiny.traced.repeated and len(set(layers)) == 1 and layers[0] > 0
    source = Source("net", nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.GELU()) for _ in range(5))))
    full, once = (build(capture(Source("net", source.model, (torch.ones(2, 4),)), once=o)) for o in (False, True))
    assert full is not None and once is not None
    assert made(full) == made(once) and len(made(full)) == 10


@pytest.mark.parametrize("tracer", [t for t in LADDER if t != "torch.fx.symbolic_trace"])
def test_every_rung_that_sees_into_a_preset_counts_the_same(tracer: str) -> None:
    expected = ptgraph.trace(preset("nano"), IDS)
    graph = on_rung(tracer, preset("nano"), IDS)
    assert {p: graph.component(p).activation_bytes for p in graph.components} == {
        p: expected.component(p).activation_bytes for p in expected.components
    }


# ---- weights that are moved about, which are none


class Experts(nn.Module):
    """Each token takes the matrices of its expert, in another dtype."""

    def __init__(self, experts: int = 5, inside: int = 7) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.ones(experts, inside, 4))
        self.down = nn.Parameter(torch.ones(experts, 4, inside))

    def forward(self, x: Tensor, chosen: Tensor) -> Tensor:
        up, down = self.up.to(torch.float64)[chosen], self.down.index_select(0, chosen).to(torch.float64)
        return torch.bmm(down, torch.bmm(up, x.double().unsqueeze(-1)).relu()).squeeze(-1)


TOKENS = torch.ones(6, 4), torch.tensor([0, 1, 2, 3, 4, 4])


@pytest.mark.parametrize("tracer", LADDER)
def test_the_gathered_weights_of_experts_are_no_activations(tracer: str) -> None:
    graph = on_rung(tracer, Experts(), *TOKENS)
    assert sorted(made(graph).values()) == sorted(8 * 6 * n for n in (4, 7, 7, 4))  # double, bmm, relu, bmm
    assert graph.component("").activation_bytes == sum(made(graph).values())


def test_experts_of_which_each_runs_for_all_its_tokens_make_the_same() -> None:
    """What flows is the same whether weights are gathered for tokens or tokens for weights."""

    class Each(Experts):
        def forward(self, x: Tensor, chosen: Tensor) -> Tensor:
            parts = [  # one token went to each, the last two to one
                part.double() @ up.double().T for part, up in zip(x.split([1, 1, 1, 1, 2]), self.up, strict=True)
            ]
            parts = [part.relu() @ down.double().T for part, down in zip(parts, self.down, strict=True)]
            return torch.cat(parts)

    each, gathered = ptgraph.trace(Each(), *TOKENS), ptgraph.trace(Experts(), *TOKENS)
    joined = 8 * 6 * 4
    assert each.component("").activation_bytes == gathered.component("").activation_bytes + joined
    assert each.component("").flops == gathered.component("").flops == 2 * 2 * 6 * 4 * 7


class Moves(nn.Module):
    """One way after another to read parameters; each result is named for whether its weights are activations."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.norm = nn.Embedding(10, 4), nn.Parameter(torch.ones(4))
        self.stack, self.parts = nn.Parameter(torch.ones(3, 4, 4)), nn.ParameterList([torch.ones(4, 4)] * 3)
        self.out = nn.Linear(4, 4, bias=False)


def moves(forward: Any, *more: Tensor) -> list[tuple[str, int]]:
    """Return name and elements of what is made, but for the first operation and the last."""
    kind = type("Moving", (Moves,), {"forward": forward})
    graph = ptgraph.trace(kind(), torch.ones(6, 4), torch.tensor([0, 1, 2, 0, 1, 2]), *more)
    return [(name.rstrip("_0123456789"), size // 4) for name, size in made(graph).items()]


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        # rows of an embedding go on by themselves: into a sum, a product with weights, a norm, a result
        (lambda self, x, i: x + self.table(i), [("embedding", 24), ("add", 24)]),
        (lambda self, x, i: self.out(self.table(i)), [("embedding", 24), ("linear", 24)]),
        (lambda self, x, i: self.table.weight[i], [("index", 24)]),
        (lambda self, x, i: (self.table(i), x @ self.table.weight[i].T), [("embedding", 24), ("matmul", 36)]),
        # two of them multiplied are two activations
        (lambda self, x, i: self.table(i) @ self.table(i + 1).T, [("embedding", 24)] * 2 + [("matmul", 36)]),
        # but experts may get such rows as they are
        (
            lambda self, x, i: torch.bmm(self.stack[i], self.table(i).unsqueeze(-1)),
            [("embedding", 24), ("bmm", 24)],
        ),
        # a bias that is looked up beside such weights is one of them, and without any a value like others
        (
            lambda self, x, i: torch.bmm(self.stack[i], x.unsqueeze(-1))[..., 0] + self.table.weight[i],
            [("bmm", 24), ("add", 24)],
        ),
        (lambda self, x, i: torch.baddbmm(self.stack[:, :1].mT[i], self.stack[i], x.unsqueeze(-1)), [("baddbmm", 24)]),
        (lambda self, x, i: self.out(x) + self.table.weight[i], [("linear", 24), ("index", 24), ("add", 24)]),
        (
            lambda self, x, i: F.linear(x, self.parts[0].half().float()) + self.table(i),
            [("linear", 24), ("embedding", 24), ("add", 24)],
        ),
        # weights, by whatever operation they are moved
        (lambda self, x, i: torch.bmm(torch.stack(list(self.parts))[i], x.unsqueeze(-1)), [("bmm", 24)]),
        (lambda self, x, i: torch.einsum("tij,tj->ti", self.stack[i].mT.contiguous(), x), [("einsum", 24)]),
        (lambda self, x, i: F.linear(x, torch.cat([self.parts[0], self.parts[1]])), [("linear", 48)]),
        (lambda self, x, i: F.linear(x, self.parts[0].half().float()), [("linear", 24)]),
        # a whole parameter in another dtype is still that one
        (lambda self, x, i: x * self.norm.double().float(), [("mul", 24)]),
        (lambda self, x, i: x + self.norm.expand(6, 4).contiguous(), [("contiguous", 24), ("add", 24)]),
        # what is computed of weights is made, and so is what is read in two ways
        (lambda self, x, i: F.linear(x, self.parts[0] * 2), [("mul", 16), ("linear", 24)]),
        (lambda self, x, i: (lambda w: torch.bmm(w, w.sum(-1, keepdim=True) + x.unsqueeze(-1)))(self.stack[i]), None),
    ],
)
def test_what_is_made_of_parameters(forward: Any, expected: list[tuple[str, int]] | None) -> None:
    found = [pair for pair in moves(forward) if pair != ("add", 12)]  # i + 1, of int64
    assert found == expected if expected is not None else ("index", 96) in found


def test_gathered_weights_in_blocks_that_repeat_count_as_in_a_full_trace() -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.experts, self.norm = Experts(), nn.LayerNorm(4)

        def forward(self, x: Tensor, chosen: Tensor) -> Tensor:
            return x + self.experts(self.norm(x), chosen).float()

    class Layers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(Layer() for _ in range(5))

        def forward(self, x: Tensor, chosen: Tensor) -> Tensor:
            for layer in self.layers:
                x = layer(x, chosen)
            return x

    full, once = (build(capture(Source("net", Layers(), TOKENS), once=once)) for once in (False, True))
    assert full is not None and once is not None and once.traced.repeated
    assert made(full) == made(once)
