"""Graphviz, from the wheel ``graphviz-pure``: running it, and the positions of boxes in a graph."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import graphviz

from ptgraph.errors import ExportError

PROGRAM = "graphviz-pure"
SECONDS = 600  # of processor time: then Graphviz ends by itself, even if this process is gone
POINTS = 72  # Graphviz measures boxes in inches of 72 points; everything here is in points


@dataclass(frozen=True, slots=True)
class FlatGraph:
    """The sizes of numbered boxes, in points, and the edges between them."""

    sizes: tuple[tuple[float, float], ...]
    edges: tuple[tuple[int, int], ...]


def program() -> str:
    """Return the path of the Graphviz program. Raises ExportError, which says how to install it, if it is missing."""
    beside = Path(sys.executable).parent / PROGRAM
    found = str(beside) if beside.exists() else shutil.which(PROGRAM)
    if found is None:
        raise ExportError(f"the program {PROGRAM} is missing; install it: pip install {PROGRAM}")
    return found


def run(source: str, format: str) -> str:
    """Run ``dot`` on the DOT text *source* (one graph or several), and return its output.

    Raises ExportError if the program is missing, fails, or takes too long.
    """
    command = [program(), "-Kdot", f"-T{format}"]
    shell = shutil.which("sh") if os.name == "posix" else None
    if shell is not None:
        command = [shell, "-c", f'ulimit -S -t {SECONDS} 2>/dev/null; exec "$0" "$@"', *command]
    try:
        result = subprocess.run(command, input=source, encoding="utf-8", capture_output=True, check=False)
    except OSError as error:
        raise ExportError(f"the program {PROGRAM} cannot be run: {error.strerror or error}") from error
    if os.name == "posix" and result.returncode == -signal.SIGXCPU:
        raise ExportError(f"Graphviz did not end within {SECONDS} seconds of processor time")
    if result.returncode:
        lines = result.stderr.strip().splitlines() or [f"it says nothing (exit code {result.returncode})"]
        raise ExportError(f"Graphviz failed: {next((s for s in lines if s.startswith('Error')), lines[0])}")
    return result.stdout


def centres(graphs: Sequence[FlatGraph]) -> list[list[tuple[float, float]]]:
    """Return the centre of each box of each of *graphs*, in points, the y axis down. Raises what `run` does."""
    return _read_plain(run("\n".join(map(_dot, graphs)), "plain"))


def _dot(inside: FlatGraph) -> str:
    """Return the DOT text of a graph."""
    graph = graphviz.Digraph(
        graph_attr={"nodesep": "0.32", "ranksep": "0.42", "margin": "0"},
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"arrowhead": "none"},
    )
    for k, (width, height) in enumerate(inside.sizes):
        graph.node(str(k), width=f"{width / POINTS:.4f}", height=f"{height / POINTS:.4f}")
    for source, target in inside.edges:
        graph.edge(str(source), str(target))
    return str(graph.source)


def _read_plain(text: str) -> list[list[tuple[float, float]]]:
    """Read Graphviz's plain format: one graph a block, inches, the y axis up."""
    found: list[list[tuple[float, float]]] = []
    height = 0.0
    at: dict[int, tuple[float, float]] = {}
    for line in text.splitlines():
        words = line.split()
        if words[0] == "graph":
            height, at = float(words[3]), {}
        elif words[0] == "node":
            at[int(words[1])] = float(words[2]) * POINTS, (height - float(words[3])) * POINTS
        elif words[0] == "stop":
            found.append([at[number] for number in sorted(at)])
    return found


__all__ = ["FlatGraph", "centres", "program", "run"]
