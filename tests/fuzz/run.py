"""`python -m tests.fuzz.run KIND --count N --seed S`: a fuzzer, in a process that is watched.

A case must end within 10 seconds with a result, or with an error of ptgraph whose exit code is 2, 3 or 4. What else
happens (another exception, a crash, a hang, more than 1 GB) is a finding; each is printed once, with its traceback.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from ptgraph.common.messages import printable
from ptgraph.errors import PtgraphError

SECONDS = 10
MEMORY = 2**20  # kB
ROOT = Path(__file__).resolve().parents[2]
CODES = (2, 3, 4)
Case = Callable[[Random, int], None]


@dataclass
class Report:
    """How often each exit code came, and the findings: what went wrong, with the number of the first such case."""

    codes: Counter[str] = field(default_factory=Counter)
    findings: dict[str, int] = field(default_factory=dict)


def fuzz(kind: str, count: int, seed: int = 0, first: int = 0) -> Report:
    """Run *count* cases of a kind in other processes, from the number *first* on; a process that dies is replaced."""
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        if kind == "onnx":
            from tests.fuzz.seeds import write_seeds

            write_seeds(Path(folder))
        number, end = first, first + count
        while number < end:
            command = [sys.executable, "-m", "tests.fuzz.run", kind, "--count", str(end - number), "--seed", str(seed)]
            command += ["--first", str(number), "--folder", folder]
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "MALLOC_ARENA_MAX": "2"}
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            for line in done.stdout.splitlines():
                event = json.loads(line)
                number = event["number"] + 1
                report.codes[event["code"]] += 1
                if event["finding"]:
                    report.findings.setdefault(event["finding"], event["number"])
            if number < end:
                died = f"the process ended with {done.returncode}:\n{done.stderr[-3000:]}"
                report.codes["died"] += 1
                report.findings[died] = number
                number += 1
    return report


def case_of(kind: str, folder: Path) -> Case:
    """Return the function that runs a case of a kind, with its own random numbers."""
    from tests.fuzz import cases

    return cases.KINDS[kind](folder)


def work(kind: str, count: int, seed: int, first: int, folder: Path) -> None:
    """Run cases one after the other, and print a line of JSON for each."""
    warnings.simplefilter("ignore")
    run = case_of(kind, folder)
    limit = 6 * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(first, first + count):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        begun = time.monotonic()
        code, finding = outcome(run, Random(f"{seed} {number}"), number)
        took = time.monotonic() - begun
        faulthandler.cancel_dump_traceback_later()
        before, peak = peak, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if peak > before + MEMORY:
            finding = finding or f"it took {(peak - before) >> 10} MiB"
        line = {"number": number, "code": code, "finding": finding, "seconds": round(took, 3)}
        print(json.dumps(line), flush=True)


def outcome(run: Case, random: Random, number: int) -> tuple[str, str]:
    """Return the exit code of a case, and what is wrong with it, or the empty string."""
    try:
        run(random, number)
    except PtgraphError as error:
        said = str(error)
        good = error.exit_code in CODES and said.strip() and len(said) < 3000
        return str(error.exit_code), "" if good else f"exit {error.exit_code}: {printable(said)[:500]}\n{_where(error)}"
    except Exception as error:  # what the command line calls unexpected
        return "1", f"{type(error).__name__}: {printable(str(error))[:300]}\n{_where(error)}"
    return "0", ""


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join(f"  {Path(f.filename).name}:{f.lineno} {f.name}: {f.line}" for f in frames[-8:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["onnx", "config", "inputs", "overlay"])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder is not None:
        work(given.kind, given.count, given.seed, given.first, given.folder)
        return
    begun = time.monotonic()
    report = fuzz(given.kind, given.count, given.seed, given.first)
    kinds: dict[str, str] = {}
    for finding, number in report.findings.items():
        kinds.setdefault(finding.splitlines()[-1] if finding.count("\n") < 12 else finding, f"case {number}: {finding}")
    print("\n\n".join(kinds.values()))
    print(f"{given.count} cases of {given.kind} in {time.monotonic() - begun:.0f} s: {dict(report.codes)}")
    sys.exit(bool(report.findings))


if __name__ == "__main__":
    main()
