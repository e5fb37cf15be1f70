"""Files appear whole or not at all, whatever fails on the way; what cannot be made is skipped or refused."""

from __future__ import annotations

import os
import re
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import networkx as nx
import pytest

from ptgraph.common import temporary_files as temporary
from ptgraph.errors import ExportError, UsageError
from ptgraph.formats import export as exporter
from ptgraph.formats.export import Missing, formats
from ptgraph.formats.options import Options
from ptgraph.formats.registry import FORMATS
from ptgraph.graph.model import ModelGraph

GRAPH = ModelGraph(
    "net", nx.DiGraph(), nx.DiGraph(), {}, (), {}, "some tracer", traced=SimpleNamespace(program=object())
)
UNTRACED = replace(GRAPH, traced=None)

Files = dict[str, Iterable[bytes]]


@dataclass
class Fake:
    """A format that returns what its function returns."""

    make: Callable[[], Files]
    holds_weights: bool
    source: str
    usual: bool = True
    package: str = "ptgraph"

    def render(self, graph: ModelGraph, options: Options) -> Files:
        return self.make()


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put other backends in the place of the real ones, each a function that returns files or raises."""

    def use(**makers: Callable[[], Files]) -> None:
        monkeypatch.setattr(exporter, "FORMATS", {name: Fake(make, *said(name)) for name, make in makers.items()})

    return use


def said(name: str) -> tuple[bool, str]:
    """Return what the real format of this name, if there is one, says of weights and of its source."""
    real = FORMATS.get(name)
    return (real.holds_weights, real.source) if real else (False, "")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in *folder*, hidden ones too."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def good() -> Files:
    return {"good": [b"one ", b"two"]}


def breaking(error: BaseException) -> Iterator[bytes]:
    yield b"half of it"
    raise error


def raising(error: BaseException) -> Callable[[], Files]:
    def make() -> Files:
        raise error

    return make


def failure(*arguments, **options) -> str:
    with pytest.raises(ExportError) as caught:
        exporter.export(*arguments, **options).complain()
    message = str(caught.value)
    assert "\n" not in message
    return message


# Which formats


@pytest.mark.parametrize("names", [None, (), []])
def test_the_usual_formats_unless_some_are_named(names):
    assert formats(names) == (["onnx", "html", "svg", "json"], False)


@pytest.mark.parametrize("names", ["all", "ALL", ["all"], "all,all"])
def test_all_is_all_of_them(names):
    assert formats(names) == (list(FORMATS), False)


@pytest.mark.parametrize("names", ["svg,onnx", ["svg", "onnx"], ["onnx,svg"], " SVG , onnx, svg,", ("svg", "Onnx")])
def test_named_formats_come_once_and_in_the_order_of_the_backends(names):
    assert formats(names) == (["onnx", "svg"], True)


def test_all_with_a_name_is_all():
    assert formats("svg,all") == (list(FORMATS), False)


@pytest.mark.parametrize("names", ["jpeg", "svg,jpeg", ["svg", "jpeg"], "all,jpeg", " JPEG "])
def test_an_unknown_format_is_refused_with_the_choices(names):
    with pytest.raises(UsageError, match="^unknown format 'jpeg'; there are: " + ", ".join([*FORMATS, "all"])):
        formats(names)


@pytest.mark.parametrize("names", ["", ",", [""], [" ", ","]])
def test_an_empty_word_is_not_taken_for_all(names):
    with pytest.raises(UsageError, match=rf"^no format is named; there are: {', '.join(FORMATS)}, all$"):
        formats(names)


# Good exports


def test_files_are_written_in_order_and_their_paths_returned(backends, tmp_path):
    backends(a=lambda: {"a": [b"1"], "a.data": iter([b"2", b"3"])}, b=lambda: {"b": []})
    done = exporter.export(GRAPH, tmp_path)
    assert done == exporter.Exported((tmp_path / "net.a", tmp_path / "net.a.data", tmp_path / "net.b"))
    assert contents(tmp_path) == {"net.a": b"1", "net.a.data": b"23", "net.b": b""}


def test_only_the_formats_asked_for_are_made(backends, tmp_path):
    backends(bad=raising(AssertionError("not asked for")), good=good)
    exporter.export(GRAPH, tmp_path, "good")
    assert contents(tmp_path) == {"net.good": b"one two"}


def test_the_folder_is_made_with_its_parents(backends, tmp_path):
    backends(good=good)
    exporter.export(GRAPH, str(tmp_path / "a" / "b"))
    assert contents(tmp_path / "a" / "b") == {"net.good": b"one two"}


def test_progress_hears_of_each_format_before_it_is_made(backends, tmp_path):
    heard: list[str] = []
    backends(a=lambda: {"a": [str(heard).encode()]}, b=lambda: {"b": [str(heard).encode()]})
    exporter.export(GRAPH, tmp_path, progress=heard.append)
    assert contents(tmp_path) == {"net.a": b"['a']", "net.b": b"['a', 'b']"}


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o000, 0o666), (0o027, 0o640)])
def test_permissions_follow_the_umask(backends, tmp_path, umask, mode):
    backends(good=good)
    before = os.umask(umask)
    try:
        (path,) = exporter.export(GRAPH, tmp_path).files
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_read_only_file_of_before_is_replaced(backends, tmp_path):
    backends(good=good)
    old = tmp_path / "net.good"
    old.write_bytes(b"old")
    old.chmod(0o400)
    exporter.export(GRAPH, tmp_path)
    assert contents(tmp_path) == {"net.good": b"one two"}


def test_two_exports_to_one_place_at_once_leave_one_of_them_whole(backends, tmp_path):
    letters = iter("abcdefgh")

    def make() -> Files:
        letter = next(letters).encode()
        return {"good": (letter * 1000 for _ in range(1000))}

    backends(good=make)
    threads = [threading.Thread(target=exporter.export, args=(GRAPH, tmp_path)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((name, data),) = contents(tmp_path).items()
    assert name == "net.good"
    assert (len(data), len(set(data))) == (1_000_000, 1)


# Failures on the way


@pytest.mark.parametrize(
    "error",
    [RuntimeError("on the way"), ExportError("on the way"), OSError(28, "on the way"), KeyboardInterrupt()],
    ids=lambda error: type(error).__name__,
)
def test_a_file_that_fails_half_way_leaves_the_old_one_and_nothing_else(backends, tmp_path, error):
    (tmp_path / "net.bad").write_bytes(b"old and good")
    backends(bad=lambda: {"bad": breaking(error)})
    with pytest.raises((ExportError, KeyboardInterrupt)):
        exporter.export(GRAPH, tmp_path).complain()
    assert contents(tmp_path) == {"net.bad": b"old and good"}


def test_a_file_that_fails_half_way_does_not_appear(backends, tmp_path):
    backends(bad=lambda: {"bad": breaking(RuntimeError())})
    failure(GRAPH, tmp_path)
    assert contents(tmp_path) == {}


def test_files_of_one_format_are_replaced_together_or_not_at_all(backends, tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"old")
    (tmp_path / "net.onnx.data").write_bytes(b"old data")
    backends(onnx=lambda: {"onnx": [b"new"], "onnx.data": breaking(RuntimeError())})
    failure(GRAPH, tmp_path)
    assert contents(tmp_path) == {"net.onnx": b"old", "net.onnx.data": b"old data"}


def test_formats_made_before_the_one_that_fails_stay(backends, tmp_path):
    backends(good=good, bad=lambda: {"bad": breaking(RuntimeError())}, late=raising(AssertionError()))
    failure(GRAPH, tmp_path)
    assert contents(tmp_path) == {"net.good": b"one two"}


def test_a_disk_that_fills_up_takes_the_formats_that_fit_and_keeps_no_stray_file(backends, tmp_path):
    """The file is smaller than Python's buffer, so that only closing it writes, and fails."""
    (tmp_path / "net.big").write_bytes(b"old")
    backends(big=lambda: {"big": [b"x" * 2000]}, good=good)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        message = failure(GRAPH, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert re.fullmatch(
        re.escape(f"cannot write {tmp_path}/net.big: File too large; it has 2.0 kB, and ")
        + r"[\d.]+ [kMG]?B are free on this disk",
        message,
    )
    assert contents(tmp_path) == {"net.big": b"old", "net.good": b"one two"}


def test_what_a_backend_raises_unforeseen_is_an_export_error_with_its_cause(backends, tmp_path):
    error = ZeroDivisionError("by zero\nin line 7")
    backends(bad=raising(error))
    with pytest.raises(ExportError, match=r"^making the bad of net failed: ZeroDivisionError: by zero$") as caught:
        exporter.export(GRAPH, tmp_path).complain()
    assert caught.value.__cause__ is error


def test_an_unforeseen_error_without_a_text_is_told_too(backends, tmp_path):
    backends(bad=lambda: {"bad": breaking(RuntimeError())})
    assert failure(GRAPH, tmp_path).startswith("making the bad of net failed: RuntimeError")


# Exports that are killed

MODELS = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width, width))

    def forward(self, x):
        return x @ self.weight

    def example_inputs(self):
        return torch.zeros(2, len(self.weight))

