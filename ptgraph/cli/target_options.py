"""What all commands share that take a target: the argument, and the options that say more of it."""

from __future__ import annotations

import click

from ptgraph.cli.console import EXIT_CODES
from ptgraph.onnx.options import OPSETS

TARGET_HELP = """TARGET is a preset (see `ptgraph list`), package.module:attribute or file.py:attribute (a module,
a class or a factory), a .pt2 or .onnx file, or a Hugging Face config.json or a folder that holds one. The Python that
package.module:attribute and file.py:attribute name is run. Nothing in a file of the other kinds is, unless --trust
says so of a .pt2 file."""

target_argument = click.argument("target")
input_option = click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME:DTYPE:SHAPE",
    help="An example input, such as x:float32:1x3x224x224; a dimension that may vary has a name, and "
    "= its example size: ids:int64:batch=2xsequence=16 (every x separates). Repeatable.",
)
checkpoint_option = click.option(
    "--checkpoint",
    metavar="FILE",
    help="Weights for the model: .safetensors, or the .pt, .pth or .bin of a state dict. They must fit it exactly; "
    "of tied ones, one is enough.",
)
trust_option = click.option(
    "--trust",
    is_flag=True,
    help="Run the code that a .pt2 file may hold (pickles, compiled libraries). Without it, such a file is refused.",
)
structure_option = click.option(
    "--structure",
    type=click.Choice(["functions", "flat"]),
    help="Equal blocks in ONNX: one function for all of them, or each in full. Default: functions.",
)
opset_option = click.option(
    "--opset",
    type=click.IntRange(OPSETS[0], OPSETS[-1]),
    help="The version of ONNX's operators. Default: the one that gives the most legible graph.",
)


def epilog(exit_codes: str = EXIT_CODES) -> str:
    """Return what the help of a command ends with: what a target is, and what its exit codes mean."""
    return f"{TARGET_HELP}\n\n{exit_codes}"


__all__ = [
    "checkpoint_option",
    "epilog",
    "input_option",
    "opset_option",
    "structure_option",
    "target_argument",
    "trust_option",
]
