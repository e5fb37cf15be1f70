"""Sizes in named dimensions as a paper writes them: ``((H - 1)//2) + 1`` → ``H/2``."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from typing import Any

UNKNOWN = "?"
# Names that torch and its exporters give to sizes that they do not know.
_MADE_UP = re.compile(r"u\d+|unk__?\d+|\w*::[^()]*|.*_dim_\d+|-\d+|")
_LONGEST = 24  # a longer size is unknown to a reader

_Sum = dict[tuple[str, ...], Fraction]  # the names in each product → how often it is added; no names: the number


def dimensions_text(shape: Iterable[Any] | None) -> str:
    """Return ``B×16×H/2``: a sum is in brackets; a scalar's is ``scalar``, and no shape is the empty string."""
    return "" if shape is None else _dimensions_text(tuple(shape))


@lru_cache(maxsize=4096)
def _dimensions_text(shape: tuple[Any, ...]) -> str:
    return "×".join(map(dimension_text, shape)) or "scalar"


def dimension_text(size: Any) -> str:
    """Return a size as a paper writes it.

    A quotient is written as if it had no rest: ``H/2`` is half of H, rounded down or up. A size that is only known
    when the model runs is ``?``.
    """
    text = str(size)
    if isinstance(size, int):
        return text if size >= 0 else UNKNOWN
    if _MADE_UP.fullmatch(text):
        return UNKNOWN
    if text.isidentifier():
        return text
    try:
        found = _sum(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError):
        return UNKNOWN if len(text) > _LONGEST else text
    if any(_MADE_UP.fullmatch(name) for names in found for name in names):
        return UNKNOWN
    written = _written(found)
    return written if len(written) <= _LONGEST else UNKNOWN


def _sum(node: ast.expr) -> _Sum:
    """Return an expression as a sum of products. Raises ValueError if it is none."""
    match node:
        case ast.Constant(value=int(number)):
            return {(): Fraction(number)}
        case ast.Name(id=name):
            return {(name,): Fraction(1)}
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return {names: -factor for names, factor in _sum(inner).items()}
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _added(_sum(left), _sum(right), 1)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _added(_sum(left), _sum(right), -1)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _product(_sum(left), _sum(right))
        case ast.BinOp(left=left, op=ast.FloorDiv() | ast.Div(), right=ast.Constant(value=int(number))):
            parts = {names: factor / number for names, factor in _sum(left).items()}
            return parts | {(): Fraction(math.floor(parts[()]))} if () in parts else parts
        case ast.Call(func=ast.Name(id="floor" | "ceiling" | "ceil" | "IntTrueDiv"), args=[inner], keywords=[]):
            return _sum(inner)
    raise ValueError(f"{ast.unparse(node)} is no sum of products")


def _added(one: _Sum, other: _Sum, sign: int) -> _Sum:
    found = dict(one)
    for names, factor in other.items():
        found[names] = found.get(names, Fraction(0)) + sign * factor
    return {names: factor for names, factor in found.items() if factor}


def _product(one: _Sum, other: _Sum) -> _Sum:
    found: _Sum = {}
    for names, factor in one.items():
        for others, times in other.items():
            found = _added(found, {tuple(sorted((*names, *others))): factor * times}, 1)
    return found


def _written(found: _Sum) -> str:
    number = math.floor(found.get((), Fraction(0)))
    products = {names: factor for names, factor in found.items() if names}
    text = ""
    for names, factor in products.items():
        sign = "-" if factor < 0 else "+" if text else ""
        times = "" if abs(factor.numerator) == 1 else str(abs(factor.numerator))
        text += sign + times + "·".join(names) + (f"/{factor.denominator}" if factor.denominator > 1 else "")
    if number or not products:
        text += f"{number:+d}" if products else str(number)
    return f"({text})" if len(products) + bool(number) > 1 else text


__all__ = ["UNKNOWN", "dimension_text", "dimensions_text"]
