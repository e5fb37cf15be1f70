"""The ladder: the first tracer that can follow a model is used, those that could not are named, nothing is changed."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ptgraph.common.limits import limits
from ptgraph.errors import TraceError, UsageError
from ptgraph.graph.analysis import analyze
from ptgraph.tracing import capture as tracer
from ptgraph.tracing.build_graph import build
from ptgraph.tracing.capture import capture
from ptgraph.tracing.source import Source
from tests.support.tracers import DRAFT, EXPORT, LADDER, RECORDED, STRICT, SYMBOLIC, by_rung


class Plain(nn.Module):
    """Nothing stands in the way of torch.export."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).relu()


class NumpySine(Plain):
    """Dynamo knows numpy and turns it into torch; fake tensors cannot become arrays."""

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.from_numpy(np.sin(x.numpy())))


class Branch(Plain):
    """Which way it goes depends on the numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) if x.abs().sum() > 0 else x


class LoopCount(Plain):
    """How often it goes round depends on the numbers."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2 + int(x.isnan().sum().item())):
            x = self.linear(x)
        return x


def through_bytes(x: Tensor) -> Tensor:
    """No tracer of torch.export sees through bytes."""
    return torch.frombuffer(bytearray(x.numpy().tobytes()), dtype=x.dtype).reshape(x.shape)


@torch.fx.wrap
def wrapped(x: Tensor) -> Tensor:
    return through_bytes(x)


class WrappedBytes(Plain):
    """torch.fx leaves a wrapped function alone."""

    def forward(self, x: Tensor, scale: float = 2.0) -> Tensor:
        return self.linear(wrapped(x)) * scale


class Bytes(Plain):
    """It has to run to be seen."""

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(through_bytes(x))


class Never(Plain):
    """It does not even run."""

    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("the dog ate it")


FIRST: dict[type[nn.Module], str] = {
    Plain: EXPORT,
    NumpySine: STRICT,
    Branch: DRAFT,
    LoopCount: DRAFT,
    WrappedBytes: SYMBOLIC,
    Bytes: RECORDED,
}


def source(make: Callable[[], nn.Module], device: str = "cpu") -> Source:
    with torch.device(device):
        return Source("model", make(), (torch.ones(2, 4),))


def test_the_ladder_has_these_rungs_in_this_order() -> None:
    assert tuple(tracer.LADDER) == LADDER


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("make", FIRST, ids=lambda make: make.__name__)
def test_the_first_rung_that_holds_is_used_and_the_others_say_why_not(make: type[nn.Module], device: str) -> None:
    found = capture(source(make, device))
    assert found.tracer == FIRST[make]
    assert [name for name, _ in found.attempts] == list(LADDER[: LADDER.index(found.tracer)])
    for _, reason in found.attempts:
        assert reason.strip()
        assert "\n" not in reason
        assert " at 0x" not in reason
    assert (found.program is not None) == (found.tracer in (EXPORT, STRICT, DRAFT))
    graph = build(found)
    linears = [graph.op(name) for name in graph.of_kind("op") if graph.op(name).flops]
    assert len(linears) == (2 if make is LoopCount else 1)
    assert {op.shape for op in linears} == {(2, 4)}
    assert all(parameter.used for parameter in graph.parameters)
    assert [graph.op(name).shape for name in graph.of_kind("output")] == [(2, 4)]


