"""The commands that train the Pure Transformer: `ptgraph train` and `ptgraph pipeline`."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from ptgraph.cli.console import EXIT_CODES, debug_option, progress, quiet_option, say, warn
from ptgraph.cli.figure_options import figure_of, figure_options
from ptgraph.common.messages import first_line
from ptgraph.common.regular_file import need_file
from ptgraph.errors import ExportError, LoadError, UsageError
from ptgraph.formats.options import Options

F = TypeVar("F", bound=Callable[..., Any])

_preset = click.option(
    "--preset", default="nano", show_default=True, help="The size of the model (see `ptgraph list`)."
)
_steps = click.option("--steps", type=click.IntRange(min=1), help="The number of steps. Default: that of the preset.")
_seed = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The seed of everything random."
)
_resume = click.option("--resume", is_flag=True, help="Continue the run in DIR from its newest checkpoint.")


def _output(default: str) -> Callable[[F], F]:
    return click.option(
        "-o", "--output", default=default, show_default=True, metavar="DIR", help="The folder of the run."
    )


@click.group()
def train() -> None:
    """Train the Pure Transformer; each run is a folder with metrics.jsonl, checkpoints and its tokenizer."""


@train.command(epilog=EXIT_CODES)
@_preset
@_steps
@_seed
@_output("runs/pretrain")
@click.option(
    "--data",
    multiple=True,
    metavar="SOURCE[=WEIGHT]",
    help="Text to train on: a .jsonl or .parquet file with a field `text`, or fineweb-edu, finepdfs, medqa or gsm8k "
    "from the Hugging Face hub. Repeatable; mixed by weight. Default: a small corpus that ptgraph makes itself.",
)
@_resume
@quiet_option
@debug_option
def pretrain(
    preset: str,
    steps: int | None,
    seed: int,
    output: str,
    data: tuple[str, ...],
    resume: bool,
    quiet: bool,
) -> None:
    """Pretrain a model from scratch: predict the next token of streaming text."""
    with _run(quiet) as report:
        from ptgraph.models import training

        config = _config(training.PRETRAIN, preset, steps, seed)
        sources = [_source(word, training.HUB) for word in data]
        file = training.pretrain(config, Path(output), sources, resume=resume, report=report)
    _summarize(file)


@train.command(epilog=EXIT_CODES)
@_preset
@click.option(
    "--task",
    help="The kind of questions: arithmetic, word-problems or multiple-choice. Default: that of the preset.",
)
@_steps
@_seed
@_output("runs/grpo")
@click.option(
    "--from",
    "start",
    metavar="DIR",
    help="The pretraining run to start from. Default: one is made first, in DIR/pretrain.",
)
@_resume
@quiet_option
@debug_option
def grpo(
    preset: str,
    task: str | None,
    steps: int | None,
    seed: int,
    output: str,
    start: str | None,
    resume: bool,
    quiet: bool,
) -> None:
    """Fine-tune a pretrained model by GRPO: answer questions, and learn from the rewards of the answers."""
    with _run(quiet) as report:
        from ptgraph.models import training

        config = _config(training.GRPO, preset, steps, seed)
        config = config if task is None else replace(config, task=task)
        folder = None if start is None else Path(start)
        file = training.grpo(config, Path(output), folder, resume=resume, report=report)
    _summarize(file)


@click.command(epilog=EXIT_CODES)
@click.argument("kind", type=click.Choice(["pretrain", "grpo"]))
@_preset
@click.option("-o", "--output", default="exports", show_default=True, metavar="DIR", help="The folder of the files.")
@click.option(
    "-f",
    "--format",
    "names",
    multiple=True,
    metavar="FORMAT",
    help="The formats to write, all but onnx. Default: html,svg,json.",
)
@figure_options
@click.option(
    "--times", is_flag=True, help="Add the milliseconds of each stage. The files then differ from run to run."
)
@quiet_option
@debug_option
def pipeline(
    kind: str,
    preset: str,
    output: str,
    names: tuple[str, ...],
    times: bool,
    quiet: bool,
    **figure: Any,
) -> None:
    """Record one step of a training pipeline, and write a graph of its stages and of the values between them."""
    with progress(quiet) as step, _people(quiet):
        from ptgraph.common.atomic_write import check_folder
        from ptgraph.common.messages import size_text
        from ptgraph.formats import export as exporter
        from ptgraph.tracing.training_pipeline import record_pipeline

        options = Options(figure=figure_of(figure))
        wanted = names or ("html,svg,json",)
        exporter.formats(wanted)
        check_folder(output)
        step(f"recording a step of {kind}")
        done = exporter.export(record_pipeline(kind, preset, times=times), output, wanted, options)
    for path in done.files:
        say(f"{path}\t{size_text(path.stat().st_size)}")
    done.complain()


def _config(presets: dict[str, Any], preset: str, steps: int | None, seed: int) -> Any:
    if preset not in presets:
        raise UsageError(f"there is no preset {preset!r}; choose from {', '.join(presets)}")
    return replace(presets[preset], seed=seed, **({} if steps is None else {"steps": steps}))


def _source(word: str, hub: dict[str, Any]) -> Any:
    """Return the text source that ``SOURCE`` or ``SOURCE=WEIGHT`` means."""
    from ptgraph.models.training import TextSource

    name, equals, number = word.rpartition("=")
    name, number = (name, number) if equals and not Path(word).is_file() else (word, "1")
    try:
        weight = float(number)
    except ValueError:
        raise UsageError(f"--data {word}: the weight {number!r} is not a number") from None
    if not 0 < weight < float("inf"):
        raise UsageError(f"--data {word}: the weight {number} is not positive")
    if not (name in hub or Path(name).suffix in (".jsonl", ".json", ".parquet")):
        raise UsageError(f"--data {word}: a source is a .jsonl or .parquet file, or one of {', '.join(hub)}")
    if name not in hub:
        need_file(Path(name))
    if name in hub:
        return replace(hub[name], probability=weight)
    source = TextSource(name, probability=weight)
    try:
        source.stream()  # looks at the first row
    except ValueError as error:
        raise LoadError(f"--data {word}: {first_line(error)}") from error
    return source


@contextlib.contextmanager
def _people(quiet: bool) -> Iterator[None]:
    """Turn errors and warnings of `models`, which does not import ptgraph, into those of the command line."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", module=r"ptgraph\b")  # those of `models` too, which is ptgraph.models
        logging.disable()  # `datasets` logs the errors that it raises
        try:
            yield
        except ImportError as error:
            if (error.name or "").partition(".")[0] not in ("datasets", "tokenizers"):
                raise
            raise LoadError(
                f"training needs {error.name}, which is not installed: pip install 'ptgraph[train]'"
            ) from error
        except ValueError as error:
            raise (LoadError if type(error).__name__ == "CheckpointError" else UsageError)(str(error)) from error
        except ConnectionError as error:
            raise LoadError(f"{first_line(error)}: a set on the hub takes a network, or a copy in its cache") from error
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise ExportError(f"a file cannot be read or written: {where}{error.strerror or error}") from error
        finally:
            logging.disable(logging.NOTSET)
    for warning in () if quiet else heard:
        warn(str(warning.message))


