"""The fields of a Hugging Face config: which cannot be, and which are the likely cause of an error."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ptgraph.common.interrupts import check as check_interrupt
from ptgraph.common.limits import limit, limit_text, remedy
from ptgraph.common.messages import shortened

LARGEST = 2**40  # of a size
SECONDS = 5  # for which the field at fault is looked for
_COUNTS = r"(num|n)_\w*(layers?|blocks|labels|experts|heads|stages)|depths?|num_layer"
_COUNT = re.compile(rf"{_COUNTS}|\w*_layers")
_NOT_NEGATIVE = re.compile(
    rf"{_COUNTS}|(encoder|decoder)_layers|(hidden|intermediate|image|patch|vocab)_sizes?|d_model|n_embd|num_channels"
)
_SIZE = re.compile(r"(num|n|d)_\w+|\w*(sizes?|dims?|channels|heads|length|positions|strides?|width|factor)")
_OTHERS = {"model_type", "architectures", "transformers_version"}


def fields(settings: Any) -> Iterator[tuple[str, Any]]:
    """Yield each field of a config and of those within, with its value."""
    level = [settings]
    while level:
        for part in level:
            if isinstance(part, dict):
                yield from part.items()
        inside = [[*part.values()] if isinstance(part, dict) else part for part in level]
        level = [value for values in inside for value in values if isinstance(value, dict | list)]


def impossible(settings: Any) -> str | None:
    """Return what is wrong with the first field that no model can have, or None if there is none."""
    for name, value in fields(settings):
        for number in value if isinstance(value, list) else [value]:
            if not isinstance(number, int):
                continue
            if number > limit("layers") and _COUNT.fullmatch(name):
                most = f"ptgraph makes no more than {limit_text('layers')}; {remedy('layers')}"
                return f"{name} is {_number(number)}, and {most}"
            if number < 0 and _NOT_NEGATIVE.fullmatch(name):
                return f"{name} is {text_of(value)}, and it cannot be negative"
    return None


def suspects(settings: dict[str, Any], usual: Any, error: Exception) -> str:
    """Return the fields that are likely to have caused *error*, in brackets, or nothing if none is.

    These are sizes that are zero, negative or huge, values of another kind than that in the config *usual*, and texts
    that the message of the error quotes.
    """
    said = str(error)
    found: dict[str, Any] = {}
    for name, value in fields(settings):
        known = name in _OTHERS or f"'{name}'" in said
        if not known and _is_suspect(name, value, getattr(usual, name, None), said):
            found[name] = value
    return _listed([*found.items()])


def culprits(settings: dict[str, Any], attempt: Callable[[dict[str, Any]], object]) -> str:
    """Return the fields without each of which, and so with its default, *attempt* raises nothing, in brackets.

    In place of an object that is too long to be said stand such fields within it, if there are some. Fields are tried
    one by one, for `SECONDS` at most; of those that are found, the first three are said.
    """
    deadline = time.monotonic() + SECONDS

    def found(part: dict[str, Any], whole: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[tuple[str, Any]]:
        for name, value in part.items():
            rest = {key: kept for key, kept in part.items() if key != name}
            if time.monotonic() > deadline or name in _OTHERS or not _works(attempt, whole(rest)):
                continue
            if isinstance(value, dict) and text_of(value).endswith("…"):
                inner = [*found(value, lambda own, name=name: whole(part | {name: own}))]  # type: ignore[misc]
                yield from inner or [(name, value)]
            else:
                yield name, value

    return _listed([*found(settings, lambda own: own)])


def _works(attempt: Callable[[dict[str, Any]], object], settings: dict[str, Any]) -> bool:
    try:
        attempt(settings)
    except Exception as error:  # noqa: BLE001  # whatever a config can make transformers raise
        check_interrupt(error)
        return False
    return True


def _listed(found: Sequence[tuple[str, Any]]) -> str:
    listed = ", ".join(f"{name} is {text_of(value)}" for name, value in found[:3])
    return f" ({listed})" if listed else ""


def names_a_field(error: Exception, settings: Any) -> bool:
    """Return whether the message of *error* names a field of a config: in quotes, or by a name of several words."""
    said = str(error)
    words = set(re.findall(r"\w+", said))
    return any(f"'{name}'" in said or ("_" in name and name in words) for name, _ in fields(settings))


def _is_suspect(name: str, value: Any, usual: Any, said: str) -> bool:
    if isinstance(value, str) and repr(value) in said:
        return True
    if value is not None and usual is not None and _kind(value) != _kind(usual):
        return not hasattr(usual, "model_type")
    numbers = [n for n in (value if isinstance(value, list) else [value]) if isinstance(n, int)]
    return _SIZE.fullmatch(name) is not None and any((n <= 0 and n != usual) or n > LARGEST for n in numbers)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    for kind, types in {"number": (int, float), "text": str, "list": (list, tuple), "object": dict}.items():
        if isinstance(value, types):  # type: ignore[arg-type]  # a type or several
            return kind
    return type(value).__name__


def text_of(value: Any) -> str:
    """Return a value of a config as the file has it, cut after 100 characters."""
    try:
        return shortened(json.dumps(value), 100)
    except ValueError:  # a number of thousands of digits
        return "a number of thousands of digits"


def _number(number: int) -> str:
    return f"{number:,}" if number < 10**30 else "too large a number"


__all__ = ["culprits", "fields", "impossible", "names_a_field", "suspects", "text_of"]