@pytest.mark.parametrize(
    ("make", "reasons"),
    [
        (NumpySine, ["numpy()"]),
        (Branch, ["data-dependent", "Data-dependent branching"]),
        (WrappedBytes, ["numpy()", "ndarray", "numpy()"]),
        (Bytes, ["numpy()", "ndarray", "numpy()", "Proxy"]),
    ],
)
def test_a_reason_says_what_stood_in_the_way(make: type[nn.Module], reasons: list[str]) -> None:
    said = [reason for _, reason in capture(source(make)).attempts]
    assert len(said) == len(reasons)
    for reason, word in zip(said, reasons, strict=True):
        assert word in reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no file /home/me/a b/model.py here", "no file a b/model.py here"),
        ("File '/usr/lib/x/y.py', line 3", "File 'y.py', line 3"),
        ("<object object at 0x7f00ab>", "<object object>"),
        ("see https://pytorch.org/docs/main/x.html", "see https://pytorch.org/docs/main/x.html"),
        ("a/b/c and 1/2", "a/b/c and 1/2"),
    ],
)
def test_what_differs_by_machine_and_by_run_is_cut_out_of_a_reason(text: str, said: str) -> None:
    class Says(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError(text)

    with pytest.raises(TraceError) as caught:
        capture(Source("model", Says(), (torch.ones(1),)))
    assert str(caught.value).endswith(f": {said}")


def test_a_model_that_defeats_all_gets_an_error_that_names_all_reasons() -> None:
    with limits(weights=1), pytest.raises(TraceError) as caught:  # so that its weights may not be made up
        capture(source(Branch, "meta"))
    message = str(caught.value)
    assert message.startswith("cannot trace model with x float32[2×4]: ")
    assert "\n" not in message
    assert [name for name in LADDER if f"{name}: " in message] == list(LADDER)
    assert message.count("it needs real weights") == len(LADDER) - 2


def test_a_model_that_does_not_run_gets_the_one_reason() -> None:
    with pytest.raises(TraceError, match=r"^cannot run model with x float32\[2×4\]: the dog ate it$") as caught:
        capture(source(Never))
    assert "the dog ate it" in str(caught.value.__cause__)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_inputs_that_a_part_does_not_take_name_the_part_and_what_it_wants(device: str) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.ReLU(), nn.Linear(8, 2))).to(device)
    with pytest.raises(TraceError) as caught:
        capture(Source("net", model, (torch.ones(2, 4, device=device),)))
    assert str(caught.value).startswith(
        "cannot run net with input float32[2×4]: in 1.1 (Linear(in_features=8, out_features=2, bias=True)): "
    )


class Ordinary(nn.Module):
    """Every rung can follow it; it has what they might tell differently."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.GELU()) for _ in range(2))
        self.conv = nn.Conv1d(8, 8, 1)
        self.head = nn.Linear(8, 10, bias=False)
        self.head.weight = self.embed.weight
        self.idle = nn.Linear(3, 3)

    def forward(
        self, ids: Tensor, extra: dict[str, Tensor], mask: Tensor | None = None, scale: float = 2.0
    ) -> dict[str, Any]:
        x = self.embed(ids) * scale + extra["bias"]
        for block in self.blocks:
            x = block(x)
        x = self.conv(x.transpose(1, 2)).transpose(1, 2)
        if mask is not None:
            x = x * mask
        low, high = x.chunk(2, dim=-1)  # the last line
        return {"logits": self.head(x), "parts": (low, high)}


def ordinary(device: str) -> Source:
    with torch.device(device):
        args = (torch.zeros(2, 3, dtype=torch.int64), {"bias": torch.ones(8)})
        return Source("model", Ordinary(), args, {"mask": torch.ones(2, 3, 1)})


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("rung", LADDER)
def test_every_rung_says_the_same_of_an_ordinary_model(rung: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = build(capture(ordinary("meta")))
    graph = build(by_rung(rung, ordinary(device), monkeypatch))
    assert graph is not None and expected is not None
    assert (graph.tracer, expected.tracer) == (rung, EXPORT)
    totals, wanted = analyze(graph).totals, analyze(expected).totals
    assert totals == {**wanted, "ops": totals["ops"]}
    assert graph.parameters == expected.parameters
    assert {p.name for p in graph.parameters if not p.used} == {"idle.weight", "idle.bias"}

    def ends(kind: Any, of: Any) -> dict[str, Any]:
        return {of.op(name).target: (of.op(name).shape, of.op(name).dtype) for name in of.of_kind(kind)}

    assert ends("input", graph) == ends("input", expected)
    assert ends("output", graph) == ends("output", expected)
    for path in graph.components:
        ours, theirs = graph.component(path), expected.component(path)
        assert (path, ours.flops, ours.calls, ours.shape) == (path, theirs.flops, theirs.calls, theirs.shape)
    read = {graph.op(s).target for name in graph.of_kind("op") for s in graph.ops.predecessors(name)}
    assert {p.name for p in graph.parameters if p.used and p.tied_to is None} <= read


@pytest.mark.parametrize("rung", LADDER)
def test_every_rung_knows_the_line_that_computes(rung: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = build(by_rung(rung, ordinary("cpu"), monkeypatch))
    last = max(p for p in graph.of_kind("op") if graph.op(p).scope == "" and "chunk" in graph.op(p).target)
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    (line,) = (number for number, text in enumerate(lines, 1) if text.endswith("# the last line"))
    assert (graph.op(last).file, graph.op(last).line) == ("tests/tracing/test_capture.py", line)


@pytest.mark.parametrize("rung", [EXPORT, STRICT, DRAFT, RECORDED])
def test_every_rung_sees_into_a_transformer_layer(rung: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On ``cpu``, without gradients, torch would run it as one operator that says nothing."""
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    graph = build(by_rung(rung, Source("layer", model, (torch.ones(2, 3, 8),)), monkeypatch))
    with torch.device("meta"):
        expected = build(capture(Source("layer", nn.TransformerEncoderLayer(8, 2, 16), (torch.ones(3, 2, 8),))))
    assert graph is not None and expected is not None
    assert analyze(graph)["flops"] == analyze(expected)["flops"] > 0
    assert graph.component("self_attn").calls == graph.component("linear1").calls == 1
    assert torch.backends.mha.get_fastpath_enabled()


