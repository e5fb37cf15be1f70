"""The command line: what is asked for; `console` says how commands speak, `training_commands` adds those that train."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import EXIT_CODES, Group, debug_option, print_rows, progress, quiet_option, say, warn
from .errors import LoadError, PtgraphError, TraceError, UsageError
from .figure_commands import figure_of, figure_options, flags_of
from .target_options import (
    checkpoint_option,
    epilog,
    input_option,
    opset_option,
    structure_option,
    target_argument,
    trust_option,
)
from .training_commands import pipeline, train

if TYPE_CHECKING:
    from .analysis import Analysis
    from .graph import ModelGraph

VERIFY_EXIT_CODES = """\b
Exit codes: 0 all outputs agree, 1 some differ, 2 usage, 3 the target cannot
be loaded, 4 it cannot be traced, 5 it has no ONNX that runs."""


@click.group("ptgraph", cls=Group, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(package_name="ptgraph", prog_name="ptgraph")
def main() -> None:
    """See a PyTorch model: export it to ONNX for Netron, an interactive page, an SVG and a JSON analysis."""
    gc.set_threshold(1_000_000, 20, 50)  # a short life with many objects: looking for cycles took a fifth of it


@main.command(epilog=epilog())
@target_argument
@click.option("-o", "--output", default="exports", show_default=True, metavar="DIR", help="Where files go.")
@click.option(
    "-f",
    "--format",
    "names",
    multiple=True,
    metavar="FORMAT",
    help="One of `ptgraph formats`, or all; repeatable, or with commas. Default: onnx, html, svg, json.",
)
@click.option("--name", help="The files' name without its ending. Default: the target's.")
@input_option
@click.option("--depth", type=click.IntRange(min=1), help="How many levels of modules pictures open.")
@click.option(
    "--weights",
    type=click.Choice(["none", "external", "embedded"]),
    default="none",
    show_default=True,
    help="What becomes of parameter values in ONNX: left out, put in a file beside it, or inside. "
    "With none, those of a --checkpoint are only checked.",
)
@checkpoint_option
@trust_option
@structure_option
@opset_option
@click.option(
    "--overlay",
    "overlays",
    multiple=True,
    metavar="FILE",
    help="Numbers of your own that the page colours by: CSV (a header; a module path or operation, then numbers) or "
    "JSON ({path: number}). Repeatable.",
)
@click.option(
    "--compare",
    "other",
    metavar="TARGET",
    help="Another model: write one page, DIR/NAME-vs-OTHER.html, of what it adds, removes and changes.",
)
@figure_options
@click.option("--open", "open_page", is_flag=True, help="Show the page in the browser.")
@quiet_option
@debug_option
def export(
    target: str,
    output: str,
    names: tuple[str, ...],
    name: str | None,
    inputs: tuple[str, ...],
    depth: int | None,
    weights: Any,
    checkpoint: str | None,
    trust: bool,
    structure: Any,
    opset: int | None,
    overlays: tuple[str, ...],
    other: str | None,
    open_page: bool,
    quiet: bool,
    debug: bool,
    **figure: Any,
) -> None:
    """Write TARGET as files DIR/NAME.onnx (and .netron.json, its numbers), .html, .svg and .json."""
    with progress(quiet) as step:
        from . import exporter
        from .options import Options
        from .overlay import match, read_overlays, unmatched_text
        from .tables import size_text

        drawn = figure_of(figure)
        chosen, _ = exporter.formats(names)
        if open_page and "html" not in chosen:
            raise UsageError(f"--open shows the page, and html is not among the formats: {', '.join(chosen)}")
        exporter.check_folder(output)
        numbers = read_overlays(overlays)
        if other is None:
            given = {"name": name, "weights": weights != "none", "checkpoint": checkpoint, "trust": trust}
            graphs = [_graph(target, inputs, step, **given)]
            numbers, lost = match(numbers, graphs[0])
            options = Options(depth, weights, structure or "functions", opset, numbers, drawn)
            done = exporter.export(graphs[0], output, names, options, lambda f: step(f"writing {f}"))
        else:
            given = {"--weights": weights != "none", "--checkpoint": checkpoint, "--structure": structure}
            given |= {"--opset": opset, "--overlay": overlays, **flags_of(figure)}
            _check_comparison(chosen if names else ["html"], given, name)
            graphs, lost = _both_graphs(target, other, inputs, step, trust), []
            step("comparing")
            done = exporter.export_comparison(graphs[0], graphs[1], output, name, Options(depth))
    if not quiet and not done.failed:
        for graph in graphs:
            _warn(graph)
        if lost:
            warn(unmatched_text(lost, graphs[0].name))
        for skipped in done.skipped:
            warn(f"no {skipped.format}: {skipped.reason}")
    for path in done.files:
        say(f"{path}\t{size_text(path.stat().st_size)}")
    done.complain()
    if open_page:
        page = next(path for path in done.files if path.suffix == ".html")
        if click.launch(page.resolve().as_uri()) and not quiet:
            warn(f"no browser could be started to show {page}")


@main.command(epilog=epilog())
@target_argument
@input_option
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print the analysis as JSON, for a script.")
@quiet_option
@debug_option
def info(target: str, inputs: tuple[str, ...], trust: bool, as_json: bool, quiet: bool, debug: bool) -> None:
    """Print the analysis of TARGET: parameters, share, FLOPs, activations and output shape of each component."""
    with progress(quiet) as step:
        from .analysis import analyze

        graph = _graph(target, inputs, step, trust=trust)
        analysis = analyze(graph)
    if not quiet:
        _warn(graph)
    if as_json:
        say(json.dumps(analysis.to_dict(), indent=1, sort_keys=True, allow_nan=False))
    else:
        _print_analysis(graph, analysis)


@main.command(epilog=epilog(VERIFY_EXIT_CODES))
@target_argument
@input_option
@click.option("--onnx", "file", metavar="FILE", help="An ONNX file of TARGET, to run instead of a new one.")
@checkpoint_option
@trust_option
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="T",
    help="How far a number b of torch's may be off: T * (|b| + the largest |b| of its output, at most 1). "
    "Integers must be equal. Default: 0.001; for float16 0.01, for bfloat16 0.05.",
)
@structure_option
@opset_option
@quiet_option
@debug_option
def verify(
    target: str,
    inputs: tuple[str, ...],
    file: str | None,
    checkpoint: str | None,
    trust: bool,
    tolerance: float | None,
    structure: Any,
    opset: int | None,
    quiet: bool,
    debug: bool,
) -> None:
    """Run TARGET in torch and as ONNX, and print how far apart the outputs are.

    TARGET is exported with its weights into a temporary folder, or an ONNX file that ptgraph or torch.onnx
    wrote before is taken; one that has no weights is given those of TARGET. Both run on the same inputs
    twice: every dimension that may vary (see --input) has two sizes; if none may, the values differ.
    Inputs are those of TARGET where it gives real ones, and random numbers where not.

    The table says for each output the largest difference (max abs), also as a share of the largest number
    that torch gives (max rel).
    """
    if file is not None and (structure or opset):
        raise UsageError("--structure and --opset say how to write a new ONNX file, and --onnx names one that is there")
    with progress(quiet) as step:
        step("loading torch")
        from .build import graph_of
        from .load import load
        from .options import Options
        from .tables import comparison_rows, difference_text
        from .verification import check, compare

        check(file, tolerance)
        step(f"loading {target}")
        source = load(target, inputs, weights=True, made_up=True, checkpoint=checkpoint, trust=trust)
        step("tracing")
        graph = graph_of(source)
        options = Options(weights="external", structure=structure or "functions", opset=opset)
        found = compare(source, graph, file, options, tolerance, step)
    if not quiet:
        _warn(graph)
        for item in (item for item in found if not item.finite):
            warn(f"torch gives no finite number in {item.output} with {item.case}")
    print_rows(comparison_rows(found))
    if not all(item.agrees for item in found):
        raise PtgraphError(difference_text(found))


@main.command(epilog=epilog())
@target_argument
@click.option("-o", "--output", default="exports", show_default=True, metavar="DIR", help="Where the notebook goes.")
@click.option("--name", help="The notebook's name without its ending. Default: the target's.")
@input_option
@trust_option
@debug_option
def notebook(target: str, output: str, name: str | None, inputs: tuple[str, ...], trust: bool, debug: bool) -> None:
    """Write DIR/NAME.ipynb, a notebook that explores TARGET: parameters, attention, sizes and training."""
    from . import exporter
    from .load import load
    from .tables import size_text

    try:
        from .notebook import notebook as make
    except ImportError as error:
        raise LoadError("a notebook needs nbformat and others: pip install 'ptgraph[notebook,train]'") from error
    exporter.check_folder(output)
    source = load(target, inputs, name=name, trust=trust)
    if source.graph is not None:
        raise UsageError(f"{target} is an ONNX file, and a notebook runs the model; name the model itself")
    stem = source.name
    made = make(target, stem, inputs, output, trust=trust)
    (file,) = exporter.write(exporter.make_folder(output), stem, {"ipynb": [made]})
    say(f"{file}\t{size_text(file.stat().st_size)}")


@main.command("list")
def list_presets() -> None:
    """List the presets of the Pure Transformer, with their parameters."""
    import torch

    from .models import PRESETS, build
    from .view import count_text

    rows = []
    for name, config in PRESETS.items():
        with torch.device("meta"):
            count = sum(p.numel() for p in build(name).parameters())
        shape = f"{config.num_layers} layers × {config.hidden_size}, {config.num_heads} heads"
        rows.append((name, f"{count:,}", count_text(count), shape))
    print_rows(rows)


@main.command()
def formats() -> None:
    """List the formats, what each is for and which viewer opens it, or which package it comes from."""
    from .backends import BACKENDS, plugins

    others, refused = plugins()
    print_rows([(b.name, b.purpose, b.viewer) for b in (BACKENDS | others).values()])
    for reason in refused:
        warn(reason)


@main.command()
def schema() -> None:
    """Print the JSON Schema of the json format."""
    from importlib.resources import files

    say((files("ptgraph") / "schema.json").read_text(encoding="utf-8"), end="")


main.add_command(train)
main.add_command(pipeline)


def _graph(
    target: str,
    inputs: tuple[str, ...],
    step: Callable[[str], None],
    *,
    name: str | None = None,
    weights: bool = False,
    checkpoint: str | None = None,
    trust: bool = False,
) -> ModelGraph:
    if target.endswith(".onnx"):
        return _read(target, name, step, input=inputs, weights=weights, checkpoint=checkpoint)
    step("loading torch")
    from .build import graph_of
    from .load import load
    from .materialize import may_be_real

    step(f"loading {target}")
    source = load(target, inputs, name=name, weights=weights, checkpoint=checkpoint, trust=trust)
    step("tracing")
    if weights or checkpoint or not may_be_real(source.model):
        return graph_of(source)
    try:
        return graph_of(source, rungs=1)
    except TraceError:  # it may need numbers: its own, not such as the tracer would make up
        return graph_of(load(target, inputs, name=name, weights=True))


def _read(target: str, name: str | None, step: Callable[[str], None], **given: Any) -> ModelGraph:
    """Return the graph of an ONNX file, without torch; *given* are options that do not go with one."""
    from .onnx_reader import read_target

    step(f"reading {target}")
    return read_target(Path(target), [f"--{option}" for option, value in given.items() if value], name)


def _check_comparison(formats: list[str], given: dict[str, Any], name: str | None) -> None:
    """Raise UsageError for what was asked for beside --compare and does not go with it."""
    from .options import file_stem

    others = [f for f in formats if f != "html"]
    if others:
        raise UsageError(f"a comparison is a page (html only), so that --compare writes no {', '.join(others)}")
    unfit = [option for option, value in given.items() if value]
    if unfit:
        raise UsageError(f"a comparison is a page of two models, so that {unfit[0]} does not go with --compare")
    if name is not None:
        file_stem(name, strict=True)


def _both_graphs(
    target: str, other: str, inputs: tuple[str, ...], step: Callable[[str], None], trust: bool
) -> list[ModelGraph]:
    """Return the graphs of two targets, both on *inputs*; a file that was saved with its own keeps them."""
    from .isolated import own_modules

    held = [which.endswith((".pt2", ".onnx")) for which in (target, other)]
    with own_modules():
        first = _graph(target, () if held[0] and not held[1] else inputs, step, trust=trust)
    try:
        return [first, _graph(other, () if held[1] and not held[0] else inputs, step, trust=trust)]
    except UsageError as error:
        raise UsageError(
            f"--compare {other}, which is given the same --input: {error}" if inputs else str(error)
        ) from error


def _warn(graph: ModelGraph) -> None:
    if graph.attempts:
        reasons = "; ".join(f"{tracer}: {reason}" for tracer, reason in graph.attempts)
        warn(f"traced by {graph.tracer}, since {reasons}")


def _print_analysis(graph: ModelGraph, analysis: Analysis) -> None:
    from rich.console import Console

    from .tables import analysis_table, totals_text

    width = (
        None if sys.stdout is not None and sys.stdout.isatty() else 10_000
    )  # nothing is cut off for a reader that is no terminal
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    with console.capture() as shown:
        console.print(analysis_table(graph, analysis))
    say(shown.get(), end="", styled=True)
    say(f"\n{totals_text(graph, analysis)}")


__all__ = ["main"]
