"""The command line: what goes to stdout and stderr, the exit codes, and one clear line for all that goes wrong."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import onnx
import pytest
import torch
from click.testing import CliRunner, Result

import ptgraph
from ptgraph.cli.main import main
from ptgraph.formats.registry import FORMATS
from ptgraph.models import PRESETS

NET = """
import sys, time
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.inner = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Sequential(nn.Linear(8, 2), nn.ReLU()))

    def forward(self, x, mask=None):
        return self.inner(self.first(x))

    def example_inputs(self):
        return {"x": torch.zeros(3, 4)}

class Silent(nn.Module):
    def forward(self, left, right):
        return left + right

class Fixed(Net):
    def forward(self, x):
        return super().forward(x).reshape(3, 2)

class Listing(Net):
    "It turns numbers into Python's own: no torch.export, and no ONNX."
    def forward(self, x):
        return super().forward(x) if sum(x.detach().numpy().tolist()[0]) < 9 else x

class Failing(Net):
    def forward(self, x):
        raise ArithmeticError("never\\nagain")

class Leaving(Net):
    def forward(self, x):
        sys.exit(9)

class Slow(Net):
    def forward(self, x):
        print("a word of the model's own")
        time.sleep(0.3)
        return super().forward(x)

class Loud(Net):
    def __init__(self):
        super().__init__()
        print("init")
    def forward(self, x):
        print("forward")
        return super().forward(x)

net = Net()

def interrupted():
    raise KeyboardInterrupt

def renamed():
    net = Net()
    net.inner.__class__ = type("[bold]In:smile:ner[/]", (nn.Sequential,), {})
    return net
"""

Run = Callable[..., Result]
COMMANDS = "export, formats, info, limits, list, notebook, pipeline, schema, train, verify"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder with the file net.py; afterwards, nothing imported from it is left."""
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "80")
    yield tmp_path
    for name, module in [*sys.modules.items()]:
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def run(*args: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, list(args))


def done(*args: str) -> str:
    """Run a command that succeeds without a word on stderr; return what it prints."""
    result = run(*args)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def files(output: str) -> list[str]:
    """The paths in the result lines, each of which is a file and gives its size."""
    lines = [line.split("\t") for line in output.splitlines()]
    assert all(Path(path).is_file() and re.fullmatch(r"\d+ B|\d+\.\d [kMG]B", size) for path, size in lines)
    return [path for path, _ in lines]


def refused(code: int, *args: str) -> str:
    """Run a command that fails with *code*, one line, no file and no traceback; return the line."""
    before = sorted(Path().rglob("*"))
    result = run(*args)
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    (line,) = result.stderr.splitlines()
    assert [path for path in Path().rglob("*") if path not in before and not _byproduct(path)] == []
    assert "please report it" not in line
    return line.removeprefix("ptgraph: error: ")


def _byproduct(path: Path) -> bool:
    return "__pycache__" in path.parts or path == Path("exports")


# export


def test_export_writes_all_formats_and_one_line_for_each():
    paths = [f"exports/Net.{suffix}" for suffix in ("onnx", "netron.json", "html", "svg", "json")]
    assert files(done("export", "net.py:Net")) == paths
    assert sorted(map(str, Path("exports").iterdir())) == sorted(paths)
    onnx.checker.check_model(onnx.load("exports/Net.onnx"))
    assert Path("exports/Net.html").read_text().lstrip().lower().startswith("<!doctype html>")
    assert "<svg" in Path("exports/Net.svg").read_text()
    assert json.loads(Path("exports/Net.json").read_text())["model"]["name"] == "Net"


def test_sizes_are_those_of_the_files():
    path, size = done("export", "net.py:Net", "-f", "json").rstrip("\n").split("\t")
    assert size == f"{Path(path).stat().st_size / 1000:.1f} kB"


