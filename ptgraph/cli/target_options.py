"""The argument TARGET, and the options that go with it."""

from __future__ import annotations

from typing import Any

import click

from ptgraph.cli.console import EXIT_CODES
from ptgraph.common.limits import limits, parsed
from ptgraph.onnx.options import OPSETS

TARGET_HELP = """TARGET is a preset (see `ptgraph list`); package.module:attribute or file.py:attribute (a module, a
class, or a function that returns a model); a .pt2 or .onnx file; a file of torch.jit.save; or a Hugging Face
config.json, or its folder. The Python code of package.module:attribute and file.py:attribute is run. No code in a file
of the other kinds is run but TorchScript that only computes; --trust allows it for a .pt2 or TorchScript file."""

target_argument = click.argument("target")
input_option = click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME:DTYPE:SHAPE",
    help="An example input, such as x:float32:1x3x224x224. x separates the dimensions. A dimension with a name is "
    "dynamic, and has its example size after =: ids:int64:batch=2xsequence=16. Repeatable.",
)
checkpoint_option = click.option(
    "--checkpoint",
    metavar="FILE",
    help="A file of weights for the model: .safetensors, or a state dict in .pt, .pth or .bin. Names and shapes must "
    "match the model; of tied weights, one is enough.",
)
trust_option = click.option(
    "--trust",
    is_flag=True,
    help="Read a .pt2 file that holds code (pickles, compiled libraries), and run that code. "
    "Without this option, such a file is refused.",
)
structure_option = click.option(
    "--structure",
    type=click.Choice(["functions", "flat"]),
    help="The structure of the ONNX graph. functions: a module of two or more nodes is a local function, and equal "
    "modules share one. flat: all operations are in the main graph. Default: functions.",
)
opset_option = click.option(
    "--opset",
    type=click.IntRange(OPSETS[0], OPSETS[-1]),
    help="The version of ONNX's operators. Default: the one that gives the most legible graph.",
)


def _set(ctx: click.Context, option: click.Parameter, given: tuple[str, ...]) -> Any:
    """Set limits until the command ends; of a limit that is given twice, the last counts."""
    ctx.with_resource(limits(**dict(map(parsed, given))))


limit_option = click.option(
    "--limit",
    multiple=True,
    is_eager=True,
    expose_value=False,
    callback=_set,
    metavar="NAME=VALUE",
    help="Raise or lower a limit of what is read and made, such as layers=200000 or text=64MiB; `ptgraph limits` lists "
    "them. Repeatable.",
)


def epilog(exit_codes: str = EXIT_CODES) -> str:
    """Return the end of a command's help: what a target is, and what *exit_codes* mean."""
    return f"{TARGET_HELP}\n\n{exit_codes}"


__all__ = [
    "checkpoint_option",
    "epilog",
    "input_option",
    "limit_option",
    "opset_option",
    "structure_option",
    "target_argument",
    "trust_option",
]