class Busy(Plain):
    """Its forward changes all it can reach: counters, caches, buffers, its input, and the random state."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("window", torch.zeros(4))
        self.count = 0
        self.cache: dict[str, Any] = {"deep": {"list": [1]}}
        self.last: Tensor | None = None
        self.drop = nn.Dropout(0.5)

    def change(self, x: Tensor) -> None:
        self.seen += 1  # type: ignore[assignment]
        self.window.copy_(x[0])
        self.count += 1
        self.cache["x"] = self.last = x * 2
        self.cache["deep"]["list"].append(x)
        x.mul_(3)
        torch.rand(1)

    def forward(self, x: Tensor) -> Tensor:
        self.change(x)
        return self.drop(self.linear(x)) + self.last


class BusyBranch(Busy):
    def forward(self, x: Tensor) -> Tensor:
        self.change(x)
        return self.linear(x) if x.sum() > 0 else x


class BusyBytes(Busy):
    def forward(self, x: Tensor) -> Tensor:
        self.change(x)
        print("on the terminal")
        return self.linear(through_bytes(x))


class BusyNever(Busy):
    def forward(self, x: Tensor) -> Tensor:
        self.change(x)
        raise RuntimeError("after the changes")


@pytest.mark.parametrize("make", [Busy, BusyBranch, BusyBytes, BusyNever])
def test_the_model_its_inputs_and_the_random_state_are_left_as_found(
    make: type[Busy], capfd: pytest.CaptureFixture[str]
) -> None:
    model = make()
    model.drop.eval()  # a mixture of modes must come back as the mixture it was
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    holders = {name: id(tensor) for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
    modes = {name: module.training for name, module in model.named_modules()}
    attributes = {name: sorted(vars(module)) for name, module in model.named_modules()}
    x = torch.ones(2, 4)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    try:
        capture(Source("model", model, (x,)))
    except TraceError:
        assert make is BusyNever
    assert torch.equal(torch.rand(4), expected)
    assert torch.equal(x, torch.ones(2, 4))
    assert (model.count, model.cache, model.last) == (0, {"deep": {"list": [1]}}, None)
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert {name: sorted(vars(module)) for name, module in model.named_modules()} == attributes
    assert {name: id(t) for name, t in [*model.named_parameters(), *model.named_buffers()]} == holders
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert capfd.readouterr() == ("", "")


def test_weights_are_not_copied() -> None:
    given = source(Plain)
    program = capture(given).program
    assert program is not None and given.model is not None
    for name, parameter in given.model.named_parameters():
        assert program.state_dict[name].data_ptr() == parameter.data_ptr()


@pytest.mark.parametrize("make", [Branch, WrappedBytes, Bytes])
def test_weights_that_are_not_there_are_made_up_for_the_time(make: type[nn.Module]) -> None:
    given = source(make, "meta")
    assert given.model is not None
    capture(given)
    assert all(parameter.is_meta for parameter in given.model.parameters())
    assert given.args[0].is_meta


def test_so_many_weights_that_are_not_there_are_not_made_up() -> None:
    with limits(weights=4), pytest.raises(TraceError, match="GiB of them are more than 4 bytes; raise it with --limit"):
        capture(source(Branch, "meta"))
    assert capture(source(Branch, "cpu")).tracer == DRAFT


class Tied(Bytes):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 4, bias=False)
        self.head.weight = self.linear.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(super().forward(x))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_tied_weights_stay_tied_when_they_are_made_up(device: str) -> None:
    graph = build(capture(source(Tied, device)))
    assert graph.tracer == RECORDED
    (weight,) = (n for n in graph.of_kind("parameter") if graph.op(n).target.endswith("weight"))
    readers = sorted(graph.op(reader).scope for reader in graph.ops.successors(weight))
    assert readers == ["head", "linear"]
    assert sum(p.tied_to is not None for p in graph.parameters) == 1


class Recorded(nn.Module):
    """What a recorder could miss: properties, writing into views, several results, and functions that give nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.scale = torch.full((4,), 2.0)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = through_bytes(x)
        y = self.norm(self.linear(x)) * self.scale
        y[0] = 7.0
        y[:, 1:].add_(1)
        out = torch.empty(4, 4)
        torch.mul(y.T.detach(), 2, out=out)
        values, indices = out.max(dim=0)
        low, *_ = out.split(2)
        low += 1
        return values, indices, out[None, ..., :2], nn.functional.relu(y, inplace=True)