@pytest.mark.parametrize(
    ("options", "paths"),
    [
        (["-f", "json"], ["exports/Net.json"]),
        (["-f", "json,svg"], ["exports/Net.svg", "exports/Net.json"]),
        (["-f", "JSON", "--format", "svg"], ["exports/Net.svg", "exports/Net.json"]),
        (["-f", "json", "-f", "json,json"], ["exports/Net.json"]),
        (["-f", "json", "--name", "mine"], ["exports/mine.json"]),
        (["-f", "json", "-o", "a/b"], ["a/b/Net.json"]),
        (["-f", "json", "--output", "."], ["Net.json"]),
    ],
)
def test_formats_name_and_folder_are_those_asked_for(options, paths):
    assert files(done("export", "net.py:Net", *options)) == paths
    if "--name" in options:
        assert json.loads(Path(paths[0]).read_text())["model"]["name"] == "mine"


def test_an_absolute_folder_gives_absolute_paths(folder):
    assert files(done("export", "net.py:Net", "-f", "json", "-o", f"{folder}/new")) == [f"{folder}/new/Net.json"]


def test_depth_says_how_far_pictures_open():
    frames = []
    for depth in ("1", "2", "3"):
        done("export", "net.py:Net", "-f", "svg", "--depth", depth)
        frames.append(Path("exports/Net.svg").read_text().count('class="frame'))
    assert frames == [0, 1, 2]


def test_weights_are_left_out_or_inside_or_beside():
    held = {}
    for weights in ("none", "embedded", "external"):
        lines = files(done("export", "net.py:Net", "-f", "onnx", "--weights", weights, "--name", weights))
        expected = [f"exports/{weights}.netron.json", f"exports/{weights}.onnx"]
        if weights == "external":
            expected.append(f"exports/{weights}.onnx.data")
        assert sorted(lines) == expected
        model = onnx.load(f"exports/{weights}.onnx")
        held[weights] = {t.name for t in model.graph.initializer if t.name.endswith("weight") and any(t.raw_data)}
    assert held["none"] == set()
    assert held["embedded"] == held["external"] == {"first.weight", "inner.0.weight", "inner.2.0.weight"}


def test_a_named_dimension_varies():
    done("export", "net.py:Net", "-f", "json", "--input", "x:float32:batch=5x4")
    model = json.loads(Path("exports/Net.json").read_text())["model"]
    assert model["dimensions"] == ["batch"]
    assert model["inputs"] == [{"dtype": "float32", "id": "x", "name": "x", "shape": ["batch", 4]}]


def test_inputs_describe_those_of_a_model_without_examples():
    inputs = ["--input", "left:float32:3x4", "--input", "right:float32:4"]
    assert files(done("export", "net.py:Silent", "-f", "json", *inputs)) == ["exports/Silent.json"]


def test_a_program_is_exported_under_its_files_name():
    torch.export.save(torch.export.export(torch.nn.Linear(4, 2), (torch.zeros(3, 4),)), "saved.pt2")
    assert files(done("export", "saved.pt2", "-f", "svg,json")) == ["exports/saved.svg", "exports/saved.json"]


def test_a_hugging_face_folder_is_exported_under_its_name(folder):
    (folder / "my-model").mkdir()
    config = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 32}
    (folder / "my-model" / "config.json").write_text(json.dumps(config))
    assert files(done("export", "my-model", "-f", "json")) == ["exports/my-model.json"]


def test_a_second_export_replaces_the_first():
    first = done("export", "net.py:Net", "-f", "json")
    data = Path("exports/Net.json").read_bytes()
    assert done("export", "net.py:Net", "-f", "json") == first
    assert Path("exports/Net.json").read_bytes() == data


def test_an_older_file_survives_an_export_that_fails():
    done("export", "net.py:Net", "-f", "svg", "--name", "kept")
    before = Path("exports/kept.svg").read_bytes()
    assert run("export", "net.py:Failing", "-f", "svg", "--name", "kept").exit_code == 4
    assert [path.name for path in Path("exports").iterdir()] == ["kept.svg"]
    assert Path("exports/kept.svg").read_bytes() == before


# What goes where


def test_stdout_has_only_result_lines_whatever_the_model_prints():
    assert files(done("export", "net.py:Loud", "-f", "json")) == ["exports/Loud.json"]


