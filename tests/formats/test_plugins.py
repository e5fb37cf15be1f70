"""Formats of other packages: the example is built, installed and used; one that is broken harms no other."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from ptgraph.errors import ExportError, UsageError
from ptgraph.formats import export as exporter
from ptgraph.formats.registry import FORMATS, plugins
from ptgraph.graph.model import ModelGraph
from tests.conftest import ROOT


def path_with(folder: Path) -> str:
    """Return Python's path with *folder* on it, for a process of its own."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the example is installed, built from a copy of it."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(ROOT / "tests/formats/plugin_example", folder / "source")
    command = ["install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", folder / "site"]
    subprocess.run([sys.executable, "-m", "pip", *map(str, command), folder / "source"], check=True)
    return folder / "site"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put an installed package on the path: its name, its formats by entry point, and its code."""
    monkeypatch.syspath_prepend(tmp_path / "packages")

    def install(name: str, formats: dict[str, str], code: str = "") -> None:
        facts = tmp_path / "packages" / f"{name}-2.1.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.1\n")
        lines = [f"{word} = {value}\n" for word, value in formats.items()]
        (facts / "entry_points.txt").write_text("[ptgraph.formats]\n" + "".join(lines))
        (tmp_path / "packages" / f"{name}_code.py").write_text(dedent(code))
        sys.modules.pop(f"{name}_code", None)

    return install


def test_the_example_is_installed_listed_and_used(
    site: Path, tmp_path: Path, cli: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    listed = cli("formats", PYTHONPATH=path_with(site))
    *ours, added = listed.stdout.splitlines()
    assert ([line.split()[0] for line in ours], listed.stderr) == (list(FORMATS), "")
    assert re.split(r"\s{2,}", added) == ["csv", "a table of the modules, a line for each", "from ptgraph-csv 1.0"]

    done = cli("export", "nano", "-f", "CSV,json", PYTHONPATH=path_with(site))
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == ["exports/nano.json", "exports/nano.csv"]
    data = json.loads((tmp_path / "exports/nano.json").read_text())
    rows = list(csv.DictReader((tmp_path / "exports/nano.csv").open()))
    assert [(row["path"], int(row["parameters"])) for row in rows] == [
        (component["path"], component["total_params"]) for component in data["components"]
    ]


def test_looking_for_formats_imports_neither_torch_nor_the_package(site: Path) -> None:
    code = "import sys; from ptgraph.cli.main import main\ntry: main()\n"
    code += "finally: assert not {'torch', 'ptgraph_csv'} & set(sys.modules)"
    paths = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    for command in (["formats"], ["export", "--help"]):
        subprocess.run(
            [sys.executable, "-c", code, *command],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": paths},
        )


def test_all_means_those_of_ptgraph(package: Callable[..., None]) -> None:
    package("more", {"csv": "more_code:render"})
    assert exporter.formats("all") == (list(FORMATS), False)
    assert exporter.formats("all,csv") == ([*FORMATS, "csv"], False)
    assert exporter.formats("csv,svg") == (["svg", "csv"], True)
    with pytest.raises(UsageError, match=r"^unknown format 'jpeg'; there are: onnx, .*, csv, all$"):
        exporter.formats("csv,jpeg")


LOADED = "the format csv of broken cannot be loaded: "
WRONG = "the format csv of broken is broken: broken_code:render is no render(graph, options), which returns a dict of "
MADE = "making the csv of tiny by broken failed: "
BROKEN = {
    "import no_such_module": f"{LOADED}ModuleNotFoundError: No module named 'no_such_module'",
    "this is no Python": f"{LOADED}SyntaxError: invalid syntax (broken_code.py, line 1)",
    "raise SystemError('line\\nbreak')": f"{LOADED}SystemError: line",
    "": f"{LOADED}AttributeError: module 'broken_code' has no attribute 'render'",
    "render = 3": f"{WRONG}suffix → chunks of bytes",
    "def render(graph, options): return b''": f"{WRONG}suffix → chunks of bytes",
    "def render(graph, options): return graph.nothing": f"{MADE}AttributeError: 'ModelGraph' object has no attribute "
    "'nothing'",
    "def render(graph, options): return {'csv': ['text']}": f"{MADE}TypeError: a bytes-like object is required, not "
    "'str'",
}


@pytest.mark.parametrize("code", BROKEN)
def test_a_broken_package_is_named_and_the_other_formats_are_written(
    code: str, package: Callable[..., None], tmp_path: Path, tiny: ModelGraph
) -> None:
    package("broken", {"csv": "broken_code:render"}, code)
    assert list(plugins()[0]) == ["csv"]
    done = exporter.export(tiny, tmp_path / "out", "svg,csv")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny.svg"]
    with pytest.raises(ExportError) as caught:
        done.complain()
    assert str(caught.value) == BROKEN[code]


def test_a_name_that_is_taken_is_refused_and_said(
    package: Callable[..., None], tmp_path: Path, cli: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    package("first", {"csv": "first_code:render", "SVG": "first_code:render", "all": "first_code:render"})
    package("second", {"csv": "second_code:render"})
    found, refused = plugins()
    assert {name: backend.package for name, backend in found.items()} == {"csv": "first"}
    assert refused == [
        "the format svg of first is not used: ptgraph has a format of this name",
        "the format all of first is not used: the word means every format",
        "the format csv of second is not used: first has a format of this name",
    ]
    listed = cli("formats", PYTHONPATH=path_with(tmp_path / "packages"))
    assert listed.stderr.splitlines() == [f"ptgraph: warning: {reason}" for reason in refused]
    assert listed.stdout.splitlines()[-1].split() == ["csv", "from", "first", "2.1"]
