"""Whole processes, side by side in one run: ptgraph and other tools. Writes docs/benchmarks.md and its picture.

    python -m benchmarks [--runs N] [--only SCENARIO,SCENARIO] [--rows NAME]

onnx-export: against torch.onnx.export; graph-tools: against torchview and torchlens; large-model: a Llama of 70 billion
parameters; depth: growth with the number of layers; viewers: the page, beside other viewers. What is not measured now
stays as it was measured last; ``--only ''`` writes the document alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from . import report, results
from .process_timer import LIMIT, Run, measure, programs
from .results import Result, Row
from .scenarios import FILES, LIMITS, SCENARIOS


def run_scenario(name: str, count: int, rows: str = "") -> Result:
    """Measure one scenario: every command once, then every command again, so that drift hits all alike.

    A command that failed is not run again. With *rows*, only commands of that name run, and what they need.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = programs(Path(folder))
        commands = SCENARIOS[name].commands(Path(folder))
        commands = {key: command for key, command in commands.items() if key[1] in (rows or key[1], FILES)}
        found: dict[tuple[str, str], list[Run]] = {key: [] for key in commands}
        for index in range(count):
            for key, command in commands.items():
                is_made = rows and key[1] == FILES and found[key]
                if not is_made and not any(run.failed for run in found[key]):
                    run = measure(command, environment, LIMITS.get(key[1], LIMIT))
                    found[key].append(run)
                    words = run.failed or f"{run.seconds:.1f} s, {run.megabytes:.0f} MB"
                    words += "".join(f", {figure} {value:.3g}" for figure, value in run.figures.items())
                    print(f"{name} {index + 1}/{count}  {' · '.join(key)}: {words}", file=sys.stderr, flush=True)
    return Result(results.machine(), count, {key: Row(*key, runs) for key, runs in found.items()})


def main() -> None:
    """Measure what is asked for, and write the document."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__, formatter_class=raw)
    parser.add_argument("--runs", type=int, default=5, help="how often each command runs (5)")
    parser.add_argument("--rows", default="", help="only the commands of this name; others stay as they were measured")
    parser.add_argument("--only", default=",".join(SCENARIOS), help="the scenarios to measure, with commas (all)")
    args = parser.parse_args()
    names = [name for name in args.only.split(",") if name]
    if args.runs < 1 or not set(names) <= set(SCENARIOS):
        parser.error(f"--runs is at least 1, and the scenarios are {', '.join(SCENARIOS)}")
    for name in names:
        before = results.read()
        found = run_scenario(name, args.runs, args.rows)
        kept = before[name].rows if args.rows and name in before else {}
        results.write(before | {name: replace(found, rows=kept | found.rows)})
    report.write(results.read())


if __name__ == "__main__":
    main()
