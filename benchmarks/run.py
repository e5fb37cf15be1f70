"""Whole processes, side by side in one run: ptgraph and other tools. Writes docs/benchmarks.md and its picture.

    python -m benchmarks.run [--runs N] [--only a,c]

a: against torch.onnx.export; b: against torchview and torchlens; c: a Llama of 70 billion parameters; d: growth with
the number of layers; e: the page, beside other viewers. What is not measured now stays as it was measured last;
``--only ''`` writes the document alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from . import document, results
from .measure import LIMIT, Run, measure, programs
from .parts import LIMITS, PARTS
from .results import Result, Row


def part(name: str, count: int) -> Result:
    """Measure one part: every command once, then every command again, so that drift hits all alike.

    A command that failed is not run again.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = programs(Path(folder))
        commands = PARTS[name](Path(folder))
        found: dict[tuple[str, str], list[Run]] = {key: [] for key in commands}
        for index in range(count):
            for key, command in commands.items():
                if not any(run.failed for run in found[key]):
                    run = measure(command, environment, LIMITS.get(key[1], LIMIT))
                    found[key].append(run)
                    words = run.failed or f"{run.seconds:.1f} s, {run.megabytes:.0f} MB"
                    words += "".join(f", {figure} {value:.3g}" for figure, value in run.figures.items())
                    print(f"{name} {index + 1}/{count}  {' · '.join(key)}: {words}", file=sys.stderr, flush=True)
    return Result(results.machine(), count, {key: Row(*key, runs) for key, runs in found.items()})


def main() -> None:
    """Measure what is asked for, and write the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="how often each command runs (5)")
    parser.add_argument("--only", default=",".join(PARTS), help="the parts to measure, with commas (all)")
    args = parser.parse_args()
    names = [name for name in args.only.split(",") if name]
    if args.runs < 1 or not set(names) <= set(PARTS):
        parser.error(f"--runs is at least 1, and the parts are {', '.join(PARTS)}")
    for name in names:
        results.write(results.read() | {name: part(name, args.runs)})
    document.write(results.read())


if __name__ == "__main__":
    main()