def test_a_model_that_torch_export_cannot_follow_gets_the_other_formats_with_a_warning():
    result = run("export", "net.py:Listing")
    assert result.exit_code == 0
    assert files(result.stdout) == ["exports/Listing.html", "exports/Listing.svg", "exports/Listing.json"]
    traced, missing = result.stderr.splitlines()
    assert traced.startswith("ptgraph: warning: traced by recorded forward pass, since torch.export: ")
    assert missing.startswith("ptgraph: warning: no onnx: Listing has no ONNX, since torch.export cannot trace it: ")


def test_quiet_drops_the_warnings_and_keeps_the_results_and_what_is_missing():
    assert files(done("export", "net.py:Listing", "-q", "-f", "svg,json")) == [
        "exports/Listing.svg",
        "exports/Listing.json",
    ]
    result = run("export", "net.py:Listing", "--quiet")
    assert len(files(result.stdout)) == 3
    (missing,) = result.stderr.splitlines()  # a file that is not there is said in any case
    assert missing.startswith("ptgraph: warning: no onnx: ")
    assert json.loads(done("info", "net.py:Listing", "-q", "--json"))["name"] == "Listing"


def test_onnx_asked_for_by_name_and_impossible_is_an_error():
    line = refused(5, "export", "net.py:Listing", "-f", "onnx")
    assert line.startswith("Listing has no ONNX, since torch.export cannot trace it: torch.export: ")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("options", "shown"), [([], True), (["-q"], False)])
