"""`ptgraph info`: the analysis of a target, as a table or as JSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from ptgraph.cli.console import debug_option, progress, quiet_option, say
from ptgraph.cli.target_options import epilog, input_option, limit_option, target_argument, trust_option
from ptgraph.cli.tracing import graph_of_target, warn_of_attempts

if TYPE_CHECKING:
    from ptgraph.graph.analysis import Analysis
    from ptgraph.graph.model import ModelGraph


@click.command(epilog=epilog())
@target_argument
@input_option
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print the analysis as JSON, for a script.")
@limit_option
@quiet_option
@debug_option
def info(target: str, inputs: tuple[str, ...], trust: bool, as_json: bool, quiet: bool) -> None:
    """Print the analysis of TARGET: parameters, share, FLOPs, activations and output shape of each component."""
    with progress(quiet) as step:
        from ptgraph.graph.analysis import analyze

        graph = graph_of_target(target, inputs, step, trust=trust)
        analysis = analyze(graph)
    if not quiet:
        warn_of_attempts(graph)
    if as_json:
        say(json.dumps(analysis.to_dict(), indent=1, sort_keys=True, allow_nan=False))
    else:
        _print_analysis(graph, analysis)


def _print_analysis(graph: ModelGraph, analysis: Analysis) -> None:
    from rich.console import Console

    from ptgraph.cli.tables import analysis_table, totals_text

    width = (
        None if sys.stdout is not None and sys.stdout.isatty() else 10_000
    )  # nothing is cut off for a reader that is no terminal
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    with console.capture() as shown:
        console.print(analysis_table(graph, analysis))
    say(shown.get(), end="", styled=True)
    say(f"\n{totals_text(graph, analysis)}")


__all__ = ["info"]
