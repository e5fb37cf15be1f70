"""Files of torch.export.save → the program, without running code that the file holds.

torch runs code of a file in more places than its pickles: it evaluates sizes and guards as Python, imports what the
structure of inputs names, calls every function that a node names, loads compiled libraries, and writes names into the
source of a function. All of these are checked first, as torch will read them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from ptgraph.common.messages import first_line, shortened
from ptgraph.common.silence import quiet
from ptgraph.errors import LoadError
from ptgraph.loading.archives import check_archive, check_values
from ptgraph.loading.size_arithmetic import is_arithmetic, is_guard
from ptgraph.tracing.torch_internals import ArchiveReader, OpOverload, fake_tensor_reader, schema_of

OLD_PROGRAM = "serialized_exported_program.json"  # as torch up to 2.7 wrote it
LIBRARIES = "data/aotinductor/"
OBJECTS = ("data/constants/custom_obj_", "data/constants/opaque_obj_")
FACTORIES = {"builtins": {"list", "dict", "set", "tuple", "int", "float", "bool", "str"}}  # of a defaultdict

_OPERATOR = re.compile(r"torch\.ops\.(?P<namespace>\w+)\.(?P<name>\w+)\.(?P<overload>\w+)", re.ASCII)
_FUNCTION = re.compile(
    r"_operator\.(eq|ne|le|ge|lt|gt|neg|pos|abs|not_|add|sub|mul|floordiv|truediv|mod|pow|and_|or_|xor|lshift|rshift"
    r"|getitem)|math\.[a-z]\w*|torch\.(_?sym_\w+)|torch\._functorch\.predispatch\.(_[a-z]\w*|lazy_load_decompositions)"
    r"|torch\.ops\.higher_order\.(cond|while_loop|while_loop_stack_output|scan|associative_scan|map_impl|foreach_map"
    r"|wrap|wrap_with_set_grad_enabled|wrap_with_autocast|wrap_activation_checkpoint|tag_activation_checkpoint"
    r"|invoke_subgraph|auto_functionalized|auto_functionalized_v2|with_effects|out_dtype|strict_mode|hints_wrapper"
    r"|flex_attention|flex_attention_backward|run_with_rng_state|run_and_save_rng_state|local_map_hop"
    r"|autograd_function_apply|_export_tracepoint)"
    r"|torch\._C\._set_grad_enabled|torch\.amp\.autocast_mode\._(enter|exit)_autocast",
    re.ASCII,
)
_MAPS = {  # fields whose keys are no fields
    "tensor_values",
    "sym_int_values",
    "sym_bool_values",
    "sym_float_values",
    "custom_obj_values",
    "opset_version",
    "range_constraints",
    "treespec_namedtuple_fields",
    "as_string_to_argument",
}
_INPUTS = re.compile(r"(^|/)data/sample_inputs/[^/]+\.pt$|^serialized_example_inputs\.pt$")
_LEAVES_QUOTES = re.compile(r'["\\\x00-\x1f\x7f\u2028\u2029]')


class _Refused(Exception):
    """The file holds code that torch would run; the text says what."""


def read_program(path: Path, *, trust: bool = False) -> torch.export.ExportedProgram:
    """Return the program in a file of torch.export.save. With *trust*, code in the file is run.

    Raises LoadError if the file is damaged, or holds code and is not trusted.
    """
    try:
        with quiet():
            if trust:
                return torch.export.load(path)
            _check(path)
            _check_example_inputs(path)
            with _no_code_in_pickles():
                program = torch.export.load(path)
            _check_keys(program.example_inputs)
            return program
    except _Refused as refused:
        raise _refusal(path, str(refused)) from refused
    except pickle.UnpicklingError as error:
        found = re.search(r"(?i)unsupported (?:global|class|operand)[: ]+(?:GLOBAL )?([\w.]+)", str(error))
        if found is None:
            raise _damaged(path, error) from error
        raise _refusal(path, f"a pickle that names {found[1].rstrip('.')}") from error
    except Exception as error:  # zip, json and torch errors, all of them a bad file
        raise _damaged(path, error) from error


def _refusal(path: Path, what: str) -> LoadError:
    return LoadError(
        f"{path} holds {what}, and torch would run that; if you trust whoever made the file, "
        "read it with --trust (in Python, trust=True)"
    )


def _damaged(path: Path, error: BaseException) -> LoadError:
    reason = first_line(error).partition(". ")[0]
    return LoadError(f"{path} is not a program written by torch.export.save, or it is damaged: {reason}")


def _check(path: Path) -> None:
    """Raise _Refused for code that torch.export.load would run; other faults of a file are left to torch."""
    for document in _documents(path):
        _walk(json.loads(document.decode()))


def _documents(path: Path) -> Iterator[bytes]:
    """Yield each program in an archive, read as torch reads it: by torch's reader, and old files by zipfile."""
    size = path.stat().st_size
    with contextlib.suppress(RuntimeError):  # it is of the old format, or no archive
        reader = ArchiveReader(os.fspath(path))
        names = reader.get_all_records()
        _check_records(names, sum(map(reader.get_record_size, names)), size)
        for name in names:
            if name.endswith(".pt"):  # an archive of its own
                check_archive(io.BytesIO(reader.get_record(name)), reader.get_record_size(name))
        yield from [reader.get_record(name) for name in names if name.startswith("models/")]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_records([entry.filename for entry in entries], sum(entry.file_size for entry in entries), size)
            for entry in entries:
                if entry.filename.endswith(".pt"):
                    with archive.open(entry) as inner:
                        check_archive(inner, entry.file_size)
            yield from [archive.read(entry) for entry in entries if entry.filename == OLD_PROGRAM]


