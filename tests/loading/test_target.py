"""A target becomes a model and its example inputs, or one line that says what is wrong and what to do."""

from __future__ import annotations

import collections
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ptgraph.common.file_names import file_stem
from ptgraph.errors import LoadError, PtgraphError, UsageError
from ptgraph.loading.example_inputs import example_inputs, on_device_of
from ptgraph.loading.request import KINDS
from ptgraph.loading.target import load
from ptgraph.models import PRESETS
from ptgraph.tracing.build_graph import graph_of
from ptgraph.tracing.source import Source

MODULE = """
import torch
from torch import nn
from torch.nn import Linear

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.inner = nn.Linear(width, 2)

    def forward(self, x, mask=None):
        return self.inner(x)

class Fed(Net):
    def example_inputs(self):
        return {"x": torch.zeros(3, 4)}

class Wide(nn.Module):
    def __init__(self, width, *sizes, heads, bias=True):
        super().__init__()

def factory():
    return Fed()

net = Net()
number = 3
"""


@pytest.fixture(autouse=True)
def folder(workdir: Path) -> Path:
    """Work in an empty folder; afterwards, nothing imported from it is left."""
    return workdir


@pytest.fixture
def net(folder: Path) -> Path:
    """The file net.py with some models."""
    return write(folder, "net.py", MODULE)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def model_of(target: str, *inputs: str, **options) -> nn.Module:
    model = load(target, inputs, **options).model
    assert model is not None
    return model


def shapes(source: Source) -> tuple[list[tuple[int, ...]], dict[str, tuple[int, ...]]]:
    return [tuple(t.shape) for t in source.args], {n: tuple(t.shape) for n, t in source.kwargs.items()}


def wrong(target: str, *inputs: str, error: type[PtgraphError] = LoadError, **options) -> str:
    with pytest.raises(PtgraphError) as caught:
        load(target, inputs, **options)
    assert type(caught.value) is error
    message = str(caught.value)
    assert "\n" not in message
    return message


# Where a model comes from


@pytest.mark.parametrize("target", ["net.py:Fed", "net.py:factory", "net:Fed", "net:factory", "./net.py:Fed"])
def test_a_class_or_a_factory_is_built_on_meta(net, target):
    source = load(target)
    assert type(source.model).__name__ == "Fed"
    assert {p.device.type for p in source.model.parameters()} == {"meta"}
    assert shapes(source) == ([], {"x": (3, 4)})
    assert source.kwargs["x"].is_meta
    assert source.name == target.rpartition(":")[2]


def test_an_instance_is_taken_as_it_is(net):
    model = model_of("net.py:net", "x:float32:3x4")
    assert model is sys.modules["net"].net
    assert {p.device.type for p in model.parameters()} == {"cpu"}


def test_a_part_of_an_instance(net):
    source = load("net.py:net.inner", ["input:float32:3x4"])
    assert source.model is sys.modules["net"].net.inner
    assert source.name == "inner"


def test_an_absolute_path(net, monkeypatch):
    monkeypatch.chdir("/")
    assert type(model_of(f"{net}:Fed")).__name__ == "Fed"


def test_a_module_of_a_package_in_this_folder(folder):
    write(folder, "package/__init__.py", "")
    write(folder, "package/deep/__init__.py", "")
    write(folder, "package/deep/net.py", "from .parts import Part\nclass Outer:\n    Inner = Part")
    write(folder, "package/deep/parts.py", MODULE.replace("Fed", "Part"))
    assert type(model_of("package.deep.net:Outer.Inner")).__name__ == "Part"


def test_an_installed_module(folder):
    source = load("torch.nn:Identity", ["input:float32:3x4"])
    assert type(source.model) is nn.Identity


def test_a_file_imports_its_neighbours(folder):
    write(folder, "deep/neighbour.py", MODULE)
    write(folder, "deep/mine.py", "from neighbour import Fed as Mine")
    assert type(model_of("deep/mine.py:Mine")).__name__ == "Fed"


def test_a_file_named_like_a_loaded_module_does_not_take_its_place(folder):
    write(folder, "json.py", MODULE)
    model = model_of("json.py:Fed")
    assert type(model).__module__ == "user_json"
    assert sys.modules["json"] is json