def test_a_recording_follows_what_has_no_function_of_its_own() -> None:
    graph = build(capture(Source("model", Recorded(), (torch.ones(4, 4),))))
    assert graph.tracer == RECORDED
    chain = [graph.op(name).target.rpartition(".")[2] for name in graph.of_kind("op")]
    words = [
        "reshape",
        "linear",
        "batch_norm",
        "mul",
        "__setitem__",
        "__getitem__",
        "add_",
        "empty",
        "T",
        "mul",
        "max",
        "split",
    ]
    assert chain[: len(words)] == words
    assert chain[len(words) :] == ["add_", "__getitem__", "relu"]
    assert {graph.op(name).target for name in graph.of_kind("buffer")} == {"norm.running_mean", "norm.running_var"}
    values = [graph.op(name).attributes for name in graph.of_kind("constant")]
    assert {"value": [2.0] * 4} in values
    outputs = {graph.op(name).target: next(iter(graph.ops.pred[name])) for name in graph.of_kind("output")}
    target = {key: graph.op(name).target.rpartition(".")[2] for key, name in outputs.items()}
    assert target == {"0": "max", "1": "max", "2": "__getitem__", "3": "relu"}
    assert [graph.ops.edges[outputs[key], f"output_{key}"]["outputs"] for key in "01"] == [[0], [1]]
    (slicing,) = (
        graph.op(name) for name in graph.of_kind("op") if graph.op(name).attributes.get("arg1") == ["::", "1::"]
    )
    assert slicing.target == "torch.Tensor.__getitem__"
    for name in graph.of_kind("op"):  # what was written to is read as it is afterwards
        for source_, _, edge in graph.ops.in_edges(name, data=True):
            if graph.op(source_).target.endswith("__setitem__"):
                assert (graph.op(name).target, edge["shape"]) == ("torch.Tensor.__getitem__", (4, 4))


class Nested(nn.Module):
    def forward(self, x: Tensor, *rest: Tensor, flag: bool = True, **named: Tensor) -> Tensor:
        return x + rest[0] + named["bias"] if flag else x


def test_dynamic_dimensions_go_with_any_signature() -> None:
    """What ``**named`` takes is an input like the others, and containers have dimensions that do not vary."""
    x = torch.ones(3, 4)
    for name in ("x", "bias"):
        dynamic = {"x": {0: "batch"}, "bias": {0: "batch"}} if name == "bias" else {"x": {0: "batch"}}
        shape = (3, 4) if name == "bias" else (1, 4)
        given = Source("model", Nested(), (x, torch.ones(4)), {"flag": True, "bias": torch.ones(shape)}, dynamic)
        found = capture(given)
        assert found.tracer == EXPORT
        graph = build(found)
        shapes = {graph.op(name).target: graph.op(name).shape for name in graph.of_kind("input")}
        assert shapes["x"] == ("batch", 4)
        assert shapes["rest_0"] == (4,)
        assert shapes["bias"] == (("batch", 4) if name == "bias" else (1, 4))
        assert graph.op("output").shape == ("batch", 4)


class Fixed(nn.Module):
    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return x.sum(1) + x.new_ones(2)


