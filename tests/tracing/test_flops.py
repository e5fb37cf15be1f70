"""FLOPs of operators, by hand: 2·m·n·k for a product, whatever operator it is, and on every rung alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import ptgraph
from ptgraph.cli.tables import totals_text
from ptgraph.formats.json import document
from ptgraph.graph.analysis import analyze
from ptgraph.graph.model import ModelGraph
from ptgraph.tracing.build_graph import build
from ptgraph.tracing.capture import LADDER, capture
from ptgraph.tracing.fx_graph.flop_counter import SIZES
from ptgraph.tracing.fx_graph.flop_formulas import FORMULAS, flops_by_formula, mapping
from ptgraph.tracing.source import Source
from tests.support.eager_run import eager_run
from tests.support.json_schema import validator


class Runs(nn.Module):
    """Runs a function of one tensor."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, a: Tensor) -> Any:
        return self.function(a)


class RunsTwo(Runs):
    def forward(self, a: Tensor, b: Tensor) -> Any:  # type: ignore[override]
        return self.function(a, b)


class RunsThree(Runs):
    def forward(self, a: Tensor, b: Tensor, c: Tensor) -> Any:  # type: ignore[override]
        return self.function(a, b, c)


CASES: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]], int]] = {
    "mv": (torch.mv, [(4, 8), (8,)], 2 * 4 * 8),
    "matrix @ vector": (lambda a, b: a @ b, [(2, 1, 4, 8), (8,)], 2 * 2 * 4 * 8),
    "vector @ vector": (lambda a, b: a @ b, [(8,), (8,)], 2 * 8),
    "vector @ matrices": (lambda a, b: a @ b, [(8,), (3, 8, 5)], 2 * 3 * 8 * 5),
    "broadcast batches": (lambda a, b: a @ b, [(2, 1, 4, 8), (3, 8, 5)], 2 * 2 * 3 * 4 * 8 * 5),
    "dot": (torch.dot, [(8,), (8,)], 2 * 8),
    "vdot": (torch.vdot, [(8,), (8,)], 2 * 8),
    "vecdot": (torch.linalg.vecdot, [(8,), (8,)], 2 * 8),
    "vecdot of batches": (torch.linalg.vecdot, [(3, 1, 8), (5, 8)], 2 * 3 * 5 * 8),
    "outer": (torch.outer, [(4,), (8,)], 4 * 8),
    "addr": (torch.addr, [(4, 8), (4,), (8,)], 2 * 4 * 8),
    "addmv": (torch.addmv, [(4,), (4, 8), (8,)], 2 * 4 * 8),
    "addmm": (torch.addmm, [(4, 5), (4, 8), (8, 5)], 2 * 4 * 8 * 5),
    "addbmm": (torch.addbmm, [(4, 5), (3, 4, 8), (3, 8, 5)], 2 * 3 * 4 * 8 * 5),
    "baddbmm": (torch.baddbmm, [(3, 4, 5), (3, 4, 8), (3, 8, 5)], 2 * 3 * 4 * 8 * 5),
    "linear of a vector": (F.linear, [(8,), (5, 8), (5,)], 2 * 8 * 5),
    "linear to a number": (F.linear, [(3, 8), (8,)], 2 * 3 * 8),
    "inner": (torch.inner, [(3, 8), (5, 8)], 2 * 3 * 5 * 8),
    "tensordot": (lambda a, b: torch.tensordot(a, b, 2), [(3, 4, 8), (4, 8, 5)], 2 * 3 * 4 * 8 * 5),
    "einsum": (lambda a, b: torch.einsum("bsd,btd->bst", a, b), [(2, 3, 8), (2, 5, 8)], 2 * 2 * 3 * 5 * 8),
    "chained einsum": (
        lambda a, b, c: torch.einsum("ij,jk,kl->il", a, b, c),
        [(2, 3), (3, 4), (4, 5)],
        2 * 2 * 3 * 4 + 2 * 2 * 4 * 5,
    ),
    "multi_dot": (lambda *a: torch.linalg.multi_dot(a), [(2, 30), (30, 4), (4, 5)], 2 * 2 * 30 * 4 + 2 * 2 * 4 * 5),
    "convolution": (F.conv2d, [(2, 3, 9, 9), (8, 3, 3, 3), (8,)], 2 * 2 * 8 * 7 * 7 * 3 * 3 * 3),
    "grouped convolution": (lambda x, w: F.conv1d(x, w, groups=4), [(2, 8, 9), (8, 2, 3)], 2 * 2 * 8 * 7 * 2 * 3),
    "transposed convolution": (F.conv_transpose2d, [(2, 8, 7, 7), (8, 4, 3, 3)], 2 * 2 * 7 * 7 * 8 * 4 * 3 * 3),
    "vmap of dot": (torch.vmap(torch.dot), [(3, 8), (3, 8)], 3 * 2 * 8),
    "vmap of vmap of mv": (torch.vmap(torch.vmap(torch.mv)), [(2, 3, 4, 8), (2, 3, 8)], 6 * 2 * 4 * 8),
    "vmap of outer": (torch.vmap(torch.outer), [(3, 4), (3, 8)], 3 * 4 * 8),
    "element by element": (lambda a: F.gelu(a * a + 1).softmax(-1), [(3, 8)], 0),
}
ATTENTION: dict[str, tuple[dict[str, Any], int, int]] = {  # options; heads of keys; width of values
    "plain": ({}, 4, 8),
    "causal": ({"is_causal": True}, 4, 8),
    "masked": ({"attn_mask": (6, 5)}, 4, 8),
    "scaled": ({"scale": 0.5}, 4, 8),
    "wide values": ({}, 4, 3),
    "grouped queries": ({"enable_gqa": True}, 2, 8),
}


