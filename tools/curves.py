"""The curves of real training runs: pretraining of `nano`, and GRPO on three seeds. Writes docs/training.md.

    python -m tools.curves

Minutes on two cores; the runs stay in build/runs, and what is there is not made again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import matplotlib as mpl

from ptgraph.models.training import GRPO, PRETRAIN, read_metrics
from ptgraph.notebook import plots
from ptgraph.notebook.plot_theme import plot_theme

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "build" / "runs"
DOCS = ROOT / "docs"
SEEDS = (0, 1, 2)
AVERAGED = 10  # steps, at the start and at the end


def main() -> None:
    """Make the runs that are missing, draw them and write the document."""
    mpl.rcParams["svg.hashsalt"] = "ptgraph"  # the same names in the file each time
    mpl.rcParams["svg.fonttype"] = "none"
    seconds = {}
    for seed in SEEDS:
        for kind, more in (("pretrain", ()), ("grpo", ("--from", str(RUNS / f"pretrain-{seed}")))):
            folder = RUNS / f"{kind}-{seed}"
            command = [sys.executable, "-m", "ptgraph", "train", kind, "--seed", str(seed), "-o", str(folder), *more]
            start = time.perf_counter()
            if not (folder / "metrics.jsonl").exists():
                subprocess.run(command, check=True, env=os.environ, cwd=ROOT)
                (folder / "seconds").write_text(f"{time.perf_counter() - start:.0f}")
            seconds[kind, seed] = int((folder / "seconds").read_text())
    for kind in ("pretrain", "grpo"):
        figure = plots.training_curves(*(RUNS / f"{kind}-{seed}" / "metrics.jsonl" for seed in SEEDS))
        with plot_theme():
            figure.savefig(DOCS / f"training-{kind}.svg", metadata={"Date": None})
    (DOCS / "training.md").write_text(document(seconds), encoding="utf-8")


def document(seconds: dict[tuple[str, int], int]) -> str:
    """Return docs/training.md; every number in it is of the runs."""
    losses = ["| seed | held-out loss | unigram entropy | time |", "|---|---|---|---|"]
    rewards = ["| seed | mean reward, first steps | last steps | gain | time |", "|---|---|---|---|---|"]
    for seed in SEEDS:
        steps = read_metrics(RUNS / f"pretrain-{seed}" / "metrics.jsonl")
        last = [step for step in steps if "held_out_loss" in step][-1]
        losses.append(
            f"| {seed} | {last['held_out_loss']:.3f} | {last['unigram_entropy']:.3f} | {seconds['pretrain', seed]} s |"
        )
        values = [step["reward"] for step in read_metrics(RUNS / f"grpo-{seed}" / "metrics.jsonl")]
        first, end = (sum(part) / AVERAGED for part in (values[:AVERAGED], values[-AVERAGED:]))
        rewards.append(f"| {seed} | {first:.3f} | {end:.3f} | {end - first:+.3f} | {seconds['grpo', seed]} s |")
    pretraining, tuning = PRETRAIN["nano"], GRPO["nano"]
    return f"""# Training

`make curves` writes this page from real runs on two cores. Times are those of whole commands.

## Pretraining

`ptgraph train pretrain --preset nano`: {pretraining.steps} steps of {pretraining.batch_size} ×
{pretraining.sequence_length} tokens, on the corpus that ptgraph makes itself. Losses are in nats per token.
The unigram entropy is the loss of a model that knows only how frequent each token is.

{chr(10).join(losses)}

![Loss by step, for each seed](training-pretrain.svg)

## GRPO

`ptgraph train grpo --preset nano --from DIR`: {tuning.steps} steps of {tuning.prompts} questions with
{tuning.group_size} answers each, on {tuning.task}. The reward of an answer is 1 if its last number is right, else 0.
The first and the last {AVERAGED} steps are averaged.

{chr(10).join(rewards)}

![Mean reward by step, for each seed](training-grpo.svg)
"""


if __name__ == "__main__":
    main()
