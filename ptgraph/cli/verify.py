"""`ptgraph verify`: the outputs of torch and of ONNX Runtime, compared."""

from __future__ import annotations

from typing import Any

import click

from ptgraph.cli.console import debug_option, print_rows, progress, quiet_option, warn
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
from ptgraph.cli.tracing import warn_of_attempts
from ptgraph.errors import PtgraphError, UsageError

VERIFY_EXIT_CODES = """\b
Exit codes: 0 all outputs agree, 1 some differ, 2 usage, 3 the target cannot
be loaded, 4 it cannot be traced, 5 it has no ONNX that runs."""


@click.command(epilog=epilog(VERIFY_EXIT_CODES))
@target_argument
@input_option
@click.option("--onnx", "file", metavar="FILE", help="An ONNX file of TARGET to run. Default: a new one.")
@checkpoint_option
@trust_option
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="T",
    help="The largest difference allowed from a number b of torch: T * (|b| + min(1, the largest |b| of the output)). "
    "Integers must be equal. Default: 0.001; for float16 0.01, for bfloat16 0.05.",
)
@structure_option
@opset_option
@limit_option
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
) -> None:
    """Run TARGET in torch and in ONNX Runtime, and print how far apart the outputs are.

    TARGET is exported with its weights into a temporary folder. With --onnx, an ONNX file that ptgraph or
    torch.onnx wrote before is run instead; if it has no weights, it is given those of TARGET.

    There are two runs; in each, both get the same inputs. In the second run every dynamic dimension (see
    --input) has another size; if there is none, the inputs have other values. The first run takes the example
    inputs of TARGET if they have real values. A condition on these dimensions that torch.export takes for granted
    (N % 2 == 0) is tried at a size that breaks it, if the model runs at it. All other inputs are random.

    The table has the largest difference of each output (max abs), and the same as a share of the largest
    number in the output of torch (max rel).
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
        options = Options(weights="external", structure=structure or "functions", opset=opset, strict=True)
        found = compare(source, graph, file, options, tolerance, step)
    if not quiet:
        warn_of_attempts(graph)
        for item in (item for item in found if not item.finite):
            warn(f"torch gives no finite number in {item.output} with {item.case}")
        for output in dict.fromkeys(item.output for item in found if item.random):
            warn(f"{output} depends on random numbers and is not comparable")
        for output, ties in dict.fromkeys((item.output, item.ties) for item in found if item.ties):
            warn(f"{output} depends on which of equal numbers {' and '.join(ties)} chooses, and is not comparable")
    if not found:
        warn(f"{graph.name} gives no tensors, so there is nothing to compare")
        return
    print_rows(comparison_rows(found))
    if not all(item.agrees for item in found):
        raise PtgraphError(difference_text(found))


__all__ = ["verify"]
