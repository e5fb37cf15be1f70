"""Graphviz, from the wheel ``graphviz-pure``: finding the program, and running it on a text."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from ptgraph.common.limits import limit, remedy
from ptgraph.errors import ExportError

PROGRAM = "graphviz-pure"
SECONDS = 600  # of processor time: then Graphviz ends by itself, even if this process is gone


def program() -> str:
    """Return the path of the Graphviz program. Raises ExportError, which says how to install it, if it is missing."""
    beside = Path(sys.executable).parent / PROGRAM
    found = str(beside) if beside.exists() else shutil.which(PROGRAM)
    if found is None:
        raise ExportError(f"the program {PROGRAM} is missing; install it: pip install {PROGRAM}")
    return found


def run(source: str, format: str, limited: str | None = None) -> str:
    """Run ``dot`` on the DOT text *source* (one graph or several), and return its output.

    Raises ExportError if the program is missing, fails, or takes more processor time than the limit called *limited*,
    or than SECONDS if there is none.
    """
    seconds = SECONDS if limited is None else limit(limited)
    command = [program(), "-Kdot", f"-T{format}"]
    shell = shutil.which("sh") if os.name == "posix" else None
    if shell is not None:
        command = [shell, "-c", f'ulimit -S -t {seconds} 2>/dev/null; exec "$0" "$@"', *command]
    try:
        result = subprocess.run(command, input=source, encoding="utf-8", capture_output=True, check=False)
    except OSError as error:
        raise ExportError(f"the program {PROGRAM} cannot be run: {error.strerror or error}") from error
    if os.name == "posix" and result.returncode == -signal.SIGXCPU:
        how = f"; {remedy(limited)}" if limited is not None else ""
        raise ExportError(f"Graphviz did not end within {seconds:,} seconds of processor time{how}")
    if result.returncode:
        lines = result.stderr.strip().splitlines() or [f"it says nothing (exit code {result.returncode})"]
        raise ExportError(f"Graphviz failed: {next((s for s in lines if s.startswith('Error')), lines[0])}")
    return result.stdout


__all__ = ["PROGRAM", "program", "run"]
