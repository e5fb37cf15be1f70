"""A target, as a person writes it → Source: the model and its example inputs."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, TypeVar

import torch
from torch import nn
from torch.utils import _pytree as pytree

from .beside import add_folder, is_library
from .checkpoint import fill, parameters_on_meta
from .empty import on_meta
from .errors import LoadError, PtgraphError, PtgraphWarning, UsageError, first_line, kind_of, need_file
from .inputs import FORM, Input, parse_inputs
from .onnx_reader import read_target
from .options import file_stem
from .quiet import quiet
from .tracer import Source

Result = TypeVar("Result")
MANY = 20  # names, beyond which a message lists no more
KINDS = "a preset, package.module:attribute, file.py:attribute, a .pt2 or .onnx file, or a Hugging Face config.json"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What was asked for beside the target."""

    inputs: list[Input]
    weights: bool
    made_up: bool
    checkpoint: Path | None
    trust: bool


def load(
    target: str,
    inputs: Sequence[str] = (),
    *,
    name: str | None = None,
    weights: bool = False,
    made_up: bool = False,
    checkpoint: str | None = None,
    trust: bool = False,
) -> Source:
    """Return the model that *target* names, with example inputs: its own, or those of *inputs*.

    A class, factory or preset is built on ``meta``, or with real random weights where *weights* asks for them;
    a config, which promises the weights of another file, only if they may be *made_up*. With the file
    *checkpoint*, the weights are those in it. Code in a .pt2 file is run only with *trust*.
    Raises LoadError where the target cannot be loaded or the checkpoint does not fit it, UsageError where
    *inputs* are malformed or missing.
    """
    file = Path(checkpoint) if checkpoint is not None else None
    wanted = _Wanted(parse_inputs(inputs), weights, made_up, file, trust)
    try:
        source = _load(target, wanted)
    except OSError as error:
        raise LoadError(f"cannot read {error.filename or target}: {error.strerror or error}") from error
    return replace(source, name=file_stem(name if name is not None else source.name, strict=name is not None))


