"""Whole processes, side by side in one run: ``ptgraph export`` (all four files) and ``torch.onnx.export`` alone.

    python benchmarks/run.py [--runs N] [preset ...]

Prints the median seconds and peak memory of each, and the ratio, which is what to compare between machines.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ALONE = """
import sys, torch
from ptgraph.models import build
model = build(sys.argv[1]).eval()
torch.onnx.export(model, (), kwargs=model.example_inputs(), dynamo=True, verbose=False, f=sys.argv[2])
"""


def measure(command: list[str]) -> tuple[float, float]:
    """Return seconds and peak megabytes of one process."""
    start = time.perf_counter()
    quiet = os.open(os.devnull, os.O_WRONLY)
    streams = [(os.POSIX_SPAWN_DUP2, quiet, 1), (os.POSIX_SPAWN_DUP2, quiet, 2)]
    process = os.posix_spawn(command[0], command, os.environ, file_actions=streams)
    _, status, usage = os.wait4(process, 0)
    os.close(quiet)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    return time.perf_counter() - start, usage.ru_maxrss / 1000


def main() -> None:
    """Measure each preset, alternating the two commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("presets", nargs="*", default=["tiny", "medium"])
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    print(f"{'preset':<8} {'ptgraph':>9} {'memory':>9}   {'torch.onnx':>10} {'memory':>9}   {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for preset in args.presets:
            commands = {
                "ptgraph": [sys.executable, "-m", "ptgraph", "export", preset, "-q", "-o", folder],
                "torch": [sys.executable, "-c", ALONE, preset, str(Path(folder) / "alone.onnx")],
            }
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
            for _ in range(args.runs):
                for name, command in commands.items():
                    found[name].append(measure(command))
            (ours, our_memory), (theirs, their_memory) = (
                [statistics.median(column) for column in zip(*found[name], strict=True)] for name in commands
            )
            print(
                f"{preset:<8} {ours:>7.1f} s {our_memory:>6.0f} MB   {theirs:>8.1f} s {their_memory:>6.0f} MB   "
                f"{ours / theirs:>6.2f}"
            )


if __name__ == "__main__":
    main()