@contextlib.contextmanager
def _run(quiet: bool) -> Iterator[Callable[[str, int, dict[str, float]], None]]:
    """Yield a function that reports a step of a run. It shows a bar for each phase, on a terminal only."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bars: dict[str, Any] = {}
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with (
        _people(quiet),
        Progress(
            *columns,
            TextColumn("{task.fields[numbers]}"),
            console=Console(file=sys.stderr),
            disable=quiet or sys.stderr is None or not sys.stderr.isatty(),
        ) as shown,
    ):

        def report(title: str, steps: int, metrics: dict[str, float]) -> None:
            if title not in bars:
                bars[title] = shown.add_task(title, total=steps, numbers="")
            words = (f"{name} {metrics[name]:.3g}" for name in ("reward", "loss", "held_out_loss") if name in metrics)
            shown.update(bars[title], completed=metrics["step"], numbers=", ".join(words))

        yield report


def _summarize(file: Path) -> None:
    """Print the file of metrics of a run, and its first and last metrics."""
    from ptgraph.common.messages import size_text
    from ptgraph.models.training import read_metrics

    steps = read_metrics(file)
    say(f"{file}\t{size_text(file.stat().st_size)}")
    for name in ("loss", "held_out_loss", "unigram_entropy", "reward"):
        values = [step[name] for step in steps if name in step]
        if values:
            say(f"{name}\t{values[0]:.4g} → {values[-1]:.4g}" if len(values) > 1 else f"{name}\t{values[0]:.4g}")


__all__ = ["pipeline", "train"]
