"""`ptgraph notebook`: a target → a Jupyter notebook."""

from __future__ import annotations

import click

from ptgraph.cli.console import debug_option, say
from ptgraph.cli.target_options import epilog, input_option, limit_option, target_argument, trust_option
from ptgraph.errors import LoadError, UsageError


@click.command(epilog=epilog())
@target_argument
@click.option("-o", "--output", default="exports", show_default=True, metavar="DIR", help="The folder of the notebook.")
@click.option("--name", help="The name of the notebook, without its ending. Default: the name of the target.")
@input_option
@trust_option
@limit_option
@debug_option
def notebook(target: str, output: str, name: str | None, inputs: tuple[str, ...], trust: bool) -> None:
    """Write DIR/NAME.ipynb, a notebook that explores TARGET: parameters, attention, sizes and training."""
    from ptgraph.common.atomic_write import check_folder, make_folder, write
    from ptgraph.common.messages import size_text
    from ptgraph.loading.target import load

    try:
        from ptgraph.notebook.build import notebook as make
    except ImportError as error:
        raise LoadError("a notebook needs nbformat and others: pip install 'ptgraph[notebook,train]'") from error
    check_folder(output)
    source = load(target, inputs, name=name, trust=trust)
    if source.graph is not None:
        raise UsageError(f"{target} is an ONNX file, and a notebook runs the model; name the model itself")
    stem = source.name
    made = make(target, stem, inputs, output, trust=trust)
    (file,) = write(make_folder(output), stem, {"ipynb": [made]})
    say(f"{file}\t{size_text(file.stat().st_size)}")


__all__ = ["notebook"]
