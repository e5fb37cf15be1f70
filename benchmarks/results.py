"""What was measured, kept in a file, so that scenarios can be measured one by one."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .process_timer import CHROMIUM, Run
from .scenarios import SCENARIOS

FILE = Path(__file__).resolve().parent.parent / "build" / "bench.json"
PACKAGES = ("ptgraph", "torch", "onnx", "onnxscript", "transformers", "torchview", "torchlens", "graphviz-pure")
VIEWERS = ("pyvis", "netron", "ai-edge-model-explorer", "playwright")


@dataclass(frozen=True, slots=True)
class Row:
    """The runs of one command, which is called *name*, on one model."""

    model: str
    name: str
    runs: list[Run]

    @property
    def failed(self) -> str:
        """Why it did not succeed, or nothing."""
        return next((run.failed for run in self.runs if run.failed), "")

    @property
    def seconds(self) -> float:
        """The median."""
        return statistics.median(run.seconds for run in self.runs)

    @property
    def megabytes(self) -> float:
        """The median of the most memory that each run held."""
        return statistics.median(run.megabytes for run in self.runs)

    def figure(self, name: str) -> float | None:
        """The median of a figure that the runs measured, or None if none did."""
        found = [run.figures[name] for run in self.runs if name in run.figures]
        return statistics.median(found) if found else None

    @property
    def spread(self) -> float:
        """How far the run that is furthest from the median seconds is from it, as a share of it."""
        return max(abs(run.seconds / self.seconds - 1) for run in self.runs)


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario: where it was measured, how often, and its rows by (model, name)."""

    machine: str
    runs: int
    rows: dict[tuple[str, str], Row]


def machine() -> str:
    """Return this machine and its versions in general words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in (*PACKAGES, *VIEWERS))
    said = subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True, check=True).stdout
    chromium = " ".join(said.split()[:2])
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB of memory, {platform.system()}; "
        f"Python {platform.python_version()}, {versions}, {chromium}"
    )


def read() -> dict[str, Result]:
    """Return what was measured until now, by scenario, in the order of the report."""
    if not FILE.exists():
        return {}
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: _result(kept[name]) for name in SCENARIOS if name in kept}


def _result(kept: Any) -> Result:
    rows = [Row(row["model"], row["name"], [Run(**run) for run in row["runs"]]) for row in kept["rows"]]
    return Result(kept["machine"], kept["runs"], {(row.model, row.name): row for row in rows})


def write(results: dict[str, Result]) -> None:
    """Keep *results*."""
    kept = {
        name: {"machine": found.machine, "runs": found.runs, "rows": [asdict(row) for row in found.rows.values()]}
        for name, found in results.items()
    }
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(kept, indent=1), encoding="utf-8")
