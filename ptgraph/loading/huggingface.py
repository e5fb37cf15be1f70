"""A Hugging Face ``config.json`` → the model that it describes, on ``meta``."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as hooks

from ptgraph.common.interrupts import check as check_interrupt
from ptgraph.common.limits import limit, limit_text, remedy
from ptgraph.common.messages import quoted
from ptgraph.common.regular_file import need_file, read_whole
from ptgraph.common.suggest import did_you_mean, similar
from ptgraph.errors import LoadError
from ptgraph.loading.config_fields import culprits, fields, impossible, names_a_field, suspects, text_of
from ptgraph.loading.huggingface_inputs import nested_configs, one_line
from ptgraph.loading.meta_init import on_meta

log = logging.getLogger(__name__)

# How a mixture of experts computes: "eager" loops over the experts that were hit, which depends on values,
# and "grouped_mm" is an operation of transformers' own; this one is gathers and matrix products.
EXPERTS = "batched_mm"

_IGNORED = {"auto_map", "trust_remote_code", "quantization_config", "use_kernels", "kernel_config"}  # fetched or run
_IGNORED |= {  # chosen by ptgraph
    f"{name}_implementation{end}" for name in ("attn", "_attn", "experts", "_experts") for end in ("", "_internal")
}


def need_config(path: Path) -> None:
    """Raise LoadError if *path* is neither a file that can be read, nor a folder that holds such a ``config.json``."""
    file = _config_file(path)
    if file != path and not os.path.lexists(file):
        raise LoadError(f"the folder {path} holds no config.json")
    need_file(file, is_text=True)


def model_name(path: Path) -> str:
    """Return a name for the model: the one in its config, else the folder's, else its model type."""
    settings = _read(path)
    path_or_name = settings.get("_name_or_path")
    recorded = PurePosixPath(path_or_name).name if isinstance(path_or_name, str) else ""
    file = _config_file(path).resolve()
    folder = file.parent.name if file.name == "config.json" else ""
    return recorded or folder or str(settings.get("model_type", "model"))


def is_quantized(path: Path) -> bool:
    """Return whether the config at *path*, or one within it, says how weights are quantized."""
    return any(name == "quantization_config" and value for name, value in fields(_read(path)))


def build(path: Path, device: str = "meta") -> nn.Module:
    """Return the model that the config at *path* describes, in evaluation mode and without caches.

    On ``meta`` it has no weights; on another device it has its initial random weights.
    Raises LoadError if the config is not valid, or transformers is missing or cannot build the model.
    """
    transformers = _transformers()
    settings = _read(path)
    with _offline():
        config = _config(transformers, settings, path)
    for part in nested_configs(config):
        if getattr(part, "use_cache", None):
            part.use_cache = False
    make = _maker(transformers, config, settings, path)
    try:
        with on_meta() if device == "meta" else torch.device(device), _offline(), _not_too_many(path):
            model = make(config, experts_implementation=EXPERTS)
        if device == "meta":
            model.to(device)  # parameters made by torch.Tensor(n), an old constructor, ignored the device above
    except LoadError:
        raise
    except Exception as error:  # whatever a config can make transformers raise
        hint = suspects(settings, _usual(transformers, settings), error)
        if not hint and not names_a_field(error, settings):
            hint = culprits(settings, lambda changed: _made(transformers, changed, path))
        raise LoadError(f"{path}: transformers cannot build this model: {one_line(error)}{hint}") from error
    return model.eval()


def dynamic_shapes(inputs: Mapping[str, torch.Tensor]) -> dict[str, dict[int, str]]:
    """Names for the dimensions of *inputs* that may vary: the batch, and the length of token sequences."""
    return {name: {0: "batch", **AXES.get(name, {})} for name in inputs}


AXES = {
    "input_ids": {1: "sequence"},
    "bbox": {1: "sequence"},
    "decoder_input_ids": {1: "decoder_sequence"},
}


# Reading a config

Maker = Callable[..., nn.Module]


def _config_file(path: Path) -> Path:
    return path / "config.json" if path.is_dir() else path


def _read(path: Path) -> dict[str, Any]:
    file = _config_file(path)
    try:
        settings = json.loads(read_whole(file).decode("utf-8-sig"))
    except ValueError as error:
        raise LoadError(f"{file}: not JSON: {error}") from error
    except RecursionError as error:
        raise LoadError(f"{file}: not a config: it is nested too deeply") from error
    if not isinstance(settings, dict):
        raise LoadError(f"{file}: not a config: a JSON {type(settings).__name__} instead of an object")
    if (fault := impossible(settings)) is not None:
        raise LoadError(f"{file}: {fault}")
    kind, names = settings.get("model_type"), settings.get("architectures")
    if not isinstance(kind, str | None):
        raise LoadError(f"{file}: 'model_type' is {text_of(kind)}, not a name")
    if not (names is None or (isinstance(names, list) and all(isinstance(name, str) for name in names))):
        raise LoadError(f"{file}: 'architectures' is {text_of(names)}, not a list of names")
    return settings


