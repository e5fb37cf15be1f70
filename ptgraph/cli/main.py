"""The command line. Each command is in a module of its own; `console` says how commands print."""

from __future__ import annotations

import gc

import click

from ptgraph.cli.console import EXIT_CODES, Group
from ptgraph.cli.export import export
from ptgraph.cli.info import info
from ptgraph.cli.lists import formats, list_limits, list_presets, schema
from ptgraph.cli.notebook import notebook
from ptgraph.cli.training import pipeline, train
from ptgraph.cli.verify import verify


@click.group("ptgraph", cls=Group, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(package_name="ptgraph", prog_name="ptgraph")
def main() -> None:
    """See a PyTorch model: export it to ONNX for Netron, an interactive page, an SVG and a JSON analysis."""
    gc.set_threshold(1_000_000, 20, 50)  # a short life with many objects: looking for cycles took a fifth of it


for _command in (export, info, verify, notebook, list_presets, formats, list_limits, schema, train, pipeline):
    main.add_command(_command)

__all__ = ["main"]
