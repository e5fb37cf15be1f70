"""Wrapped, quantised and lazy modules: names, numbers and outputs are those of the model that the user wrote."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.utils.parametrizations as parametrizations
from torch import Tensor, nn

from ptgraph.api import analyze, export, trace, verify
from ptgraph.errors import LoadError, PtgraphWarning
from ptgraph.tracing.build_graph import graph_of
from ptgraph.tracing.source import Source

pytestmark = pytest.mark.filterwarnings(
    "ignore:`torch.jit", "ignore:torch.ao.quantization", "ignore:.*quantize_dynamic"
)
X = torch.randn(3, 4)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x).relu())

    def example_inputs(self) -> Tensor:
        return X


class Within(nn.Module):
    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(4, 2)
        self.others = {"plain": (body,)}

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.others["plain"][0](self.body(x)))


def names(graph: Any) -> set[str]:
    return {*graph.components, *(parameter.name for parameter in graph.parameters)}


def test_a_part_that_torch_compile_wrapped_has_the_names_that_the_user_gave() -> None:
    small = Small()
    model = Within(torch.compile(small))
    graph = trace(model, X)
    assert names(graph) == names(trace(Within(small), X))
    assert graph.component("body").calls == 2
    assert type(model.body).__name__ == "OptimizedModule"
    assert model.others["plain"][0] is model.body


def test_a_whole_model_that_torch_compile_wrapped_is_called_by_its_own_class() -> None:
    model: Any = torch.compile(Small())
    graph = trace(model)
    assert graph.name == "Small"
    assert names(graph) == names(trace(Small()))


def test_a_wrapper_with_hooks_of_its_own_stays() -> None:
    wrapped: Any = torch.compile(Small(), backend="eager")
    wrapped.register_forward_hook(lambda module, args, result: result * 2)
    ops = [trace(Within(wrapped), X).op(name).target for name in trace(Within(wrapped), X).of_kind("op")]
    assert ops.count("aten.mul.Tensor") == 2


def test_a_model_that_compiles_itself_keeps_its_names() -> None:
    model = Small()
    model.compile()
    assert names(trace(model)) == names(trace(Small()))


def test_the_inputs_of_a_model_within_data_parallel_are_known() -> None:
    graph = trace(nn.DataParallel(Small()))
    assert {"module.a", "module.b"} <= set(graph.components)


@pytest.mark.parametrize(
    "wrap",
    [
        nn.utils.weight_norm,
        nn.utils.spectral_norm,
        parametrizations.weight_norm,
        parametrizations.spectral_norm,
        parametrizations.orthogonal,
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_parametrized_weights_are_traced_and_left_as_they_were(wrap: Any) -> None:
    model = nn.Sequential(wrap(nn.Linear(4, 4)))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    graph = trace(model, X)
    assert analyze(graph).totals["total_params"] == sum(p.numel() for p in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def quantized(model: nn.Module, *kinds: type, dtype: torch.dtype = torch.qint8) -> nn.Module:
    found: nn.Module = torch.ao.quantization.quantize_dynamic(model.eval(), set(kinds), dtype=dtype)
    return found


@pytest.mark.parametrize("dtype", [torch.qint8, torch.float16])
def test_a_dynamically_quantized_linear_layer_has_its_parameters_and_flops(dtype: torch.dtype, tmp_path: Any) -> None:
    model, plain = quantized(Small(), nn.Linear, dtype=dtype), analyze(Small())
    with pytest.warns(PtgraphWarning, match=r"activations of dynamically quantized modules are not quantized: a, b"):
        graph = trace(model, X)
    totals = analyze(graph).totals
    assert (totals["total_params"], totals["flops"]) == (plain.totals["total_params"], plain.totals["flops"])
    assert graph.component("a").type == "torch.ao.nn.quantized.dynamic.modules.linear.Linear"
    dtypes = {parameter.name: parameter.dtype for parameter in graph.parameters}
    assert dtypes["a.weight"] == ("int8" if dtype is torch.qint8 else "float32")
    assert type(model.a).__module__.startswith("torch.ao")
    assert "Small.onnx" in {path.name for path in export(graph, tmp_path, "onnx")}


@pytest.mark.filterwarnings("ignore::ptgraph.errors.PtgraphWarning")
def test_what_is_drawn_of_a_quantized_model_gives_nearly_what_the_model_gives() -> None:
    assert all(check.agrees for check in verify(quantized(Small(), nn.Linear), args=(X,), tolerance=0.05))


@pytest.mark.filterwarnings("ignore::ptgraph.errors.PtgraphWarning")
@pytest.mark.parametrize("make", [nn.LSTM, nn.GRU])
def test_a_dynamically_quantized_recurrent_layer_has_its_parameters_and_flops(make: Any) -> None:
    def model() -> nn.Module:
        return nn.Sequential(make(4, 5, num_layers=2, bidirectional=True, batch_first=True))

    given, plain = torch.randn(2, 3, 4), analyze(model(), torch.randn(2, 3, 4))
    totals = analyze(quantized(model(), make), given).totals
    assert (totals["total_params"], totals["flops"]) == (plain.totals["total_params"], plain.totals["flops"])


@pytest.mark.filterwarnings("ignore::ptgraph.errors.PtgraphWarning")
@pytest.mark.parametrize(
    "make", [nn.LSTMCell, nn.GRUCell, nn.RNNCell, lambda i, h: nn.RNNCell(i, h, nonlinearity="relu")]
)
def test_a_dynamically_quantized_cell_has_its_parameters_and_flops(make: Any, tmp_path: Any) -> None:
    given, cell = torch.randn(2, 4), make(4, 5)
    model = nn.Sequential(quantized(nn.Sequential(cell), type(cell)))
    graph, plain = trace(model, given), analyze(cell, given)
    totals = analyze(graph).totals
    assert (totals["total_params"], totals["flops"]) == (plain.totals["total_params"], plain.totals["flops"])
    assert export(graph, tmp_path, "onnx")
    assert all(check.agrees for check in verify(model, args=(given,), tolerance=0.05))


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.linear = nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.LazyLinear(5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.norm(self.conv(x)).flatten(1))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_lazy_modules_are_initialized_on_a_copy(device: str) -> None:
    with torch.device(device):
        model = Lazy()
    random = torch.get_rng_state()
    graph = trace(model, torch.randn(2, 3, 6, 6))
    assert {parameter.name: parameter.shape for parameter in graph.parameters}["linear.weight"] == (5, 64)
    assert type(model.conv) is nn.LazyConv2d
    assert model.training
    torch.set_rng_state(random)


def test_a_lazy_model_is_verified_with_one_set_of_weights() -> None:
    assert all(check.agrees for check in verify(Lazy(), args=(torch.randn(2, 3, 6, 6),)))


class Unused(Lazy):
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


@pytest.mark.parametrize(
    ("model", "args", "message"),
    [
        (Lazy(), (), r"Lazy does not know the shape of conv.weight yet, and cannot be run on its inputs to learn it: "),
        (Unused(), (torch.ones(1, 3, 6, 6),), r"does not know the shape of norm.weight, which forward does not use"),
    ],
)
def test_a_lazy_model_that_cannot_be_initialized_is_an_error_of_loading(model: Any, args: Any, message: str) -> None:
    with pytest.raises(LoadError, match=message):
        trace(model, *args)


def test_modules_come_back_when_tracing_fails() -> None:
    class Fails(Within):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("no")

    model = Fails(torch.compile(Small()))
    with pytest.raises(Exception, match="no"):
        graph_of(Source("model", model, (X,)))
    assert type(model.body).__name__ == "OptimizedModule"
