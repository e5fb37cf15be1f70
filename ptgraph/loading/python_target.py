"""Python targets: ``package.module:attribute`` and ``file.py:attribute`` → Source."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from torch import nn

from ptgraph.common.regular_file import need_file
from ptgraph.common.suggest import did_you_mean, similar
from ptgraph.errors import LoadError
from ptgraph.loading.construct import construct
from ptgraph.loading.example_inputs import with_inputs
from ptgraph.loading.request import KINDS, Request
from ptgraph.loading.sibling_modules import add_folder, is_library
from ptgraph.loading.user_code import reason_of, run_user_code
from ptgraph.tracing.module_walk import named_children
from ptgraph.tracing.source import Source

_COMMAND_LINE = {"argv", "ArgumentParser", "parse_args"}
MANY = 20  # names, beyond which a message lists no more


def load_attribute(location: str, attribute: str, wanted: Request) -> Source:
    """Return the model that an *attribute* of a module is or makes; *location* is a module's name, or a file.

    Raises LoadError if the module cannot be imported, or has no such attribute, or the attribute gives no model.
    """
    module = _import(location)
    value: Any = module
    target, parts = f"{location}:{attribute}", attribute.split(".")
    for depth, part in enumerate(parts):
        owner = f"{location}:{'.'.join(parts[:depth])}".removesuffix(":")
        try:
            value = run_user_code(partial(getattr, value, part), f"reading {part!r} of {owner}", AttributeError)
        except AttributeError as error:
            raise LoadError(f"{owner} has no attribute {part!r}{_others(value, part)}") from error
    says = [value, module]
    if isinstance(value, nn.Module):
        model = value
    elif callable(value):
        _refuse_program(value, target)
        model = construct(value, target, wanted)
    else:
        raise LoadError(f"{target} is of type {type(value).__name__}, neither a torch.nn.Module nor a factory of one")
    return with_inputs(attribute.rpartition(".")[2], model, wanted, says)


def _refuse_program(value: Any, target: str) -> None:
    """Raise LoadError if *value* is a program, which is not run: it may do anything, and would read our own arguments.

    That is a command of click, what an installed script starts, a function that is said to return a number or nothing,
    and one that reads the command line.
    """
    code = getattr(inspect.unwrap(value) if inspect.isfunction(value) else None, "__code__", None)
    returns = getattr(value, "__annotations__", {}).get("return", "") if inspect.isfunction(value) else ""
    scripts = {script.value.partition(" ")[0] for script in entry_points(group="console_scripts")}
    whole = f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', '')}"
    if (
        target in scripts
        or whole in scripts
        or hasattr(value, "make_context")  # of click
        or returns in (None, int, NoReturn, "None", "int", "NoReturn")
        or (code is not None and _COMMAND_LINE & {*code.co_names})
    ):
        raise LoadError(f"{target} is a program, not a model or a factory of one; it was not run")


def _others(owner: Any, part: str) -> str:
    """Return the end of a message: which attribute of *owner* is similar to *part*, or which may be targets."""
    if isinstance(owner, nn.Module):
        names = [name for name, _ in named_children(owner)]
    elif isinstance(owner, ModuleType):
        names = [n for n, v in vars(owner).items() if not n.startswith("_") and _may_be_target(v, owner.__name__)]
    else:
        names = []
    public = [name for name in dir(owner) if not name.startswith("_")]
    near = similar(part, names) or similar(part, public)
    if near:
        return did_you_mean(map(repr, near))
    more = ", …" if len(names) > MANY else ""
    return f"; it has: {', '.join(names[:MANY])}{more}" if names else "; it has no models"


def _may_be_target(value: Any, module: str) -> bool:
    made_here = (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == module
    return made_here or isinstance(value, nn.Module)


def _import(location: str) -> ModuleType:
    path = Path(location)
    if path.suffix == ".py":
        need_file(path, is_text=True)
        return run_user_code(lambda: _import_file(path), f"importing {location}")
    if not all(part.isidentifier() for part in location.split(".")):
        raise LoadError(f"{location!r} is neither a Python file nor the name of a module; a target is {KINDS}")
    folder = Path.cwd()
    add_folder(folder)
    try:
        return run_user_code(lambda: importlib.import_module(location), f"importing {location}", ModuleNotFoundError)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{location}.".startswith(f"{error.name}."):
            raise LoadError(f"there is no module {error.name!r}, neither in {folder} nor installed") from error
        raise LoadError(f"importing {location} failed: {reason_of(error)}") from error


def _import_file(path: Path) -> ModuleType:
    resolved = path.resolve()
    add_folder(resolved.parent)
    name = path.stem
    loaded = sys.modules.get(name)
    if is_library(name) or (loaded is not None and getattr(loaded, "__file__", None) != str(resolved)):
        name = f"user_{name}"  # it is called like a module that others import
    spec = importlib.util.spec_from_file_location(name, resolved)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


__all__ = ["load_attribute"]
