"""`ptgraph verify`: what ONNX Runtime gives is compared with what torch gives, and a file that is wrong is caught."""

from __future__ import annotations

import json
import math
import os
import re
import resource
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner, Result
from torch import nn

import ptgraph
from ptgraph import ExportError, LoadError, OutputCheck, PtgraphError, TraceError, UsageError
from ptgraph.cli.main import main
from ptgraph.common.limits import limits, remedy
from ptgraph.errors import PtgraphWarning
from ptgraph.formats.options import Options
from ptgraph.models import TransformerConfig, TransformerLM
from ptgraph.onnx.options import OPSETS
from ptgraph.onnx.verifying.compare import COARSE, TOLERANCE, compare
from ptgraph.onnx.verifying.equal_numbers import OtherChoice
from ptgraph.tracing.source import Source
from tests.support.snapshot import snapshot

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.norm = nn.BatchNorm1d(8)
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        self.steps += 1
        print("forward")
        return {"y": self.norm(self.first(x)) * self.scale, "best": self.first(x).argmax(-1)}

    def example_inputs(self):
        return torch.zeros(3, 4)

class Other(nn.Linear):
    def __init__(self):
        super().__init__(5, 2)

    def example_inputs(self):
        return torch.zeros(3, 5)

class Log(nn.Module):
    def forward(self, x):
        return (x * 0 - 1).log()

    def example_inputs(self):
        return torch.zeros(3)
"""

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
BATCH = {"x": {0: "batch"}}


class Net(nn.Module):
    """Numbers, integers and booleans out of a weight, a scalar, buffers and a tied head."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(4, width)
        self.norm = nn.BatchNorm1d(width)
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.last = nn.Linear(4, width, bias=False)
        self.last.weight = self.first.weight
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        self.steps += 1  # type: ignore[assignment]
        y = self.norm(self.first(x)) * self.scale + self.last(x)
        return {"y": y, "best": y.argmax(-1), "positive": y > 0}


def transformer(**overrides: Any) -> TransformerLM:
    torch.manual_seed(0)
    sizes = {"vocab_size": 96, "context_length": 64, "hidden_size": 48, "intermediate_size": 80, "num_layers": 3}
    heads = {"num_heads": 4, "num_kv_heads": 2, "head_dim": 12}
    return TransformerLM(TransformerConfig(**sizes, **heads, **overrides))


def file_of(model: nn.Module, folder: Path, weights: Any = "embedded", **given: Any) -> Path:
    paths = ptgraph.export(model, folder, "onnx", name="m", weights=weights, **(given or {"args": (X,)}))
    return next(path for path in paths if path.suffix == ".onnx")