def test_a_file_that_changed_is_read_again(folder):
    write(folder, "net.py", MODULE)
    assert model_of("net.py:Fed").inner.in_features == 4
    write(folder, "net.py", MODULE.replace("width=4", "width=16"))
    assert model_of("net.py:Fed").inner.in_features == 16


def test_classes_of_a_file_know_their_module(folder):
    """dataclass and pickle look a class's module up in sys.modules."""
    text = "import dataclasses\n@dataclasses.dataclass\nclass Config:\n    width: int = 4\n"
    write(folder, "net.py", f"from __future__ import annotations\n{text}{MODULE}")
    assert type(model_of("net.py:Fed")).__module__ == "net"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset(name):
    source = load(name)
    assert source.name == name
    assert {p.device.type for p in source.model.parameters()} == {"meta"}
    assert list(source.kwargs) == ["input_ids"]


def test_a_preset_before_a_folder_of_its_name(folder):
    (folder / "tiny").mkdir()
    assert type(model_of("tiny")).__name__ == "TransformerLM"


def test_a_program(folder):
    program = torch.export.export(nn.Linear(4, 2), (torch.zeros(3, 4),))
    torch.export.save(program, folder / "saved.pt2")
    source = load("saved.pt2")
    assert source.name == "saved"
    assert source.model is None
    assert list(source.program.state_dict) == ["weight", "bias"]


def test_a_hugging_face_folder(folder):
    write(folder, "mini/config.json", '{"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2}')
    for target in ("mini", "mini/", "mini/config.json"):
        source = load(target)
        assert (source.name, type(source.model).__name__) == ("mini", "GPT2Model")
        assert shapes(source) == ([], {"input_ids": (1, 16)})
    source = load("mini", ["input_ids:int64:batch=2xsequence=8"])
    assert shapes(source) == ([], {"input_ids": (2, 8)})
    assert source.dynamic == {"input_ids": {0: "batch", 1: "sequence"}}


# With weights, and without


def test_weights_are_made_alike_each_time_and_leave_the_random_state(folder):
    write(folder, "net.py", MODULE.replace("net = Net()", ""))
    state = torch.random.get_rng_state()
    models: list[Any] = [model_of("net.py:Fed", weights=True) for _ in range(2)]
    first, second = (model.inner.weight for model in models)
    assert torch.equal(state, torch.random.get_rng_state())
    assert not first.is_meta
    assert first.abs().sum() > 0
    assert torch.equal(first, second)


def test_a_constructor_that_needs_real_numbers_gets_them(folder):
    write(folder, "net.py", MODULE.replace("width, 2)", "width, 2)\n        self.inner.weight.sum().item()"))
    source = load("net.py:Fed")
    assert {p.device.type for p in source.model.parameters()} == {"cpu"}
    assert not source.kwargs["x"].is_meta


def test_parameters_that_ignore_the_device_are_moved(folder):
    own = "self.own = nn.Parameter(torch.zeros(3, device='cpu'))"
    write(folder, "net.py", MODULE.replace("width, 2)", f"width, 2)\n        {own}"))
    assert model_of("net.py:Fed").own.is_meta


# Example inputs


class Plain(nn.Module):
    def __init__(self, says: Callable[[], object] | None = None) -> None:
        super().__init__()
        if says is not None:
            self.example_inputs = says

    def forward(self, a: torch.Tensor, b: torch.Tensor | None = None) -> torch.Tensor:
        return a


ONE, TWO = torch.zeros(1), torch.zeros(2)
Pair = collections.namedtuple("Pair", "first second")


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ({"a": ONE}, ((), {"a": ONE})),
        (collections.UserDict(a=ONE), ((), {"a": ONE})),
        ((ONE, TWO), ((ONE, TWO), {})),
        (Pair(ONE, TWO), ((ONE, TWO), {})),
        ([ONE, TWO], ((ONE, TWO), {})),
        (ONE, ((ONE,), {})),
        ({}, ((), {})),
        ((), ((), {})),
    ],
    ids=lambda value: type(value).__name__,
)
def test_example_inputs_may_be_a_dict_a_tuple_a_list_or_a_tensor(returned, expected):
    assert example_inputs(Plain(lambda: returned)) == expected


def test_a_model_may_give_none():
    assert example_inputs(Plain()) is None


