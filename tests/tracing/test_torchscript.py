"""Modules that TorchScript compiled, as a whole and as a part: opened, they are what they were made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ptgraph.api import analyze, trace, verify
from ptgraph.errors import PtgraphWarning
from ptgraph.graph.model import ModelGraph

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning")
X = torch.randn(3, 4)


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(F.relu(self.a(x)))


class Outer(nn.Module):
    """It has what TorchScript compiles: loops over modules, lists, branches on shapes, attributes, calls by name."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Inner(), Inner()])
        self.again = Inner()
        self.norm = nn.BatchNorm1d(4)
        self.factor = 3
        self.register_buffer("shift", torch.ones(4))

    def forward(self, x: Tensor, times: int = 2) -> Tensor:
        found: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            found.append(x)
        for _ in range(times):
            x = self.again(x)
        if x.dim() == 2 and x.size(-1) > 1:
            x = x.view(x.size(0), -1) * self.factor + self.shift
        return self.norm(torch.stack(found).sum(0) + x)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.attention = nn.LSTM(4, 4), nn.MultiheadAttention(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.lstm(x.unsqueeze(0))[0]
        return self.attention(y, y, y)[0]


class Within(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


class Counts(nn.Module):
    """It changes an attribute, and holds a branch that depends on values."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.part = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        if bool(x.sum() > 1e6):
            x = x + 1
        return self.part(x) * self.count


class Pair:
    def __init__(self, x: Tensor) -> None:
        self.x = x


class Closed(nn.Module):
    """It makes an object of a class, which is not run by Python."""

    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        pair = Pair(x)
        return self.part(pair.x)


def scripted(model: nn.Module) -> nn.Module:
    return torch.jit.script(model)


def traced(model: nn.Module) -> nn.Module:
    return torch.jit.trace(model, X)


COMPILERS = pytest.mark.parametrize("compiled", [scripted, traced])


def shown(graph: ModelGraph) -> Any:
    """Return the operators with the modules that they are in, and what each module has.

    A number is given to another form of an operator in a script (``mul.Scalar``) than elsewhere (``mul.Tensor``).
    """
    ops = [(op.target.rpartition(".")[0], op.scope, op.shape) for op in map(graph.op, graph.of_kind("op"))]
    parts = {
        path: (component.type, component.category, component.total_params, component.calls, component.flops)
        for path in graph.components
        for component in [graph.component(path)]
    }
    return ops, parts


@COMPILERS
@pytest.mark.parametrize("make", [Inner, Outer])
def test_a_compiled_model_has_the_modules_of_the_one_that_it_was_made_from(
    make: Callable[[], nn.Module], compiled: Callable[[nn.Module], nn.Module]
) -> None:
    model = make().eval()
    assert shown(trace(compiled(model), X)) == shown(trace(model, X))


def test_parameters_that_a_module_reads_from_a_list_are_its_parameters() -> None:
    model = Recurrent().eval()
    plain, ours = analyze(model, X), trace(scripted(model), X)
    assert all(parameter.used for parameter in ours.parameters)
    assert analyze(ours).totals["flops"] == plain.totals["flops"]
    assert analyze(ours).totals["total_params"] == plain.totals["total_params"]


@COMPILERS
def test_a_compiled_part_is_opened_and_the_model_is_left_as_it_was(
    compiled: Callable[[nn.Module], nn.Module],
) -> None:
    model = Within(compiled(Outer().eval())).train()
    body, before = model.body, {name: value.clone() for name, value in model.state_dict().items()}
    graph = trace(model, X)
    assert graph.tracer == "torch.export"
    assert {"body.blocks.0.a", "body.again.b", "head"} <= set(graph.components)
    assert model.body is body
    assert model.training and body.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@COMPILERS
def test_onnx_of_a_compiled_model_gives_what_the_model_gives(compiled: Callable[[nn.Module], nn.Module]) -> None:
    model = Within(compiled(Outer().eval()))
    assert all(check.agrees for check in verify(model, args=(X,)))


def test_a_size_that_may_vary_stays_so_in_a_script() -> None:
    graph = trace(scripted(Outer().eval()), X, dynamic={"x": {0: "batch"}})
    assert {op.shape for op in map(graph.op, graph.of_kind("output"))} == {("batch", 4)}


def test_code_that_depends_on_values_and_changes_attributes_is_run() -> None:
    script = scripted(Counts().eval())
    with pytest.warns(UserWarning, match="was traced by"):
        graph = trace(script, X)
    assert "part" in graph.components
    assert script.count == 0
    assert graph.component("").total_params == 20


def test_a_script_that_cannot_be_opened_is_one_operation_with_its_parameters() -> None:
    model = Within(torch.jit.script(Closed().eval()))
    with pytest.warns(PtgraphWarning, match=r"Within\.body is TorchScript .* cannot be opened \(prim::CreateObject\)"):
        graph = trace(model, X)
    (op,) = (op for op in map(graph.op, graph.of_kind("op")) if op.scope == "body")
    assert op.target == "ScriptModule"
    assert op.params == 20
    assert graph.component("body").total_params == 20
    assert graph.component("head").flops == 2 * 3 * 4 * 2


def test_a_frozen_script_has_its_weights_as_parameters() -> None:
    frozen = torch.jit.freeze(torch.jit.script(Inner().eval()))
    assert analyze(frozen, X).totals["total_params"] == 4 * 8 + 8 + 8 * 4 + 4
    assert all(check.agrees for check in verify(frozen, args=(X,)))


def test_a_function_that_is_compiled_is_read_through() -> None:
    @torch.jit.script
    def double(x: Tensor) -> Tensor:
        return x * 2

    class Uses(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return double(x) + 1

    graph = trace(Uses(), X)
    assert [graph.op(name).target for name in graph.of_kind("op")] == ["aten.mul.Tensor", "aten.add.Tensor"]
