"""One process, from its start to its exit: seconds, and the most memory that it held."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

LIMIT = 180  # seconds
GAVE_UP = "gave up: "  # what a process says before why it did not go on
CHROMIUM = "/usr/bin/chromium"
UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took; *failed* says why it did not succeed, and is empty if it did.

    *figures* is what it measured itself: the last line that it printed, if that is a JSON object.
    """

    seconds: float
    megabytes: float
    failed: str
    figures: dict[str, float] = field(default_factory=dict)


def measure(command: Sequence[str], environment: dict[str, str], limit: float = LIMIT) -> Run:
    """Run *command* in an empty folder that goes afterwards, for no longer than *limit*."""
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        os.sync()  # what the one before wrote does not slow this one down
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=errors,
            start_new_session=True,  # a group of its own, which the limit ends with all that it started
        )
        timer = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            timer.cancel()
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        failed = _failure(process.returncode, seconds, limit, errors.read().decode(errors="replace"))
        output.seek(0)
        figures = _figures(output.read().decode(errors="replace"))
    return Run(seconds, usage.ru_maxrss * UNIT / 1e6, failed, figures)


def _figures(said: str) -> dict[str, float]:
    lines = [line for line in said.splitlines() if line.startswith("{") and line.endswith("}")]
    return dict(json.loads(lines[-1])) if lines else {}


def _failure(code: int, seconds: float, limit: float, said: str) -> str:
    if code == 0:
        return ""
    if seconds >= limit:
        return f"takes more than {limit} s"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    lines = [line.strip() for line in said.splitlines() if line.strip()] or [f"exit code {code}"]
    if found := [line.removeprefix(GAVE_UP) for line in lines if line.startswith(GAVE_UP)]:
        return found[-1]
    named = [line for line in lines if re.match(r"[\w.]+(Error|Exception)\b|ptgraph: error", line)]
    return _without_folders((named or lines)[-1])[:200]


def _without_folders(text: str) -> str:
    return re.sub(r"(?<![\w.])/(?:[\w.-]+/)+", "", text)


def programs(folder: Path) -> dict[str, str]:
    """Return an environment in which ``dot`` is the Graphviz that ptgraph brings along, and this package is found."""
    path = os.environ.get("PATH", os.defpath)
    found = Path(sys.executable).parent / "graphviz-pure"
    (folder / "dot").symlink_to(found)
    here = str(Path(__file__).resolve().parent.parent)
    modules = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH", ""), here]))
    return {**os.environ, "PATH": os.pathsep.join([str(folder), path]), "PYTHONPATH": modules}