def _own(settings: Any) -> Any:
    """Return a config without the fields that are fetched, run or chosen by ptgraph, also in configs within it."""
    if isinstance(settings, list):
        return [_own(value) for value in settings]
    if not isinstance(settings, dict):
        return settings
    kept = {name: _own(value) for name, value in settings.items() if name not in _IGNORED}
    return kept | ({"use_pretrained_backbone": False} if "use_pretrained_backbone" in kept else {})


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Keep transformers from the network, whatever a config names. Sets a constant of huggingface_hub meanwhile."""
    constants: Any = importlib.import_module("huggingface_hub.constants")
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextlib.contextmanager
def _not_too_many(path: Path) -> Iterator[None]:
    """Raise LoadError if more modules than the limit ``modules`` are made."""
    made = 0

    def count(module: nn.Module, name: str, submodule: Any) -> None:
        nonlocal made
        made += 1
        if made > limit("modules"):
            raise LoadError(f"{path}: a model of more than {limit_text('modules')} modules; {remedy('modules')}")

    handle = hooks.register_module_module_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


def _transformers() -> Any:
    try:
        return importlib.import_module("transformers")
    except ModuleNotFoundError as error:
        raise LoadError("transformers is not installed; pip install 'ptgraph[hf]'") from error


def _config(transformers: Any, settings: dict[str, Any], path: Path) -> Any:
    known = transformers.CONFIG_MAPPING
    kind = settings.get("model_type")
    if kind is None:
        raise LoadError(f"{path}: no 'model_type', which every Hugging Face config has")
    if kind not in known:
        raise LoadError(_unknown(path, "model type", kind, known.keys(), settings))
    try:
        return _config_of(transformers, settings)
    except Exception as error:  # a config class checks its own values, each in its way
        hint = suspects(settings, _usual(transformers, settings), error)
        if not hint and not names_a_field(error, settings):
            hint = culprits(settings, lambda changed: _config_of(transformers, changed))
        raise LoadError(f"{path}: not a valid {kind} config: {one_line(error)}{hint}") from error


def _made(transformers: Any, settings: dict[str, Any], path: Path) -> nn.Module:
    """Return the model of *settings* on meta; raises what transformers raises."""
    with on_meta(), _offline(), _not_too_many(path):
        config = _config_of(transformers, settings)
        return _maker(transformers, config, settings, path)(config, experts_implementation=EXPERTS)


def _config_of(transformers: Any, settings: dict[str, Any]) -> Any:
    kind = transformers.CONFIG_MAPPING[settings["model_type"]]
    # Not from_dict, which does not decode the infinities that transformers writes.
    return kind(**kind._decode_special_floats(_own(settings)))


def _usual(transformers: Any, settings: dict[str, Any]) -> Any:
    """Return the config that the model type has without any settings, or None if it has none."""
    try:
        return transformers.CONFIG_MAPPING[settings["model_type"]]()
    except Exception as error:  # some need settings
        check_interrupt(error)
        log.debug("no usual config", exc_info=True)
        return None


def _maker(transformers: Any, config: Any, settings: dict[str, Any], path: Path) -> Maker:
    """Return the function that builds a model from a config: of its architecture, or of its model type."""
    names = settings.get("architectures")
    if not names and type(config) not in transformers.MODEL_MAPPING:
        raise LoadError(f"{path}: {config.model_type!r} has no base model; name a class in 'architectures'")
    if not names:
        return transformers.AutoModel.from_config  # type: ignore[no-any-return]  # untyped
    found = getattr(transformers, names[0], None)
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        known = [name for name in dir(transformers) if name.endswith("Model") or "For" in name]
        raise LoadError(_unknown(path, "architecture", names[0], known, settings))
    return found._from_config  # type: ignore[attr-defined,no-any-return]  # what AutoModel calls too


def _unknown(path: Path, what: str, name: str, known: Iterable[str], settings: dict[str, Any]) -> str:
    if "auto_map" in settings:
        return f"{path}: {what} {quoted(name)} needs the model's own code (auto_map), which ptgraph does not run"
    return f"{path}: unknown {what} {quoted(name)}{did_you_mean(similar(str(name), known, count=3))}"


__all__ = ["build", "dynamic_shapes", "is_quantized", "model_name", "need_config"]
