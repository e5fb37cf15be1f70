"""Runs: a folder with its metrics, its checkpoints and its tokenizer, which a later run goes on from."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from ..presets import build
from ..transformer import TransformerLM
from .checkpoint import CheckpointError, latest, save_checkpoint
from .corpus import write_corpus
from .data import PackedStream, TextSource
from .files import write_text
from .grpo import GRPOConfig, GRPOTrainer
from .pretrain import PRETRAIN, PretrainConfig, Pretrainer
from .tokenizer import default_tokenizer

__all__ = ["METRICS", "grpo", "grpo_trainer", "load_model", "pretrain", "pretrainer", "read_metrics"]

METRICS = "metrics.jsonl"
_MIXTURE = {"stories": 0.3, "answers": 0.7}
Report = Callable[[str, int, dict[str, float]], None]
"""What is told about a run after each step: its title, how many steps there are, and the step's metrics."""


def pretrain(
    config: PretrainConfig,
    folder: Path,
    sources: Sequence[TextSource] = (),
    *,
    resume: bool = False,
    report: Report = lambda *step: None,
) -> Path:
    """Pretrain a new model; return the file of metrics, `folder/metrics.jsonl`.

    Without sources, the text is the corpus that this repository makes itself. With `resume`, the run in the folder
    goes on from its newest checkpoint.

    Raises:
        ValueError: the folder holds a run and `resume` was not asked for, or one of another config.
        CheckpointError: none of its checkpoints can be read.
    """
    _check_free(folder, resume)
    made_with = {"sources": [asdict(source) for source in sources]}
    return _run(pretrainer(config, folder, sources), folder, resume, "pretraining", report, made_with)


def grpo(
    config: GRPOConfig,
    folder: Path,
    start: Path | None = None,
    *,
    resume: bool = False,
    report: Report = lambda *step: None,
) -> Path:
    """Fine-tune the model of a pretraining run by GRPO; return the file of metrics, `folder/metrics.jsonl`.

    `start` is the folder of that run, or of another GRPO run. Without it, the preset is pretrained first, in
    `folder/pretrain`.

    Raises:
        ValueError: the folder holds a run and `resume` was not asked for, or one of another config.
        CheckpointError: a checkpoint that is needed cannot be read.
    """
    _check_free(folder, resume)
    if start is None:
        start = folder / "pretrain"
        pretrain(PRETRAIN[config.preset], start, resume=(start / METRICS).exists(), report=report)
    trainer = grpo_trainer(config, start)
    write_text(folder / "tokenizer.json", trainer.tokenizer.to_str())
    return _run(trainer, folder, resume, "GRPO", report, {})


def pretrainer(config: PretrainConfig, folder: Path, sources: Sequence[TextSource] = ()) -> Pretrainer:
    """A trainer at its first step; the corpus, if it is needed, and the tokenizer are written into the folder."""
    torch.manual_seed(config.seed)
    model = build(config.preset).to(_device())
    tokenizer = default_tokenizer(model.config.vocab_size)
    write_text(folder / "tokenizer.json", tokenizer.to_str())
    if not sources:
        files = write_corpus(folder / "corpus", 20_000, seed=0)
        sources = [TextSource(str(files[kind]), probability=share) for kind, share in _MIXTURE.items()]
    stream = partial(
        PackedStream,
        sources,
        tokenizer,
        config.batch_size,
        config.sequence_length,
        held_out=config.held_out_documents,
    )
    held_out, batches = stream(training=False), stream(seed=config.seed)
    return Pretrainer(config, model, batches, [next(held_out) for _ in range(config.evaluation_batches)])


def grpo_trainer(config: GRPOConfig, start: Path) -> GRPOTrainer:
    """A trainer at its first step, of the model of the pretraining run in `start`."""
    model, tokenizer = load_model(start, config.preset)
    return GRPOTrainer(config, model, tokenizer)


def load_model(folder: Path, preset: str) -> tuple[TransformerLM, Tokenizer]:
    """The model of a run's newest checkpoint, and its tokenizer.

    Raises:
        CheckpointError: there is none that can be read, or it is of another preset.
    """
    found = latest(folder)
    if found is None:
        raise CheckpointError(f"there is no checkpoint in {folder}")
    path, state = found
    if state["config"]["preset"] != preset:
        raise CheckpointError(f"{path} is of the preset {state['config']['preset']!r}, not {preset!r}")
    model = build(preset)
    model.load_state_dict(state["model"])
    return model.to(_device()), Tokenizer.from_file(str(folder / "tokenizer.json"))


def read_metrics(file: Path) -> list[dict[str, float]]:
    """The metrics of every step, in order; a last line that is not whole, as a killed run leaves it, is left out."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _check_free(folder: Path, resume: bool) -> None:
    """Refuse a folder with a run in it, before anything is written there."""
    if not resume and (any(folder.glob("step-*.pt")) or (folder / METRICS).exists()):
        raise ValueError(f"{folder} holds a run already; resume it, or start in another folder")


def _run(
    trainer: Pretrainer | GRPOTrainer,
    folder: Path,
    resume: bool,
    title: str,
    report: Report,
    made_with: dict[str, Any],
) -> Path:
    """Take the steps that are left, note each one's metrics, and write checkpoints."""
    metrics, config = folder / METRICS, _plain({**asdict(trainer.config), **made_with})
    known: list[dict[str, float]] = []
    if resume and (found := latest(folder)):
        path, state = found
        _check_same(path, state["config"], config)
        trainer.load_state_dict(state)
        known = [step for step in read_metrics(metrics) if step["step"] <= trainer.done] if metrics.exists() else []
    write_text(metrics, "".join(map(_line, known)))
    with metrics.open("a", encoding="utf-8") as file:
        while trainer.done < trainer.config.steps:
            step = trainer.step()
            file.write(_line(step))
            file.flush()
            report(title, trainer.config.steps, step)
            if trainer.done % trainer.config.checkpoint_every == 0 or trainer.done == trainer.config.steps:
                save_checkpoint(folder, trainer.done, {**trainer.state_dict(), "config": config})
    return metrics


def _check_same(path: Path, was: dict[str, Any], config: dict[str, Any]) -> None:
    """Refuse to go on with another config; only the number of steps may differ, as in a run that goes on longer."""
    differing = [name for name in config if was.get(name) != config[name] and name != "steps"]
    if differing:
        values = ", ".join(f"{name}={was.get(name)!r}" for name in differing)
        raise ValueError(f"{path} was made with {values}; resume with the same, or start in another folder")


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _line(step: dict[str, float]) -> str:
    return json.dumps(step) + "\n"


def _plain(config: dict[str, Any]) -> Any:
    """A config of JSON's types alone, so that it is equal to itself when it is read back."""
    return json.loads(json.dumps(config))
