"""The theme of the notebook's figures: seaborn's, for the time of a plot."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec

import seaborn as sns
from matplotlib.figure import Figure

P = ParamSpec("P")

PALETTE = sns.color_palette("colorblind")


@contextlib.contextmanager
def plot_theme() -> Iterator[None]:
    """Let matplotlib draw in the theme within; its settings are put back afterwards.

    Not ``matplotlib.rc_context``: it also puts back the settings of a backend of Jupyter that is loaded meanwhile.

    matplotlib chooses fonts when it draws, so a figure that is drawn outside has the fonts of the user's settings.
    """
    with sns.axes_style("whitegrid"), sns.plotting_context("notebook"):  # each puts back what it sets, and no more
        yield


def themed(plot: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let *plot* make its figure in the theme."""

    @functools.wraps(plot)
    def in_theme(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with plot_theme():
            figure = plot(*args, **kwargs)
            for axes in figure.axes:
                for axis in (axes.xaxis, axes.yaxis):  # ticks take their looks from the settings when they are made
                    axis.get_major_ticks(1)
                    axis.get_minor_ticks(1)
            return figure

    return in_theme


__all__ = ["PALETTE", "plot_theme", "themed"]
