"""A target, as a person writes it → Source: the model and its example inputs."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from .errors import LoadError, PtgraphError, UsageError
from .inputs import FORM, Input, parse_inputs
from .quiet import quiet
from .tracer import Source

KINDS = "a preset, package.module:attribute, file.py:attribute, a .pt2 file, or a Hugging Face config.json"


def load(target: str, inputs: Sequence[str] = (), *, name: str | None = None, weights: bool = False) -> Source:
    """Return the model that *target* names, with example inputs: its own, or those of *inputs*.

    A class, factory or preset is built on ``meta``, or with real random weights where *weights* asks for them.
    Raises LoadError where the target cannot be loaded, UsageError where *inputs* are malformed or missing.
    """
    given = parse_inputs(inputs)
    source = _load(target, given, weights)
    return replace(source, name=file_stem(name if name is not None else source.name, strict=name is not None))


def _load(target: str, given: list[Input], weights: bool) -> Source:
    from .models import PRESETS, build

    path = Path(target)
    if target in PRESETS:
        return _with_inputs(target, _construct(lambda: build(target), target, weights), given)
    if path.suffix == ".pt2":
        return _load_program(path, given)
    if path.suffix == ".json" or path.is_dir():
        return _load_huggingface(path, given)
    place, colon, attribute = target.rpartition(":")
    if colon and place and attribute:
        return _load_attribute(place, attribute, given, weights)
    if path.suffix == ".py":
        raise LoadError(f"{target} names a file; say which attribute of it: {target}:Model")
    near = get_close_matches(target, PRESETS, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise LoadError(f"unknown target {target!r}{hint} The presets are {', '.join(PRESETS)}; a target is {KINDS}")


def file_stem(name: str, *, strict: bool = False) -> str:
    """Return *name* fit for a file; *strict* raises UsageError instead of mending it."""
    safe = re.sub(r"[^\w.+-]+", "_", name).strip("._") or "model"
    if strict and safe != name:
        raise UsageError(f"--name {name!r} is no file name; letters, digits, and . _ + - may be used ({safe})")
    return safe


def _load_program(path: Path, given: list[Input]) -> Source:
    if given:
        raise UsageError(f"{path} holds its own inputs; --input cannot change them")
    if not path.is_file():
        raise LoadError(f"{path} does not exist")
    try:
        with quiet():
            program = torch.export.load(path)
    except Exception as error:  # zip, pickle, json and torch errors, all of them a bad file
        raise LoadError(
            f"{path} is not a program written by torch.export.save, or it is damaged: {_first_line(error)}"
        ) from error
    return Source(path.stem, program=program)


def _load_huggingface(path: Path, given: list[Input]) -> Source:
    from . import huggingface

    if not path.exists():
        raise LoadError(f"{path} does not exist")
    if path.is_dir() and not huggingface.is_config(path):
        raise LoadError(f"the folder {path} holds no config.json")
    with quiet():
        model = huggingface.build(path)
        example = {} if given else huggingface.example_inputs(model)
    if given:
        return _with_inputs(huggingface.model_name(path), model, given)
    return Source(huggingface.model_name(path), model, kwargs=dict(example))


def _load_attribute(place: str, attribute: str, given: list[Input], weights: bool) -> Source:
    module = _import(place)
    value: Any = module
    for part in attribute.split("."):
        if not hasattr(value, part):
            names = [n for n, v in vars(value).items() if not n.startswith("_") and _may_be_target(v)]
            near = get_close_matches(part, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise LoadError(f"{place} has no attribute {part!r}{hint} It has: {', '.join(names) or 'no models'}")
        value = getattr(value, part)
    says = [value, module]
    if isinstance(value, nn.Module):
        model = value
    elif callable(value):
        model = _construct(value, f"{place}:{attribute}", weights)
    else:
        raise LoadError(f"{place}:{attribute} is a {type(value).__name__}, not a torch.nn.Module or a factory of one")
    return _with_inputs(attribute.rpartition(".")[2], model, given, says)


def _may_be_target(value: Any) -> bool:
    return isinstance(value, nn.Module) or inspect.isclass(value) or inspect.isfunction(value)


def _import(place: str) -> ModuleType:
    path = Path(place)
    if path.suffix == ".py":
        if not path.is_file():
            raise LoadError(f"{place} does not exist")
        return _run(lambda: _import_file(path), place)
    if not all(part.isidentifier() for part in place.split(".")):
        raise LoadError(f"{place!r} is neither a Python file nor the name of a module; a target is {KINDS}")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return _run(lambda: importlib.import_module(place), place)


def _import_file(path: Path) -> ModuleType:
    resolved = path.resolve()
    if str(resolved.parent) not in sys.path:
        sys.path.insert(0, str(resolved.parent))
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) != str(resolved):
        name = f"user_{name}"  # it is called like a module that others import
    spec = importlib.util.spec_from_file_location(name, resolved)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _run(action: Callable[[], Any], what: str) -> Any:
    try:
        return action()
    except PtgraphError:
        raise
    except Exception as error:  # the user's own code may raise anything
        raise LoadError(f"importing {what} failed: {type(error).__name__}: {_first_line(error)}") from error


def _construct(factory: Callable[[], Any], what: str, weights: bool) -> nn.Module:
    """Call *factory*, on ``meta`` if it can be and no *weights* are wanted; the random state is seeded."""
    required = [
        name
        for name, p in _signature(factory).items()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if required:
        raise LoadError(
            f"{what} needs arguments to be built ({', '.join(required)}); name an instance, or a factory without any"
        )
    try:
        if weights:
            raise NotImplementedError
        with torch.device("meta"), quiet():
            model = factory()
        if isinstance(model, nn.Module) and any(p.is_meta for p in model.parameters()):
            model.to("meta")  # what came from numpy or by an old constructor ignored the device
    except Exception:  # real numbers are wanted, or its constructor works with some
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = _build_real(factory, what)
    if not isinstance(model, nn.Module):
        raise LoadError(f"{what} returned a {type(model).__name__}, not a torch.nn.Module")
    return model


def _build_real(factory: Callable[[], Any], what: str) -> Any:
    try:
        return factory()
    except Exception as error:  # the user's own code may raise anything
        raise LoadError(f"building {what} failed: {type(error).__name__}: {_first_line(error)}") from error


def _signature(factory: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(factory).parameters)
    except (TypeError, ValueError):
        return {}


def _with_inputs(name: str, model: nn.Module, given: list[Input], says: Sequence[Any] = ()) -> Source:
    """Return the source with the example inputs that the model, or one of *says*, gives, changed by *given*."""
    args, kwargs = example_inputs(model, says) or ((), {})
    if not given and not args and not kwargs and _wanted(model):
        raise UsageError(
            f"{name} says no example inputs; its forward takes {', '.join(_wanted(model))}: "
            f"give each as --input {FORM}, or a method example_inputs()"
        )
    parameters = inspect.signature(model.forward).parameters
    if given and any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        args, kwargs = tuple(item.tensor() for item in given), {}
    elif given:
        names = list(parameters)
        unknown = [item.name for item in given if item.name not in names]
        if unknown and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            raise UsageError(f"--input {unknown[0]}: forward has no such argument; it takes {', '.join(names)}")
        kwargs = {**dict(zip(names, args, strict=False)), **kwargs, **{i.name: i.tensor() for i in given}}
        args = ()
    args, kwargs = on_device_of(model, (args, kwargs))
    return Source(name, model, args, kwargs, {item.name: item.dynamic for item in given if item.dynamic})


def example_inputs(model: nn.Module, says: Sequence[Any] = ()) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Return the (args, kwargs) that ``example_inputs()`` of the model, or of one of *says*, gives, or None.

    It may return a dict by argument name, a tuple or list in order, or one tensor.
    """
    for owner in (model, *says):
        method = getattr(owner, "example_inputs", None)
        if not callable(method) or inspect.isclass(owner):
            continue
        try:
            found = method()
        except Exception as error:  # the user's own code may raise anything
            raise LoadError(f"example_inputs() failed: {type(error).__name__}: {_first_line(error)}") from error
        if isinstance(found, dict):
            return (), found
        return (tuple(found) if isinstance(found, tuple | list) else (found,)), {}
    return None


def on_device_of(model: nn.Module, inputs: Any) -> Any:
    """Return *inputs* with zeros in place of tensors that are on meta while the model is not, or the reverse."""
    state = [*model.parameters(), *model.buffers()]
    meta = any(tensor.is_meta for tensor in state)

    def move(tensor: torch.Tensor) -> torch.Tensor:
        if meta:
            return tensor.to("meta")
        return torch.zeros_like(tensor, device=state[0].device if state else "cpu") if tensor.is_meta else tensor

    return pytree.tree_map_only(torch.Tensor, move, inputs)


def _wanted(model: nn.Module) -> list[str]:
    parameters = inspect.signature(model.forward).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


__all__ = ["example_inputs", "file_stem", "load", "on_device_of"]