@pytest.mark.parametrize(
    ("returned", "kind"),
    [(None, "type NoneType"), ("x", "type str"), (3, "type int"), ({0: ONE}, "a dict with keys that are no names")],
)
def test_example_inputs_of_another_type_are_refused(returned, kind):
    message = (
        f"example_inputs() returned {kind}; it may return a dict by argument name, "
        "a tuple or list in order, or one tensor"
    )
    with pytest.raises(LoadError, match=f"^{re.escape(message)}$"):
        example_inputs(Plain(lambda: returned))


def test_example_inputs_leave_the_random_state():
    state = torch.random.get_rng_state()
    example_inputs(Plain(lambda: torch.randn(3)))
    assert torch.equal(state, torch.random.get_rng_state())


GIVER = "def example_inputs():\n    return {'x': torch.zeros(7, 4)}\n"


@pytest.mark.parametrize(
    ("text", "target", "rows"),
    [
        (GIVER, "Net", 7),
        (GIVER, "net", 7),
        (GIVER, "Fed", 3),
        (GIVER + "def make(): return Net()\nmake.example_inputs = lambda: torch.zeros(5, 4)\n", "make", 5),
        (GIVER + "def make(): return Fed()\nmake.example_inputs = lambda: torch.zeros(5, 4)\n", "make", 3),
    ],
    ids=["file, class", "file, instance", "model before file", "factory before file", "model before factory"],
)
def test_the_model_the_factory_or_the_file_gives_example_inputs(folder, text, target, rows):
    write(folder, "net.py", MODULE + text)
    args, kwargs = shapes(load(f"net.py:{target}"))
    assert [*args, *kwargs.values()] == [(rows, 4)]


def test_inputs_change_those_that_are_given_and_add_others(net):
    assert shapes(load("net.py:Fed", ["x:float32:9x4"])) == ([], {"x": (9, 4)})
    assert shapes(load("net.py:Fed", ["mask:bool:3"])) == ([], {"x": (3, 4), "mask": (3,)})


def test_inputs_change_a_tuple_too(folder):
    write(folder, "net.py", MODULE + "def example_inputs(): return torch.zeros(7, 4), torch.zeros(7)\n")
    assert shapes(load("net.py:Net", ["mask:bool:3"])) == ([], {"x": (7, 4), "mask": (3,)})


def test_named_dimensions_are_dynamic(net):
    source = load("net.py:Fed", ["x:float32:batch=3x4", "mask:bool:3"])
    assert source.dynamic == {"x": {0: "batch"}}


FORWARDS = """
from torch import nn
class Only(nn.Module):
    def forward(self, x, y, /, z): return x
class Many(nn.Module):
    def forward(self, *tensors): return tensors[0]
class Named(nn.Module):
    def forward(self, **tensors): return tensors["x"]
class Nothing(nn.Module):
    def forward(self): return 1
class Optional(nn.Module):
    def forward(self, x=None, **rest): return x
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Only", ([(1,), (2,)], {"z": (3,)})),
        ("Many", ([(3,), (1,), (2,)], {})),
        ("Named", ([], {"z": (3,), "x": (1,), "y": (2,)})),
    ],
)
def test_inputs_reach_forward_whatever_its_arguments_are_like(folder, name, expected):
    write(folder, "net.py", FORWARDS)
    source = load(f"net.py:{name}", ["z:int64:3", "x:int64:1", "y:int64:2"])
    assert shapes(source) == expected


@pytest.mark.parametrize("name", ["Nothing", "Optional", "Named"])
def test_a_forward_that_needs_nothing_gets_nothing(folder, name):
    write(folder, "net.py", FORWARDS)
    assert shapes(load(f"net.py:{name}")) == ([], {})


def test_a_dimension_can_only_vary_in_an_argument_with_a_name(folder):
    write(folder, "net.py", FORWARDS)
    assert load("net.py:Named", ["x:int64:n=2"]).dynamic == {"x": {0: "n"}}
    assert wrong("net.py:Many", "x:int64:n=2", error=UsageError) == (
        "--input x: forward has no argument of that name, which a dimension that varies needs; it takes *tensors"
    )


def test_inputs_are_on_the_device_of_the_model():
    meta = torch.zeros(3, device="meta")
    real = nn.Linear(3, 2)
    assert on_device_of(real, {"x": [meta, "text"]})["x"][0].device.type == "cpu"
    assert on_device_of(nn.ReLU(), meta).device.type == "cpu"
    assert on_device_of(nn.Linear(3, 2, device="meta"), ONE).is_meta
    assert on_device_of(real, ONE) is ONE


def test_a_model_with_weights_and_inputs_too_large_for_memory(net):
    message = wrong("net.py:net", "x:float32:999999999999x4", error=UsageError)
    assert message == "an input of the shape (999999999999, 4) does not fit into memory"


# What the user's own code prints and how it ends


LOUD = """
import logging, sys, warnings
def shout(where):
    print(where); print(where, file=sys.stderr); warnings.warn(where); logging.error(where)