def big():
    return Small(20_000)  # 1.6 GB of weights
"""


def strays(folder: Path) -> list[Path]:
    """The temporary files of exports."""
    return [path for path in folder.iterdir() if path.name.startswith(".") and ".ptgraph-" in path.name]


def command(target: str) -> list[str]:
    options = ["-f", "onnx", "--weights", "external", "-o", "out", "--name", "net"]
    return [sys.executable, "-m", "ptgraph", "export", target, *options]


@pytest.mark.slow
def test_an_export_that_is_killed_leaves_the_older_files_whole_and_the_next_one_tidies_up(tmp_path):
    """While it runs, even if it stands still, its file is left alone."""
    (tmp_path / "models.py").write_text(MODELS)
    out = tmp_path / "out"

    def run() -> None:
        subprocess.run(command("models.py:Small"), cwd=tmp_path, check=True, capture_output=True)

    run()
    before = contents(out)
    assert sorted(before) == ["net.netron.json", "net.onnx", "net.onnx.data"]
    process = subprocess.Popen(command("models.py:big"), cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        while not any(path.stat().st_size for path in strays(out)):
            assert process.poll() is None, "it was done, or failed, before it could be stopped"
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        (growing,) = strays(out)
        assert 0 < growing.stat().st_size < 1_600_000_000
        run()
        assert strays(out) == [growing]
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert growing.exists()
    assert {path.name: path.read_bytes() for path in out.iterdir() if path != growing} == before
    run()
    assert contents(out) == before


def test_what_is_not_a_temporary_file_of_a_dead_process_here_is_left_alone(backends, tmp_path):
    """That of a live process, of one on another machine, and whatever else has a name of the kind."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    _, host, pid, session, _ = temporary.temporary_name().split("-")
    kept = [
        f".net.good.ptgraph-{host}-{os.getppid()}-01234567-01234567",
        f".net.good.ptgraph-{host}-{pid}-{session}-01234567",
        f".net.good.ptgraph-other-{dead.pid}-01234567-01234567",
        f".net.good.ptgraph-{host}-99999999999999999999-01234567-01234567",
        f"net.good.ptgraph-{host}-{dead.pid}-01234567-01234567",
        ".net.good.0123456789abcdef",
    ]
    swept = [
        f".net.good.ptgraph-{host}-{dead.pid}-01234567-01234567",
        f".other.onnx.data.ptgraph-{host}-{dead.pid}-01234567-89abcdef",
        f".net.good.ptgraph-{host}-{pid}-an0therr-01234567",  # of a process that had the same number
    ]
    for name in kept + swept:
        (tmp_path / name).write_bytes(b"half")
    backends(good=good)
    exporter.export(GRAPH, tmp_path)
    assert sorted(contents(tmp_path)) == sorted([*kept, "net.good"])