def test_progress_shows_on_a_terminal_even_while_the_models_words_are_dropped(monkeypatch, capsys, options, shown):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(SystemExit) as end:
        main(["export", "net.py:Slow", "-f", "json", *options])
    assert end.value.code == 0
    assert ("tracing" in terminal.getvalue()) is shown
    assert (terminal.getvalue() == "") is not shown
    assert "a word" not in terminal.getvalue()
    assert files(capsys.readouterr().out) == ["exports/Slow.json"]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were opened; nothing really opens."""
    addresses: list[str] = []
    monkeypatch.setattr(click, "launch", lambda url: addresses.append(url) or 0)  # type: ignore[func-returns-value]
    return addresses


def test_open_shows_the_page(launched, folder):
    assert files(done("export", "net.py:Net", "--open", "-f", "json,html", "-o", "a b"))[0] == "a b/Net.html"
    assert launched == [(folder / "a b" / "Net.html").as_uri()]


def test_without_open_nothing_is_shown(launched):
    done("export", "net.py:Net", "-f", "html")
    assert launched == []


def test_open_warns_where_there_is_no_browser(monkeypatch):
    monkeypatch.setattr(click, "launch", lambda url: 1)
    result = run("export", "net.py:Net", "-f", "html", "--open")
    assert result.exit_code == 0
    assert result.stderr == "ptgraph: warning: no browser could be started to show exports/Net.html\n"
    assert done("export", "net.py:Net", "-f", "html", "--open", "-q") == result.stdout


# The other commands


def test_list_has_every_preset_with_its_parameters():
    lines = done("list").splitlines()
    assert [line.split()[0] for line in lines] == list(PRESETS)
    assert lines[1] == "tiny          85,327,872     85.3M  12 layers × 512, 8 heads"


def test_info_prints_a_row_for_each_component_and_the_totals():
    lines = done("info", "net.py:Net").splitlines()
    assert lines[0].split() == ["component", "class", "parameters", "share", "FLOPs", "activations", "output"]
    assert [line.split()[:3] for line in lines[1:4]] == [
        ["Net", "Net", "130"],
        ["first", "Linear", "40"],
        ["inner", "Sequential", "90"],
    ]
    assert lines[3].startswith("  inner")
    assert lines[-2].startswith("130 parameters, 130 trainable, 0 unused; ")
    assert lines[-1] == "elements: 130 in the state_dict − 0 tied = 130 in the model"
    assert " FLOPs; " in lines[-2]


def test_info_prints_names_as_they_are():
    assert "[bold]In:smile:ner[/]" in done("info", "net.py:renamed")


def test_info_of_a_component_with_a_long_name_is_not_cut(folder):
    long = "n" * 300
    (folder / "net.py").write_text(NET + f"\nNet.__qualname__ = {long!r}\n")
    assert done("info", "net.py:Net").count(long) == 1


def test_info_as_json_is_the_analysis():
    found = json.loads(done("info", "net.py:Net", "--json"))
    graph = ptgraph.trace(sys.modules["net"].Net())
    assert found == json.loads(json.dumps(ptgraph.analyze(graph).to_dict()))
    assert found["total_params"] == 130


def test_info_takes_inputs():
    flops = [json.loads(done("info", "net.py:Net", "--json", "--input", f"x:float32:{n}x4"))["flops"] for n in (1, 5)]
    assert flops[1] == 5 * flops[0] > 0


def test_info_warns_where_torch_export_cannot_follow():
    result = run("info", "net.py:Listing")
    assert result.exit_code == 0
    assert "Listing" in result.stdout
    (warning,) = result.stderr.splitlines()
    assert warning.startswith("ptgraph: warning: traced by recorded forward pass, since torch.export: ")


def test_formats_says_what_each_is_for():
    rows = [re.split(r"\s{2,}", line) for line in done("formats").splitlines()]
    assert [row[0] for row in rows] == list(FORMATS)
    assert all(len(row) == 3 for row in rows)
    assert rows[0][2] == "Netron"


def test_schema_is_a_json_schema_as_it_is_stored():
    text = done("schema")
    assert text == (Path(ptgraph.__file__).parent / "formats" / "schema.json").read_text()
    assert json.loads(text)["$schema"].startswith("https://json-schema.org/")


def test_version():
    assert done("--version") == f"ptgraph, version {ptgraph.__version__}\n"


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", [[], ["export"], ["verify"], ["info"], ["list"], ["formats"], ["schema"]])
def test_help(command, flag):
    text = done(*command, flag)
    assert text.startswith(f"Usage: {' '.join(['ptgraph', *command])} ")
    if command in ([], ["export"], ["info"]):
        assert "Exit codes: 0 done, 2 usage, 3 the target cannot be loaded,\n" in text
    if command == ["verify"]:
        assert "Exit codes: 0 all outputs agree, 1 some differ, 2 usage," in text


def test_no_command_at_all_shows_the_help_as_it_is():
    result = run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == done("--help")


def test_arguments_given_are_used_in_place_of_those_of_the_process(monkeypatch):
    """An empty list is a list of arguments, too."""
    monkeypatch.setattr(sys, "argv", ["ptgraph", "formats"])
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0


# Usage that is refused with exit code 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["frobnicate"], "unknown command 'frobnicate'; there are: " + COMMANDS),
        (["tiny"], "unknown command 'tiny'; there are: " + COMMANDS),
        ([""], "unknown command ''; there are: " + COMMANDS),
        (["export"], "Missing argument 'TARGET'; see `ptgraph export --help`"),
        (["info"], "Missing argument 'TARGET'; see `ptgraph info --help`"),
        (["export", "tiny", "small"], "Got unexpected extra argument (small); see `ptgraph export --help`"),
        (["list", "tiny"], "Got unexpected extra argument (tiny); see `ptgraph list --help`"),
        (["export", "tiny", "--depth"], "Option '--depth' requires an argument"),
        (
            ["export", "tiny", "--depth", "0"],
            "Invalid value for '--depth': 0 is not in the range x>=1; see `ptgraph export --help`",
        ),
        (
            ["export", "tiny", "--depth", "two"],
            "Invalid value for '--depth': 'two' is not a valid integer range; see `ptgraph export --help`",
        ),
        (
            ["export", "tiny", "--weights", "some"],
            "Invalid value for '--weights': 'some' is not one of 'none', 'external', 'embedded'; "
            "see `ptgraph export --help`",
        ),
        (
            ["export", "tiny", "--structure", "nested"],
            "Invalid value for '--structure': 'nested' is not one of 'functions', 'flat'; see `ptgraph export --help`",
        ),
        (
            ["export", "tiny", "--layout", "neato"],
            "Invalid value for '--layout': 'neato' is not one of 'auto', 'flow', 'u', 'dot'; "
            "see `ptgraph export --help`",
        ),
        (
            ["export", "tiny", "--opset", "17"],
            "Invalid value for '--opset': 17 is not in the range 18<=x<=25; see `ptgraph export --help`",
        ),
        (["export", "tiny", "-f", "jpeg"], f"unknown format 'jpeg'; there are: {', '.join(FORMATS)}, all"),
        (["export", "tiny", "-f", "svg,jpeg"], f"unknown format 'jpeg'; there are: {', '.join(FORMATS)}, all"),
        (["export", "tiny", "-f", ""], f"no format is named; there are: {', '.join(FORMATS)}, all"),
        (
            ["export", "tiny", "--open", "-f", "svg,json"],
            "--open shows the page, and html is not among the formats: svg, json",
        ),
        (
            ["export", "net.py:Net", "--name", "a/b"],
            "the name 'a/b' is no file name of letters, digits and . _ + -, such as 'a_b'",
        ),
        (
            ["export", "net.py:Net", "--name", ""],
            "the name '' is no file name of letters, digits and . _ + -, such as 'model'",
        ),
        (
            ["export", "net.py:Net", "--input", "y:float32:3"],
            "--input y: forward has no argument of that name; it takes x, mask",
        ),
        (
            ["info", "net.py:Net", "--input", "x:float99:3x4"],
            "--input 'x:float99:3x4': unknown dtype 'float99'; there are: float64, float32, float16, bfloat16, "
            "complex64, int64, int32, int16, int8, uint8, bool",
        ),
        (
            ["export", "net.py:Silent", "--input", "left:float32:3"],
            "the inputs do not fit Silent.forward: missing a required argument: 'right'; it takes: left, right",
        ),
    ],
)
def test_usage_that_is_refused(args, message):
    assert refused(2, *args) == message


def test_an_unknown_option_gets_its_neighbours():
    line = refused(2, "export", "tiny", "--formats", "svg")
    assert line.startswith("No such option '--formats'")
    assert "--format'" in line
    assert line.endswith("; see `ptgraph export --help`")


def test_a_model_without_inputs_names_its_arguments_and_the_remedy():
    assert refused(2, "export", "net.py:Silent") == (
        "Silent gives no example inputs; its forward takes left, right: give each as --input NAME:DTYPE:SHAPE, "
        "such as x:float32:1x3x224x224 or ids:int64:batch=2xsequence=16, or write a method example_inputs()"
    )


# What is printed, wherever it goes

ODD = """
import torch
from torch import nn

