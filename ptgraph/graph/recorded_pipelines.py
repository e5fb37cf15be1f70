"""The training pipelines that come recorded with the package, read without torch.

Recording takes seconds and the extra ``train``. So the graphs of the preset nano are kept as JSON beside the training
code. ``make recorded`` writes them anew; a test proves that they are current.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

from ptgraph.graph.model import ModelGraph
from ptgraph.graph.serialize import from_json

PIPELINES = ("pretrain", "grpo")
TRAINED = "ptgraph.models.transformer.TransformerLM"  # the class of the models that these steps train


def pipelines_of(graph: ModelGraph) -> dict[str, ModelGraph]:
    """Return the recorded pipelines of a traced model, by kind: those of the Pure Transformer, or none."""
    return {kind: recorded(kind) for kind in PIPELINES} if graph.component("").type == TRAINED else {}


def recorded(kind: str) -> ModelGraph:
    """Return the graph that ``record_pipeline(kind)`` gave when it was recorded.

    Raises ValueError for a pipeline that does not exist.
    """
    check_kind(kind)
    spec = find_spec("ptgraph.models")  # to import it takes torch
    assert spec is not None and spec.submodule_search_locations
    file = Path(spec.submodule_search_locations[0]) / "training" / "recorded" / f"{kind}.json"
    return from_json(json.loads(file.read_text(encoding="utf-8")))


def check_kind(kind: str) -> None:
    """Raise ValueError for a pipeline that does not exist."""
    if kind not in PIPELINES:
        raise ValueError(f"there is no pipeline {kind!r}; choose from {', '.join(PIPELINES)}")


__all__ = ["PIPELINES", "check_kind", "pipelines_of", "recorded"]