def _check_example_inputs(path: Path) -> None:
    """Raise what `check_values` does for the example inputs in the archive, which torch would walk through."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        found = [archive.read(name) for name in archive.namelist() if _INPUTS.search(name)]
    with torch.serialization.safe_globals([(_no_tensor, fake_tensor_reader()[1])]):
        for data in found:
            check_values(torch.load(io.BytesIO(data), map_location="meta", weights_only=True))


def _no_tensor(meta: bytes, is_parameter: bool) -> None:
    """Stand for a fake tensor, which torch makes only within its own reader of programs."""


def _check_records(names: list[str], unpacked: int, size: int) -> None:
    again = [name for name, count in Counter(names).items() if count > 1]
    if again:
        raise ValueError(f"it holds {again[0]!r} twice")
    if unpacked > size:
        raise ValueError(f"its {size:,} bytes unpack to {unpacked:,}, and torch.export.save compresses nothing")
    for name in names:
        if name.startswith(LIBRARIES):
            raise _Refused(f"compiled code ({name})")
        if name.startswith(OBJECTS):
            raise _Refused(f"an object of a class of its own ({name})")


def _walk(part: Any, free: bool = False) -> None:
    """Raise _Refused for anything but plain data in a part of a program, by the fields of torch's schema.

    Text that is *free* may hold quotes, since torch writes it as a literal only.
    """
    if isinstance(part, list):
        for item in part:
            _walk(item, free)
    elif isinstance(part, dict):
        for name, value in part.items():
            _look(name, value, free or name == "nodes")
    elif isinstance(part, str) and not free and _LEAVES_QUOTES.search(part):
        raise _Refused(f"a name that ends the quotes around it ({_short(part)})")


def _look(name: str, value: Any, free: bool) -> None:
    """Check one field of a part of a program, by what torch does with it."""
    if value is None:
        return
    check = _CHECKS.get(name)
    if check is not None:
        check(value)
    elif name in _MAPS:
        for key, item in value.items():
            _walk(key)
            _walk(item, free)
    elif name == "as_string" and not free and "'" in value:
        raise _Refused(f"an input that ends the quotes around it ({_short(value)})")
    else:
        _walk(value, free)


def _check_names(value: Any) -> None:
    for text in value if isinstance(value, list) else [value]:
        _check_name(text)


def _check_metadata(value: Any) -> None:
    if not all(isinstance(text, str) for text in value.values()):  # torch only keeps it
        raise _Refused(f"metadata that is no text ({_short(value)})")


def _check_size(value: Any) -> None:
    if not is_arithmetic(value):
        raise _Refused(f"a size that is no plain arithmetic ({_short(value)})")


def _check_guards(value: Any) -> None:
    for guard in value:
        if not is_guard(guard):
            raise _Refused(f"a guard that is no plain condition on sizes ({_short(guard)})")


def _refuse_class(value: Any) -> None:
    raise _Refused(f"an object of a class of its own ({_short(value)})")


def _check_name(text: Any) -> None:
    """Raise _Refused for a name that is no identifier: torch writes it into the source of a function, as it is."""
    if text and not (isinstance(text, str) and all(part.isidentifier() for part in text.split("."))):
        raise _Refused(f"a name that is no identifier ({_short(text)})")


def _check_operator(target: Any) -> None:
    """Raise _Refused for a function that is no operator, or one that reads or writes files."""
    found = _OPERATOR.fullmatch(str(target))
    if found is not None and found["namespace"] != "higher_order":
        try:
            operator = getattr(getattr(getattr(torch.ops, found["namespace"]), found["name"]), found["overload"])
        except AttributeError:
            return  # of a library that is not imported: torch says so
        if isinstance(operator, OpOverload) and not _touches_files(operator):
            return
    elif _FUNCTION.fullmatch(str(target)):
        return
    raise _Refused(f"a call of what is no operator for tensors ({_short(target)})")


def _touches_files(operator: OpOverload) -> bool:
    names = [argument.name for argument in schema_of(operator).arguments if "str" in str(argument.type)]
    return operator.namespace in ("prim", "debugprims", "rpc") or any(re.search("file|path|url", n) for n in names)


def _check_structure(spec: Any, *, is_input: bool) -> None:
    """Check the structure of inputs or outputs, as pytree writes it: [version, {type, context, children_spec}]."""
    root = spec[1]
    children = root["children_spec"]
    if is_input and len(children) == 2 and children[1]["type"] == "builtins.dict":
        for name in json.loads(children[1]["context"]):
            _check_name(name)
    level = [root]
    while level:
        for node in level:
            _check_context(node, is_input)
        level = [child for node in level for child in node["children_spec"]]


def _check_context(node: dict[str, Any], is_input: bool) -> None:
    context = node["context"]
    if isinstance(context, str):
        with contextlib.suppress(ValueError):
            context = json.loads(context)
    if node["type"] == "collections.defaultdict":
        module, name = context["default_factory_module"], context["default_factory_name"]
        if name not in FACTORIES.get(module, ()):
            raise _Refused(f"inputs or outputs whose structure names {_short(f'{module}.{name}')}")
    level = [context]
    while level:
        for item in level:
            if isinstance(item, dict) and "__enum__" in item:
                raise _Refused(f"inputs or outputs whose structure names {_short(item.get('fqn'))}")
            if is_input and isinstance(item, str) and ("'" in item or _LEAVES_QUOTES.search(item)):
                raise _Refused(f"an input whose name ends the quotes around it ({_short(item)})")
        inside = [item for item in level if isinstance(item, list | dict)]
        level = [part for item in inside for part in ([*item, *item.values()] if isinstance(item, dict) else item)]


def _check_keys(inputs: Any) -> None:
    """Raise _Refused for a text in example inputs that would end the quotes that torch puts around it."""
    if isinstance(inputs, list | tuple):
        for item in inputs:
            _check_keys(item)
    elif isinstance(inputs, dict):
        _check_keys([*inputs, *inputs.values()])
    elif isinstance(inputs, str) and ("'" in inputs or _LEAVES_QUOTES.search(inputs)):
        raise _Refused(f"an input that ends the quotes around it ({_short(inputs)})")


_CHECKS: dict[str, Callable[[Any], None]] = {  # field of a program → what it must not hold
    "name": _check_names,
    "as_name": _check_names,
    "forward_arg_names": _check_names,
    "metadata": _check_metadata,
    "expr_str": _check_size,
    "guards_code": _check_guards,
    "target": _check_operator,
    "as_operator": _check_operator,
    "in_spec": lambda value: _check_structure(json.loads(value), is_input=True),
    "out_spec": lambda value: _check_structure(json.loads(value), is_input=False),
    "class_fqn": _refuse_class,
}


@contextlib.contextmanager
def _no_code_in_pickles() -> Iterator[None]:
    """Let torch.export.load take only tensors and plain data from a pickle, as torch.load does for weights.

    Sets environment variables of the process, and puts them back.
    """
    names = ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ[names[0]] = "1"
    make = (_fake_tensor, fake_tensor_reader()[1])
    try:
        with torch.serialization.safe_globals([make]):
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _fake_tensor(meta: bytes, is_parameter: bool) -> torch.Tensor:
    """Make the fake tensor that torch.export.save wrote in place of a tensor, if its sizes are plain arithmetic."""
    _walk(json.loads(meta.decode()))
    return fake_tensor_reader()[0](meta, is_parameter)


def _short(text: Any) -> str:
    return shortened(str(text), 80)


__all__ = ["read_program"]