shout("import")
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        shout("init")
    def forward(self, x): return x
    def example_inputs(self):
        shout("example")
        return torch.zeros(2)
"""


@pytest.mark.parametrize("weights", [False, True])
def test_a_tensor_that_is_given_twice_is_two_inputs(folder, weights):
    twice = "same = torch.ones(3, 4); return {'x': same, 'y': same}"
    write(
        folder,
        "net.py",
        f"""
import torch
class Sum(torch.nn.Linear):
    def __init__(self): super().__init__(4, 4)
    def forward(self, x, y): return super().forward(x) - y
    def example_inputs(self): {twice}
""",
    )
    source = load("net.py:Sum", weights=weights)
    graph = graph_of(source)
    assert [graph.ops.out_degree(name) for name in graph.of_kind("input")] == [1, 1]


@pytest.mark.parametrize("weights", [False, True])
def test_what_the_users_code_prints_logs_and_warns_is_dropped(folder, capfd, recwarn, caplog, weights):
    write(folder, "loud.py", LOUD)
    load("loud.py:Net", weights=weights)
    assert capfd.readouterr() == ("", "")
    assert [str(warning.message) for warning in recwarn] == []
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("def f(:", "SyntaxError: invalid syntax (net.py, line 1)"),
        ("raise ValueError('first\\nsecond')", "ValueError: first"),
        ("raise ValueError", "ValueError"),
        ("raise ValueError('\\n\\n')", "ValueError"),
        (
            "import sys; sys.exit(3)",
            "it called sys.exit(3); what only a script does belongs under if __name__ == '__main__'",
        ),
        ("from .sibling import Net", "ImportError: attempted relative import with no known parent package"),
    ],
)
def test_a_file_whose_import_fails(folder, text, reason):
    write(folder, "net.py", text)
    assert wrong("net.py:Net") == f"importing net.py failed: {reason}"


def test_a_module_whose_import_fails_is_not_called_missing(folder):
    write(folder, "net.py", "import no_such_thing")
    assert wrong("net:Net") == "importing net failed: ModuleNotFoundError: No module named 'no_such_thing'"


def test_a_file_that_is_not_text(folder):
    (folder / "net.py").write_bytes(b"\xff\xfe\x00")
    assert wrong("net.py:Net").startswith("importing net.py failed: SyntaxError: ")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise RuntimeError('first\\nsecond')", "building net.py:make failed: RuntimeError: first"),
        ("raise SystemExit", "building net.py:make failed: it called sys.exit(None); what only a script does"),
        ("return None", "net.py:make returned something of type NoneType, not a torch.nn.Module"),
        ("return Net", "net.py:make returned something of type type, not a torch.nn.Module"),
        ("return net.state_dict()", "net.py:make returned something of type OrderedDict, not a torch.nn.Module"),
        ("Net().missing", "building net.py:make failed: AttributeError: 'Net' object has no attribute 'missing'"),
    ],
)
def test_a_factory_that_raises_or_returns_something_else(folder, body, message):
    write(folder, "net.py", f"{MODULE}\ndef make():\n    {body}\n")
    assert wrong("net.py:make").startswith(message)


def test_example_inputs_that_fail(folder):
    write(folder, "net.py", MODULE + "def example_inputs(): raise OSError('no\\nfile')")
    assert wrong("net.py:Net") == "example_inputs() failed: OSError: no"


def test_an_interrupt_is_not_an_error_of_the_model(folder):
    write(folder, "net.py", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load("net.py:Net")


# Targets that are none


@pytest.mark.parametrize(
    ("target", "near"),
    [("meduim", "medium"), ("Tiny", "tiny"), ("smal", "small"), ("xlarg", "xlarge"), ("medium_large", "medium-large")],
)
def test_an_unknown_preset_gets_the_nearest(target, near):
    assert wrong(target) == (
        f"unknown target {target!r}; did you mean {near!r}? The presets are {', '.join(PRESETS)}; a target is {KINDS}"
    )


@pytest.mark.parametrize("target", ["xyzzy", ":Net", "no/such/folder/", "-"])
def test_an_unknown_target_gets_the_choices(target):
    assert wrong(target) == f"unknown target {target!r}. The presets are {', '.join(PRESETS)}; a target is {KINDS}"


def test_an_empty_target():
    assert wrong("") == f"the target is empty; a target is {KINDS}"


@pytest.mark.parametrize("name", ["weights.pt", "model.safetensors", "notes.txt"])
def test_a_file_of_another_kind(folder, name):
    write(folder, name, "")
    assert wrong(name) == f"{name} is no file that ptgraph reads (weights alone are no model); a target is {KINDS}"


@pytest.mark.parametrize(
    "target", ["gone.py:Net", "gone.py", "gone.py:", "gone.pt2", "gone/config.json", "gone.json", "deep/gone.py:Net"]
)
def test_a_missing_file(target):
    assert wrong(target) == f"{target.partition(':')[0]} does not exist"


@pytest.mark.parametrize("target", ["folder.py:Net", "folder.py:"])
def test_a_folder_in_place_of_a_python_file(folder, target):
    (folder / "folder.py").mkdir()
    assert wrong(target) == "folder.py is a folder, not a file"


def test_a_folder_in_place_of_a_program(folder):
    (folder / "folder.pt2").mkdir()
    assert wrong("folder.pt2") == "folder.pt2 is a folder, not a file"


@pytest.mark.parametrize("target", ["net.py", "net.py:"])
def test_a_python_file_without_an_attribute(net, target):
    assert wrong(target) == "net.py names a file; say which attribute of it, such as net.py:Model"


@pytest.mark.parametrize(("target", "name"), [("gone:Net", "gone"), ("net.gone:Net", "net.gone"), ("a.b:N", "a")])
def test_a_missing_module(net, folder, target, name):
    assert wrong(target) == f"there is no module {name!r}, neither in {folder} nor installed"


@pytest.mark.parametrize("place", ["deep/net", "1net", "net-2", "net..py x", "../net"])
def test_a_place_that_is_neither_a_file_nor_a_module(place):
    assert wrong(f"{place}:Net") == (
        f"{place!r} is neither a Python file nor the name of a module; a target is {KINDS}"
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("net.py:Nett", "net.py has no attribute 'Nett'; did you mean 'Net'?"),
        ("net:factroy", "net has no attribute 'factroy'; did you mean 'factory'?"),
        ("net.py:nummber", "net.py has no attribute 'nummber'; did you mean 'number'?"),
        ("net.py:xyzzy", "net.py has no attribute 'xyzzy'; it has: Net, Fed, Wide, factory, net"),
        ("net.py:net.iner", "net.py:net has no attribute 'iner'; did you mean 'inner'?"),
        ("net.py:net.xyzzy", "net.py:net has no attribute 'xyzzy'; it has: inner"),
        ("net.py:net.inner.xyzzy", "net.py:net.inner has no attribute 'xyzzy'; it has no models"),
        ("net.py:number.xyzzy", "net.py:number has no attribute 'xyzzy'; it has no models"),
        ("net.py:Net.inner", "net.py:Net has no attribute 'inner'; it has no models"),
        ("net.py:a b", "net.py has no attribute 'a b'; it has: Net, Fed, Wide, factory, net"),
        ("net.py:Net.", "net.py:Net has no attribute ''; it has no models"),
        ("torch.nn:Liner", "torch.nn has no attribute 'Liner'; did you mean 'Linear'?"),
    ],
)
def test_a_missing_attribute_gets_the_nearest_or_all(net, target, message):
    assert wrong(target) == message


def test_a_long_list_of_attributes_is_cut(folder):
    write(folder, "net.py", "".join(f"def make{number:02}(): ...\n" for number in range(30)))
    message = wrong("net.py:xyzzy")
    assert message.startswith("net.py has no attribute 'xyzzy'; it has: make00, make01, ")
    assert message.endswith("make19, …")


def test_an_attribute_whose_reading_fails(folder):
    write(folder, "net.py", "def __getattr__(name): raise ImportError(f'{name} needs more\\nof it')")
    assert wrong("net.py:Net") == "reading 'Net' of net.py failed: ImportError: Net needs more"


@pytest.mark.parametrize(
    ("attribute", "kind"), [("number", "int"), ("__doc__", "NoneType"), ("torch", "module"), ("number.real", "int")]
)
def test_an_attribute_that_is_no_model(net, attribute, kind):
    assert wrong(f"net.py:{attribute}") == (
        f"net.py:{attribute} is of type {kind}, neither a torch.nn.Module nor a factory of one"
    )


@pytest.mark.parametrize(
    ("target", "arguments"), [("net.py:Wide", "width, heads"), ("torch.nn:Linear", "in_features, out_features")]
)
def test_a_class_that_needs_arguments(net, target, arguments):
    assert wrong(target) == (
        f"{target} needs arguments to be built ({arguments}); name an instance, or a factory without any"
    )


def test_a_damaged_program(folder):
    program = torch.export.export(nn.Linear(4, 2), (torch.zeros(3, 4),))
    torch.export.save(program, folder / "whole.pt2")
    data = (folder / "whole.pt2").read_bytes()
    for name, damaged in {"half": data[: len(data) // 2], "empty": b"", "text": b"hello", "first": data[:100]}.items():
        (folder / f"{name}.pt2").write_bytes(damaged)
        assert wrong(f"{name}.pt2").startswith(
            f"{name}.pt2 is not a program written by torch.export.save, or it is damaged: "
        )


def test_an_archive_that_is_no_program_is_not_explained_by_warnings_nobody_sees(folder):
    torch.save({"weight": torch.zeros(3)}, folder / "weights.pt2")
    message = wrong("weights.pt2")
    assert message.startswith("weights.pt2 is not a program written by torch.export.save, or it is damaged: ")
    assert "above" not in message


def test_a_program_keeps_its_inputs(folder):
    assert wrong("gone.pt2", "x:float32:3x4", error=UsageError) == (
        "gone.pt2 holds its own inputs; --input cannot change them"
    )


def test_a_folder_without_a_config(folder):
    (folder / "empty").mkdir()
    assert wrong("empty") == "the folder empty holds no config.json"


def test_a_config_of_an_unknown_architecture(folder):
    write(folder, "config.json", '{"model_type": "lama"}')
    assert wrong("config.json").startswith("config.json: unknown model type 'lama'; did you mean llama")


def test_a_target_longer_than_a_path_may_be():
    assert wrong("n" * 5000).endswith(": File name too long")


# Inputs that do not fit


def test_a_model_without_example_inputs_names_its_arguments(folder):
    write(folder, "net.py", FORWARDS)
    message = wrong("net.py:Only", error=UsageError)
    assert message.startswith(
        "Only gives no example inputs; its forward takes x, y, z: give each as --input NAME:DTYPE:SHAPE, such as "
    )
    assert message.endswith(", or write a method example_inputs()")


def test_an_input_that_forward_lacks(net):
    message = wrong("net.py:Fed", "z:float32:3", error=UsageError)
    assert message == "--input z: forward has no argument of that name; it takes x, mask"


def test_malformed_inputs_are_refused_before_the_model_is_loaded():
    assert wrong("gone.py:Net", "x", error=UsageError).startswith("--input 'x' is not of the form ")


# Names


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("tiny", "tiny"),
        ("Net-2.1+x", "Net-2.1+x"),
        ("_Private", "_Private"),
        ("größe", "größe"),
        ("a/b", "a_b"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("my model", "my_model"),
        (".hidden", "hidden"),
        ("..", "model"),
        ("", "model"),
        ("a\nb", "a_b"),
    ],
)
def test_a_file_stem_is_mended(name, stem):
    assert file_stem(name) == stem
    assert Path(stem).name == stem
    if stem == name:
        assert file_stem(name, strict=True) == name


@pytest.mark.parametrize(
    ("name", "mended"),
    [("a/b", "a_b"), ("/", "model"), ("", "model"), (".", "model"), ("..", "model"), ("x.", "x"), ("a\\b", "a_b")],
)
def test_a_name_that_is_no_file_name_is_refused(net, name, mended):
    assert wrong("net.py:Fed", name=name, error=UsageError) == (
        f"the name {name!r} is no file name of letters, digits and . _ + -, such as {mended!r}"
    )


def test_a_name_of_the_users_own(net):
    assert load("net.py:Fed", name="mine").name == "mine"
