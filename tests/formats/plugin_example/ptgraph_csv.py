"""A format for ptgraph, in a package of its own: a CSV table of the modules."""

import csv
import io
from collections.abc import Iterable

from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph


def render(graph: ModelGraph, options: Options) -> dict[str, Iterable[bytes]]:
    """Return a line for each module: its path, class, parameters and FLOPs."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["path", "class", "parameters", "flops"])
    for path in graph.components:
        component = graph.component(path)
        writer.writerow([path, component.type, component.total_params, component.flops])
    return {"csv": [table.getvalue().encode()]}
