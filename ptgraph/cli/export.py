"""`ptgraph export`: a target → files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ptgraph.cli.console import debug_option, pour, progress, quiet_option, say, warn
from ptgraph.cli.figure_options import figure_of, figure_options, flags_of
from ptgraph.cli.target_options import (
    checkpoint_option,
    epilog,
    input_option,
    limit_option,
    opset_option,
    structure_option,
    target_argument,
    trust_option,
)
from ptgraph.cli.tracing import graph_of_target, warn_of_attempts
from ptgraph.common.messages import size_text
from ptgraph.errors import UsageError

if TYPE_CHECKING:
    from ptgraph.formats.export import Exported
    from ptgraph.graph.model import ModelGraph


@click.command(epilog=epilog())
@target_argument
@click.option(
    "-o",
    "--output",
    default="exports",
    show_default=True,
    metavar="DIR",
    help="The folder of the files, or - for the one file on stdout.",
)
@click.option(
    "-f",
    "--format",
    "names",
    multiple=True,
    metavar="FORMAT",
    help="The formats to write (see `ptgraph formats`), or all; separated by commas, or repeated. "
    "Default: onnx,html,svg,json.",
)
@click.option("--name", help="The name of the files, without its ending. Default: the name of the target.")
@input_option
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    help="How many levels of modules are open. The page, dot and mermaid open exactly as many; figures open fewer if "
    "so many do not fit. Default: as many as stay readable.",
)
@click.option(
    "--weights",
    type=click.Choice(["none", "external", "embedded"]),
    default="none",
    show_default=True,
    help="Where ONNX keeps parameter values: nowhere, in a file beside it, or in itself. "
    "With none, a --checkpoint is only checked.",
)
@checkpoint_option
@trust_option
@structure_option
@opset_option
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with 5 if the model has no ONNX, or one with operators that no runtime can run; it is not written then.",
)
@click.option(
    "--overlay",
    "overlays",
    multiple=True,
    metavar="FILE",
    help="A file of your own numbers, which the page colours by: CSV (a header line, then lines of a module path or "
    "operation, and numbers) or JSON ({path: number}). Repeatable.",
)
@click.option(
    "--compare",
    "other",
    metavar="TARGET",
    help="Another model. Only one page is written, DIR/NAME-vs-OTHER.html: what that model adds, removes and changes.",
)
@figure_options
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
@limit_option
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
    strict: bool,
    overlays: tuple[str, ...],
    other: str | None,
    open_page: bool,
    quiet: bool,
    **figure: Any,
) -> None:
    """Write TARGET as DIR/NAME.onnx, .netron.json (numbers for its nodes), .html, .svg and .json."""
    with progress(quiet) as step:
        from ptgraph.common.atomic_write import check_folder
        from ptgraph.formats import export as exporter
        from ptgraph.formats.options import Options
        from ptgraph.page.overlay import match, unmatched_text
        from ptgraph.page.overlay_files import read_overlays

        drawn = figure_of(figure)
        chosen, _ = exporter.formats(names)
        if strict and "onnx" not in chosen and other is None:
            raise UsageError(f"--strict is about ONNX, and onnx is not among the formats: {', '.join(chosen)}")
        if open_page and "html" not in chosen:
            raise UsageError(f"--open shows the page, and html is not among the formats: {', '.join(chosen)}")
        if output == "-":
            _check_stdout(chosen if names else [], {"--compare": other, "--open": open_page})
        else:
            check_folder(output)
        numbers = read_overlays(overlays)
        done, data = exporter.Exported(()), b""
        if other is None:
            given = {"name": name, "weights": weights != "none", "checkpoint": checkpoint, "trust": trust}
            graphs = [graph_of_target(target, inputs, step, **given)]
            numbers, lost = match(numbers, graphs[0])
            options = Options(depth, weights, structure or "functions", opset, numbers, drawn, strict)
            if output == "-":
                step(f"writing {chosen[0]}")
                data = exporter.render(graphs[0], chosen[0], options)
            else:
                done = exporter.export(graphs[0], output, names, options, lambda f: step(f"writing {f}"))
        else:
            given = {"--weights": weights != "none", "--checkpoint": checkpoint, "--structure": structure}
            given |= {"--opset": opset, "--strict": strict, "--overlay": overlays, **flags_of(figure)}
            _check_comparison(chosen if names else ["html"], given, name)
            graphs, lost = _both_graphs(target, other, inputs, step, trust), []
            step("comparing")
            done = exporter.export_comparison(graphs[0], graphs[1], output, name, Options(depth))
    if not quiet and not done.failed:
        for graph in graphs:
            warn_of_attempts(graph)
        if lost:
            warn(unmatched_text(lost, graphs[0].name))
    if output == "-":
        pour(data)
    _tell(done)
    if open_page:
        page = next(path for path in done.files if path.suffix == ".html")
        if click.launch(page.resolve().as_uri()) and not quiet:
            warn(f"no browser could be started to show {page}")


def _tell(done: Exported) -> None:
    """Print the files that were written, and warn of formats that were not. Raises ExportError if a format failed."""
    if not done.failed:
        for skipped in done.skipped:  # with --quiet, too: a file is missing
            warn(f"no {skipped.format}: {skipped.reason}")
    for path in done.files:
        say(f"{path}\t{size_text(path.stat().st_size)}")
    done.complain()


def _check_stdout(formats: list[str], given: dict[str, Any]) -> None:
    """Raise UsageError unless one format is named, and for an option that does not go with ``-o -``."""
    if len(formats) != 1:
        named = f"and {len(formats)} are named: {', '.join(formats)}" if formats else "such as -f json"
        raise UsageError(f"-o - writes one format to stdout, {named}")
    unfit = [option for option, value in given.items() if value]
    if unfit:
        raise UsageError(f"-o - writes one file to stdout, so that {unfit[0]} does not go with it")


def _check_comparison(formats: list[str], given: dict[str, Any], name: str | None) -> None:
    """Raise UsageError for a format or an option that does not go with --compare."""
    from ptgraph.common.file_names import file_stem

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
    """Return the graphs of two targets, both with *inputs*; a .pt2 or .onnx file keeps its own."""
    from ptgraph.loading.own_modules import own_modules

    held = [which.endswith((".pt2", ".onnx")) for which in (target, other)]
    with own_modules():
        first = graph_of_target(target, () if held[0] and not held[1] else inputs, step, trust=trust)
    try:
        return [first, graph_of_target(other, () if held[1] and not held[0] else inputs, step, trust=trust)]
    except UsageError as error:
        raise UsageError(
            f"--compare {other}, which is given the same --input: {error}" if inputs else str(error)
        ) from error


__all__ = ["export"]