NAME = "a\\x1b[31m\\x9b1m\\u202e\\u2066\\u200b\\u2028\\x85\\ud800"

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.add_module(NAME, nn.Linear(4, 4))
        self.__class__ = type(NAME[:-1], (Net,), {"forward": lambda self, x: getattr(self, NAME)(x)})

    def example_inputs(self):
        return torch.zeros(1, 4)

def failing():
    raise ValueError(NAME)
"""
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff]")
SHOWN = r"a\x1b[31m\x9b1m\u202e\u2066\u200b\u2028\x85\ud800"


@pytest.mark.parametrize(
    "command", [["info", "odd.py:Net"], ["verify", "odd.py:Net"], ["info", "odd.py:failing"], ["info", "\x1b]0;x\x07"]]
)
def test_no_name_steers_the_terminal(command):
    Path("odd.py").write_text(ODD)
    result = run(*command)
    assert not RAW.search(result.stdout + result.stderr)
    if command[1].startswith("odd") and command[0] == "info":
        assert SHOWN in result.stdout + result.stderr


def test_what_is_done_is_no_raw_name_either(monkeypatch):
    """The line of progress, which only a terminal gets."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    from ptgraph.cli.console import progress

    with progress(quiet=False) as step:
        step("loading \u202ename\x9b31m")
    assert r"\u202ename\x9b31m" in shown.getvalue()
    assert "\u202e" not in shown.getvalue()
    assert "\x9b" not in shown.getvalue()


