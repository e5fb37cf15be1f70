"""Checks that text which torch evaluates as Python is plain arithmetic on sizes, and can do nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

LARGEST = 2**70  # a number; sizes have 64 bits
HIGHEST = 64  # an exponent
NESTED = 3  # powers within powers: more make numbers that do not end

_CHARACTERS = re.compile(r"[\w .,+\-*/%()<>=!&|~'\[\]]*", re.ASCII)
_SYMBOL = re.compile(r"[a-z]+\d+", re.ASCII)  # s0 and u3 for dimensions, zf1 and the like for numbers
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d{1,3})?", re.ASCII)
_TEXTS = {"Symbol": _SYMBOL, "Float": _NUMBER}  # functions that may be given text, and which
_CONSTANTS = {"true", "false", "oo", "int_oo", "pi", "E"}
_POWERS = {"Pow", "PowByNatural", "FloatPow", "LShift", "pow"}
_ARITHMETIC = {"Add", "Mul", "Max", "Min", "Mod", "PythonMod", "FloorDiv", "CeilDiv", "CleanDiv", "ModularIndexing"}
_ARITHMETIC |= {"RShift", "FloatTrueDiv", "IntTrueDiv", "Abs", "floor", "ceiling", "Where", "Identity", "sqrt"}
_ROUNDING = {"ToFloat", "CeilToInt", "FloorToInt", "TruncToFloat", "TruncToInt", "RoundToInt", "RoundDecimal"}
_RELATIONS = {"Equality", "Unequality", "StrictLessThan", "LessThan", "StrictGreaterThan", "GreaterThan"}
_RELATIONS |= {"And", "Or", "Not", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "IsNonOverlappingAndDenseIndicator"}
_ATOMS = {"Integer", "Rational", "Piecewise", "ExprCondPair", "Tuple", "Symbol", "Float"}
_FUNCTIONS = _POWERS | _ARITHMETIC | _ROUNDING | _RELATIONS | _ATOMS
_OPAQUE = re.compile(r"(OpaqueUnaryFn|BitwiseFn)_[a-z0-9_]+", re.ASCII)
_GUARD_FUNCTIONS = {"max", "min", "abs", "int", "float", "round", "bool", "pow", "Eq", "Ne", "Max", "Min", "Mod"}
_GUARD_FUNCTIONS |= {"FloorDiv", "PythonMod", "IsNonOverlappingAndDenseIndicator", "cast_symbool_to_symint_guardless"}
_SIZES = {"size", "stride", "storage_offset"}  # methods of a tensor
_SIGNS: tuple[type[ast.AST], ...] = (
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.FloorDiv,
    ast.Mod,
    ast.Pow,
    ast.LShift,
    ast.RShift,
)
_SIGNS += (ast.BitAnd, ast.BitOr, ast.And, ast.Or, ast.Not, ast.Invert, ast.UAdd, ast.USub, ast.Load)
_SIGNS += (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_OPERATIONS = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Tuple)


def is_arithmetic(text: object) -> bool:
    """Return whether *text* is an expression of sizes as torch.export writes it: sympy's ``srepr``, or operators."""
    return _fits(text, _is_expression)


def is_guard(text: object) -> bool:
    """Return whether *text* is a condition on inputs as torch.export writes it: ``L['x'].size()[0] % 2 == 0``."""
    return _fits(text, _is_condition)


def _fits(text: object, rule: Callable[[ast.AST], bool]) -> bool:
    if not isinstance(text, str) or not _CHARACTERS.fullmatch(text):
        return False
    try:
        tree = ast.parse(text.strip(" "), mode="eval").body
        return rule(tree) and _powers(tree) <= NESTED
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _is_expression(node: ast.AST) -> bool:
    if isinstance(node, _SIGNS):
        return True
    if isinstance(node, _OPERATIONS):
        return all(map(_is_expression, ast.iter_child_nodes(node)))
    if isinstance(node, ast.Name):
        return node.id in _CONSTANTS or _SYMBOL.fullmatch(node.id) is not None
    if isinstance(node, ast.Constant):
        return _is_number(node.value)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    name = node.func.id
    settings = [keyword.value for keyword in node.keywords]
    if not all(isinstance(value, ast.Constant) and isinstance(value.value, bool | int) for value in settings):
        return False
    if name in _TEXTS and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
        return _TEXTS[name].fullmatch(str(node.args[0].value)) is not None
    return (name in _FUNCTIONS or _OPAQUE.fullmatch(name) is not None) and all(map(_is_expression, node.args))


def _is_condition(node: ast.AST) -> bool:
    if isinstance(node, _SIGNS):
        return True
    if isinstance(node, _OPERATIONS):
        return all(map(_is_condition, ast.iter_child_nodes(node)))
    if isinstance(node, ast.Constant):
        return _is_number(node.value) or isinstance(node.value, str | None)
    if isinstance(node, ast.Call) and not node.keywords and not _is_of_an_input(node):
        known = isinstance(node.func, ast.Name) and node.func.id in _GUARD_FUNCTIONS
        return (known or _is_of_math(node.func)) and all(map(_is_condition, node.args))
    return _is_of_math(node) or _is_of_an_input(node)


def _is_of_math(node: ast.AST) -> bool:
    of_math = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "math"
    return of_math and not node.attr.startswith("_")  # type: ignore[attr-defined]


def _is_of_an_input(node: ast.AST) -> bool:
    """Return whether an expression is ``L['name']``, or an item, an attribute or the sizes of such."""
    if isinstance(node, ast.Subscript):
        key = node.slice.operand if isinstance(node.slice, ast.UnaryOp) else node.slice
        inputs = isinstance(node.value, ast.Name) and node.value.id == "L"
        return isinstance(key, ast.Constant) and (inputs or _is_of_an_input(node.value))
    if isinstance(node, ast.Attribute):
        return not node.attr.startswith("_") and _is_of_an_input(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SIZES:
        return not node.args and not node.keywords and _is_of_an_input(node.func.value)
    return False


def _is_number(value: object) -> bool:
    return isinstance(value, bool | int | float) and abs(value) < LARGEST


def _powers(node: ast.AST) -> int:
    """Return the depth of powers within powers. Raises ValueError if an exponent is too high."""
    inside = max(map(_powers, ast.iter_child_nodes(node)), default=0)
    exponent: ast.AST | None = None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.LShift):
        exponent = node.right
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _POWERS and node.args:
        exponent = node.args[-1]
    if exponent is None:
        return inside
    numbers = [part.value for part in ast.walk(exponent) if isinstance(part, ast.Constant)]
    if _powers(exponent) or any(isinstance(number, int | float) and abs(number) > HIGHEST for number in numbers):
        raise ValueError("the exponent is too high")
    return inside + 1


__all__ = ["is_arithmetic", "is_guard"]