def _load(target: str, wanted: _Wanted) -> Source:
    from .models import PRESETS, build

    path = Path(target)
    if not target:
        raise LoadError(f"the target is empty; a target is {KINDS}")
    if target in PRESETS:
        return _with_inputs(target, _construct(lambda: build(target), target, wanted), wanted)
    if path.suffix == ".pt2":
        return _load_program(path, wanted)
    if path.suffix == ".onnx":
        return _load_onnx(path, wanted)
    if path.suffix == ".json" or kind_of(path) == "folder":
        return _load_huggingface(path, wanted)
    place, colon, attribute = target.rpartition(":")
    if colon and place and attribute:
        return _load_attribute(place, attribute, wanted)
    file = target.removesuffix(":")
    if file.endswith(".py"):
        need_file(Path(file))
        raise LoadError(f"{file} names a file; say which attribute of it, such as {file}:Model")
    if path.is_file():
        raise LoadError(f"{target} is no file that ptgraph reads (weights alone are no model); a target is {KINDS}")
    near = get_close_matches(target, PRESETS, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise LoadError(f"unknown target {target!r}{hint} The presets are {', '.join(PRESETS)}; a target is {KINDS}")


def _load_onnx(path: Path, wanted: _Wanted) -> Source:
    if wanted.made_up:
        raise UsageError(
            f"{path} is an ONNX file, and ptgraph makes no model in torch of one; "
            "name the model itself, and to verify the file, name it as --onnx"
        )
    given = {"--input": wanted.inputs, "--weights": wanted.weights, "--checkpoint": wanted.checkpoint}
    return Source(path.stem, graph=read_target(path, [option for option, value in given.items() if value]))


def _load_program(path: Path, wanted: _Wanted) -> Source:
    if wanted.inputs:
        raise UsageError(f"{path} holds its own inputs; --input cannot change them")
    if wanted.checkpoint is not None:
        raise UsageError(f"{path} holds its own weights; --checkpoint cannot change them")
    need_file(path)
    from .archive import read_program  # torch's reader of programs takes a second to import

    return Source(path.stem, program=read_program(path, trust=wanted.trust))


def _load_huggingface(path: Path, wanted: _Wanted) -> Source:
    from . import huggingface

    if not path.exists():
        raise LoadError(f"{path} does not exist")
    if path.is_dir() and not huggingface.is_config(path):
        raise LoadError(f"the folder {path} holds no config.json")
    batch = next((item.shape[0] for item in wanted.inputs if item.shape), 1)
    with quiet():
        model = huggingface.build(path)
        try:
            example = huggingface.example_inputs(model, batch)
        except LoadError:  # it names the first input that it has no rule for; those given may be all
            if not wanted.inputs:
                raise
            example = {}
    if huggingface.is_quantized(path):
        text = f"{path}: quantization_config is ignored, and the model is drawn as it is before it is quantized"
        warnings.warn(text, PtgraphWarning, stacklevel=3)
    if wanted.made_up and wanted.checkpoint is None:
        _need_memory(model, path)
    if wanted.made_up or wanted.checkpoint is not None:
        model = _construct(partial(huggingface.build, path, "cpu"), str(path), wanted).eval()
    says = SimpleNamespace(example_inputs=lambda: dict(example))
    return _with_inputs(huggingface.model_name(path), model, wanted, [says])


def _need_memory(model: nn.Module, path: Path) -> None:
    """Raise LoadError if the weights of *model*, which is on meta, are more than this machine can hold."""
    size = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > memory:
        raise LoadError(
            f"the weights of {path} take {size / 2**30:.1f} GiB, and this machine has {memory / 2**30:.1f} GiB"
        )


def _load_attribute(place: str, attribute: str, wanted: _Wanted) -> Source:
    module = _import(place)
    value: Any = module
    target, parts = f"{place}:{attribute}", attribute.split(".")
    for depth, part in enumerate(parts):
        owner = f"{place}:{'.'.join(parts[:depth])}".removesuffix(":")
        try:
            value = _run(partial(getattr, value, part), f"reading {part!r} of {owner}", AttributeError)
        except AttributeError as error:
            raise LoadError(f"{owner} has no attribute {part!r}{_others(value, part)}") from error
    says = [value, module]
    if isinstance(value, nn.Module):
        model = value
    elif callable(value):
        model = _construct(value, target, wanted)
    else:
        raise LoadError(f"{target} is of type {type(value).__name__}, neither a torch.nn.Module nor a factory of one")
    return _with_inputs(attribute.rpartition(".")[2], model, wanted, says)


def _others(owner: Any, part: str) -> str:
    """Say which attribute of *owner* was meant by *part*, or which of them may be targets."""
    if isinstance(owner, nn.Module):
        names = [name for name, _ in owner.named_children()]
    elif isinstance(owner, ModuleType):
        names = [n for n, v in vars(owner).items() if not n.startswith("_") and _may_be_target(v, owner.__name__)]
    else:
        names = []
    public = [name for name in dir(owner) if not name.startswith("_")]
    near = get_close_matches(part, names, n=1) or get_close_matches(part, public, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    more = ", …" if len(names) > MANY else ""
    return f"; it has: {', '.join(names[:MANY])}{more}" if names else "; it has no models"


def _may_be_target(value: Any, module: str) -> bool:
    made_here = (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == module
    return made_here or isinstance(value, nn.Module)


def _import(place: str) -> ModuleType:
    path = Path(place)
    if path.suffix == ".py":
        need_file(path)
        return _run(lambda: _import_file(path), f"importing {place}")
    if not all(part.isidentifier() for part in place.split(".")):
        raise LoadError(f"{place!r} is neither a Python file nor the name of a module; a target is {KINDS}")
    folder = Path.cwd()
    add_folder(folder)
    try:
        return _run(lambda: importlib.import_module(place), f"importing {place}", ModuleNotFoundError)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{place}.".startswith(f"{error.name}."):
            raise LoadError(f"there is no module {error.name!r}, neither in {folder} nor installed") from error
        raise LoadError(f"importing {place} failed: {_reason(error)}") from error


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


def _run(action: Callable[[], Result], doing: str, *passed: type[Exception]) -> Result:
    """Run the user's own code: what it prints is dropped, what it raises (but *passed*) becomes a LoadError."""
    allowed: tuple[type[Exception], ...] = (PtgraphError, *passed)
    try:
        with quiet():
            return action()
    except allowed:
        raise
    except (Exception, SystemExit) as error:
        raise LoadError(f"{doing} failed: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r}); what only a script does belongs under if __name__ == '__main__'"
    return f"{type(error).__name__}: {first_line(error)}" if str(error).strip() else type(error).__name__


def _construct(factory: Callable[[], Any], what: str, wanted: _Wanted) -> nn.Module:
    """Call *factory*, on ``meta`` if it can be and no weights are *wanted*; the random state is seeded."""
    required = [
        name
        for name, p in _signature(factory).items()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if required:
        raise LoadError(
            f"{what} needs arguments to be built ({', '.join(required)}); name an instance, or a factory without any"
        )
    with torch.random.fork_rng(devices=[]):
        model = _empty(factory, wanted)
        if model is None:
            torch.manual_seed(0)
            model = _run(factory, f"building {what}")
    if not isinstance(model, nn.Module):
        raise LoadError(f"{what} returned something of type {type(model).__name__}, not a torch.nn.Module")
    return model


def _empty(factory: Callable[[], Any], wanted: _Wanted) -> Any:
    """Call *factory* where no numbers are made that nobody wants; return None if some are, or it cannot do without."""
    if wanted.checkpoint is None and (wanted.weights or wanted.made_up):
        return None
    torch.manual_seed(0)
    with contextlib.suppress(Exception, SystemExit), quiet():
        if wanted.checkpoint is not None:
            with parameters_on_meta():
                return factory()
        with on_meta():
            model = factory()
        if isinstance(model, nn.Module) and any(p.is_meta for p in model.parameters()):
            model.to("meta")  # what came from numpy or by an old constructor ignored the device
        return model
    return None


def _signature(factory: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(factory).parameters)
    except (TypeError, ValueError):
        return {}


def _with_inputs(name: str, model: nn.Module, wanted: _Wanted, says: Sequence[Any] = ()) -> Source:
    """Return the source with the weights that are wanted, and the example inputs that the model, or one of *says*,
    gives, changed by those that are wanted."""
    given = wanted.inputs
    if wanted.checkpoint is not None:
        fill(model, wanted.checkpoint, name)
    args, kwargs = example_inputs(model, says) or ((), {})
    if not given and not args and not kwargs and _wanted(model):
        raise UsageError(
            f"{name} gives no example inputs; its forward takes {', '.join(_wanted(model))}: "
            f"give each as --input {FORM}, or write a method example_inputs()"
        )
    parameters = inspect.signature(model.forward).parameters
    names = [n for n, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    in_order = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    by_any_name = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for item in given:
        if item.name not in names and (item.dynamic if in_order else not by_any_name):
            why = ", which a dimension that varies needs" if item.dynamic else ""
            takes = ", ".join(str(p).partition(":")[0].partition("=")[0] for p in parameters.values())
            raise UsageError(f"--input {item.name}: forward has no argument of that name{why}; it takes {takes}")
    if given and in_order:
        args, kwargs = tuple(item.tensor() for item in given), {}
    elif given:
        kwargs = {**dict(zip(names, args, strict=False)), **kwargs, **{i.name: i.tensor() for i in given}}
        args = tuple(kwargs.pop(n) for n, p in parameters.items() if p.kind is p.POSITIONAL_ONLY and n in kwargs)
    args, kwargs = separate(on_device_of(model, (args, kwargs)))
    return Source(name, model, args, kwargs, {item.name: item.dynamic for item in given if item.dynamic})


def example_inputs(model: nn.Module, says: Sequence[Any] = ()) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Return the (args, kwargs) that ``example_inputs()`` of the model, or of one of *says*, gives, or None.

    It may return a dict by argument name, a tuple or list in order, or one tensor.
    """
    for owner in (model, *says):
        method = getattr(owner, "example_inputs", None)
        if not callable(method) or inspect.isclass(owner):
            continue
        with torch.random.fork_rng(devices=[]):
            found = _run(method, "example_inputs()")
        if isinstance(found, Mapping) and all(isinstance(key, str) for key in found):
            return (), dict(found)
        if isinstance(found, tuple | list | torch.Tensor):
            return (tuple(found) if isinstance(found, tuple | list) else (found,)), {}
        kind = "a dict with keys that are no names" if isinstance(found, Mapping) else f"type {type(found).__name__}"
        raise LoadError(
            f"example_inputs() returned {kind}; it may return a dict by argument name, "
            "a tuple or list in order, or one tensor"
        )
    return None


def on_device_of(model: nn.Module, inputs: Any) -> Any:
    """Return *inputs* with zeros in place of tensors that are on meta while the model is not, or the reverse."""
    state = [*model.parameters(), *model.buffers()]
    meta = any(tensor.is_meta for tensor in state)

    def move(tensor: torch.Tensor) -> torch.Tensor:
        if meta:
            return tensor.to("meta")
        if not tensor.is_meta:
            return tensor
        try:
            return torch.zeros_like(tensor, device=state[0].device if state else "cpu")
        except RuntimeError as error:  # the model has real weights, so its inputs need real memory
            raise UsageError(f"an input of the shape {tuple(tensor.shape)} does not fit into memory") from error

    return pytree.tree_map_only(torch.Tensor, move, inputs)


def separate(inputs: Any) -> Any:
    """Return *inputs* with another tensor object, on the same memory, in place of each tensor.

    torch.export leaves marks on those that it is given, and takes one that is given twice for a single input.
    """
    return pytree.tree_map_only(torch.Tensor, lambda t: t.detach().requires_grad_(t.requires_grad), inputs)


def _wanted(model: nn.Module) -> list[str]:
    parameters = inspect.signature(model.forward).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]


__all__ = ["example_inputs", "load", "on_device_of", "separate"]
