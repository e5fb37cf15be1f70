"""Tables, rows and lines of numbers that the command line prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from ptgraph.common.messages import printable, size_text
from ptgraph.graph.labels import count_text, shape_text

if TYPE_CHECKING:
    from ptgraph.graph.analysis import Analysis
    from ptgraph.graph.model import ModelGraph
    from ptgraph.onnx.verifying.compare import OutputCheck


MANY = 5  # differences, beyond which a line lists no more


def analysis_table(graph: ModelGraph, analysis: Analysis) -> Table:
    """Return a row for each component: class, parameters, share, FLOPs, bytes of activations and output shape."""
    table = Table(title=None, box=None, pad_edge=False, header_style="bold")
    for heading in ("component", "class"):
        table.add_column(heading, overflow="fold", no_wrap=True)
    for heading in ("parameters", "share", "FLOPs", "activations", "output"):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in analysis.layers:
        path = layer["path"]
        indent = "  " * (path.count(".") + 1) if path else ""
        table.add_row(
            indent + printable(path.rpartition(".")[2] or graph.name),
            printable(layer["class"]) if graph.classes[graph.component(path).type].short else "–",
            f"{layer['total_params']:,}",
            f"{layer['share']:.1%}",
            count_text(layer["flops"]) if layer["flops"] else "–",
            size_text(layer["activation_bytes"]) if layer["activation_bytes"] else "–",
            printable(shape_text(layer["output_shape"])),
        )
    return table


def totals_text(graph: ModelGraph, analysis: Analysis) -> str:
    """Return the totals of the model: a line of its parameters and work, and a line of where its elements are.

    An ONNX file does not say which of them can be trained, and has no ``state_dict``.
    """
    totals, elements = analysis.totals, analysis.elements
    trainable = f"{totals['trainable_params']:,} trainable, " if graph.kind.trainable else ""
    does = (
        f"{totals['total_params']:,} parameters, {trainable}"
        f"{totals['unused_params']:,} unused; {count_text(totals['flops'])} FLOPs; "
        f"{size_text(totals['activation_bytes'])} of activations; {totals['ops']:,} operations\n"
    )
    names, whole = ("in the state_dict", "in the model") if graph.kind.trainable else ("under all names", "in the file")
    return (
        f"{does}{_uncounted_text(graph)}"
        f"elements: {elements['state_dict']:,} {names} − {elements['merged']:,} tied = {elements['model']:,} {whole}"
    )


def _uncounted_text(graph: ModelGraph) -> str:
    """Return a line of how many operations have FLOPs or activation bytes that are not known, and why; or nothing."""
    reasons = Counter(op["uncounted"] for op in graph.ops.nodes.values() if op["uncounted"])
    said = [f"{count:,} {'operation' if count == 1 else 'operations'} ({why})" for why, count in reasons.items()]
    return f"not counted in full: {'; '.join(said)}\n" if said else ""


def comparison_rows(found: Sequence[OutputCheck]) -> list[tuple[str, ...]]:
    """Return a row for each output of each run, after one of headings."""
    return [
        ("run", "output", "shape", "max abs", "max rel", ""),
        *(
            (
                item.case,
                item.output,
                shape_text(item.shape),
                f"{item.max_abs:.2g}",
                f"{item.max_rel:.2g}",
                "random" if item.random else "ties" if item.ties else "" if item.agrees else "differs",
            )
            for item in found
        ),
    ]


def difference_text(found: Sequence[OutputCheck]) -> str:
    """Return a line that names the outputs that differ, and by how much."""
    different = [item for item in found if not item.agrees]
    said = [
        f"{item.output} with {item.case}: {item.reason or f'off by {item.max_abs:.2g}, tolerance {item.tolerance:.2g}'}"
        for item in different[:MANY]
    ]
    more = f"; and {len(different) - MANY} more" if len(different) > MANY else ""
    return f"ONNX Runtime and torch differ in {'; '.join(said)}{more}"


__all__ = ["analysis_table", "comparison_rows", "difference_text", "totals_text"]
