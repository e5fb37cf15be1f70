"""`ptgraph.trace`, `analyze` and `export`: what they return, what they refuse, and that they leave no trace."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import re
import signal
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import ptgraph
from ptgraph import ExportError, ModelGraph, PtgraphError, TraceError, UsageError
from ptgraph.common.silence import quiet
from ptgraph.formats.registry import FORMATS
from ptgraph.notebook.display import svg_of
from tests.support.snapshot import snapshot


class Net(nn.Module):
    """A model with a bit of everything that tracing could disturb."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout()
        self.last = nn.Linear(8, 2)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        self.steps += 1  # type: ignore[assignment]
        return self.last(self.drop(self.norm(self.first(x)))) * scale

    def example_inputs(self) -> torch.Tensor:
        return torch.randn(3, 4)


class Failing(Net):
    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        super().forward(x)
        raise ArithmeticError("never")


X = torch.zeros(3, 4)


@pytest.fixture(scope="module")
def graph() -> ModelGraph:
    return ptgraph.trace(Net())


def wrong(error: type[PtgraphError], action: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(PtgraphError) as caught:
        action(*args, **kwargs)
    assert type(caught.value) is error
    message = str(caught.value)
    assert "\n" not in message
    return message


# Nothing is disturbed


def used(kind: type[Net] = Net) -> Net:
    """A model in the middle of its training."""
    model = kind()
    model.first.bias.requires_grad_(False)
    Net.forward(model, torch.randn(3, 4)).sum().backward()
    model.norm.eval()
    model.last.register_forward_hook(lambda module, inputs, output: output)
    model.register_forward_pre_hook(lambda module, inputs: None)
    return model


@pytest.mark.parametrize("inputs", [(), (X,), (X.to("meta"),)], ids=["own", "given", "meta"])
def test_the_model_is_left_exactly_as_it_was_found(inputs):
    model = used()
    before = snapshot(model)
    graph = ptgraph.trace(model, *inputs)
    assert len(before["gradients"]) == 5
    assert graph.program is not None
    assert snapshot(model) == before


def test_the_model_is_left_as_it_was_found_when_no_tracer_can_follow():
    model = used(Failing)
    before = snapshot(model)
    assert "never" in wrong(TraceError, ptgraph.trace, model)
    assert snapshot(model) == before


def test_the_model_still_trains_afterwards():
    model = used()
    ptgraph.trace(model)
    model.zero_grad()
    model(torch.randn(3, 4)).sum().backward()
    assert model.last.weight.grad.abs().sum() > 0
    assert model.steps == 2


def test_the_inputs_are_left_as_they_were_found():
    x = torch.randn(3, 4, requires_grad=True)
    values = x.tolist()
    ptgraph.trace(Net(), x)
    assert (x.tolist(), x.grad, x.requires_grad, x._version) == (values, None, True, 0)


def test_a_dimension_that_varied_once_does_not_vary_ever_after():
    """torch.export marks the tensors themselves, and would take the mark for a wish the next time."""
    x = torch.zeros(3, 4)
    assert ptgraph.trace(Net(), x, dynamic={"x": {0: "batch"}}).op("x").shape == ("batch", 4)
    wrong(TraceError, ptgraph.trace, Net(), x, dynamic={"x": {1: "width"}})
    assert vars(x) == {}
    assert ptgraph.trace(Net(), x).op("x").shape == (3, 4)


def test_weights_are_not_copied():
    model = Net()
    program = ptgraph.trace(model).program
    places = {name: tensor.data_ptr() for name, tensor in model.state_dict().items()}
    assert {name: tensor.data_ptr() for name, tensor in program.state_dict.items()} == places


def test_analyze_and_export_leave_the_model_too(tmp_path):
    model = used()
    before = snapshot(model)
    ptgraph.analyze(model)
    ptgraph.export(model, tmp_path, "json,svg")
    assert snapshot(model) == before


# trace


def test_a_model_is_traced_in_evaluation_mode(graph):
    ops = {graph.op(name).target: graph.op(name).attributes for name in graph.of_kind("op")}
    assert ops["aten.dropout.default"]["train"] is False
    assert ops["aten.batch_norm.default"]["training"] is False


def test_a_graph_is_called_as_its_class_or_as_asked(graph):
    assert graph.name == "Net"
    assert ptgraph.trace(Net(), name="my.net").name == "my.net"


def test_a_graph_in_a_notebook_is_its_figure(graph):
    text = svg_of(graph)
    assert re.search(r"<svg [^>]*>", text)
    assert text.rstrip().endswith("</svg>")
    assert '<title id="Net-title">Net: ' in text
    assert "first" in text


def test_arguments_reach_forward_by_place_and_by_name():
    by_place = ptgraph.trace(Net(), X, 2.0)
    by_name = ptgraph.trace(Net(), scale=2.0, x=X)
    assert by_place.ops.nodes == by_name.ops.nodes
    assert by_place.op(by_place.of_kind("input")[0]).target == "x"


def test_a_model_on_meta_needs_no_weights():
    with torch.device("meta"):
        model = Net()
    graph = ptgraph.trace(model, X)
    assert ptgraph.analyze(graph)["total_params"] == ptgraph.analyze(Net())["total_params"]
    assert {tensor.device.type for tensor in graph.program.state_dict.values()} == {"meta"}


def test_dimensions_that_vary_have_their_names():
    graph = ptgraph.trace(Net(), X, dynamic={"x": {0: "batch"}})
    assert graph.op("x").shape == ("batch", 4)
    assert set(graph.dimensions.values()) == {"batch"}


def test_an_exported_program_is_taken_as_it_is():
    program = torch.export.export(Net().eval(), (X,))
    graph = ptgraph.trace(program)
    assert (graph.name, graph.program) == ("model", program)
    assert ptgraph.trace(program, name="mine").name == "mine"
    assert ptgraph.analyze(program)["total_params"] == ptgraph.analyze(Net())["total_params"]
    for arguments in ({"x": X}, {"dynamic": {"x": {0: "batch"}}}):
        message = wrong(UsageError, ptgraph.trace, program, **arguments)
        assert message == "an exported program has its inputs already; pass none"


@pytest.mark.parametrize("action", [ptgraph.trace, ptgraph.analyze, ptgraph.export])
@pytest.mark.parametrize(
    ("thing", "kind"),
    [
        ("tiny", "an object of type str"),
        (Net, "the class Net"),
        (None, "an object of type NoneType"),
        (len, "an object of type builtin_function_or_method"),
    ],
)
def test_what_is_no_model_is_refused(action, thing, kind):
    assert wrong(UsageError, action, thing) == f"a model is a torch.nn.Module or an ExportedProgram, not {kind}"


@pytest.mark.parametrize(
    ("args", "kwargs", "reason"),
    [
        ((), {}, "missing a required argument: 'input'"),
        ((X, X), {}, "too many positional arguments"),
        ((X,), {"inputs": X}, "got an unexpected keyword argument 'inputs'"),
    ],
)
def test_arguments_that_do_not_fit_forward_name_those_that_do(args, kwargs, reason):
    message = wrong(UsageError, ptgraph.trace, nn.Linear(4, 2), *args, **kwargs)
    assert message == f"the inputs do not fit Linear.forward: {reason}; it takes: input"


def test_a_shape_that_does_not_fit_is_named():
    message = wrong(TraceError, ptgraph.trace, nn.Linear(4, 2), torch.zeros(3, 5))
    assert message.startswith("cannot run Linear with input float32[3×5]: ")


@pytest.mark.parametrize(
    ("dynamic", "message"),
    [
        ({"y": {0: "batch"}}, "no tensor input 'y' has dimensions to vary; the inputs are: input"),
        ({"input": {2: "batch"}}, "input 'input' has 2 dimensions, so none with the number 2"),
        ({"input": {-3: "batch"}}, "input 'input' has 2 dimensions, so none with the number -3"),
    ],
)
def test_a_dimension_that_does_not_exist_is_refused(dynamic, message):
    assert wrong(UsageError, ptgraph.trace, nn.Linear(4, 2), X, dynamic=dynamic) == message


def test_a_dimension_that_the_model_fixes_is_refused():
    message = wrong(TraceError, ptgraph.trace, nn.Linear(4, 2), X, dynamic={"input": {1: "width"}})
    assert message == "a dynamic dimension (width) of Linear cannot vary: the model fixes it to 4"


def test_a_dimension_that_may_vary_needs_an_example_of_two_or_more():
    message = wrong(UsageError, ptgraph.trace, nn.Linear(4, 2), torch.zeros(1, 4), dynamic={"input": {0: "batch"}})
    assert message.startswith("dimension 'batch' of input 'input' has the size 1; ")


@pytest.mark.parametrize("name", ["a/b", "", "../x", "."])
def test_a_name_that_is_no_file_name_is_refused(graph, tmp_path, name):
    program = torch.export.export(nn.Linear(4, 2), (X,))
    start = f"the name {name!r} is no file name of letters, digits and . _ + -, such as "
    assert wrong(UsageError, ptgraph.trace, Net(), name=name).startswith(start)
    assert wrong(UsageError, ptgraph.trace, program, name=name).startswith(start)
    assert wrong(UsageError, ptgraph.export, graph, tmp_path, "json", name=name).startswith(start)
    assert list(tmp_path.iterdir()) == []


# analyze


def test_an_analysis_answers_by_key(graph):
    analysis = ptgraph.analyze(graph)
    count = sum(p.numel() for p in Net().parameters())
    assert analysis["total_params"] == analysis.totals["total_params"] == count == 74
    assert analysis["trainable_params"] + analysis["frozen_params"] == count
    assert analysis["name"] == "Net"
    assert [layer["path"] for layer in analysis["layers"]] == ["", "first", "norm", "drop", "last"]
    assert {p["name"] for p in analysis["parameters"]} == set(Net().state_dict())


def test_an_analysis_has_keys_like_a_dict(graph):
    analysis = ptgraph.analyze(graph)
    assert "total_params" in analysis
    assert "nope" not in analysis
    assert dict(analysis) == {key: analysis[key] for key in analysis}
    assert analysis.keys() == ["name", "totals", "layers", "parameters", "elements", *analysis.totals]
    assert json.loads(json.dumps(analysis.to_dict()))["total_params"] == analysis["total_params"]


def test_an_unknown_key_gets_the_choices(graph):
    analysis = ptgraph.analyze(graph)
    with pytest.raises(KeyError) as caught:
        analysis["params"]
    assert caught.value.args == (f"'params'; there are: {', '.join(analysis)}",)


def test_a_model_is_analyzed_with_arguments(graph):
    assert ptgraph.analyze(Net(), torch.zeros(6, 4))["flops"] == 2 * ptgraph.analyze(graph)["flops"]
    assert ptgraph.analyze(Net(), name="mine")["name"] == "mine"


def test_an_analysis_cannot_be_changed(graph):
    with pytest.raises(AttributeError):
        ptgraph.analyze(graph).name = "other"  # type: ignore[misc]


# export


def test_export_returns_the_paths_it_wrote(graph, tmp_path):
    paths = ptgraph.export(graph, tmp_path / "new", "svg,json")
    assert paths == [tmp_path / "new" / "Net.svg", tmp_path / "new" / "Net.json"]
    assert all(path.stat().st_size > 0 for path in paths)


def test_export_writes_all_formats_into_exports_by_default(graph, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = ptgraph.export(graph)
    assert paths == [Path("exports") / f"Net.{suffix}" for suffix in ("onnx", "netron.json", "html", "svg", "json")]
    assert sorted(path.name for path in Path("exports").iterdir()) == sorted(path.name for path in paths)


def test_export_traces_a_model_with_arguments(tmp_path):
    (path,) = ptgraph.export(
        nn.Linear(4, 2), tmp_path, ["json"], args=(X,), dynamic={"input": {0: "batch"}}, name="layer"
    )
    document = json.loads(path.read_text())
    assert path == tmp_path / "layer.json"
    assert document["model"]["name"] == "layer"
    assert document["model"]["dimensions"] == ["batch"]
    (path,) = ptgraph.export(Net(), tmp_path, "json", kwargs={"x": X})
    assert path == tmp_path / "Net.json"


def test_a_new_name_leaves_the_graph_its_own(graph, tmp_path):
    ptgraph.export(graph, tmp_path, "json", name="other")
    assert graph.name == "Net"


@pytest.mark.parametrize("options", [{"args": (X,)}, {"kwargs": {"x": X}}, {"dynamic": {"x": {0: "batch"}}}])
def test_a_graph_takes_no_inputs_any_more(graph, tmp_path, options):
    message = "Net is traced already; inputs and dimensions cannot change it"
    assert wrong(UsageError, ptgraph.export, graph, tmp_path, "json", **options) == message
    assert list(tmp_path.iterdir()) == []


def test_analyze_takes_no_inputs_for_a_graph(graph):
    assert wrong(UsageError, ptgraph.analyze, graph, X).startswith("Net is traced already")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": "jpeg"}, f"unknown format 'jpeg'; there are: {', '.join([*FORMATS, 'all'])}"),
        ({"formats": ""}, f"no format is named; there are: {', '.join([*FORMATS, 'all'])}"),
        ({"weights": "some"}, "weights is 'some'; there are: none, external, embedded"),
        ({"weights": None}, "weights is None; there are: none, external, embedded"),
        ({"depth": 0}, "depth is 0; it must be 1 or more"),
        ({"depth": -1}, "depth is -1; it must be 1 or more"),
    ],
)
def test_a_bad_choice_is_refused_before_the_long_work(tmp_path, options, message):
    """The model could not even be traced, so nothing was tried."""
    assert wrong(UsageError, ptgraph.export, Failing(), tmp_path / "new", **options) == message
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written(graph, tmp_path):
    (tmp_path / "file").write_text("")
    message = wrong(ExportError, ptgraph.export, graph, tmp_path / "file", "json")
    assert message == f"cannot write to {tmp_path}/file: it is a file, not a folder"


