"""The run of the zoo: each model in a process of its own, then the table in docs/zoo.md.

    python -m benchmarks.zoo [--only WORD,WORD] [--again WORD,WORD] [--rows FILE]

It needs the libraries of benchmarks/zoo/requirements.txt. A model that has a row in FILE is not run again, unless a
word of --again is in its name or its library's; the last row counts. ``--only ''`` writes the document alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.zoo import report
from benchmarks.zoo.examine import send_row
from benchmarks.zoo.models import ZOO
from benchmarks.zoo.registry import Entry

ROOT = Path(__file__).parents[2]
LIMIT = 180  # seconds a model
context = multiprocessing.get_context("forkserver")
MEMORY = 16 << 30  # bytes of addresses, of which torch takes more than it uses
OFFLINE = {"HF_HUB_OFFLINE": "1", "YOLO_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def run(entry: Entry) -> dict[str, Any]:
    """Return the row of a model, of a process of its own, forked from one that has imported torch and ptgraph."""
    failed: dict[str, Any] = {"model": entry.name, "library": entry.library, "version": "", "exit": None}
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=send_row, args=(sender, entry.name, MEMORY))
    process.start()
    sender.close()
    try:
        if not receiver.poll(LIMIT):
            return failed | {"reason": f"not done in {LIMIT} s"}
        row: dict[str, Any] = receiver.recv()
    except EOFError:
        process.join()
        return failed | {"reason": f"ended by {process.exitcode}"}
    finally:
        process.kill()
    return row if "exit" in row else failed | row


def _number(entry: Entry) -> int:
    """Return the number of a model among those of its library: the first of each library run first."""
    return [each.name for each in ZOO.values() if each.library == entry.library].index(entry.name)


def main() -> None:
    """Run what has no row yet, and write the document."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m benchmarks.zoo", description=__doc__, formatter_class=raw)
    parser.add_argument("--only", help="models with one of these words in their names, or their libraries' (all)")
    parser.add_argument("--again", default="", help="run models with one of these words though they have rows")
    parser.add_argument("--rows", type=Path, default=ROOT / "build" / "zoo.jsonl", help="where the rows are kept")
    args = parser.parse_args()
    args.rows.parent.mkdir(exist_ok=True)
    kept = args.rows.read_text().splitlines() if args.rows.exists() else []
    rows = {row["model"]: row for row in map(json.loads, kept)}
    only = None if args.only is None else args.only.split(",")
    again = [word for word in args.again.split(",") if word]
    context.set_forkserver_preload(["benchmarks.zoo.examine", "transformers.modeling_utils", "torchvision", "pandas"])
    os.environ.update(OFFLINE, PYTHONPATH=str(ROOT), YOLO_CONFIG_DIR=tempfile.gettempdir())
    for name, entry in sorted(ZOO.items(), key=lambda item: _number(item[1])):
        names = f"{name} {entry.library}"
        chosen = only is None or any(word and word in names for word in only)
        if chosen and (name not in rows or any(word in names for word in again)):
            rows[name] = run(entry)
            with args.rows.open("a") as file:
                file.write(json.dumps(rows[name]) + "\n")
            said = report.reasons(rows[name])
            print(f"{name}: {rows[name].get('seconds')} s {said or 'right'}", file=sys.stderr, flush=True)
    (ROOT / "docs" / "zoo.md").write_text(report.document([rows[name] for name in ZOO if name in rows]))


if __name__ == "__main__":
    main()