# What the graph cannot have


def test_a_format_that_an_untraced_graph_cannot_have_is_skipped_with_its_reason(backends, tmp_path):
    backends(bad=raising(ExportError("there is no program")), good=good)
    done = exporter.export(UNTRACED, tmp_path)
    assert done.files == (tmp_path / "net.good",)
    assert done.skipped == (Missing("bad", "there is no program"),)


@pytest.mark.parametrize("names", ["bad", "bad,good"])
def test_a_format_asked_for_by_name_is_never_skipped(backends, tmp_path, names):
    backends(bad=raising(ExportError("there is no program")), good=good)
    assert failure(UNTRACED, tmp_path, names) == "there is no program"


def test_weights_that_are_asked_for_are_never_skipped(backends, tmp_path):
    backends(onnx=raising(ExportError("there are no weights")), good=good)
    done = exporter.export(GRAPH, tmp_path, options=Options(weights="external"))
    assert (done.skipped, done.failed) == ((), (Missing("onnx", "there are no weights"),))


def test_a_fault_of_a_backend_is_never_skipped_and_keeps_no_other_format_from_being_written(backends, tmp_path):
    backends(bad=raising(RuntimeError("a bug")), good=good)
    assert "RuntimeError: a bug" in failure(UNTRACED, tmp_path)
    assert contents(tmp_path) == {"net.good": b"one two"}


# Places that cannot be written


def test_a_file_in_place_of_the_folder(backends, tmp_path):
    backends(good=good)
    (tmp_path / "file").write_text("mine")
    assert failure(GRAPH, tmp_path / "file") == f"cannot write to {tmp_path}/file: it is a file, not a folder"
    assert failure(GRAPH, tmp_path / "file" / "x") == f"cannot make the folder {tmp_path}/file/x: Not a directory"
    assert contents(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize("folder", ["/proc/ptgraph", "/proc"])
def test_a_folder_that_takes_no_files_from_anybody(backends, folder):
    backends(good=good)
    assert failure(GRAPH, folder).startswith(
        ("cannot make the folder /proc/ptgraph: ", "cannot write /proc/net.good: ")
    )


def test_a_folder_without_permission(backends, tmp_path, monkeypatch):
    backends(good=good)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    assert failure(GRAPH, tmp_path) == f"cannot write to {tmp_path}: permission denied"
    assert contents(tmp_path) == {}


def test_a_folder_in_place_of_a_file(backends, tmp_path):
    backends(pair=lambda: {"a": [b"1"], "b": [b"2"]})
    (tmp_path / "net.b").mkdir()
    assert failure(GRAPH, tmp_path) == f"cannot write {tmp_path}/net.b: it is a folder"
    assert [path.name for path in tmp_path.iterdir()] == ["net.b"]


def test_a_name_that_is_too_long(backends, tmp_path):
    backends(good=good)
    assert failure(replace(GRAPH, name="n" * 300), tmp_path) == (
        f"cannot write {tmp_path}/{'n' * 300}.good: File name too long"
    )
    assert contents(tmp_path) == {}


def test_an_unknown_format_is_refused_before_the_folder_is_made(tmp_path):
    with pytest.raises(UsageError, match="unknown format 'jpeg'"):
        exporter.export(GRAPH, tmp_path / "new", "jpeg")
    assert not (tmp_path / "new").exists()