def test_weights_that_the_model_does_not_have(tmp_path):
    with torch.device("meta"):
        model = Net()
    message = wrong(ExportError, ptgraph.export, model, tmp_path, "onnx", weights="embedded", args=(X,))
    assert message.startswith("Net has no weights to write (")
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_a_graph_cannot_have_is_left_out_unless_named(graph, tmp_path):
    untraced = replace(graph, traced=None, attempts=(("torch.export", "it cannot"),))
    assert [path.suffix for path in ptgraph.export(untraced, tmp_path)] == [".html", ".svg", ".json"]
    message = wrong(ExportError, ptgraph.export, untraced, tmp_path, "onnx")
    assert message == "Net has no ONNX, since torch.export cannot trace it: torch.export: it cannot"


# The package


def test_every_public_name_is_there():
    for name in ptgraph.__all__:
        assert getattr(ptgraph, name).__name__ == name
    assert set(dir(ptgraph)) >= {*ptgraph.__all__, "__version__"}
    with pytest.raises(AttributeError, match="module 'ptgraph' has no attribute 'nope'"):
        ptgraph.nope  # noqa: B018


def test_every_error_has_its_exit_code_and_one_base():
    codes = {UsageError: 2, ptgraph.LoadError: 3, TraceError: 4, ExportError: 5}
    assert {kind: kind.exit_code for kind in codes} == codes
    assert all(issubclass(kind, PtgraphError) for kind in codes)