def shell(line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash, in which $ptgraph is the command."""
    command = f"{sys.executable} -m ptgraph"
    return subprocess.run(
        ["bash", "-c", line], env={**os.environ, "ptgraph": command, **env}, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("line", "code", "stderr"),
    [
        ("$ptgraph formats > /dev/full", 5, "cannot write to standard output: No space left on device"),
        ("$ptgraph --help > /dev/full", 5, "cannot write to standard output: No space left on device"),
        ("$ptgraph formats >&-", 5, "cannot write to standard output: Bad file descriptor"),
        ("$ptgraph info gone.pt2 > /dev/full", 3, "gone.pt2 does not exist"),
        ("$ptgraph info gone.pt2 <&-", 3, "gone.pt2 does not exist"),
        ("$ptgraph info gone.pt2 2>&-", 3, None),
        ("$ptgraph info gone.pt2 2> /dev/full", 3, None),
        ("$ptgraph formats <&- >&- 2>&-", 5, None),
        ("$ptgraph info gone.pt2 2>&1 | true; exit ${PIPESTATUS[0]}", 3, None),
        ("$ptgraph schema | true; exit ${PIPESTATUS[0]}", 0, None),
    ],
)
def test_streams_that_are_full_or_closed(line, code, stderr):
    result = shell(line)
    assert (result.returncode, result.stderr) == (code, f"ptgraph: error: {stderr}\n" if stderr else "")


def test_files_are_written_whole_where_stderr_is_closed(folder):
    """Nothing that is printed goes into a file that was opened in the place of a closed stream."""
    done("export", "net.py:Net", "-f", "json", "-o", "whole")
    assert shell("$ptgraph export net.py:Net -f json -o shut 2>&- >&- <&-").returncode == 5
    assert (folder / "shut" / "Net.json").read_bytes() == (folder / "whole" / "Net.json").read_bytes()


def test_a_terminal_that_knows_only_ascii():
    result = shell("$ptgraph list", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
    assert (result.returncode, result.stderr) == (0, "")
    assert "12 layers x 512" in result.stdout


def test_bytes_of_arguments_that_are_no_text():
    result = shell("$ptgraph info $'g\\xff.onnx'")
    assert result.stderr == "ptgraph: error: g\\udcff.onnx does not exist\n"
    assert done("export", "net.py:Net", "-f", "json", "-o", "\udcff").startswith("\\udcff/Net.json\t")


LONG = "x" * 300


@pytest.mark.parametrize(
    ("code", "command", "message"),
    [
        (3, ["info", f"{LONG}.py:Net"], f"cannot read {LONG}.py: File name too long"),
        (3, ["info", f"{LONG}.pt2"], f"cannot read {LONG}.pt2: File name too long"),
        (3, ["info", f"{LONG}.onnx"], f"cannot read {LONG}.onnx: File name too long"),
        (3, ["info", f"{LONG}/config.json"], f"cannot read {LONG}/config.json: File name too long"),
        (3, ["info", LONG], f"cannot read {LONG}: File name too long"),
        (3, ["export", "net.py:Net", "--checkpoint", f"{LONG}.pt"], f"cannot read {LONG}.pt: File name too long"),
        (3, ["verify", "net.py:Net", "--onnx", f"{LONG}.onnx"], f"cannot read {LONG}.onnx: File name too long"),
        (3, ["export", "net.py:Net", "--compare", f"{LONG}.onnx"], f"cannot read {LONG}.onnx: File name too long"),
        (2, ["export", "net.py:Net", "--overlay", LONG], f"cannot read {LONG}: File name too long"),
        (2, ["export", "net.py:Net", "--name", LONG], f"the name '{LONG}' is longer than 180 bytes"),
        (5, ["export", "net.py:Net", "-o", LONG], f"cannot write to {LONG}: File name too long"),
    ],
)
def test_names_that_are_too_long(code, command, message):
    assert refused(code, *command).startswith(message)


def test_a_class_with_a_long_name_gets_a_file_with_a_shorter_one(folder):
    (folder / "long.py").write_text(NET + f"\nclass {LONG}(Net): pass\nclass {'é' * 300}(Net): pass\n")
    done("export", f"long.py:{LONG}", "-f", "json,svg", "-o", "out")
    done("export", f"long.py:{LONG}", "--compare", f"long.py:{'é' * 300}", "-o", "out")
    assert {path.name.partition(".")[0] for path in Path("out").iterdir()} == {"x" * 180}


def test_folders_that_may_not_be_searched(folder):
    (folder / "shut").mkdir()
    (folder / "shut" / "net.py").write_text(NET)
    (folder / "shut").chmod(0)
    as_user = "setpriv --bounding-set=-dac_override,-dac_read_search " if os.geteuid() == 0 else ""
    targets = ["shut/net.py:Net", "shut/a.onnx", "shut/model"]
    result = shell("; ".join(f"{as_user}$ptgraph info {target}; echo $?" for target in targets))
    (folder / "shut").chmod(0o700)
    assert result.stdout.split() == ["3"] * len(targets)
    places = [target.partition(":")[0] for target in targets]
    assert result.stderr.splitlines() == [f"ptgraph: error: cannot read {place}: Permission denied" for place in places]


# Targets that are refused with exit code 3 (tests/loading/ has all of them)


@pytest.mark.parametrize("command", ["export", "info"])
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("meduim", "unknown target 'meduim'; did you mean 'medium'? The presets are nano, tiny, small, medium, "),
        ("gone.py:Net", "gone.py does not exist"),
        ("gone.pt2", "gone.pt2 does not exist"),
        ("gone/config.json", "gone/config.json does not exist"),
        ("gone:Net", "there is no module 'gone', neither in "),
        ("net.py:Nett", "net.py has no attribute 'Nett'; did you mean 'Net'?"),
        ("net.py:torch", "net.py:torch is of type module, neither a torch.nn.Module nor a factory of one"),
        ("torch.nn:Linear", "torch.nn:Linear needs arguments to be built (in_features, out_features); name an "),
    ],
)
def test_a_target_that_cannot_be_loaded(command, target, message):
    assert refused(3, command, target).startswith(message)


# Models that are refused with exit code 4


def test_a_shape_that_does_not_fit_names_the_argument_and_its_shape():
    line = refused(4, "export", "net.py:Net", "--input", "x:float32:3x5")
    assert line.startswith("cannot run Net with x float32[3×5]: in ")


def test_a_dimension_that_the_model_fixes_is_named():
    line = refused(4, "export", "net.py:Fixed", "--input", "x:float32:batch=3x4")
    assert line == "a dynamic dimension (batch) of Fixed cannot vary: the model fixes it to 3"


def test_a_forward_that_raises_says_so():
    assert "never" in refused(4, "export", "net.py:Failing")


def test_a_forward_that_leaves_the_program_does_not_choose_the_exit_code():
    assert refused(4, "export", "net.py:Leaving") == "the model's own code called sys.exit(9)"


# Exports that fail with exit code 5


def test_places_that_cannot_be_written(folder):
    (folder / "file").write_text("mine")
    for output, message in {
        "file": "cannot write to file: it is a file, not a folder",
        "file/deep": "cannot write to file/deep: file is a file, not a folder",
    }.items():
        assert refused(5, "export", "net.py:Net", "-f", "json", "-o", output) == message
    line = refused(5, "export", "net.py:Net", "-f", "json", "-o", "/proc/ptgraph")
    assert line.startswith("cannot make the folder /proc/ptgraph: ")
    assert Path("file").read_text() == "mine"


def test_weights_that_a_meta_model_does_not_have(folder):
    with torch.device("meta"):
        model = torch.nn.Linear(4, 2)
    torch.export.save(torch.export.export(model, (torch.zeros(3, 4, device="meta"),)), "empty.pt2")
    line = refused(5, "export", "empty.pt2", "-f", "onnx", "--weights", "embedded")
    assert line.startswith("empty has no weights to write (")


def test_a_backend_that_breaks_says_which(monkeypatch):
    monkeypatch.setattr("ptgraph.formats.figure.svg", lambda graph, options: {"svg": iter([b"half", 1])})
    line = refused(5, "export", "net.py:Net", "-f", "svg")
    assert line.startswith("making the svg of Net failed: TypeError: ")


# Faults, interrupts, tracebacks


def test_a_fault_of_ptgraph_is_one_line_too(monkeypatch):
    def fail(capture: object) -> None:
        raise ZeroDivisionError("by zero\nin line 7")

    monkeypatch.setattr("ptgraph.tracing.build_graph.build", fail)
    result = run("info", "net.py:Net")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "ptgraph: error: unexpected ZeroDivisionError: by zero (please report it; --debug shows more)\n"
    )


def test_an_interrupt_is_no_fault():
    result = run("export", "net.py:interrupted")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr.strip() == "ptgraph: error: interrupted"


@pytest.mark.parametrize(
    ("args", "cause"),
    [
        (["export", "net.py:Failing", "-f", "json"], "ArithmeticError: never"),
        (["info", "gone.py:Net"], "ptgraph.errors.LoadError: gone.py does not exist"),
        (["export", "tiny", "--depth", "0"], "click.exceptions.BadParameter"),
    ],
)
def test_debug_shows_the_traceback_before_the_line(args, cause):
    plain = run(*args)
    result = run(*args, "--debug")
    assert result.exit_code == plain.exit_code
    assert result.stdout == ""
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    assert cause in result.stderr
    assert result.stderr.endswith(plain.stderr)
    assert len(plain.stderr.splitlines()) == 1


# As a process of its own


def test_python_m_ptgraph(cli):
    result = cli("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"ptgraph, version {ptgraph.__version__}\n", "")


def test_a_process_writes_its_result_to_stdout_and_nothing_to_a_piped_stderr(cli, folder):
    result = cli("export", "net.py:Loud", "-f", "json")
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"exports/Loud\.json\t\d+\.\d kB\n", result.stdout)
    assert (folder / "exports" / "Loud.json").is_file()


def test_a_process_that_fails_says_one_line(cli):
    result = cli("export", "meduim")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.startswith("ptgraph: error: unknown target 'meduim'; did you mean 'medium'?")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(("shell", "word"), [("bash", "complete "), ("zsh", "#compdef ptgraph"), ("fish", "complete ")])
def test_the_completion_of_each_shell(script, shell, word):
    env = {**os.environ, "_PTGRAPH_COMPLETE": f"{shell}_source"}
    result = subprocess.run([script], env=env, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert word in result.stdout
    assert "_PTGRAPH_COMPLETE" in result.stdout


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ptgraph ", COMMANDS.split(", ")),
        ("ptgraph ex", ["export"]),
        ("ptgraph nope", []),
        ("ptgraph export --we", ["--weights"]),
        ("ptgraph export --weights ", ["none", "external", "embedded"]),
    ],
)
def test_completion_offers_commands_options_and_choices(monkeypatch, capsys, line, words):
    typed = line.split(" ")
    monkeypatch.setenv("_PTGRAPH_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(typed) - 1))
    with pytest.raises(SystemExit) as end:
        main(prog_name="ptgraph")
    assert end.value.code == 0
    assert [found.partition(",")[2] for found in capsys.readouterr().out.split()] == words


def test_a_reader_that_has_seen_enough_is_no_error(script):
    """The pipe is closed before anything is written, as by `| head -1` when it is quick."""
    process = subprocess.Popen([script, "formats"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 0


def test_a_full_disk_for_stdout_is_one_line(script):
    with Path("/dev/full").open("w") as full:
        result = subprocess.run([script, "formats"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 5
    assert os.strerror(errno.ENOSPC) in result.stderr
    assert result.stderr.startswith("ptgraph: error: ")
    assert result.stderr.count("\n") == 1
