"""`ptgraph verify`: the outputs of torch and of ONNX Runtime, compared."""

from __future__ import annotations

from typing import Any

import click

from ptgraph.cli.console import debug_option, print_rows, progress, quiet_option, warn
from ptgraph.cli.target_options import (
    checkpoint_option,
    epilog,
    input_option,
    opset_option,
    structure_option,
    target_argument,
    trust_option,
)
from ptgraph.cli.tracing import warn_of_attempts
from ptgraph.errors import PtgraphError, UsageError

VERIFY_EXIT_CODES = """\b
Exit codes: 0 all outputs agree, 1 some differ, 2 usage, 3 the target cannot
be loaded, 4 it cannot be traced, 5 it has no ONNX that runs."""


@click.command(epilog=epilog(VERIFY_EXIT_CODES))
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
        from ptgraph.cli.tables import comparison_rows, difference_text
        from ptgraph.formats.options import Options
        from ptgraph.loading.target import load
        from ptgraph.onnx.verifying.compare import check, compare
        from ptgraph.tracing.build_graph import graph_of

        check(file, tolerance)
        step(f"loading {target}")
        source = load(target, inputs, weights=True, made_up=True, checkpoint=checkpoint, trust=trust)
        step("tracing")
        graph = graph_of(source)
        options = Options(weights="external", structure=structure or "functions", opset=opset)
        found = compare(source, graph, file, options, tolerance, step)
    if not quiet:
        warn_of_attempts(graph)
        for item in (item for item in found if not item.finite):
            warn(f"torch gives no finite number in {item.output} with {item.case}")
    print_rows(comparison_rows(found))
    if not all(item.agrees for item in found):
        raise PtgraphError(difference_text(found))


__all__ = ["verify"]
