"""``--input NAME:DTYPE:SHAPE`` → example tensors and the names of their dynamic dimensions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from ptgraph.common.messages import quoted, shortened
from ptgraph.errors import UsageError

FORM = "NAME:DTYPE:SHAPE, such as x:float32:1x3x224x224 or ids:int64:batch=2xsequence=16"
DEFAULT_SIZE = 8  # of a named dimension without an example size; 0 and 1 would be taken for constants
DIGITS = 30  # of a size; those that tensors have are shorter
DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "complex64": torch.complex64,
    "int64": torch.int64,
    "int32": torch.int32,
    "int16": torch.int16,
    "int8": torch.int8,
    "uint8": torch.uint8,
    "bool": torch.bool,
}
_DIMENSION = re.compile(r"(?P<size>\d+)|(?P<name>[A-Za-z_]\w*)(=(?P<example>\d+))?")


@dataclass(frozen=True, slots=True)
class Input:
    """One example input: its name, dtype, sizes, and the names of the dimensions that may vary."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    dynamic: dict[int, str]

    def tensor(self, device: str | torch.device = "meta") -> torch.Tensor:
        """Return zeros (ones for bool) of this shape and dtype on *device*.

        Raises UsageError if no tensor can be as large.
        """
        fill = torch.ones if self.dtype == torch.bool else torch.zeros
        try:
            return fill(self.shape, dtype=self.dtype, device=device)
        except (RuntimeError, TypeError) as error:  # torch counts elements and bytes in 64 bits
            raise UsageError(
                f"--input {shortened(self.name, 200)}: no tensor is as large as {'x'.join(map(str, self.shape))}"
            ) from error


def parse_inputs(texts: Iterable[str]) -> list[Input]:
    """Return the inputs that *texts* describe.

    Raises UsageError if a text has another form, a name comes twice, or a dimension has two example sizes.
    """
    found = [parse_input(text) for text in texts]
    names = [item.name for item in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--input {shortened(name, 200)} is given {names.count(name)} times")
    sizes: dict[str, int] = {}
    for item in found:
        for index, name in item.dynamic.items():
            if sizes.setdefault(name, item.shape[index]) != item.shape[index]:
                raise UsageError(
                    f"--input {shortened(item.name, 200)}: dimension {name} has two example sizes, "
                    f"{sizes[name]} and {item.shape[index]}; give it one"
                )
    return found


def parse_input(text: str) -> Input:
    """Return the input that ``NAME:DTYPE:SHAPE`` describes. Raises UsageError if *text* has another form."""
    parts, said = text.split(":"), quoted(text, 200)
    if len(parts) != 3 or not parts[0]:
        raise UsageError(f"--input {said} is not of the form {FORM}")
    name, dtype, shape = parts
    if dtype not in DTYPES:
        raise UsageError(f"--input {said}: unknown dtype {quoted(dtype)}; there are: {', '.join(DTYPES)}")
    sizes: list[int] = []
    dynamic: dict[int, str] = {}
    for index, word in enumerate(_split(shape)):
        match = _DIMENSION.fullmatch(word)
        if match is None:
            raise UsageError(
                f"--input {said}: {quoted(word)} is no dimension; the form is {FORM} "
                "(every x separates, so no name can hold one)"
            )
        number = match["size"] or match["example"] or str(DEFAULT_SIZE)
        if len(number) > DIGITS:
            raise UsageError(f"--input {said}: no tensor is as large as {quoted(number)}")
        sizes.append(int(number))
        if match["size"]:
            continue
        dynamic[index] = match["name"]
        if sizes[-1] < 2:
            raise UsageError(f"--input {said}: a dynamic dimension needs an example size of 2 or more")
    return Input(name, DTYPES[dtype], tuple(sizes), dynamic)


def _split(shape: str) -> list[str]:
    """Split at every ``x`` (or ``×``); a scalar is the empty string."""
    return shape.replace("×", "x").split("x") if shape else []


__all__ = ["DTYPES", "FORM", "Input", "parse_input", "parse_inputs"]
