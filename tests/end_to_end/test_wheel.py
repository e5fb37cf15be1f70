"""The wheel, installed into a clean environment with no checkout in sight, does what the checkout does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.conftest import ROOT

UNWANTED = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", "build", "dist", "*.egg-info", "__pycache__", ".*_cache"
)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command without anything of this environment showing through; return what it prints."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    result = subprocess.run([str(c) for c in command], cwd=cwd, env=kept, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_wheel_works_on_its_own(tmp_path: Path) -> None:
    shutil.copytree(ROOT, tmp_path / "source", ignore=UNWANTED)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ".", cwd=tmp_path / "source")
    (wheel,) = tmp_path.glob("ptgraph-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"ptgraph"}
    for wanted in (
        "formats/schema.json",
        "py.typed",
        "page/web/index.html",
        "page/web/styles/base.css",
        "page/web/src/main.js",
        "models/attention.py",
        "models/training/grpo.py",
        "models/training/recorded/pretrain.json",
        "models/training/recorded/grpo.json",
    ):
        assert f"ptgraph/{wanted}" in names
    web = {str(path.relative_to(ROOT)) for path in (ROOT / "ptgraph/page/web").rglob("*") if path.is_file()}
    assert len(web) > 30
    assert {name for name in names if name.startswith("ptgraph/page/web/")} == web
    shutil.rmtree(tmp_path / "source")

    python = tmp_path / "clean" / "bin" / "python"
    run(sys.executable, "-m", "venv", tmp_path / "clean", cwd=tmp_path)
    run(python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", "torch", wheel, cwd=tmp_path)
    lines = run(tmp_path / "clean" / "bin" / "ptgraph", "export", "tiny", "-o", "out", cwd=tmp_path).splitlines()
    assert [line.partition("\t")[0] for line in lines] == [
        f"out/tiny.{suffix}" for suffix in ("onnx", "netron.json", "html", "svg", "json")
    ]
    for path in (tmp_path / "out").iterdir():  # and the very bytes that the checkout writes
        assert path.read_bytes() == (ROOT / "exports" / path.name).read_bytes()
