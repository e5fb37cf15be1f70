"""Imports point one way, from what is asked for to what is written; a command that needs no torch imports none."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Each may import those before it, and no other.
ORDER = [
    *(
        "errors",
        "order",
        "interrupts",
        "quiet",
        "temporary",
        "graph",
        "tree",
        "overlay",
        "figure_options",
        "options",
        "categories",
        "blocks",
        "onnx_reader",
        "inputs",
        "contents",
        "sources",
        "restore",
        "record",
        "dimensions",
    ),
    *(
        "materialize",
        "tracked",
        "signature",
        "repeats",
        "tracer",
        "empty",
        "huggingface",
        "checkpoint",
        "beside",
        "arithmetic",
        "archive",
        "load",
        "aliases",
        "flops",
        "activations",
        "copies",
        "operators",
        "gathered",
        "reader",
        "components",
        "recorded",
        "pipeline",
    ),
    *(
        "build",
        "analysis",
        "folding",
        "box_ids",
        "boxes",
        "view",
        "likeness",
        "differences",
        "matching",
        "comparison",
        "style",
        "theme",
        "drawing",
        "svg_writer",
        "tikz_writer",
        "typeset",
        "layered",
        "layout",
        "sketch",
        "marks",
        "shared_values",
        "arrange",
        "plan",
        "rooms",
        "tracks",
        "place",
        "route",
        "geometry",
        "fit",
        "focus",
        "legend",
        "figure",
        "placement",
        "network",
        "chart",
        "diagram",
        "side_by_side",
        "described",
        "reduced",
        "corrections",
        "translation",
        "legible",
        "namespaces",
        "bodies",
        "outline",
        "naming",
        "counts",
    ),
    *(
        "weights",
        "validity",
        "attachment",
        "backends",
        "exporter",
        "samples",
        "runtime",
        "verification",
        "tables",
        "attention_maps",
        "sizes",
    ),
    *(
        "api",
        "plots",
        "notebook",
        "isolated",
        "console",
        "figure_commands",
        "target_options",
        "training_commands",
        "cli",
    ),
    "__main__",
]
FILES = sorted((ROOT / "ptgraph").rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the modules of ptgraph that a file imports at its top level or in its functions."""
    package = ["ptgraph", *path.relative_to(ROOT / "ptgraph").parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            names = [base[1]] if len(base) > 1 and base[1] else [alias.name for alias in node.names]
            found.update(names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ptgraph."):
            found.add(str(node.module).split(".")[1])
    return found - {"models", "page"}


def test_every_module_has_its_place() -> None:
    names = {path.relative_to(ROOT / "ptgraph").parts[0].removesuffix(".py") for path in FILES}
    assert names - {"__init__", "page"} == set(ORDER)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "ptgraph")))
def test_a_module_imports_only_those_before_it(path: Path) -> None:
    name = path.relative_to(ROOT / "ptgraph").parts[0].removesuffix(".py")
    allowed = {"graph": {"backends"}}.get(name, set())  # a graph shows itself in Jupyter as its figure
    for other in imported(path) - allowed - {name}:
        assert name in ("__init__", "page") or ORDER.index(other) < ORDER.index(name), f"{name} imports {other}"


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["export", "--help"],
        ["train", "--help"],
        ["train", "grpo", "--help"],
        ["--version"],
        ["formats"],
        ["schema"],
    ],
)
def test_commands_that_need_no_torch_import_none(command: list[str]) -> None:
    code = "import sys; from ptgraph.cli import main\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True)


def test_the_schema_of_the_graph_needs_no_torch() -> None:
    code = "import sys, ptgraph.graph; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
