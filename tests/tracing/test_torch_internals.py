"""torch's private names do what ptgraph takes them to do; a failure here says what a new torch has changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from ptgraph.tracing import torch_internals as internals
from tests.conftest import ROOT

PRIVATE = re.compile(
    r"torch\._|_pytree|_dynamo|_subclasses|untyped_storage\(\)\._|tensor\._version|\.node\.(expr|hint)"
)
BORDERS = {"tracing/torch_internals.py", "onnx/writing/torch_onnx_bridge.py"}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("scale", torch.ones(4))
        self.register_buffer("nothing", None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.vmap(lambda row: row * 2)(self.linear(x)) * self.scale


@pytest.fixture(scope="module")
def program() -> torch.export.ExportedProgram:
    return torch.export.export(Net(), (torch.ones(3, 4),), dynamic_shapes={"x": {0: Dim.DYNAMIC}})


def test_private_names_of_torch_are_in_the_border_modules_only() -> None:
    package = ROOT / "ptgraph"
    found = {
        str(path.relative_to(package)) for path in package.rglob("*.py") if PRIVATE.search(path.read_text("utf-8"))
    }
    assert found <= BORDERS, f"private names of torch outside of the border modules: {sorted(found - BORDERS)}"


def test_pytree_flattens_with_paths_and_back() -> None:
    value = {"a": [torch.ones(1), 2], "b": (3,)}
    leaves, spec = internals.pytree.tree_flatten(value)
    assert internals.pytree.tree_unflatten(leaves, spec) == value, "pytree no longer puts together what it took apart"
    paths = [path for path, _ in internals.pytree.tree_flatten_with_path(value)[0]]
    assert len(paths) == 3, "tree_flatten_with_path no longer gives (path, leaf) pairs first"


def test_a_program_says_how_it_is_called(program: torch.export.ExportedProgram) -> None:
    args, kwargs = internals.pytree.tree_unflatten(["x"], internals.input_spec(program))
    assert (list(args), kwargs) == (["x"], {}), "call_spec.in_spec is no longer that of (args, kwargs)"
    assert internals.pytree.tree_unflatten([1], internals.output_spec(program)) == 1, "call_spec.out_spec has changed"


def test_a_size_that_varies_has_an_expression_and_a_hint(program: torch.export.ExportedProgram) -> None:
    (x,) = (node for node in program.graph.nodes if node.op == "placeholder" and node.name == "x")
    size = x.meta["val"].shape[0]
    assert internals.is_symbolic(size), "a SymInt no longer has a node"
    assert internals.hint_of(size) == 3, "the hint of a SymInt is no longer the size of the example"
    names = list(internals.free_symbols([size]))
    assert names == [str(internals.expression_of(size))], "the expression of a plain SymInt is no longer its symbol"
    assert internals.SYMBOL.fullmatch(names[0]), f"torch names sizes {names[0]!r} now, not s0 or u0"


def test_what_torch_export_says_of_a_fixed_size() -> None:
    class Fixed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.view(4, -1) + torch.ones(4, 2)

    with pytest.raises(internals.export_errors()) as caught:
        torch.export.export(Fixed(), (torch.ones(4, 2),), dynamic_shapes={"x": {0: Dim.DYNAMIC}})
    text = str(caught.value)
    assert internals.CONSTRAINTS_VIOLATED in text, f"torch.export says something else of violated constraints: {text}"
    assert internals.INPUT_SIZE.findall(text) and internals.FIXED_SIZE.findall(text), (
        f"torch.export names the fixed size in another way: {text}"
    )


def test_what_torch_export_says_of_an_output_that_it_does_not_know() -> None:
    class Odd:
        pass

    class Gives(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return Odd()

    with pytest.raises(Exception, match=internals.ADAPTABLE[0]):
        torch.export.export(Gives(), (torch.ones(1),))


def test_what_torch_export_says_of_keywords_that_it_does_not_know() -> None:
    class Keywords(nn.Module):
        def forward(self, **given: torch.Tensor) -> torch.Tensor:
            return given["x"] * 2

    with pytest.raises(Exception, match=internals.ADAPTABLE[1]):
        torch.export.export(Keywords(), (), {"x": torch.ones(2)}, dynamic_shapes={"x": {0: Dim.DYNAMIC}})


def test_marks_of_vmap_in_a_program(program: torch.export.ExportedProgram) -> None:
    targets = [
        f"{node.target.__module__}.{node.target.__name__}"
        for node in program.graph.nodes
        if node.op == "call_function" and getattr(node.target, "__module__", "").startswith("torch._functorch")
    ]
    assert any(t.startswith(internals.VMAP) and t.endswith(internals.VMAP_ENTER) for t in targets), (
        f"torch.func.vmap is marked otherwise in a program: {targets}"
    )


def test_operators_have_a_schema() -> None:
    schema = internals.schema_of(torch.ops.aten.add_.Tensor)
    assert schema.arguments[0].alias_info.is_write, "the schema of an operator no longer says what it writes"
    assert isinstance(torch.ops.aten.add_.Tensor, internals.OpOverload)
    assert internals.schema_of(torch.add) is None


def test_memory_and_versions_of_tensors() -> None:
    x = torch.ones(4)
    assert internals.memory_key(x) == internals.memory_key(x[1:]), "views no longer share the key of their memory"
    assert internals.memory_key(x) != internals.memory_key(x.clone()), "tensors apart share the key of their memory"
    before = internals.version_of(x)
    x.add_(1)
    assert internals.version_of(x) > before, "an in-place operation no longer counts up the version of a tensor"
    with torch.inference_mode():
        y = torch.ones(1)
    with pytest.raises(RuntimeError):
        internals.version_of(y)


def test_what_a_module_itself_holds() -> None:
    net = Net()
    assert list(internals.own_modules(net)) == ["linear"]
    assert list(internals.own_parameters(net.linear)) == ["weight", "bias"]
    assert {**internals.own_buffers(net)}.keys() == {"scale", "nothing"}


def test_transforms_wrap_tensors() -> None:
    seen = []

    def look(x: torch.Tensor) -> torch.Tensor:
        seen.append(internals.is_wrapped(x))
        return x

    torch.vmap(look)(torch.ones(2))
    assert seen == [True] and not internals.is_wrapped(torch.ones(2)), "is_functorch_wrapped_tensor has changed"


def test_a_tracer_of_functions_does_not_see_what_is_done_without() -> None:
    class Sees(torch.overrides.TorchFunctionMode):
        count = 0

        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            Sees.count += 1
            return function(*args, **(kwargs or {}))

    class Kind(torch.Tensor):
        pass

    tensor = torch.ones(2).as_subclass(Kind)
    with internals.DisableTorchFunction():
        assert tensor.shape == (2,)
        assert type(tensor + 1) is torch.Tensor, "DisableTorchFunction no longer keeps subclasses from seeing a call"


def test_fake_tensors_say_what_depends_on_data() -> None:
    raised = (internals.DataDependentOutputException, internals.DynamicOutputShapeException)
    with internals.FakeTensorMode() as mode, pytest.raises(raised):
        mode.from_tensor(torch.ones(3)).nonzero().tolist()


def test_a_fake_tensor_in_a_program_is_read_by_the_function_that_is_replaced() -> None:
    read, name = internals.fake_tensor_reader()
    assert callable(read) and name.startswith("torch._export."), "the reader of tensors without numbers has moved"


def test_an_archive_lists_its_records(tmp_path: Path, program: torch.export.ExportedProgram) -> None:
    torch.export.save(program, tmp_path / "net.pt2")
    names = internals.ArchiveReader(str(tmp_path / "net.pt2")).get_all_records()
    assert any(name.startswith("models/") for name in names), f"a .pt2 file no longer has models/: {names[:5]}"


def test_a_weak_dictionary_goes_by_identity() -> None:
    known = internals.WeakIdKeyDictionary()
    x, y = torch.ones(1), torch.ones(1)
    known[x] = "x"
    assert x in known and y not in known, "WeakIdKeyDictionary no longer tells equal tensors apart"


class Scripted(nn.Module):
    __constants__ = ("times",)

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.times = 3

    def forward(self, x: torch.Tensor, by: float = 1.0) -> torch.Tensor:
        return self.linear(x) * self.times * by


def test_what_a_script_says_of_itself() -> None:
    script = torch.jit.script(Scripted())
    assert internals.script_class(script).endswith("Scripted"), "the class of a script has another name"
    assert internals.script_constants(script)["times"] == 3, "constants of a script are kept elsewhere"
    assert "forward" in internals.script_methods(script)
    arguments = internals.script_arguments(script)
    assert [a.name for a in arguments] == ["x", "by"] and arguments[1].default_value == 1.0
    assert internals.has_script_attribute(script, "linear") and not internals.has_script_attribute(script, "none")
    assert internals.script_attribute(script, "times") == 3
    with pytest.raises(AttributeError):
        internals.script_attribute(script, "none")


def test_the_graph_of_a_script_keeps_the_calls_of_its_modules() -> None:
    graph = internals.script_graph(torch.jit.script(Scripted()), "forward")
    (call,) = (node for node in graph.nodes() if node.kind() == internals.SCRIPT_CALL)
    assert call.s("name") == "forward", "a graph of TorchScript calls its modules otherwise"


def test_the_numbers_of_dtypes_in_torchscript() -> None:
    numbers = [internals.script_dtype(torch.zeros(1, dtype=t)) for t in (torch.uint8, torch.int64, torch.float32)]
    assert numbers == [0, 4, 6], "TorchScript numbers dtypes otherwise"


def test_a_compiled_module_holds_the_one_that_it_was_made_of() -> None:
    net = Net()
    compiled: Any = torch.compile(net, backend="eager")
    assert internals.uncompiled(compiled) is net, "torch.compile wraps a module otherwise"
    assert internals.uncompiled(net) is None
    compiled.register_forward_hook(lambda *_: None)
    assert internals.uncompiled(compiled) is None, "hooks of a module are kept elsewhere"


def test_calls_of_modules_are_watched() -> None:
    seen: list[Any] = []
    model, x = torch.nn.Sequential(torch.nn.Identity(), torch.nn.ReLU()), torch.ones(1)
    with internals.calls_watched(seen.append, lambda module, given, result: seen.append((module, given[0] is result))):
        model(x)
    model(x)
    assert seen == [model, model[0], (model[0], True), model[1], (model[1], False), (model, False)]


def test_data_of_a_tensor_is_followed() -> None:
    class Data(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.data + 1

    own = torch.Tensor.data
    with internals.data_followed():
        program = torch.export.export(Data(), (torch.ones(2),))
    assert torch.equal(program.module()(torch.zeros(2)), torch.ones(2)), "tensor.data is a constant in a program"
    assert torch.Tensor.data == own


def test_modes_and_tensors_without_numbers() -> None:
    assert not internals.in_torch_function_mode()
    with torch.device("cpu"):
        assert internals.in_torch_function_mode(), "torch counts its modes otherwise"
    with internals.FakeTensorMode() as mode:
        assert internals.is_empty(mode.from_tensor(torch.ones(1)))
    assert internals.is_empty(torch.ones(1, device="meta")) and not internals.is_empty(torch.ones(1))


def test_a_mode_sees_operators_and_those_that_take_functions() -> None:
    seen = []

    class Sees(internals.TorchDispatchMode):
        supports_higher_order_operators = True

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(function)
            return function(*args, **(kwargs or {}))

    with Sees():
        torch.cond(torch.tensor(True), lambda x: x + 1, lambda x: x - 1, (torch.ones(2),))
    assert any(isinstance(function, internals.HigherOrderOperator) for function in seen)


def test_conditions_on_sizes_that_a_program_keeps() -> None:
    class Even(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2 if x.shape[0] % 2 == 0 else x

    program = torch.export.export(Even(), (torch.ones(8),), dynamic_shapes={"x": {0: Dim.DYNAMIC}})
    (guard,) = internals.guards_of(program)
    (symbol,) = guard.free_symbols
    assert internals.condition_text(guard, {str(symbol): "N"}) == "(N % 2) == 0", "torch writes conditions otherwise"
    assert str(guard.subs({symbol: 9})) == "False"