def attention(options: dict[str, Any]) -> Callable[..., Tensor]:
    def run(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        masks = {name: q.new_zeros(size) for name, size in options.items() if name == "attn_mask"}
        return F.scaled_dot_product_attention(q, k, v, **(options | masks))

    return run


for word, (options, heads, width) in ATTENTION.items():
    CASES[f"attention, {word}"] = (
        attention(options),
        [(2, 4, 6, 8), (2, heads, 5, 8), (2, heads, 5, width)],
        2 * 2 * 4 * 6 * 5 * (8 + width),
    )


def made(name: str) -> tuple[nn.Module, list[Tensor]]:
    function, shapes, _ = CASES[name]
    return (Runs, RunsTwo, RunsThree)[len(shapes) - 1](function), [torch.ones(shape) for shape in shapes]


def flops(graph: ModelGraph) -> int:
    return int(analyze(graph)["flops"])


@pytest.mark.parametrize("name", CASES)
def test_flops_are_those_by_hand_on_every_rung(name: str) -> None:
    found = {}
    rungs = [rung for rung in LADDER if "export" in rung or "vmap" not in name]  # the others cannot follow vmap
    for tracer in rungs:
        model, given = made(name)
        graph = build(capture(Source("net", model, tuple(given)), tracers=[tracer]))
        assert graph is not None
        found[tracer] = flops(graph)
    assert found == dict.fromkeys(rungs, CASES[name][2])


@pytest.mark.parametrize("name", [name for name in CASES if "vecdot" not in name and name != "vmap of outer"])
def test_the_formulas_serve_the_counter_of_torch(name: str) -> None:
    model, given = made(name)
    assert eager_run(model, *given).flops == CASES[name][2]
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=mapping()) as counter:
        model.to("meta")(*[each.to("meta") for each in given])
    assert counter.get_total_flops() == (CASES[name][2] if "outer" not in name else 0)  # taken apart before


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("kind", ["reshape", "contiguous"])
def test_what_attention_is_followed_by_is_the_same_on_every_device(device: str, kind: str) -> None:
    """The fused kernels of a CPU give a result that is a view already where that of others is not."""

    class Heads(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            heads = x.view(2, 6, 4, 4).transpose(1, 2)
            mixed = F.scaled_dot_product_attention(heads, heads, heads).transpose(1, 2)
            return mixed.reshape(2, 6, 16) if kind == "reshape" else mixed.contiguous().view(2, 6, 16)

    graph = ptgraph.trace(Heads(), torch.ones(2, 6, 16, device=device))
    assert graph.component("").activation_bytes == 2 * (2 * 6 * 16) * 4  # of attention, and of the copy of its result
    assert len(graph.of_kind("op")) == (6 if kind == "contiguous" else 5)


def test_of_branches_the_dearer_counts_and_it_is_said() -> None:
    class Branches(nn.Module):
        def __init__(self, *, equal: bool) -> None:
            super().__init__()
            self.one, self.two, self.equal = nn.Linear(4, 4), nn.Linear(4, 4), equal

        def forward(self, x: Tensor) -> Any:
            return torch.cond(
                x.sum() > 0, lambda x: self.one(x), lambda x: self.two(x if self.equal else self.one(x)), (x,)
            )

    sure, unsure = (ptgraph.trace(Branches(equal=equal), torch.ones(3, 4)) for equal in (True, False))
    assert (flops(sure), analyze(sure)["uncounted_ops"]) == (2 * 3 * 4 * 4, 0)
    assert (flops(unsure), analyze(unsure)["uncounted_ops"]) == (2 * 2 * 3 * 4 * 4, 1)
    assert "branch" not in totals_text(sure, analyze(sure))
    said = "not counted in full: 1 operation (of its branches, the one with the most FLOPs counts)\n"
    assert said in totals_text(unsure, analyze(unsure))
    assert "uncounted_ops" not in document(sure)["totals"] and document(unsure)["totals"]["uncounted_ops"] == 1
    assert all("uncounted" not in op for op in document(sure)["ops"])
    (op,) = [op for op in document(unsure)["ops"] if "uncounted" in op]
    assert (op["target"], op["flops"]) == ("cond", flops(unsure))
    for graph in (sure, unsure):
        validator.validate(json.loads(json.dumps(document(graph))))


def test_what_depends_on_data_is_said() -> None:
    class Selects(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(x[x[:, 0] > 0])

    graph = ptgraph.trace(Selects(), torch.ones(5, 8))
    unknown = {graph.op(name).target: graph.op(name).uncounted for name in graph.of_kind("op")}
    assert unknown.pop("aten.linear.default") == unknown.pop("aten.index.Tensor") == SIZES
    assert not any(unknown.values())
    assert flops(graph) == 2 * 8 * 4  # of one row
    assert "2 operations (a size depends on data; it counts as 1)" in totals_text(graph, analyze(graph))


def test_a_dynamic_size_is_known() -> None:
    graph = ptgraph.trace(nn.Linear(8, 4), torch.ones(5, 8), dynamic={"input": {0: "rows"}})
    assert (flops(graph), analyze(graph)["uncounted_ops"]) == (2 * 5 * 8 * 4, 0)


def test_of_an_operator_of_another_library_with_parameters_nothing_is_known() -> None:
    @torch.library.custom_op("ptgraph_test::project", mutates_args=())
    def project(x: Tensor, weight: Tensor) -> Tensor:
        return x @ weight

    @project.register_fake
    def _(x: Tensor, weight: Tensor) -> Tensor:
        return x.new_empty(x.shape[0], weight.shape[1])

    class Projects(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(8, 4))

        def forward(self, x: Tensor, y: Tensor) -> Any:
            return project(x, self.weight), project(x, y)

    graph = ptgraph.trace(Projects(), torch.ones(5, 8), torch.ones(8, 4))
    found = [graph.op(name).uncounted for name in graph.of_kind("op")]
    assert found == ["no formula is known for its operator", ""]
    assert flops(graph) == 0


def test_grouped_products_count_each_row_once() -> None:
    rows, stack = torch.ones(6, 8, dtype=torch.bfloat16), torch.ones(3, 8, 16, dtype=torch.bfloat16)
    ends = torch.tensor([2, 2, 6], dtype=torch.int32)
    expected = 2 * 6 * 8 * 16
    graph = ptgraph.trace(RunsThree(lambda a, b, c: torch._grouped_mm(a, b, offs=c)), rows, stack, ends)
    assert flops(graph) == expected
    given = [torch.empty(shape, device="meta") for shape in ((6, 8), (3, 8, 16), (3,))]
    result = torch.empty(6, 16, device="meta")
    assert FORMULAS["transformers::grouped_mm_fallback"]([tuple(each.shape) for each in given], (6, 16)) == expected
    assert flops_by_formula("aten::_grouped_mm", given, result) == expected


def test_flex_attention_counts_as_attention() -> None:
    from torch.nn.attention.flex_attention import flex_attention

    given = [torch.ones(2, 4, 16, 8) for _ in range(3)]
    graph = ptgraph.trace(RunsThree(lambda q, k, v: flex_attention(q, k, v)), *given)
    assert flops(graph) == 2 * 2 * 4 * 16 * 16 * (8 + 8)