def alter(file: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change one weight in an ONNX file that holds its weights."""
    proto = onnx.load(file)
    (tensor,) = (tensor for tensor in proto.graph.initializer if tensor.name == name)
    tensor.CopyFrom(onnx.numpy_helper.from_array(change(onnx.numpy_helper.to_array(tensor).copy()), name))
    onnx.save(proto, file)


def wrong(error: type[PtgraphError], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(PtgraphError) as caught:
        ptgraph.verify(*args, **kwargs)
    assert type(caught.value) is error
    message = str(caught.value)
    assert "\n" not in message
    return message


# Models that agree


def models() -> dict[str, tuple[nn.Module, dict[str, Any], dict[str, dict[int, str]]]]:
    ids = torch.zeros(2, 16, dtype=torch.int64)
    encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    vary = {0: "batch", 1: "time"}
    return {
        "several outputs": (Net(), {"x": X}, BATCH),
        "dense": (transformer(), {"input_ids": ids}, {"input_ids": vary}),
        "sparse": (transformer(attention="sparse", index_top_k=4), {"input_ids": ids}, {"input_ids": vary}),
        "tied head": (transformer(tie_embeddings=True), {"input_ids": ids}, {"input_ids": vary}),
        "lstm": (nn.LSTM(4, 5, batch_first=True), {"input": torch.zeros(2, 3, 4)}, {}),
        "encoder": (
            nn.TransformerEncoder(encoder, 2, enable_nested_tensor=False),
            {"src": torch.zeros(2, 7, 16)},
            {"src": {0: "batch"}},
        ),
        "half": (nn.Linear(4, 2).half(), {"input": X.half()}, {"input": {0: "batch"}}),
        "convolution": (nn.Conv2d(3, 4, 3), {"input": torch.zeros(1, 3, 8, 8)}, {"input": {2: "high", 3: "wide"}}),
    }


@pytest.mark.parametrize("structure", ["functions", "flat"])
@pytest.mark.parametrize("name", list(models()))
def test_a_model_agrees_with_its_onnx_at_two_sizes(name, structure):
    model, kwargs, dynamic = models()[name]
    found = ptgraph.verify(model, kwargs=kwargs, dynamic=dynamic, structure=structure)
    assert found and all(item.agrees and item.finite and not item.reason for item in found)
    cases = list(dict.fromkeys(item.case for item in found))
    assert len(cases) == 2
    outputs = [item.output for item in found if item.case == cases[0]]
    assert outputs == [item.output for item in found if item.case == cases[1]]
    names = {name for dims in dynamic.values() for name in dims.values()}
    first, other = ({item.case: item.sizes for item in found}[case] for case in cases)
    assert set(first) == set(other) == names
    assert all(first[name] != other[name] for name in names)


def test_a_comparison_says_what_it_compared():
    found = ptgraph.verify(Net(), args=(X,), dynamic=BATCH)
    assert [(item.output, item.dtype) for item in found[:3]] == [
        ("y", "float32"),
        ("best", "int64"),
        ("positive", "bool"),
    ]
    first, other = found[0], found[3]
    assert (first.case, first.sizes, first.shape) == ("batch=3", {"batch": 3}, (3, 8))
    assert other.shape == (other.sizes["batch"], 8) != first.shape
    assert 0 < first.max_abs < 1e-5 and 0 < first.max_rel < 1e-5
    assert (first.tolerance, found[1].tolerance) == (TOLERANCE, 0)
    assert [item.max_abs for item in found if item.dtype != "float32"] == [0.0] * 4


def test_the_model_and_the_random_state_are_left_as_they_were():
    model = Net().train()
    before = snapshot(model)
    assert all(item.agrees for item in ptgraph.verify(model, args=(X,)))
    assert snapshot(model) == before


def test_a_program_is_verified_too():
    dims = {"x": {0: torch.export.Dim("rows", max=3)}}
    program = torch.export.export(Net().eval(), (X,), dynamic_shapes=dims)
    found = ptgraph.verify(program)
    assert all(item.agrees for item in found)
    shapes = [item.shape for item in found if item.output == "y"]
    assert shapes[0] == (3, 8) != shapes[1]


@pytest.mark.parametrize("opset", [OPSETS[0], OPSETS[-1]])
def test_the_oldest_and_the_newest_opset_agree(opset):
    found = ptgraph.verify(transformer(), kwargs={"input_ids": torch.zeros(2, 16, dtype=torch.int64)}, opset=opset)
    assert all(item.agrees for item in found)


# Files from before


@pytest.mark.parametrize("weights", ["none", "external", "embedded"])
def test_a_file_from_before_agrees_and_is_left_as_it_was(tmp_path, weights):
    model = Net()
    file = file_of(model, tmp_path, weights, args=(X,), dynamic=BATCH)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    found = ptgraph.verify(model, file, args=(X,), dynamic=BATCH)
    assert len(found) == 6 and all(item.agrees for item in found)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_without_weights_is_given_those_that_the_model_has_now(tmp_path):
    file = file_of(transformer(tie_embeddings=True), tmp_path, "none", args=(torch.zeros(2, 16, dtype=torch.int64),))
    model = transformer(tie_embeddings=True)
    nn.init.normal_(model.head.weight)
    assert all(i.agrees for i in ptgraph.verify(model, file, args=(torch.zeros(2, 16, dtype=torch.int64),)))


def test_a_file_of_torch_agrees_whatever_it_calls_the_inputs(tmp_path):
    model = Net().eval()
    dims = ({0: torch.export.Dim.DYNAMIC},)
    for number, names in enumerate((None, ["image"])):
        file = tmp_path / f"{number}.onnx"
        torch.onnx.export(model, (X,), file, dynamo=True, dynamic_shapes=dims, input_names=names, verbose=False)
        assert all(item.agrees for item in ptgraph.verify(model, file, args=(X,), dynamic=BATCH))


# Files that are wrong


@pytest.mark.parametrize("name", ["first.weight", "first.bias", "scale", "norm.running_mean"])
def test_one_number_that_is_changed_is_caught(tmp_path, name):
    model = Net()
    file = file_of(model, tmp_path)

    def change(value: np.ndarray) -> np.ndarray:
        value.reshape(-1)[:1] += 1
        return value

    alter(file, name, change)
    found = [item for item in ptgraph.verify(model, file, args=(X,)) if item.output == "y"]
    assert len(found) == 2
    assert all(not item.agrees and item.max_abs > item.tolerance for item in found)


def test_a_number_that_is_changed_in_the_file_beside_it_is_caught(tmp_path):
    model = Net()
    file = file_of(model, tmp_path, "external")
    data = np.fromfile(tmp_path / "m.onnx.data", dtype=np.float32)
    data[0] += 1
    data.tofile(tmp_path / "m.onnx.data")
    assert not all(item.agrees for item in ptgraph.verify(model, file, args=(X,)))


class Scaled(nn.Module):
    def __init__(self, factor: float, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((3,), factor, dtype=dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("size", [1e-2, 1.0, 1e3])
def test_the_tolerance_is_a_share_of_the_numbers_whatever_their_size(tmp_path, dtype, size):
    x = torch.ones(3, dtype=dtype)
    tolerance = COARSE.get(dtype, TOLERANCE)
    file = file_of(Scaled(size, dtype), tmp_path, args=(x,))
    for off, agrees in ((0.5, True), (4.0, False)):
        (item, _) = ptgraph.verify(Scaled(size * (1 + off * tolerance), dtype), file, args=(x,))
        assert item.agrees is agrees
        assert item.max_rel == pytest.approx(off * tolerance, rel=0.3)
    (item, _) = ptgraph.verify(Scaled(size * (1 + 4 * tolerance), dtype), file, args=(x,), tolerance=5 * tolerance)
    assert item.agrees
    (item, _) = ptgraph.verify(Scaled(size * (1 + 0.5 * tolerance), dtype), file, args=(x,), tolerance=0)
    assert not item.agrees


def test_integers_must_be_equal(tmp_path):
    class Count(nn.Module):
        def __init__(self, step: int) -> None:
            super().__init__()
            self.register_buffer("step", torch.tensor([step]))

        def forward(self, n: torch.Tensor) -> torch.Tensor:
            return n + self.step

    n = torch.tensor([1, 2, 3])
    file = file_of(Count(1_000_000), tmp_path, args=(n,))
    assert all(item.agrees for item in ptgraph.verify(Count(1_000_000), file, args=(n,)))
    found = ptgraph.verify(Count(1_000_001), file, args=(n,), tolerance=10)
    assert [(item.agrees, item.max_abs) for item in found] == [(False, 1.0)] * 2


def test_what_is_not_finite_must_be_so_in_the_same_places(tmp_path):
    class Log(nn.Module):
        def __init__(self, *shift: float) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.tensor(shift))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.log(x * 0 + self.shift)

    x = torch.ones(3)
    file = file_of(Log(0.0, -1.0, 1.0), tmp_path, args=(x,))  # -inf, nan, 0
    for shift, agrees in (((0.0, -1.0, 1.0), True), ((-1.0, 0.0, 1.0), False), ((0.0, 1.0, 1.0), False)):
        (item, _) = ptgraph.verify(Log(*shift), file, args=(x,))
        assert (item.agrees, item.finite) == (agrees, True)
        assert (item.max_abs == 0.0) if agrees else math.isinf(item.max_abs)
    (item, _) = ptgraph.verify(Log(-1.0, -1.0, -1.0), args=(x,))
    assert (item.agrees, item.finite) == (True, False)


def test_a_size_that_the_file_fixes_is_caught_at_the_second_size(tmp_path):
    file = file_of(Net(), tmp_path, args=(X,))
    found = ptgraph.verify(Net(), file, args=(X,), dynamic=BATCH)
    assert [item.agrees for item in found] == [True] * 3 + [False] * 3
    assert all(item.reason.startswith("ONNX Runtime fails: ") and math.isinf(item.max_abs) for item in found[3:])


def test_an_output_of_another_shape_is_caught(tmp_path):
    class Flat(Net):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {name: value.flatten() for name, value in super().forward(x).items()}

    found = ptgraph.verify(Flat(), file_of(Net(), tmp_path), args=(X,))
    assert [item.agrees for item in found] == [False, True, False] * 2
    assert found[0].reason == "ONNX Runtime gives float32[3×8] where torch gives float32[24]"


# Files that are not of the model


def test_inputs_that_do_not_match_are_named(tmp_path):
    file = file_of(nn.Linear(5, 2), tmp_path, args=(torch.zeros(3, 5),))
    assert wrong(UsageError, Net(), file, args=(X,)) == (
        f"{file} does not fit Net: its inputs are input float32[3×5], and those of the model x float32[3×4]"
    )
    numbers = torch.ones(3, 5, dtype=torch.int64)
    said = wrong(UsageError, nn.Embedding(5, 2), file, args=(numbers,))
    assert said.endswith("its inputs are input float32[3×5], and those of the model input int64[3×5]")


def test_outputs_that_do_not_match_are_named(tmp_path):
    file = file_of(nn.Linear(4, 2), tmp_path)
    assert wrong(UsageError, Net(), file, args=(X,)) == (
        f"{file} does not fit Net: its outputs are output, and those of the model y, best, positive"
    )


def test_weights_that_do_not_match_are_named(tmp_path):
    file = file_of(Net(), tmp_path, "none")

    class More(Net):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.Identity()  # type: ignore[assignment]

    said = wrong(UsageError, More(), file, args=(X,))
    assert said.startswith(f"{file} does not fit More; it has weights that the model does not have: norm.")
    said = wrong(UsageError, Net(width=9), file, args=(X,))
    assert said.startswith(f"{file} does not fit Net; it has weights of another shape or type: first.")


# Files that cannot be read


def test_places_where_there_is_no_onnx_file(tmp_path):
    (tmp_path / "some.onnx").mkdir()
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "text.onnx").write_text("no model at all")
    for name, message in {
        "gone.onnx": "does not exist",
        "some.onnx": "is a folder, not a file",
        "empty.onnx": "is not an ONNX model, or it is damaged: ",
        "text.onnx": "is not an ONNX model, or it is damaged: ",
    }.items():
        assert wrong(LoadError, Net(), tmp_path / name, args=(X,)).startswith(f"{tmp_path / name} {message}")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_off(tmp_path, share):
    file = file_of(Net(), tmp_path)
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    assert wrong(LoadError, Net(), file, args=(X,)).startswith(f"{file} is not an ONNX model, or it is damaged: ")


def test_weights_that_are_not_beside_the_file_any_more(tmp_path):
    file = file_of(Net(), tmp_path, "external")
    (tmp_path / "m.onnx.data").write_bytes(b"")
    assert wrong(ExportError, Net(), file, args=(X,)).startswith("ONNX Runtime does not take m.onnx: ")
    (tmp_path / "m.onnx.data").unlink()
    message = f"{file} has its weights in another file: {tmp_path / 'm.onnx.data'} does not exist"
    assert wrong(LoadError, Net(), file, args=(X,)) == message


# Models that cannot be verified


def test_a_model_without_weights():
    with torch.device("meta"):
        model = Net()
    said = wrong(ExportError, model, args=(X.to("meta"),))
    assert re.match(r"Net has no weights to run with \(\S+ is on the meta device\); ", said)


@pytest.mark.filterwarnings("ignore:Listing was traced by")
def test_a_model_that_torch_export_cannot_follow():
    class Listing(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) if sum(x.detach().numpy().tolist()[0]) < 9 else x

    said = wrong(ExportError, Listing(4, 2), args=(X,))
    assert said.startswith("Listing has no ONNX, since torch.export cannot trace it: ")


def test_a_model_that_runs_at_no_other_size():
    class Strict(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not torch.compiler.is_compiling() and len(x) != 3:
                raise ArithmeticError(f"{len(x)} is not 3")
            return super().forward(x)

    said = wrong(TraceError, Strict(4, 2), args=(X,), dynamic=BATCH)
    assert said.startswith("torch cannot run Strict with batch=") and "is not 3" in said


def test_a_model_that_takes_no_other_values_is_compared_once():
    class Strict(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not torch.compiler.is_compiling() and x[0, 0] != 1:
                raise ArithmeticError("it is not 1")
            return super().forward(x)

    with pytest.warns(
        PtgraphWarning, match="only the example inputs are compared: torch cannot run Strict with other "
    ):
        (found,) = ptgraph.verify(Strict(4, 2), args=(torch.ones(3, 4),))
    assert found.agrees and found.case == "first values"


def test_an_output_that_is_random_is_not_comparable():
    class Noisy(nn.Linear):
        def forward(self, x: torch.Tensor) -> Any:
            x = super().forward(x)
            return x + torch.randn_like(x), x * 2, torch.dropout(x, 0.5, train=True)

    torch.manual_seed(0)
    state = torch.get_rng_state()
    found = ptgraph.verify(Noisy(4, 8), args=(X,))
    assert [(item.random, item.agrees) for item in found] == [(True, True), (False, True), (True, True)] * 2
    torch.set_rng_state(state)
    nn.Linear(4, 8)
    assert not any(item.random for item in ptgraph.verify(nn.Linear(4, 8), args=(X,)))


class Chooses(nn.Module):
    """The rows that an operator chooses by their numbers, of which many are equal."""

    def __init__(self, operator: Any) -> None:
        super().__init__()
        self.operator = operator

    def forward(self, x: torch.Tensor) -> Any:
        chosen = self.operator((x[:, 0] > 0).float()).indices
        return x[chosen].flatten(), x.sum()


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        ("topk", lambda numbers: numbers.topk(3)),
        ("sort", lambda numbers: numbers.sort(descending=True)),
        ("sort", lambda numbers: numbers.sort(stable=False, dim=0)),
        ("kthvalue", lambda numbers: numbers.kthvalue(2, 0, keepdim=True)),
        ("median", lambda numbers: numbers.median(0, keepdim=True)),
    ],
)
def test_an_output_that_depends_on_the_choice_among_equal_numbers(name, operator):
    x = torch.randn(9, 2)
    x[1::2, 0] = -x[1::2, 0].abs()
    module, other = Chooses(operator), OtherChoice()
    before = module(x)
    with other:
        after = module(x)
    assert [*other.chosen] == [name]
    assert not torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])


def test_where_numbers_are_equal_topk_is_named_and_not_comparable():
    """ONNX Runtime takes the first of equal numbers, and torch, from some size on, others."""
    x = torch.ones(3234, 2)
    x[:, 1] = torch.arange(3234)

    class Best(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            best = x[:, 0].topk(300).indices
            return x[best, 1], x.sum(1), x[best, 1][x[best, 1] > 1000]

    found = ptgraph.verify(Best(), args=(x,))[:3]
    assert [(item.ties, item.agrees) for item in found] == [(("topk",), True), ((), True), (("topk",), True)]
    assert not any(item.random for item in found)
    x[:, 0] = torch.arange(3234)
    assert not any(item.ties for item in ptgraph.verify(Best(), args=(x,)))


def test_a_wrong_output_beside_equal_numbers_is_still_wrong(tmp_path):
    class Best(nn.Linear):
        def forward(self, x: torch.Tensor) -> Any:
            return super().forward(x), x[:, 0].topk(300).indices

    x = torch.ones(3234, 2)
    file = file_of(Best(2, 2), tmp_path, "embedded", args=(x,))
    found = ptgraph.verify(Best(2, 2), file, args=(x,))
    assert [item.agrees for item in found[:2]] == [False, True]


def asking_for(numbers: int, folder: Path, *, constant: bool) -> Path:
    """An ONNX file that takes so many numbers in between: of a constant, or of the largest number of the input."""
    make, tensor = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [make("ConstantOfShape", ["n"], ["many"])]
    if not constant:
        nodes = [make("ReduceMax", ["x"], ["largest"], keepdims=0), make("Expand", ["largest", "n"], ["many"])]
    nodes += [make("ReduceMax", ["many"], ["m"], keepdims=0), make("Sub", ["m", "m"], ["zero"])]
    nodes += [make("Add", ["x", "zero"], ["y"])]
    sides = [tensor(name, onnx.TensorProto.FLOAT, [3, 4]) for name in "xy"]
    size = onnx.numpy_helper.from_array(np.array([numbers], np.int64), "n")
    graph = onnx.helper.make_graph(nodes, "g", sides[:1], sides[1:], [size])
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9), folder / "m.onnx")
    return folder / "m.onnx"


@pytest.mark.parametrize("constant", [True, False])
def test_a_file_that_asks_for_more_memory_than_it_may_take(tmp_path, constant):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (said,) = {
        item.reason for item in ptgraph.verify(nn.Identity(), asking_for(2**38, tmp_path, constant=constant), args=(X,))
    }
    assert re.fullmatch(
        r"ONNX Runtime fails: it asks for 1,024\.0 GiB more, and it may take 64 GiB, of which [\d.,]+ GiB are free; "
        + re.escape(remedy("memory")),
        said,
    )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # kB
    file = asking_for(2**27, tmp_path, constant=constant)
    with limits(memory="64MiB"):
        assert not any(item.agrees for item in ptgraph.verify(nn.Identity(), file, args=(X,)))
    assert all(item.agrees for item in ptgraph.verify(nn.Identity(), file, args=(X,)))


def test_a_few_integers_are_inside_a_file_with_external_weights(tmp_path):
    class Last(nn.Linear):
        def forward(self, x: torch.Tensor) -> Any:
            x = super().forward(x).reshape(2, 3, -1, 4)
            return x[:, :, :-1], x[..., [-1], :] + 1

    model = Last(8, 16)
    paths = ptgraph.export(model, tmp_path, "onnx", weights="external", args=(torch.rand(2, 3, 8),))
    proto = onnx.load(next(path for path in paths if path.suffix == ".onnx"), load_external_data=False)
    inside = {item.name for item in proto.graph.initializer if item.data_location != onnx.TensorProto.EXTERNAL}
    assert {item.name for item in proto.graph.initializer} - inside == {"weight", "bias"}
    assert all(item.agrees for item in ptgraph.verify(model, args=(torch.rand(2, 3, 8),)))


def test_bfloat16_says_what_to_do():
    said = wrong(ExportError, nn.Linear(4, 2).bfloat16(), args=(X.bfloat16(),))
    assert said.endswith("; on a CPU it has few operators for bfloat16: verify the model in float32, without autocast")


@pytest.mark.parametrize("tolerance", [-1.0, math.nan, math.inf])
def test_a_tolerance_that_is_none(tolerance):
    assert wrong(UsageError, nn.Linear(4, 2), args=(), tolerance=tolerance) == (
        f"the tolerance is {tolerance}; it must be a number, 0 or more"
    )


def test_a_runtime_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert wrong(ExportError, Net(), args=(X,)) == "onnxruntime is not installed; pip install 'ptgraph[verify]'"


# The command line


@pytest.fixture
def folder(workdir: Path) -> Path:
    """Work in a folder with the file net.py; afterwards, nothing imported from it is left."""
    (workdir / "net.py").write_text(NET)
    return workdir


def run(line: str) -> Result:
    return CliRunner().invoke(main, line.split())


def rows(result: Result) -> list[list[str]]:
    """The cells of the table that a run printed, without its headings."""
    heading, *lines = [re.split(r" {2,}", line.strip()) for line in result.stdout.splitlines()]
    assert heading == ["run", "output", "shape", "max abs", "max rel"]
    return lines


def test_the_table_has_a_row_for_each_output_and_size(folder):
    result = run("verify net.py:Net --input x:float32:batch=5x4")
    assert (result.exit_code, result.stderr) == (0, "")
    first, other = (["batch=5", "5"], ["batch=6", "6"])
    assert [row[:3] for row in rows(result)] == [
        [case, output, shape] for case, n in (first, other) for output, shape in (("y", f"{n}×8"), ("best", n))
    ]
    assert all(float(row[3]) < 1e-5 and float(row[4]) < 1e-5 for row in rows(result))
    assert not list(folder.glob("*onnx*")) and not Path("exports").exists()


def test_outputs_that_differ_end_in_exit_code_1_and_a_line_that_names_them(folder):
    assert run("export net.py:Net -f onnx --weights embedded -o .").exit_code == 0
    assert run("verify net.py:Net --onnx Net.onnx").exit_code == 0
    alter(folder / "Net.onnx", "norm.weight", lambda value: value + 1)
    result = run("verify net.py:Net --onnx Net.onnx")
    assert result.exit_code == 1
    table = rows(result)
    assert [row[1:2] + row[5:] for row in table] == [["y", "differs"], ["best"]] * 2
    said = [f"y with {row[0]}: off by {row[3]}, tolerance {TOLERANCE:.2g}" for row in table if row[1] == "y"]
    assert result.stderr == f"ptgraph: error: ONNX Runtime and torch differ in {'; '.join(said)}\n"
    assert run("verify net.py:Net --onnx Net.onnx --tolerance 100").exit_code == 0


def test_a_checkpoint_gives_a_file_without_weights_its_numbers(folder):
    assert run("export net.py:Net -f onnx -o .").exit_code == 0
    from ptgraph.loading.target import load

    torch.manual_seed(5)
    model = load("net.py:Net", weights=True).model
    assert model is not None
    state = {k: torch.rand_like(t) if t.is_floating_point() else t for k, t in model.state_dict().items()}
    torch.save(state, "net.pt")
    result = run("verify net.py:Net --onnx Net.onnx --checkpoint net.pt")
    assert (result.exit_code, result.stderr) == (0, "")
    assert run("export net.py:Net -f onnx -o . --weights embedded --checkpoint net.pt").exit_code == 0
    assert run("verify net.py:Net --onnx Net.onnx --checkpoint net.pt").exit_code == 0
    assert run("verify net.py:Net --onnx Net.onnx").exit_code == 1  # which has other weights


def test_outputs_without_a_finite_number_are_warned_of(folder):
    result = run("verify net.py:Log")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        f"ptgraph: warning: torch gives no finite number in output with {case} values" for case in ("first", "other")
    ]
    assert run("verify net.py:Log -q").stderr == ""


def test_a_config_is_given_random_weights(folder):
    config = {"model_type": "gpt2", "n_layer": 3, "n_embd": 8, "n_head": 2, "vocab_size": 32}
    (folder / "mini").mkdir()
    (folder / "mini" / "config.json").write_text(json.dumps({**config, "architectures": ["GPT2LMHeadModel"]}))
    result = run("verify mini --input input_ids:int64:batch=2xsequence=16")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [row[:3] for row in rows(result)] == [
        [f"batch={b} sequence={s}", "logits", f"{b}×{s}×32"] for b, s in ((2, 16), (3, 17))
    ]


def test_a_config_with_more_weights_than_memory_is_refused(folder):
    width = 2**18
    config = {"model_type": "gpt2", "n_layer": 1, "n_embd": width, "n_head": 2, "vocab_size": 32}
    assert width**2 * 12 * 4 > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    (folder / "config.json").write_text(json.dumps(config))
    result = run("verify config.json")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("ptgraph: error: the weights of config.json take ")


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("verify", 2, "Missing argument 'TARGET'; see `ptgraph verify --help`"),
        ("verify net.py:Net --onnx gone.onnx", 3, "gone.onnx does not exist"),
        ("verify net.py:Net --checkpoint gone.pt", 3, "gone.pt does not exist"),
        ("verify net.py:Gone", 3, "net.py has no attribute 'Gone'; it has: Net, Other, Log"),
        (
            "verify net.py:Net --tolerance -1",
            2,
            "Invalid value for '--tolerance': -1.0 is not in the range x>=0; see `ptgraph verify --help`",
        ),
        ("verify net.py:Net --tolerance nan", 2, "the tolerance is nan; it must be a number, 0 or more"),
        (
            f"verify net.py:Net --opset {OPSETS[0] - 1}",
            2,
            f"Invalid value for '--opset': {OPSETS[0] - 1} is not in the range {OPSETS[0]}<=x<={OPSETS[-1]}; "
            "see `ptgraph verify --help`",
        ),
        (
            "verify net.py:Net --onnx net.onnx --structure flat",
            2,
            "--structure and --opset say how to write a new ONNX file, and --onnx names one that is there",
        ),
        (
            "verify net.py:Net --onnx net.onnx --opset 20",
            2,
            "--structure and --opset say how to write a new ONNX file, and --onnx names one that is there",
        ),
    ],
)
def test_usage_that_is_refused(folder, line, code, message):
    result = run(line)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr == f"ptgraph: error: {message}\n"


def test_a_file_of_another_model_is_refused(folder):
    assert run("export net.py:Other -f onnx -o .").exit_code == 0
    result = run("verify net.py:Net --onnx Other.onnx")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "ptgraph: error: Other.onnx does not fit Net: its inputs are input float32[3×5], "
        "and those of the model x float32[3×4]\n"
    )


def test_a_process_prints_the_table_and_nothing_else(cli, folder):
    result = cli("verify", "net.py:Net")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 5


def test_the_help_says_the_tolerances():
    text = " ".join(run("verify --help").stdout.split())
    others = ", ".join(f"for {str(dtype).removeprefix('torch.')} {value:g}" for dtype, value in COARSE.items())
    assert f"Default: {TOLERANCE:g}; {others}." in text


# Options


def test_the_opsets_are_those_that_torch_onnx_writes():
    """Of any other it makes one that it can write, and says nothing: so ours are all that there are."""
    program = torch.export.export(nn.RMSNorm(4), (X,))
    for asked in range(OPSETS[0] - 1, OPSETS[-1] + 2):
        exported = torch.onnx.export(program, dynamo=True, opset_version=asked, optimize=False, verbose=False)
        assert exported is not None
        assert (exported.model.opset_imports[""] == asked) is (asked in OPSETS)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"structure": "nested"}, "structure is 'nested'; there are: functions, flat"),
        ({"opset": OPSETS[0] - 1}, f"opset is {OPSETS[0] - 1}; torch.onnx writes {OPSETS[0]} to {OPSETS[-1]}"),
        ({"opset": "20"}, f"opset is '20'; torch.onnx writes {OPSETS[0]} to {OPSETS[-1]}"),
    ],
)
def test_a_choice_that_there_is_not_is_refused_before_the_long_work(tmp_path, choice, message):
    with pytest.raises(UsageError, match=f"^{message}$"):
        Options(**choice)
    assert wrong(UsageError, nn.Linear(4, 2), **choice) == message
    with pytest.raises(UsageError, match=f"^{message}$"):
        ptgraph.export(nn.Linear(4, 2), tmp_path / "new", **choice)
    assert not (tmp_path / "new").exists()


def test_the_public_record_is_the_one_that_is_returned():
    assert {type(item) for item in ptgraph.verify(nn.Linear(4, 2), args=(X,))} == {OutputCheck}


def test_other_work_than_that_of_a_run_is_said():
    def stack(count):
        return ptgraph.trace(nn.Sequential(*(nn.Linear(4, 4) for _ in range(count))), X, name="stack")

    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    source = Source("stack", model, (X,))
    flops = ptgraph.analyze(stack(1))["flops"]
    with pytest.warns(PtgraphWarning, match=f"^the graph of stack has {flops} FLOPs, and {2 * flops} when it runs$"):
        compare(source, stack(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error", PtgraphWarning)
        compare(source, stack(2))
