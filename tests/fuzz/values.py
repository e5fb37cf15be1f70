"""Mutations of plain data: configs as JSON, overlays as CSV and JSON, and texts of inputs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    -3,
    -32,
    2,
    3,
    7,
    1.5,
    -0.5,
    10**5,
    10**6,
    10**9,
    2**31,
    2**63,
    10**30,
    "",
    "a",
    "2",
]
VALUES += [
    [],
    [1],
    [2, -1],
    ["a"],
    [[]],
    {},
    {"a": 1},
    {"height": 4},
    float("nan"),
    float("inf"),
    "\x00",
    "x" * 5000,
    "nan",
    [1] * 50,
]
BROKEN = ["{", "[" * 5000, "}", '"', "NaN", "\ufeff{}", "1" * 6000, "[[[[", "null", "\x00", '{"a": 1, "a": 2}']


def config(base: dict[str, Any], random: Random) -> str:
    """Return a config with one to three fields that have another value, or are missing, or are new."""
    found = json.loads(json.dumps(base))
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        owner = random.choice([found, *(value for value in found.values() if isinstance(value, dict))])
        name = random.choice([*owner, "architectures", "model_type", "num_labels", "id2label", "quantization_config"])
        if random.random() < 0.1:
            owner.pop(name, None)
        elif isinstance(owner.get(name), int) and random.random() < 0.3:
            owner[name] += random.choice((-1, 1, -owner[name], owner[name]))
        else:
            owner[name] = random.choice(VALUES)
    text = json.dumps(found)
    return text if random.random() < 0.95 else garbled(text, random)


def garbled(text: str, random: Random) -> str:
    """Return a text with a piece that is lost, doubled or replaced."""
    start = random.randrange(len(text) + 1)
    end = min(len(text), start + random.choice((1, 2, 10, 100)))
    piece = random.choice(["", text[start:end] * 2, *BROKEN, *map(str, VALUES)])
    return text[:start] + piece + text[end:]


def specs(random: Random) -> list[str]:
    """Return texts for --input."""
    name = ["x", "y", "", "x y", "é", "\x00", "*", "x:y", "n" * 3000, "self", "args"]
    dtype = ["float32", "int64", "bool", "complex64", "", "float", "torch.float32", "string"]
    size = [
        "1",
        "2",
        "4",
        "0",
        "-1",
        "batch",
        "batch=2",
        "N=0",
        "N=1",
        "N=-2",
        "N=",
        "=",
        "3.5",
        "1e9",
        str(10**12),
        "9" * 5000,
        "²",
        "x",
        " 2",
    ]
    found = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        shape = random.choice("xxx×,*").join(
            random.choices(size[:3] if random.random() < 0.5 else size, k=random.randrange(5))
        )
        few = random.random() < 0.6
        parts = [random.choice(name[:2] if few else name), random.choice(dtype[:2] if few else dtype), shape]
        text = ":".join(parts[: random.choice((3, 3, 3, 3, 2, 1))])
        found.append(garbled(text, random) if random.random() < 0.2 else text)
    return found


def overlay(paths: list[str], random: Random) -> tuple[str, bytes]:
    """Return the ending of an overlay file, and its bytes."""
    cells = ["1", "2.5", "-3", "nan", "inf", "1e999", "", "a", "1_000", "１", '"', "'", "0x1", " 4 ", "9" * 5000, "1,5"]
    names = [*paths, *paths, *paths, "", "/", ".", "gone", "a.b", "layers.0", "\x00", "=1+1", "__proto__", "n" * 5000]
    columns = ["ms", "error", "", "1", "path", "ms", "constructor", "é"]
    if random.random() < 0.5:
        mark = random.choice(",,,;\t| ")
        rows = [mark.join(["path", *random.choices(columns, k=random.randrange(4))])]
        for _ in range(random.randrange(6)):
            rows.append(mark.join([random.choice(names), *random.choices(cells, k=random.randrange(4))]))
        ending, text = ".csv", random.choice(("\n", "\r\n", "\r")).join(rows)
    else:
        ending, text = ".json", json.dumps(random.choice([*_forms(names, columns, random)]))
    if random.random() < 0.3:
        text = garbled(text, random)
    data = text.encode(random.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16")), "surrogatepass")
    if random.random() < 0.1:
        data = data[: len(data) // 2] + random.randbytes(3) + data[len(data) // 2 :]
    return ending, data


def _forms(names: list[str], columns: list[str], random: Random) -> Iterator[Any]:
    values = {random.choice(names): random.choice([1, 2.5, *VALUES]) for _ in range(4)}
    numbers = {random.choice(names[:6]): random.choice([1, 2.5, -3]) for _ in range(3)}
    yield values
    yield numbers
    yield {random.choice(columns): numbers, random.choice(columns): values}
    yield {"ms": numbers, "x": random.choice(VALUES)}
    yield [{"path": path, random.choice(columns): value} for path, value in values.items()]
    yield [{"path": path, "ms": value} for path, value in numbers.items()] + [random.choice(VALUES)]
    yield random.choice(VALUES)
