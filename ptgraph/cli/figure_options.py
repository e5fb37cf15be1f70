"""The options of a command that draws figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from ptgraph.drawing.palettes import Theme
from ptgraph.figure.options import PAGE_HEIGHT, PAGE_WIDTH, Direction, FigureOptions, Layout, Shown

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--theme", type=click.Choice(get_args(Theme)), help="The colours of figures. Default: paper."),
    click.option(
        "--direction",
        type=click.Choice(get_args(Direction)),
        help="The direction of the flow in figures: TB (top to bottom) or LR (left to right). If only the other one "
        "fits --width, a figure has that one. Default: TB.",
    ),
    click.option(
        "--layout",
        type=click.Choice(get_args(Layout)),
        help="How figures are laid out. flow: along one direction. u: as a U or a grid of resolutions, for models with "
        "nested skips, even if fewer modules are open then. dot: by Graphviz. auto: as a U or a grid if it fits, or "
        "else as flow. Default: auto.",
    ),
    click.option(
        "--focus",
        metavar="PATH",
        help="The one module that figures draw, such as layers.0.attention. Default: the whole model.",
    ),
    click.option(
        "--show",
        metavar="WHAT",
        help=f"What figures say beside names, separated by commas: {', '.join(get_args(Shown))}; or none. "
        "Default: shapes,params.",
    ),
    click.option("--font", metavar="NAME", help="The font of figures. Default: a sans-serif."),
    click.option(
        "--width",
        metavar="LENGTH",
        help="The greatest width of figures, such as 84mm for one column. To fit, modules are closed, then what --show "
        "adds is left out. Text is 6 pt or larger, unless the figure is still too wide then. "
        f"Default: {PAGE_WIDTH:g}mm.",
    ),
    click.option(
        "--height",
        metavar="LENGTH",
        help="The greatest height of figures. A longer one is set in columns, or has fewer modules open. "
        f"Default: {PAGE_HEIGHT:g}mm, and with --depth any.",
    ),
    click.option("--legend", is_flag=True, help="Add a legend of colours and marks to figures."),
)


def figure_options(command: Command) -> Command:
    """Add the options of figures to a command, which gets them by name."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def figure_of(given: dict[str, Any]) -> FigureOptions:
    """Return the options that were given. Raises UsageError for a value that an option cannot have."""
    chosen = {name: value for name, value in given.items() if value is not None}
    if "show" in chosen:
        words = [word.strip().lower() for word in chosen["show"].split(",") if word.strip()]
        chosen["show"] = () if words == ["none"] else tuple(words)
    return FigureOptions(**chosen)


def flags_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options by their names on the command line."""
    return {f"--{name}": value for name, value in given.items()}


__all__ = ["figure_of", "figure_options", "flags_of"]
