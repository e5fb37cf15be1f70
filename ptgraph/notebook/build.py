"""Notebooks that explore a target. Their cells call only the public API, torch and the standard library."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import v4

from ptgraph.common.messages import kind_of

Cell = tuple[str, str]  # "markdown" or "code", and its text
_MAKE: dict[str, Any] = {"markdown": v4.new_markdown_cell, "code": v4.new_code_cell}


def notebook(
    target: str, name: str, inputs: Sequence[str] = (), folder: str | os.PathLike[str] = ".", *, trust: bool = False
) -> bytes:
    """Return the notebook of *target* as the bytes of a file in *folder*.

    *name* is its title. A local file in *target* is named relative to *folder*. With *trust*, code in a .pt2 file is
    run. The notebook of a preset also trains the preset nano.
    """
    from ptgraph.models import PRESETS

    preset = target if target in PRESETS else None
    seen = target if preset else _seen_from(folder, target)
    cells = [
        _MAKE[kind](text, id=f"cell-{number}")
        for number, (kind, text) in enumerate(_cells(seen, name, inputs, preset, trust))
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    nbformat.validate(made)
    text: str = nbformat.writes(made)
    return f"{text}\n".encode()


def _seen_from(folder: str | os.PathLike[str], target: str) -> str:
    """Return *target*, with the path of a local file in it relative to *folder*."""
    location, colon, attribute = target.rpartition(":")
    if kind_of(Path(target)):
        return Path(os.path.relpath(target, folder)).as_posix()
    return (
        f"{Path(os.path.relpath(location, folder)).as_posix()}{colon}{attribute}"
        if kind_of(Path(location)) == "file"
        else target
    )


def _cells(target: str, name: str, inputs: Sequence[str], preset: str | None, trust: bool) -> Iterator[Cell]:
    yield from _model(target, name, inputs, trust)
    if preset is not None:
        yield from _family(preset)
        yield from _training(preset)
    yield "markdown", "## The component dependency tree\n\nWhat each class is made of, and how many of it."
    yield "code", "plots.dependency_tree(graph);"


def _model(target: str, name: str, inputs: Sequence[str], trust: bool) -> Iterable[Cell]:
    given = (f", inputs={list(inputs)!r}" if inputs else "") + (", trust=True" if trust else "")
    return [
        ("markdown", f"# {name}\n\nWhat the model is made of, where its parameters are, and what it attends to."),
        ("code", "import ptgraph\nfrom ptgraph.notebook import plots"),
        ("markdown", "## Instantiate and summarise"),
        ("code", f"source = ptgraph.load_target({target!r}{given}, weights=True)"),
        ("code", "graph = ptgraph.trace(source)\ngraph"),
        ("code", "ptgraph.analyze(graph).totals"),
        ("markdown", "## Where the parameters are\n\nBy the class of the module that holds them, then by part."),
        ("code", "plots.parameters_by_type(graph);"),
        ("code", "plots.parameters_by_component(graph);"),
        ("markdown", "Level by level: each module is as wide as its share."),
        ("code", "plots.parameter_map(graph);"),
        ("markdown", "Parameters say what a part weighs, FLOPs how much it works."),
        ("code", "plots.parameters_and_flops(graph);"),
        (
            "markdown",
            "## Attention patterns\n\nFrom a forward pass, head by head: how much each query attends to each key. "
            "The weights are the target's own (random, unless it loads others), the inputs random.",
        ),
        ("code", "plots.attention(ptgraph.attention_patterns(source));"),
    ]


def _family(preset: str) -> Iterable[Cell]:
    return [
        ("markdown", "## Sizes compared\n\nThe presets side by side; all are traced without weights."),
        ("code", "plots.sizes(ptgraph.preset_sizes());"),
        ("markdown", f"## The learning rate\n\nOf the pretraining run that goes with `{preset}`."),
        ("code", f"from ptgraph.models import training\n\nplots.learning_rate(training.PRETRAIN[{preset!r}]);"),
    ]


def _training(preset: str) -> Iterable[Cell]:
    return [
        (
            "markdown",
            "## Loss and reward\n\nA short real run on this machine, of the preset `nano`: pretraining on the corpus "
            "that ptgraph makes itself, then GRPO on arithmetic; on two cores they take some minutes. A run that is in "
            "`runs` already is read, not made again.",
        ),
        (
            "code",
            "from dataclasses import replace\nfrom pathlib import Path\n\n"
            'runs = Path("runs")\n'
            'pretraining = replace(training.PRETRAIN["nano"], steps=400)\n'
            'losses = training.pretrain(pretraining, runs / "pretrain", resume=True)\n'
            "plots.training_curves(losses);",
        ),
        (
            "code",
            'learning = replace(training.GRPO["nano"], steps=80)\n'
            'rewards = training.grpo(learning, runs / "grpo", runs / "pretrain", resume=True)\n'
            "plots.training_curves(rewards);",
        ),
        ("markdown", "What the trained `nano` attends to in a story."),
        (
            "code",
            "import torch\n\n"
            'model, tokenizer = training.load_model(runs / "pretrain", "nano")\n'
            'ids = tokenizer.encode("Ada found a bell in the barn. So Ada took the bell home.").ids\n'
            "patterns = ptgraph.attention_patterns(model, torch.tensor([ids]))\n"
            "plots.attention(patterns, layers=4, tokens=[tokenizer.decode([token]) for token in ids]);",
        ),
    ]


__all__ = ["notebook"]
