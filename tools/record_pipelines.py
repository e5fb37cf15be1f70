"""Records a training step of each pipeline: ``make recorded`` writes models/training/recorded/."""

from __future__ import annotations

from pathlib import Path

from ptgraph.graph.recorded_pipelines import PIPELINES
from ptgraph.graph.serialize import to_json
from ptgraph.tracing.training_pipeline import record_pipeline

FOLDER = Path(__file__).resolve().parents[1] / "models" / "training" / "recorded"


def main() -> None:
    """Record each pipeline anew, into the checkout."""
    FOLDER.mkdir(exist_ok=True)
    for kind in PIPELINES:
        (FOLDER / f"{kind}.json").write_text(to_json(record_pipeline(kind)), encoding="utf-8")


if __name__ == "__main__":
    main()