def test_importing_the_package_and_its_command_line_does_not_import_torch():
    code = "import sys, ptgraph, ptgraph.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Threads


class Block(nn.Module):
    """Is traced once where there are several."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        print("a model that prints")
        warnings.warn("a model that warns", stacklevel=1)
        logging.getLogger("model").warning("a model that logs")
        return x + torch.relu(self.inner(x))


class Blocks(nn.Module):
    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class Breaking(Blocks):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise ArithmeticError(f"never {super().forward(x).shape}")


def test_exports_in_threads_write_what_they_would_alone_and_leave_the_process_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = {f"net{k}": Blocks(3 + k, 4 + k) for k in range(4)}
    models["broken"] = Breaking(4, 4)
    start = threading.Barrier(len(models) + 1)
    ended: dict[str, BaseException | None] = {}

    def work(folder: str, name: str, together: bool) -> None:
        model: Any = models[name]
        args = (torch.zeros(2, model.blocks[0].inner.in_features),)
        try:
            if together:
                start.wait()
            ptgraph.export(models[name], tmp_path / folder, "onnx,svg,json", name=name, args=args)
            ptgraph.verify(models[name], args=args)
            ended[name] = None
        except Exception as error:
            ended[name] = error

    def state() -> list[Any]:
        switches = [torch.backends.mha.get_fastpath_enabled(), torch.is_grad_enabled(), logging.root.manager.disable]
        forwards = [Block.forward, Blocks.forward, Breaking.forward]
        return [sys.stdout, sys.stderr, *warnings.filters, *switches, *forwards, *sys.path, torch.get_rng_state().sum()]

    for name in models:
        work("alone", name, False)
    before, alone = state(), {name: type(error) for name, error in ended.items()}
    assert alone == {**dict.fromkeys(models, type(None)), "broken": TraceError}
    threads = [threading.Thread(target=work, args=("together", name, True)) for name in models]
    for thread in threads:
        thread.start()
    start.wait()
    for thread in threads:
        while thread.is_alive():
            print("main")  # what another thread writes meanwhile is not lost
            thread.join(0.1)
    assert {name: type(error) for name, error in ended.items()} == alone
    assert state() == before
    files = {path.name: path.read_bytes() for path in (tmp_path / "alone").iterdir()}
    assert len(files) == 4 * 4
    assert {path.name: path.read_bytes() for path in (tmp_path / "together").iterdir()} == files
    assert set(capsys.readouterr().out.splitlines()) == {"main"}


def test_a_stream_that_somebody_has_kept_while_it_was_quiet_writes_again(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        kept = sys.stdout
        print("not heard")
    with contextlib.redirect_stdout(kept):  # as one does who put it back too late
        print("heard")
    assert capsys.readouterr().out == "heard\n"


def process_state() -> dict[str, Any]:
    """What a process has once, and a library has to leave as it found it."""
    hooks = torch.nn.modules.module
    return {
        "streams": (sys.stdout, sys.stderr),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "logging": (logging.root.level, logging.root.manager.disable, list(logging.root.handlers)),
        "gc": (gc.isenabled(), gc.get_threshold()),
        "torch": (torch.get_default_dtype(), torch.is_grad_enabled(), torch.initial_seed(), torch.get_num_threads()),
        "random": torch.get_rng_state().tolist(),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "hooks": {name: list(value) for name, value in vars(hooks).items() if name.startswith("_global") and value},
        "path": list(sys.path),
        "signals": [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)],
    }


def test_the_library_leaves_the_process_as_it_found_it(tmp_path: Path) -> None:
    ptgraph.export(Net(), tmp_path, args=(X,))  # what is imported for it may set things once
    model = Net()
    before = process_state()
    graph = ptgraph.trace(model, X)
    ptgraph.export(graph, tmp_path / "again")
    ptgraph.compare(graph, graph)
    after = process_state()
    assert {name for name in before if before[name] != after[name]} == set()
