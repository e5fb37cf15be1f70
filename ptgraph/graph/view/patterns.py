"""Patterns: what is known of a graph to fold more than single blocks in a row."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Patterns:
    """What is known of leaves and boxes, to fold more than single blocks in a row.

    *weighted* says whether a leaf reads weights. *modules* maps the boxes of modules with parameters to their paths,
    *loose* gives boxes and leaves that are alike but for the sizes of values the same label, *sums* maps additions in
    a row to the last of them, *zeros* are the leaves that yield zeros, and *outputs* those of the model. *constants*
    maps the leaves that are made from no input to the first one that is alike.
    """

    weighted: Callable[[str], bool]
    modules: Mapping[str, str]
    loose: Callable[[str], Hashable]
    sums: Mapping[str, str]
    zeros: Container[str]
    outputs: Container[str]
    constants: Mapping[str, str]


__all__ = ["Patterns"]