def test_a_dimension_that_cannot_vary_is_an_error_by_its_name() -> None:
    given = Source("fixed", Fixed(), (torch.ones(2, 3),), {}, {"x": {0: "batch", 1: "width"}})
    with pytest.raises(TraceError, match=r"a dynamic dimension \(batch\) of fixed cannot vary: .*2"):
        capture(given)


@pytest.mark.parametrize(
    ("args", "kwargs", "dynamic", "message"),
    [
        ((), {}, {}, r"do not fit Fixed.forward: .*'x'; it takes: x, y \(optional\)"),
        ((1, 2, 3), {}, {}, "too many positional arguments"),
        ((torch.ones(2, 3),), {"z": 1}, {}, "unexpected keyword argument 'z'"),
        ((torch.ones(2, 3),), {}, {"z": {0: "n"}}, "no tensor input 'z' .* the inputs are: x"),
        ((torch.ones(2, 3), None), {}, {"y": {0: "n"}}, "no tensor input 'y'"),
        ((torch.ones(2, 3),), {}, {"x": {2: "n"}}, "input 'x' has 2 dimensions, so none with the number 2"),
        ((torch.ones(2, 3),), {}, {"x": {-3: "n"}}, "none with the number -3"),
    ],
)
def test_inputs_that_do_not_fit_are_an_error_of_usage(args: Any, kwargs: Any, dynamic: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        capture(Source("model", Fixed(), args, kwargs, dynamic))


def test_a_module_that_does_not_know_its_shape_is_refused_and_stays_as_it_is() -> None:
    model = nn.Sequential(nn.LazyLinear(4))
    with pytest.raises(UsageError, match=r"does not know the shape of 0.weight yet; run it once"):
        capture(Source("model", model, (torch.ones(2, 3),)))
    assert type(model[0]) is nn.LazyLinear
    assert model(torch.ones(2, 3)).shape == (2, 4)


def test_a_module_that_torch_export_made_is_traced_again() -> None:
    program = torch.export.export(Plain(), (torch.ones(2, 4),))
    graph = build(capture(Source("again", program.module(), (torch.ones(2, 4),))))
    assert [graph.op(name).target for name in graph.of_kind("op")] == ["aten.linear.default", "aten.relu.default"]


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_inputs_without_a_shape_do_not_hide_the_reasons() -> None:
    nested = torch.nested.nested_tensor([torch.ones(2, 4)])
    with pytest.raises(TraceError, match=r"cannot trace model with x float32\[nested\]: torch.export: "):
        capture(Source("model", Plain(), (nested,)))


def test_a_program_exported_before_is_taken_as_it_is() -> None:
    model = Tied()
    model.forward = lambda x: model.head(model.linear(x))  # type: ignore[method-assign]
    program = torch.export.export(model, (torch.ones(2, 4),))
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    graph = build(capture(Source("loaded", program=torch.export.load(file))))
    assert graph is not None
    assert graph.tracer == "torch.export (loaded)"
    assert analyze(graph)["total_params"] == sum(p.numel() for p in set(model.parameters()))
    assert [p.tied_to for p in graph.parameters if p.tied_to] == ["linear.weight"]
    assert {p.trainable for p in graph.parameters} == {True}
    assert sorted(graph.components) == ["", "head", "linear"]
    assert analyze(graph)["flops"] == sum(2 * p.numel() * 2 for p in (model.linear.weight, model.head.weight))


class Writes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        y = x.exp()
        y[0].mul_(2)
        y.view(-1)[:2].zero_()
        low, _ = y.chunk(2)
        low.add_(1)
        self.count.add_(1)
        return y + self.count


def test_a_program_loaded_from_a_file_is_read_as_it_was_before() -> None:
    """In a file it does not say any more which values share memory; the operators do."""
    program = torch.export.export(Writes(), (torch.ones(2, 4),))
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    before = build(capture(Source("model", program=program)))
    after = build(capture(Source("model", program=torch.export.load(file))))
    assert list(after.ops.edges(data=True)) == list(before.ops.edges(data=True))
    words = [after.op(name).target.split(".")[1] for name in nx.shortest_path(after.ops, "x", "output")[1:-1]]
    assert words == ["exp", "select", "mul_", "view", "slice", "zero_", "chunk", "add_", "add"]
