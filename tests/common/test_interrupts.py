"""Ctrl-C and signals end a run orderly: files are whole, old or new, and nothing else stays; real signals, real runs.

A signal is sent from within, when Python tells an audit hook of some step (a module is imported, a file opened or
renamed, a program started), so that it always comes at the same point.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

TINY = str(ROOT / "exports" / "tiny.onnx")

HOOK = """
import os, signal, sys
event, word, numbers = sys.argv[1], sys.argv[2], [int(number) for number in sys.argv[3].split()]
del sys.argv[1:4]

def hook(name, values):
    if numbers and name == event and any(word in str(value) for value in values):
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)  # so that several arrive together
        for number in numbers:
            os.kill(os.getpid(), number)
        them = [*numbers]
        numbers.clear()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, them)

sys.addaudithook(hook)
from ptgraph.__main__ import main
main()
"""

NET = """
import os, signal
import torch
from torch import nn

class Swallowing(nn.Module):
    def forward(self, x):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):
                pass
        except BaseException:
            pass
        return x + 1

    def example_inputs(self):
        return torch.zeros(2)

class Hiding(Swallowing):
    def forward(self, x):
        try:
            raise KeyboardInterrupt
        except self.missing:
            return x

class Small(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)

    def example_inputs(self):
        return torch.zeros(1, 2)
"""


@dataclass
class Run:
    """What a run that got signals left."""

    code: int
    error: str
    out: Path
    temporary: Path

    @property
    def old(self) -> set[str]:
        return {path.name for path in self.out.iterdir() if path.read_bytes() == b"old"}

    @property
    def whole(self) -> bool:
        """Whether every file is as a run without signals writes it, or the old one."""
        return all(
            path.name in self.old or path.read_bytes() == (self.out.parent / "right" / path.name).read_bytes()
            for path in self.out.iterdir()
        )

    @property
    def strays(self) -> list[str]:
        return [path.name for path in self.temporary.iterdir() if path.name.startswith("ptgraph-")]


def _heeding() -> None:
    """Heed a signal that whatever runs the tests may ignore, such as nohup."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def sent(tmp_path: Path) -> Callable[..., Run]:
    """Run the command line, and send it signals when an event with a word in it comes."""
    out, temporary = tmp_path / "out", tmp_path / "temporary"
    out.mkdir()
    temporary.mkdir()
    (tmp_path / "net.py").write_text(NET)

    def run(event: str, word: str, numbers: str, *args: str, before: Callable[[], None] = _heeding) -> Run:
        done = subprocess.run(
            [sys.executable, "-c", HOOK, event, word, numbers, *args],
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(temporary)},
            capture_output=True,
            text=True,
            preexec_fn=before,
        )
        return Run(done.returncode, done.stderr.strip(), out, temporary)

    return run


@pytest.fixture
def olds(tmp_path: Path, sent: Callable[..., Run]) -> set[str]:
    """Old files in the place of those of tiny, and in another folder what a run without signals writes."""
    assert sent("none", "", "", "export", TINY, "-f", "html,svg,json,pdf", "-o", "right").code == 0
    for name in ALL:
        (tmp_path / "out" / name).write_bytes(b"old")
    return ALL


ALL = {"tiny.html", "tiny.svg", "tiny.json", "tiny.pdf"}
EXPORT = ("export", TINY, "-f", "html,svg,json,pdf", "-o", "out")
INT, TERM, HUP, KILL = (int(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL))


@pytest.mark.parametrize(
    ("event", "word", "numbers", "code", "new", "said"),
    [
        ("import", "click.core", f"{INT}", 130, set(), "interrupted"),
        ("import", "onnx.", f"{TERM}", 143, set(), "ended by SIGTERM"),
        ("subprocess.Popen", "graphviz-pure", f"{HUP}", 129, set(), "ended by SIGHUP; new in out: nothing"),
        ("open", ".tiny.html.", f"{INT} {TERM}", 130, set(), "interrupted; new in out: nothing"),
        ("os.rename", "tiny.html", f"{INT}", 130, ALL, None),
        ("open", ".tiny.json.", f"{TERM}", 143, set(), "ended by SIGTERM; new in out: nothing"),
        ("open", "SourceSansPro-Bold", f"{HUP} {INT}", 129, set(), None),
        ("shutil.rmtree", "ptgraph-", f"{INT} {TERM}", 130, set(), None),
    ],
    ids=lambda value: value.replace("/", "") if isinstance(value, str) else None,
)
def test_a_signal_ends_the_export_and_each_file_is_old_or_new(
    sent: Callable[..., Run],
    olds: set[str],
    event: str,
    word: str,
    numbers: str,
    code: int,
    new: set[str],
    said: str | None,
) -> None:
    run = sent(event, word, numbers, *EXPORT)
    assert (run.code, run.old, run.strays) == (code, olds - new, [])
    assert run.whole
    assert len(run.error.splitlines()) == 1
    if said is not None:
        assert run.error == f"ptgraph: error: {said}"
    for name in new:
        assert name in run.error


def test_what_the_parent_ignores_stays_ignored(sent: Callable[..., Run], olds: set[str]) -> None:
    def ignoring() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    run = sent("open", ".tiny.html.", f"{HUP}", *EXPORT, before=ignoring)
    assert (run.code, run.error, run.old) == (0, "", set())
    assert run.whole


def test_what_a_killed_run_left_is_removed_by_the_next(sent: Callable[..., Run], olds: set[str]) -> None:
    killed = sent("open", "SourceSansPro-Bold", f"{KILL}", *EXPORT)
    assert (killed.code, len(killed.strays)) == (-KILL, 1)
    killed = sent("os.rename", "tiny.html", f"{KILL}", *EXPORT)
    assert any(path.name.startswith(".tiny.html.ptgraph-") for path in killed.out.iterdir())
    run = sent("none", "", "", "export", TINY, "-f", "json", "-o", "out")
    assert (run.code, run.strays, {path.name for path in run.out.iterdir()}) == (0, [], olds)


@pytest.mark.parametrize(
    ("target", "event", "word"),
    [("net.py:Small", "import", "torch._dynamo.exc"), ("net.py:Small", "import", "torch._export.")],
)
def test_an_interrupt_while_torch_imports_its_parts_is_no_failure_of_a_tracer(
    sent: Callable[..., Run], target: str, event: str, word: str
) -> None:
    run = sent(event, word, f"{INT}", "export", target, "-o", "out")
    assert (run.code, run.error, [*run.out.iterdir()]) == (130, "ptgraph: error: interrupted", [])


@pytest.mark.parametrize("target", ["net.py:Swallowing", "net.py:Hiding"])
def test_an_interrupt_that_other_code_swallows_or_hides_still_ends_the_run(
    sent: Callable[..., Run], target: str
) -> None:
    run = sent("none", "", "", "export", target, "-o", "out")
    assert (run.code, [*run.out.iterdir()]) == (130, [])
    assert run.error.startswith("ptgraph: error: interrupted")


def test_verify_that_is_ended_leaves_no_weights(sent: Callable[..., Run]) -> None:
    run = sent("import", "onnxruntime.capi", f"{TERM}", "verify", "net.py:Small")
    assert (run.code, run.error, run.strays) == (143, "ptgraph: error: ended by SIGTERM", [])
