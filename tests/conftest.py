"""What tests share: the presets traced once for the whole session, and a way to run the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from playwright.sync_api import Browser, sync_playwright

from ptgraph.cli.main import main
from ptgraph.cli.tracing import graph_of_target
from ptgraph.formats import onnx as backend
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.graph.recorded_pipelines import PIPELINES
from ptgraph.tracing.training_pipeline import record_pipeline
from tests.support.one_translation import translated_once
from tests.support.valid_onnx import check_onnx

ROOT = Path(__file__).parents[1]


@cache
def graph_of(preset: str, *inputs: str) -> ModelGraph:
    """Return the graph of a preset, as the command line makes it without further options: traced once a process."""
    return graph_of_target(preset, inputs, lambda step: None)


@pytest.fixture(scope="session", autouse=True)
def _every_onnx_is_valid() -> Iterator[None]:
    """Check each ONNX file that any test of this process makes."""
    render = backend.render

    def checked(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
        files = {
            suffix: list(chunks) if suffix == "onnx" else chunks for suffix, chunks in render(graph, options).items()
        }
        check_onnx(b"".join(files["onnx"]))
        return files

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "render", checked)
        yield


@pytest.fixture(scope="session")
def tiny() -> ModelGraph:
    """The graph of the preset tiny, on meta."""
    return graph_of("tiny")


@pytest.fixture(scope="session")
def tiny_dynamic() -> ModelGraph:
    """The graph of the preset tiny with named dimensions."""
    return graph_of("tiny", "input_ids:int64:batch=2xsequence=16")


@pytest.fixture(scope="session")
def recordings() -> dict[str, ModelGraph]:
    """The training step of each pipeline, recorded now."""
    return {kind: record_pipeline(kind) for kind in PIPELINES}


@pytest.fixture(scope="module")
def one_translation() -> Iterator[None]:
    """In a module whose subject is not the translation to ONNX, each graph is translated once for each opset."""
    with translated_once():
        yield


@pytest.fixture
def cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m ptgraph`` in an empty folder, as a process of its own."""

    def run(*args: str, cwd: Path = tmp_path, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ptgraph", *args]
        return subprocess.run(command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True)

    return run


CHROMIUM = "/usr/bin/chromium"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests that need one."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder; afterwards, nothing imported from it is left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name, module in [*sys.modules.items()]:
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def command(workdir: Path) -> Callable[..., Result]:
    """Run the command line in an empty folder, in this process: that saves the time of the imports."""
    return lambda *args: CliRunner().invoke(main, args)
