"""A .pt2 file that holds code is refused before any of it runs; whatever torch.export.save writes itself is read."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode

from ptgraph.cli.main import main
from ptgraph.errors import LoadError
from ptgraph.loading.exported_program import read_program
from ptgraph.loading.size_arithmetic import is_arithmetic, is_guard
from ptgraph.loading.target import load
from ptgraph.tracing.build_graph import graph_of

MARK = "mark"  # the file that code within a file makes, if it is run
UNQUOTED = f"open(str().join(map(chr, {list(MARK.encode())})), chr(119))"  # the same
CODE = f"__import__('pathlib').Path('{MARK}').touch()"
PROGRAM, WEIGHTS, CONSTANTS = "models/model.json", "data/weights/model_weights_config.json", "data/constants/"
INPUTS = "data/sample_inputs/model.pt"

Records = dict[str, bytes]
Edit = Callable[[Records], None]


class Net(nn.Module):
    """A model whose file has all that one may have: weights, a buffer, a constant, sizes and guards."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("scale", torch.ones(4))
        self.bias = torch.ones(4)

    def forward(self, x: Tensor, *, parts: dict[str, Tensor], power: int = 2) -> dict[str, Any]:
        y = (self.linear(x) * self.scale + self.bias) ** power + parts["a b"]
        y = torch.cond(y.sum() > 0, torch.sin, torch.cos, (y,))
        y = y[: x.shape[0] // 2 + 1]
        return {"y": y, "more": [nn.functional.gelu(y, approximate="tanh"), torch.zeros(max(x.shape[0], 3) % 7 + 1)]}


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return exec, (CODE,)


@pytest.fixture(autouse=True)
def folder(workdir: Path) -> Path:
    """Work in an empty folder; afterwards, nothing imported from it is left."""
    (workdir / "evil.py").write_text(f"import enum\n{CODE}\ndef make(): pass\nclass Kind(enum.Enum):\n    a = 1\n")
    return workdir


@pytest.fixture(scope="session")
def saved() -> Records:
    """What torch.export.save writes of a model with dynamic sizes."""
    varies = {"x": {0: torch.export.Dim.AUTO}, "parts": {"a b": None}, "power": None}
    inputs = (torch.zeros(6, 4),), {"parts": {"a b": torch.zeros(4)}, "power": 3}
    return records(torch.export.export(Net(), *inputs, dynamic_shapes=varies))


def records(program: torch.export.ExportedProgram) -> Records:
    """Return the content of the file of a program, by name."""
    file = io.BytesIO()
    torch.export.save(program, file)
    with zipfile.ZipFile(file) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def written(content: Records, name: str = "net.pt2", compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(name, "w", compression) as archive:
        for entry, data in content.items():
            archive.writestr(f"archive/{entry}", data)
    return Path(name)


def change(content: Records, name: str, edit: Callable[[Any], Any]) -> None:
    """Change a document in place."""
    document = json.loads(content[name])
    edit(document)
    content[name] = json.dumps(document).encode()


def packed(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def replaced(text: str, by: str) -> Edit:
    """Return what puts *by* in place of a text in the program, where torch wrote it."""

    def edit(content: Records) -> None:
        old, new = json.dumps(text).encode()[1:-1], json.dumps(by).encode()[1:-1]
        assert old in content[PROGRAM]
        content[PROGRAM] = content[PROGRAM].replace(old, new)

    return edit


def spec(edit: Callable[[Any], None], which: str = "in_spec") -> Edit:
    """Return what changes the structure of the inputs."""

    def changed(document: Any) -> None:
        signature = document["graph_module"]["module_call_graph"][0]["signature"]
        found = json.loads(signature[which])
        edit(found[1])
        signature[which] = json.dumps(found)

    return lambda content: change(content, PROGRAM, changed)


def pickled_payload(name: str, record: str) -> Edit:
    def edit(content: Records) -> None:
        def mark(document: Any) -> None:
            first = next(iter(document["config"].values()))
            first.update(use_pickle=True, path_name=record)

        change(content, name, mark)
        data = pickle.dumps(Evil()) if record.startswith("opaque") else packed(Evil())
        content[f"{name.rpartition('/')[0]}/{record}"] = data

    return edit


def set_record(name: str, data: Callable[[], bytes]) -> Edit:
    return lambda content: content.update({name: data()})


def rename_node(document: Any) -> None:
    text = json.dumps(document)
    assert '"x"' in text
    document.update(json.loads(text.replace('"x"', json.dumps(f"x=({CODE})"))))


def guards(*code: str) -> Edit:
    return lambda content: change(content, PROGRAM, lambda document: document.update(guards_code=[*code]))


def default_factory(root: Any) -> None:
    context = {"default_factory_module": "evil", "default_factory_name": "make", "dict_context": ["y", "more"]}
    root.update(type="collections.defaultdict", context=context)


def call(target: str) -> Edit:
    """Return what makes the first operation on the input another function."""
    return replaced("torch.ops.aten.sin.default", target)


SUBCLASS = "data/constants/model_constants_config.json"
# Each way by which torch would run code of a file: what changes the file, and what the message names.
WAYS: dict[str, tuple[Edit, str]] = {
    "sample inputs": (set_record(INPUTS, lambda: packed(((Evil(),), {}))), "a pickle that names exec"),
    "weights": (pickled_payload(WEIGHTS, "weight_0"), "a pickle that names exec"),
    "constants": (pickled_payload(SUBCLASS, "tensor_0"), "a pickle that names exec"),
    "old weights": (set_record("data/weights/model.pt", lambda: packed({"a": Evil()})), "a pickle that names"),
    "old constants": (set_record("data/constants/model.pt", lambda: packed({"a": Evil()})), "a pickle that names"),
    "constant object": (pickled_payload(SUBCLASS, "opaque_obj_0"), "an object of a class of its own"),
    "script object": (pickled_payload(SUBCLASS, "custom_obj_0"), "an object of a class of its own"),
    "size": (replaced("Symbol('s77', positive=True, integer=True)", CODE), "a size that is no plain arithmetic"),
    "size in text": (replaced("Integer(7)", f"Add({CODE!r})"), "a size that is no plain arithmetic"),
    "guard": (guards(CODE), "a guard that is no plain condition on sizes"),
    "guard on an input": (guards(f"L['x'].size()[0] == 6 or {CODE}"), "a guard that is no plain condition"),
    "name of an input": (lambda content: change(content, PROGRAM, rename_node), "a name that is no identifier"),
    "name of a buffer": (
        lambda content: change(
            content,
            PROGRAM,
            lambda document: document["graph_module"]["signature"]["input_specs"][2]["buffer"].update(
                buffer_name=f'sc"), {CODE}, ("ale'
            ),
        ),
        "a name that ends the quotes around it",
    ),
    "function": (call("torch.serialization.os.system"), "a call of what is no operator for tensors"),
    "library": (call("torch.ops.load_library"), "a call of what is no operator for tensors"),
    "files": (call("torch.ops.aten.from_file.default"), "a call of what is no operator for tensors"),
    "debugging": (call("torch.ops.debugprims.load_tensor.default"), "a call of what is no operator for tensors"),
    "compiled graph": (call("torch.ops.higher_order.inductor_compiled_code"), "a call of what is no operator"),
    "factory": (spec(default_factory, "out_spec"), "inputs or outputs whose structure names evil.make"),
    "enum": (
        spec(lambda root: root.update(context=json.dumps([{"__enum__": True, "fqn": "evil:Kind", "name": "a"}, "b"]))),
        "inputs or outputs whose structure names evil:Kind",
    ),
    "argument": (
        spec(lambda root: root["children_spec"][1].update(context=json.dumps([f"parts=({CODE})", "power"]))),
        "a name that is no identifier",
    ),
    "key of an input": (
        set_record(
            INPUTS,
            lambda: packed(
                ((torch.zeros(6, 4),), {"parts": {f'a" + str({UNQUOTED}) + "': torch.zeros(4)}, "power": 3})
            ),
        ),
        "an input that ends the quotes around it",
    ),
    "compiled library": (set_record("data/aotinductor/model/model.so", lambda: b"\x7fELF"), "compiled code"),
}


@pytest.mark.parametrize("way", WAYS)
def test_code_in_a_file_is_refused_and_not_run(way: str, saved: Records) -> None:
    edit, what = WAYS[way]
    content = dict(saved)
    edit(content)
    path = written(content)
    with pytest.raises(LoadError) as caught:
        load(str(path))
    assert str(caught.value).startswith(f"net.pt2 holds {what}")
    assert str(caught.value).endswith(
        "and torch would run that; if you trust whoever made the file, read it with --trust (in Python, trust=True)"
    )
    assert not Path(MARK).exists()


@pytest.mark.parametrize(
    "way", ["sample inputs", "weights", "constants", "old weights", "constant object", "size", "factory", "enum"]
)
def test_torch_runs_such_code_and_so_does_trust(way: str, saved: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the files of these tests are evil indeed."""
    monkeypatch.syspath_prepend(str(Path.cwd()))
    content = dict(saved)
    WAYS[way][0](content)
    try:
        load(str(written(content)), trust=True)
    except LoadError as error:  # what is run leaves no program that is whole
        assert "trust" not in str(error)
    assert Path(MARK).exists()


@pytest.mark.parametrize("way", ["guard", "key of an input"])
def test_torch_runs_such_code_when_the_program_becomes_a_module(way: str, saved: Records) -> None:
    content = dict(saved)
    WAYS[way][0](content)
    with pytest.raises(Exception):  # noqa: B017  whatever torch makes of it
        source = load(str(written(content)), trust=True)
        assert source.program is not None
        source.program.module()(torch.zeros(6, 4), parts={"a b": torch.zeros(4)}, power=3)
        raise LookupError
    assert Path(MARK).exists()


@pytest.mark.parametrize(
    "command",
    [["info"], ["export", "-f", "json"], ["verify"], ["export", "nano", "--compare"], ["notebook"]],
    ids=lambda words: " ".join(words),
)
def test_no_command_runs_it(command: list[str], saved: Records, capsys: pytest.CaptureFixture[str]) -> None:
    content = dict(saved)
    WAYS["sample inputs"][0](content)
    written(content)
    with pytest.raises(SystemExit) as left:
        main([*command, "net.pt2"])
    assert left.value.code == 3
    assert "ptgraph: error: net.pt2 holds a pickle that names exec" in capsys.readouterr().err
    assert not Path(MARK).exists()
    with pytest.raises(SystemExit):
        main([*command, "net.pt2", "--trust"])
    assert Path(MARK).exists()


def old_format(saved: Records) -> Records:
    """Return the records of a file as torch up to 2.7 wrote it."""
    state = {
        "linear.weight": nn.Parameter(torch.zeros(4, 4)),
        "linear.bias": nn.Parameter(torch.zeros(4)),
        "scale": torch.ones(4),
    }
    return {
        "version": b"8.1",
        "serialized_exported_program.json": saved[PROGRAM],
        "serialized_state_dict.pt": packed(state),
        "serialized_constants.pt": packed({"bias": torch.ones(4)}),
        "serialized_example_inputs.pt": saved[INPUTS],
    }


def written_flat(content: Records) -> Path:
    with zipfile.ZipFile("old.pt2", "w") as archive:
        for entry, data in content.items():
            archive.writestr(entry, data)
    return Path("old.pt2")


def test_a_file_of_the_old_format_is_read(saved: Records) -> None:
    source = load(str(written_flat(old_format(saved))))
    assert source.program is not None
    assert len(source.program.state_dict) == 3


@pytest.mark.parametrize("entry", ["state_dict", "constants", "example_inputs"])
def test_a_pickle_in_a_file_of_the_old_format_is_not_run(entry: str, saved: Records) -> None:
    path = written_flat(old_format(saved) | {f"serialized_{entry}.pt": packed({"a": Evil()})})
    with pytest.raises(LoadError, match=r"old.pt2 holds a pickle that names exec"):
        load(str(path))
    assert not Path(MARK).exists()


def test_a_size_in_a_file_of_the_old_format_is_not_run(saved: Records) -> None:
    content = dict(saved)
    WAYS["size"][0](content)
    with pytest.raises(LoadError, match=r"old.pt2 holds a size that is no plain arithmetic"):
        load(str(written_flat(old_format(content))))
    assert not Path(MARK).exists()


def test_a_file_that_is_of_both_formats_is_looked_at_as_both(saved: Records) -> None:
    evil = dict(saved)
    WAYS["size"][0](evil)
    path = written(saved)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("serialized_exported_program.json", evil[PROGRAM])
    with pytest.raises(LoadError, match="a size that is no plain arithmetic"):
        load(str(path))


def test_what_is_in_an_archive_twice_is_refused(saved: Records) -> None:
    path = written(saved)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"archive/{PROGRAM}", saved[PROGRAM])
    with pytest.raises(LoadError, match=r"it holds '(archive/)?models/model.json' twice"):
        load(str(path))


def test_an_archive_that_unpacks_to_more_than_it_is_is_refused(saved: Records) -> None:
    content = saved | {"data/weights/weight_0": bytes(200_000_000)}
    with pytest.raises(LoadError, match=r"torch\.export\.save compresses nothing"):
        load(str(written(content, compression=zipfile.ZIP_DEFLATED)))


def test_a_tensor_without_numbers_is_read_and_its_size_is_not_run() -> None:
    with FakeTensorMode():
        program = torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),))
    content = records(program)
    assert load(str(written(content))).program is not None
    with zipfile.ZipFile(io.BytesIO(content[INPUTS])) as archive:
        inner = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in inner if name.endswith("data.pkl"))
    harmless = b'{"as_int": 1}'
    assert harmless in inner[name]
    sized = json.dumps({"as_expr": {"expr_str": CODE, "hint": None}}).encode()
    start = inner[name].index(b'{"dtype"')
    end = inner[name].index(b"}", inner[name].rindex(b'"layout"')) + 1
    text = inner[name][start:end].replace(harmless, sized)
    before = inner[name][:start]
    assert before[-5:-4] == b"X"  # a text, after its length
    inner[name] = before[:-4] + len(text).to_bytes(4, "little") + text + inner[name][end:]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for entry, data in inner.items():
            archive.writestr(entry, data)
    with pytest.raises(LoadError, match="a size that is no plain arithmetic"):
        load(str(written(content | {INPUTS: file.getvalue()})))
    assert not Path(MARK).exists()


def test_what_torch_writes_is_read_without_trust(saved: Records) -> None:
    source = load(str(written(saved)))
    assert graph_of(source).tracer == "torch.export (loaded)"
    assert source.program is not None
    out = source.program.module()(torch.zeros(6, 4), parts={"a b": torch.zeros(4)}, power=3)
    assert out["y"].shape == (4, 4)


class Counting(nn.Module):
    """Sizes that depend on values, control flow, other ways of running, and vmap."""

    def forward(self, x: Tensor, mode: str = "fast", scale: float = 1.5) -> Any:
        found = x.nonzero()
        size = x[:, 0].to(torch.int64).max().item()
        torch._check(size >= 0)
        torch._check(size < 100)
        with torch.no_grad(), torch.autocast("cpu"):
            product = x @ x.T
        rows = torch.vmap(lambda row: row.sin() + 1)(x)
        zeros = torch.zeros(size + 2)  # type: ignore[arg-type]
        return found, zeros, product, rows * scale, torch.einsum("ij,kj->ik", x, x)


def test_sizes_that_depend_on_values_are_read() -> None:
    program = torch.export.export(
        Counting(), (torch.ones(6, 4), "fast", 2.5), dynamic_shapes=[{0: torch.export.Dim.DYNAMIC}, None, None]
    )
    assert load(str(written(records(program)))).program is not None
    assert load(str(written(records(program.run_decompositions())))).program is not None


def test_the_environment_is_as_before(saved: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    before = dict(os.environ)
    read_program(written(saved))
    assert dict(os.environ) == before
    with pytest.raises(LoadError):
        read_program(written(saved | {INPUTS: packed(((Evil(),), {}))}))
    assert dict(os.environ) == before
    assert not Path(MARK).exists()


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s77', positive=True, integer=True)",
        "Add(Mod(Max(Integer(1), Add(Symbol('s0', integer=True), Integer(-3))), Integer(7)), Integer(4))",
        "Pow(Symbol('s0', positive=True, integer=True), Integer(2))",
        "PowByNatural(Symbol('s0', integer=True), Integer(2))",
        "Mul(Rational(1, 2), Symbol('s0', integer=True))",
        "Float('0.5', precision=53)",
        "TruncToInt(FloatTrueDiv(ToFloat(Symbol('s0', integer=True)), Float('1.5', precision=53)))",
        "TruncToInt(OpaqueUnaryFn_sqrt(ToFloat(Symbol('s0', integer=True))))",
        "StrictLessThan(Symbol('u1', integer=True), Integer(100))",
        "And(Equality(Symbol('s0'), Integer(2)), Not(Unequality(Symbol('s1'), Integer(3))))",
        "Piecewise(ExprCondPair(Integer(1), GreaterThan(Symbol('u0'), Integer(0))), ExprCondPair(Integer(0), true))",
        "s0 + 2*s1",
        "Max(1, s0 - 3) // 2",
        "(s0 < 3) & (s1 >= 2)",
        "9223372036854775807",
    ],
)
def test_arithmetic(text: str) -> None:
    assert is_arithmetic(text)


@pytest.mark.parametrize(
    "text",
    [
        *(CODE, "s0.__class__", "exec", "exec(s0)", "Symbol", "'s0'", "Add('s0')", "Add(evil='s0')", "lambda: s0"),
        *("Symbol('s0) + exec(')", "Symbol('exec')", "Symbol(exec('1'))", "Float('exec(1)')", "Integer('1')"),
        *("[s0 for s0 in s1]", "s0[0]", "{s0}", "f'{s0}'", "s0 if exec else s1", "s0\nexec", "s0 # exec", "ｅｘｅｃ"),
        *("9**9**9**9", "Pow(Integer(9), Pow(Integer(9), Integer(99)))", "1e400", "1j", "s0 @ s1", "", "(" * 9999),
        *("2**64**2**2**2", "LShift(Integer(1), Integer(999999))", "s0 := 1", "*s0", "Add(*s0)", "Add(**s0)", "__x0"),
    ],
)
def test_no_arithmetic(text: str) -> None:
    assert not is_arithmetic(text)


@pytest.mark.parametrize("text", [None, 5, ["s0"], b"s0"])
def test_what_is_no_text_is_no_arithmetic(text: Any) -> None:
    assert not is_arithmetic(text)
    assert not is_guard(text)


@pytest.mark.parametrize(
    "text",
    [
        "1 + (L['x'].size()[0] // 2) <= L['x'].size()[0]",
        "L['x']['a b'].size()[0] == L['x']['c'][0].size()[0]",
        "L['x'].stride()[-1] == 1 and not (L['n'] % 2 == 1)",
        "L['mode'] == 'fast'",
        "max(1, L['x'].size()[0]) == 3",
        "math.isnan(L['s']) or L['s'] == math.inf",
        "L['out'].logits.size()[0] == 2",
    ],
)
def test_a_guard(text: str) -> None:
    assert is_guard(text)


@pytest.mark.parametrize(
    "text",
    [
        *(CODE, "L['x'].__class__", "L['x'].tofile('mark')", "L['x'].numpy().tofile('mark')", "L", "x", "math"),
        *("L['x'].size().__class__", "math.__loader__", "L[exec]", "L['x'].size(exec)", "torch.load('x')"),
        *("open('mark')", "'x'.join(L)", "L['x\\n']", 'L["x"]', "L['x'] == 1, \"\\\"", "[L for L in L]"),
    ],
)
def test_no_guard(text: str) -> None:
    assert not is_guard(text)


def test_fields_of_a_program_are_what_the_check_takes_them_for() -> None:
    """A newer torch that gives one of these names another meaning must be looked at anew."""
    from dataclasses import fields, is_dataclass

    from torch._export.serde import schema

    from ptgraph.loading import exported_program as archive

    kinds: dict[str, set[str]] = {}
    for part in vars(schema).values():
        if is_dataclass(part):
            for field in fields(part):
                kinds.setdefault(field.name, set()).add(str(field.type).partition("[")[2].partition(", ")[0])
    assert {name for name, types in kinds.items() if any("dict[" in kind for kind in types)} == archive._MAPS | {
        "metadata",
        "config",
    }
    for name in ("expr_str", "target", "as_operator", "in_spec", "out_spec", "class_fqn", "as_string"):
        assert kinds[name] == {"str"}, name


def test_pickles_are_unpickled_by_torch_alone(saved: Records) -> None:
    """A plain pickle in place of torch's is no program."""
    with pytest.raises(LoadError):
        load(str(written(saved | {INPUTS: pickle.dumps(OrderedDict(a=Evil()))})))
    assert not Path(MARK).exists()
