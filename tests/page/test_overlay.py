"""Overlays: every form of file is read, every wrong one is named with its place, and only what a graph has is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from torch import nn

import ptgraph
from ptgraph import UsageError
from ptgraph.common.limits import limits, remedy
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.page.overlay import Overlay, match, unmatched_text
from ptgraph.page.overlay_files import overlays_of, read_overlay, read_overlays

HOSTILE = "</script><img onerror=alert(1)>\u2028\u202e\x1b[31m'\"" + "x" * 10_000
VALUES = {"": 3.0, "first": 1.5, "second.act": -2e-3}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Sequential()
        self.second.add_module("act", nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x))

    def example_inputs(self) -> torch.Tensor:
        return torch.zeros(2, 4)


@pytest.fixture(scope="module")
def graph() -> ModelGraph:
    return ptgraph.trace(Net())


def write(folder: Path, text: str | bytes, name: str = "times.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def wrong(action: Callable[..., Any], *args: Any) -> str:
    with pytest.raises(UsageError) as caught:
        action(*args)
    message = str(caught.value)
    assert message.isprintable()
    return message


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_has_an_overlay_in_each_column_of_numbers(tmp_path: Path, mark: str, end: str) -> None:
    lines = [
        ["module", "class", "milliseconds", "error", ""],
        ["/", "Net", "3", "", ""],
        ["", "", "", "", ""],
        ["first", "Linear", "1.5", " 0.25 ", ""],
        ["second.act", "ReLU", "-2e-3"],
    ]
    path = write(tmp_path, "\ufeff" + end.join(map(mark.join, lines)))
    assert read_overlay(path) == (Overlay("milliseconds", VALUES), Overlay("error", {"first": 0.25}))


def test_quotes_keep_what_they_hold(tmp_path: Path) -> None:
    path = write(tmp_path, 'path,"time, in ms"\n"odd,""name",7\n')
    assert read_overlay(path) == (Overlay("time, in ms", {'odd,"name': 7.0}),)


@pytest.mark.parametrize("root", ["", "/", "."])
def test_the_root_has_three_names(tmp_path: Path, root: str) -> None:
    assert read_overlay(write(tmp_path, f"path,ms\n{root},1\n"))[0].values == {"": 1.0}
    assert overlays_of({root: 1})[0].values == {"": 1.0}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"/": 3, "first": 1.5, "second.act": -2e-3, "second": None}, (Overlay("times", VALUES),)),
        (
            {"a": {"first": 1}, "b": {"": 2, "first": 0}},
            (Overlay("a", {"first": 1}), Overlay("b", {"": 2, "first": 0})),
        ),
        (
            [{"path": "first", "a": 1, "class": "Linear"}, {"path": "/", "b": 2, "a": None}],
            (Overlay("a", {"first": 1}), Overlay("b", {"": 2})),
        ),
    ],
)
def test_json_has_three_forms(tmp_path: Path, data: Any, expected: tuple[Overlay, ...]) -> None:
    assert read_overlay(write(tmp_path, json.dumps(data), "times.json")) == expected
    assert read_overlay(write(tmp_path, json.dumps(data, indent=1), "times")) == expected


def test_hostile_text_is_kept_as_it_is(tmp_path: Path) -> None:
    data = {HOSTILE: {HOSTILE: 1}}
    assert read_overlay(write(tmp_path, json.dumps(data), "a.json")) == (Overlay(HOSTILE, {HOSTILE: 1.0}),)
    assert read_overlay(write(tmp_path, '{"\\ud800": 1}', "a.json")) == (Overlay("a", {"\ud800": 1.0}),)


def test_overlays_of_the_same_name_say_their_file(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    files = [write(tmp_path, "path,ms\na,1\n", name) for name in ("one.csv", "two.csv", "more/one.csv")]
    assert [o.name for o in read_overlays(files)] == ["ms (one.csv)", "ms (two.csv)", "ms (one.csv) 2"]
    assert [o.name for o in read_overlays(files[:1])] == ["ms"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "times.csv holds no number; an overlay is CSV (a header; "),
        ("path\na\n", "times.csv, line 1: 'path' is one column"),
        ("a,1\nb,2\n", "times.csv, line 1: '1' stands in the header; the first line must name the columns"),
        ("path,ms,ms\na,1,2\n", "times.csv, line 1: the column 'ms' comes twice"),
        ("path,ms\n\na,1\nb,fast\n", "times.csv, line 4: 'ms' is 'fast', and no number; write one such as 1.5"),
        ("path,ms\na,fast\n", "times.csv, line 2: 'ms' is 'fast', and no number"),
        ("path;ms\na;1,5\n", "times.csv, line 2: 'ms' is '1,5', and no number; write one such as 1.5"),
        ("path,ms\na,1_0\n", "times.csv, line 2: 'ms' is '1_0', and no number"),
        ("path,ms\na,nan\n", "times.csv, line 2: 'ms' is 'nan', which no colour can show; leave it out"),
        ("path,ms\na,-inf\n", "times.csv, line 2: 'ms' is '-inf', which no colour can show"),
        ("path,ms\na,1\nb,1e999\n", "times.csv, line 3: 'ms' is '1e999', which no colour can show"),
        ("path,ms\na,1\nb,2\na,3\n", "times.csv, line 4: 'a' came before (PLACE, line 2); say it once"),
        ("path,ms\n/,1\n.,2\n", "times.csv, line 3: '.' came before (PLACE, line 2)"),
        ("path,ms\na,1,2\n", "times.csv, line 2 has 3 cells, and the header 2"),
        ('path,ms\n"a,1\n', "times.csv, line 2: unexpected end of data"),
        (b"path,ms\na,1\nb\xff,2\n", "times.csv, line 3: b'\\xff,2\\n' is not UTF-8; save the file as UTF-8"),
        ('{"a": 1,\n "b": }', "times.csv, line 2: no JSON: Expecting value (column 7)"),
        ('{"a": 1, "a": 2}', "times.csv: 'a' comes 2 times; say one number for each"),
        ('{"a": "1"}', "times.csv, 'a': 'times' is '1', and no number"),
        ('{"a": true}', "times.csv, 'a': 'times' is True, and no number"),
        ('{"a": [1]}', "times.csv, 'a': 'times' is [1], and no number"),
        ('{"a": NaN}', "times.csv, 'a': 'times' is nan, which no colour can show"),
        ('{"a": 1' + "0" * 400 + "}", "times.csv, 'a': 'times' is 1000"),
        ('{"a": 1' + "0" * 5000 + "}", "times.csv: no JSON that can be read: Exceeds the limit"),
        ('{"a": {"b": 1}, "c": 2}', "times.csv, 'c': 2 stands beside overlays that have names"),
        ('{"": {"b": 1}}', "times.csv: an overlay has no name; say what its numbers are"),
        ("{}", "times.csv holds no number"),
        ("[1]", 'times.csv, row 1: 1 has no text "path"'),
        ('[{"path": "a", "ms": 1}, {"path": "a"}]', "times.csv, row 2: 'a' came before (PLACE, row 1)"),
        ("[" * 100_000, "times.csv: no JSON that can be read: "),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = write(tmp_path, text)
    message = wrong(read_overlay, path)
    assert message.startswith(f"{tmp_path}/{said}".replace("PLACE", str(path))), message


def test_a_hostile_value_is_quoted_short_and_on_one_line(tmp_path: Path) -> None:
    cell = HOSTILE.replace('"', '""')
    message = wrong(read_overlay, write(tmp_path, f'path,ms\n"{cell}",1\n"{cell}",2\n'))
    assert len(message) < 500 and "\\x1b" in message and "\\u202e" in message


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert wrong(read_overlay, tmp_path / "no.csv") == f"{tmp_path}/no.csv does not exist"
    assert wrong(read_overlay, tmp_path) == f"{tmp_path} is a folder, not a file"
    with pytest.raises(UsageError, match="embedded null byte"):
        read_overlay("a\0b")


def test_what_the_graph_has_is_kept_and_the_rest_is_said(graph: ModelGraph) -> None:
    overlays = (
        Overlay("ms", {"first": 1.0, "gone": 2.0, "": 3.0}),
        Overlay("by operation", {"linear": 1.0, "gone": 5.0, "p_first_weight": 1.0}),
        Overlay("of another", {"lost": 1.0}),
    )
    kept, lost = match(overlays, graph)
    assert kept == (Overlay("ms", {"first": 1.0, "": 3.0}), Overlay("by operation", {"linear": 1.0}))
    assert lost == ["gone", "p_first_weight", "lost"]
    assert unmatched_text(lost, "Net") == "3 names of the overlay not in Net: 'gone', 'p_first_weight', 'lost'"
    assert match((), graph) == ((), [])


def test_an_overlay_of_another_model_is_refused_with_names_that_exist(graph: ModelGraph) -> None:
    message = wrong(match, [Overlay("ms", {"model.first": 1.0, "a": 1, "b": 1, "c": 1})], graph)
    assert message == "nothing that the overlay names is in Net: 'model.first', 'a', 'b' and 1 more; it has 'first'"
    message = wrong(match, [Overlay("ms", {HOSTILE: 1.0})], graph)
    assert message.endswith("; it has such names as 'first', 'second', 'second.act'") and len(message) < 300


def test_export_takes_numbers_and_files(graph: ModelGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ptgraph.formats import export as exporter

    seen: list[Options] = []

    def export(graph: ModelGraph, output: Any, names: Any, options: Options) -> exporter.Exported:
        seen.append(options)
        return exporter.Exported(())

    monkeypatch.setattr(exporter, "export", export)
    file = write(tmp_path, "path,ms\nfirst,1\n")
    for given in (file, str(file), [file], {"ms": {"first": 1}}, [{"path": "first", "ms": 1}]):
        ptgraph.export(graph, tmp_path, overlay=given)
        assert seen.pop().overlays == (Overlay("ms", {"first": 1.0}),)
    ptgraph.export(graph, tmp_path)
    assert seen.pop().overlays == ()
    with pytest.warns(UserWarning, match="1 name of the overlay not in Net: 'gone'"):
        ptgraph.export(graph, tmp_path, overlay={"first": 1, "gone": 2})
    assert wrong(lambda: ptgraph.export(graph, tmp_path, overlay={"first": float("nan")})).startswith(
        "overlay, 'first': 'overlay' is nan"
    )
    with pytest.raises(UsageError, match="5 is no overlay"):
        ptgraph.export(graph, tmp_path, overlay=5)  # type: ignore[arg-type]


def test_the_command_takes_files_and_warns_of_names_that_are_not_there(
    command: Callable[..., Result], tmp_path: Path
) -> None:
    write(tmp_path, "path,ms\nlayers.0,1\nlayers.99,2\nx,3\ny,4\nz,5\n")
    result = command("export", "nano", "-f", "json", "--overlay", "times.csv", "--overlay", "times.csv")
    said = "ptgraph: warning: 4 names of the overlay not in nano: 'layers.99', 'x', 'y' and 1 more\n"
    assert (result.exit_code, result.stderr) == (0, said)
    assert command("export", "nano", "-f", "json", "-q", "--overlay", "times.csv").stderr == ""
    result = command("export", "nano", "-f", "json", "--overlay", "no.csv")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "ptgraph: error: no.csv does not exist\n"


FORMS_OF_MANY: dict[str, Callable[[int], str]] = {
    "rows.csv": lambda count: "path,a\n" + "".join(f"layer{number},1\n" for number in range(count)),
    "empty.csv": lambda count: "path,a\nx,1\n" + "".join(f"layer{number},\n" for number in range(count)),
    "columns.csv": lambda count: f"path,{','.join(f'c{n}' for n in range(count))}\nx,{'1,' * count}\n",
    "plain.json": lambda count: json.dumps({f"layer{number}": 1 for number in range(count)}),
    "named.json": lambda count: json.dumps({f"name{number}": {"x": 1} for number in range(count)}),
    "list.json": lambda count: json.dumps([{"path": f"{n:x}", "a": 1} for n in range(count)]),
}


@pytest.mark.parametrize("form", FORMS_OF_MANY)
def test_an_overlay_of_too_many_numbers_is_refused_in_little_time_and_memory(form: str, tmp_path: Path) -> None:
    file = tmp_path / form
    file.write_text(FORMS_OF_MANY[form](600_000))
    assert file.stat().st_size < 16 * 2**20
    code = """
import pathlib, resource, sys
from ptgraph.errors import UsageError
from ptgraph.page.overlay_files import read_overlay
try:
    read_overlay(sys.argv[1])
except UsageError as error:
    print(error)
status = pathlib.Path("/proc/self/status").read_text().splitlines()
print(next(line for line in status if line.startswith("VmHWM")).split()[1])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, timeout=60, check=True
    )
    said, taken = done.stdout.splitlines()
    assert said.endswith(f" holds more than 500,000 numbers; {remedy('numbers')}")
    assert int(taken) < 600_000  # kB
    few = tmp_path / f"few-{form}"
    few.write_text(FORMS_OF_MANY[form](40))
    with limits(numbers=30), pytest.raises(UsageError, match="holds more than 30 numbers"):
        read_overlay(few)
    assert read_overlay(few)
