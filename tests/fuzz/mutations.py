"""Mutations of ONNX files, on the level of the message and of the bytes. The same random numbers give the same file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from onnx import AttributeProto

NUMBERS = [0, 1, -1, 2, 3, 7, 64, 255, 1000, 2**31 - 1, -(2**31), 10**6, 10**12, 2**62, 2**63 - 1, -(2**63)]
FLOATS = [0.0, 1.0, -1.0, 0.5, float("nan"), float("inf"), float("-inf"), 1e38]
TEXTS = [
    "",
    "x",
    "y",
    "/",
    "a/b",
    "a/b/c/d",
    ".",
    "a..b",
    "layers.0",
    "layers.1.x",
    " ",
    "→",
    "\x00",
    "'",
    '"',
    "<i>",
    "{0–9}",
]
TEXTS += [
    "/" * 3000,
    "a." * 700,
    "n" * 3000,
    "constructor",
    "__proto__",
    "\u202e",
    "onnx::1",
    "Constant",
    "If",
    "ai.onnx",
]
DOMAINS = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft", "mine", "pkg.onnxscript.x", "ptgraph.aten", "org.pytorch"]
METADATA = {
    "namespace": ["", ": M/layers: L/layers.0: Block/x", "/" * 50, ": A/a: B", "a/b/c"],
    "pkg.torch.onnx.class_hierarchy": ["['M', 'L', 'aten.add']", "[1, 2]", "['M'", "[[['a']]]", "{}"],
    "pkg.torch.onnx.name_scopes": ["['', 'layers', 'layers.0']", "['']", "[None, None]", "['a.b', 'a']"],
    "ptgraph.flops": ["1", "-5", "x", "1e9", "9" * 5000, "１２", ""],
    "ptgraph.module": ["layers.*", "layers.0", "*", ""],
    "ptgraph.class": ["torch.nn.modules.linear.Linear", "", "."],
    "ptgraph.model": ["M", ""],
    "ptgraph.source": ["a.py:3", "a.py:９", ":", "a:-1"],
    "ptgraph.tree": [
        "{}",
        "[]",
        "{",
        '{"modules": {"L": ["a.{0–9999999}"]}}',
        '{"tied": {"a": "b", "b": "a"}}',
        '{"modules": 3}',
        '{"modules": {"L": ["' + "{0–9}." * 12 + 'x"]}}',
        '{"buffers": ["w"], "constants": ["w", 1]}',
        "[" * 3000,
    ],
}
_OPERATORS = [s.name for s in onnx.defs.get_all_schemas() if not s.domain]


def mutated(data: bytes, random: Random) -> bytes:
    """Return a file with one to four mutations."""
    for _ in range(random.choice((1, 1, 2, 4))):
        data = _bytes(data, random) if random.random() < 0.25 else _messages(data, random)
    return data


def _bytes(data: bytes, random: Random) -> bytes:
    if not data:
        return data
    found = bytearray(data)
    start = random.randrange(len(found))
    match random.randrange(5):
        case 0:
            for _ in range(random.choice((1, 1, 8))):
                found[random.randrange(len(found))] = random.randrange(256)
        case 1:
            del found[start : start + random.choice((1, 2, 16, 300))]
        case 2:
            found[start:start] = random.randbytes(random.choice((1, 4, 32)))
        case 3:
            found[start:start] = found[start : start + random.choice((2, 20, 200))]
        case 4:
            del found[start:]
    return bytes(found)


def _messages(data: bytes, random: Random) -> bytes:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        return _bytes(data, random)
    for _ in range(5):  # a mutation may find nothing to change
        try:
            if random.choice(_MUTATIONS)(model, random):
                break
        except (ValueError, TypeError):  # protobuf does not take the value: text with a surrogate, a number too large
            continue
    return model.SerializeToString()


def _all(message: Any) -> Iterator[Any]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in value if _is_repeated(value) else [value]:
                yield from _all(item)


def _is_repeated(value: Any) -> bool:
    return hasattr(value, "MergeFrom") and hasattr(value, "__len__")


def _pick(model: onnx.ModelProto, random: Random, *kinds: type) -> Any:
    found = [message for message in _all(model) if not kinds or isinstance(message, kinds)]
    return random.choice(found) if found else None


def _field(model: onnx.ModelProto, random: Random) -> bool:
    """Give any field of any message a value of its type."""
    message = _pick(model, random)
    field = random.choice(message.DESCRIPTOR.fields)
    own = getattr(message, field.name)
    if field.message_type is not None:
        return _change_submessage(message, field, own, random)
    value = _value(field, random)
    if not _is_repeated(own):
        setattr(message, field.name, value)
    elif own and random.random() < 0.6:
        own[random.randrange(len(own))] = value
    else:
        own.append(value)
    return True


def _change_submessage(message: Any, field: FieldDescriptor, own: Any, random: Random) -> bool:
    if not _is_repeated(own):
        message.ClearField(field.name)
        if random.random() < 0.3:
            getattr(message, field.name).SetInParent()
        return True
    match random.randrange(4):
        case 0 if own:
            del own[random.randrange(len(own))]
        case 1 if own:
            own.add().CopyFrom(random.choice(own))
        case 2 if len(own) > 1:
            order = [type(item).FromString(item.SerializeToString()) for item in own]
            random.shuffle(order)
            del own[:]
            own.extend(order)
        case _:
            own.add()
    return True


def _value(field: FieldDescriptor, random: Random) -> Any:
    if field.type == field.TYPE_STRING:
        return random.choice(TEXTS)
    if field.type == field.TYPE_BYTES:
        return random.randbytes(random.choice((0, 1, 4, 8, 33)))
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return random.choice(FLOATS)
    if field.enum_type is not None:
        return random.choice(field.enum_type.values).number
    return random.choice(NUMBERS)


def _scalar(model: onnx.ModelProto, random: Random) -> bool:
    """Change a field that is set."""
    message = _pick(model, random)
    fields = [(field, value) for field, value in message.ListFields() if field.message_type is None]
    if not fields:
        return False
    field, own = random.choice(fields)
    if _is_repeated(own):
        where = random.randrange(len(own))
        match random.randrange(3):
            case 0:
                del own[where]
            case 1:
                own.insert(where, own[where]) if hasattr(own, "insert") else own.append(own[where])
            case _:
                own[where] = _value(field, random)
    elif random.random() < 0.2:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _value(field, random))
    return True


def _names(model: onnx.ModelProto) -> list[str]:
    names = {name for m in _all(model) if isinstance(m, onnx.NodeProto) for name in (*m.input, *m.output)}
    names |= {m.name for m in _all(model) if isinstance(m, onnx.ValueInfoProto | onnx.TensorProto)}
    return sorted(names)


def _rewire(model: onnx.ModelProto, random: Random) -> bool:
    node = _pick(model, random, onnx.NodeProto)
    if node is None:
        return False
    values = random.choice((node.input, node.input, node.output))
    name = random.choice(_names(model))
    if values and random.random() < 0.8:
        values[random.randrange(len(values))] = name
    else:
        values.append(name)
    return True


def _rename(model: onnx.ModelProto, random: Random) -> bool:
    """Rename a value everywhere: the file stays valid, and has an odd name."""
    old, new = random.choice(_names(model) or [""]), random.choice(TEXTS)
    for message in _all(model):
        if isinstance(message, onnx.NodeProto):
            for values in (message.input, message.output):
                for index, name in enumerate(values):
                    values[index] = new if name == old else name
        elif isinstance(message, onnx.ValueInfoProto | onnx.TensorProto) and message.name == old:
            message.name = new
    return True


def _operator(model: onnx.ModelProto, random: Random) -> bool:
    node = _pick(model, random, onnx.NodeProto)
    if node is None:
        return False
    if random.random() < 0.3:
        node.domain = random.choice(DOMAINS)
    else:
        node.op_type = random.choice([*_OPERATORS, "block", "linear", "Attention", "MatMulNBits", "QGemm"])
    return True


def _attribute(model: onnx.ModelProto, random: Random) -> bool:
    """Give a node an attribute of another kind, or one that its operator has, with an odd value."""
    node = _pick(model, random, onnx.NodeProto)
    if node is None:
        return False
    schemas = [s for s in onnx.defs.get_all_schemas() if s.name == node.op_type]
    known = sorted(schemas[0].attributes) if schemas else ["axis", "alpha"]
    name = random.choice([*known, *(a.name for a in node.attribute), "axis"])
    for old in [a for a in node.attribute if a.name == name]:
        node.attribute.remove(old)
    made = node.attribute.add(name=name, type=random.choice(AttributeProto.AttributeType.values()))
    made.i, made.f, made.s = random.choice(NUMBERS), random.choice(FLOATS), random.choice(TEXTS).encode()
    made.ints.extend(random.choices(NUMBERS, k=random.randrange(6)))
    made.floats.extend(random.choices(FLOATS, k=random.randrange(3)))
    made.strings.extend(random.choice(TEXTS).encode() for _ in range(random.randrange(3)))
    tensor = _pick(model, random, onnx.TensorProto)
    if tensor is not None:
        made.t.CopyFrom(tensor)
    return True


def _sizes(model: onnx.ModelProto, random: Random) -> bool:
    message = _pick(model, random, onnx.TensorProto, onnx.TensorShapeProto, onnx.SparseTensorProto)
    if message is None:
        return False
    if isinstance(message, onnx.TensorShapeProto):
        if message.dim and random.random() < 0.7:
            dim = random.choice(message.dim)
            if random.random() < 0.5:
                dim.dim_value = random.choice(NUMBERS)
            else:
                dim.dim_param = random.choice(
                    [*TEXTS, "N", "N+1", "2*N", "N*" * 300 + "N", "(" * 500, "N**9999", "9" * 5000]
                )
        else:
            message.dim.add(dim_value=random.choice(NUMBERS))
        return True
    if message.dims and random.random() < 0.7:
        message.dims[random.randrange(len(message.dims))] = random.choice(NUMBERS)
    else:
        message.dims.append(random.choice(NUMBERS))
    return True


def _metadata(model: onnx.ModelProto, random: Random) -> bool:
    kinds = (onnx.NodeProto, onnx.ModelProto, onnx.FunctionProto, onnx.GraphProto, onnx.ValueInfoProto)
    message = _pick(model, random, *kinds)
    key = random.choice([*METADATA])
    entries = [entry for entry in message.metadata_props if entry.key == key]
    entry = entries[0] if entries else message.metadata_props.add(key=key)
    entry.value = random.choice([*METADATA[key], *TEXTS])
    return True


def _move(model: onnx.ModelProto, random: Random) -> bool:
    """Copy a node, a graph or a tensor in place of another one, perhaps into itself."""
    kind = random.choice((onnx.NodeProto, onnx.GraphProto, onnx.TensorProto, onnx.TypeProto, onnx.AttributeProto))
    one, other = _pick(model, random, kind), _pick(model, random, kind)
    if one is None or one is other or one.ByteSize() > 20_000:
        return False
    copy = kind()
    copy.CopyFrom(one)
    other.CopyFrom(copy)
    return True


_MUTATIONS: list[Callable[[onnx.ModelProto, Random], bool]] = [
    _field,
    _field,
    _scalar,
    _scalar,
    _rewire,
    _rename,
    _operator,
    _attribute,
    _attribute,
    _sizes,
    _sizes,
    _metadata,
    _move,
]

__all__ = ["NUMBERS", "TEXTS", "mutated"]
