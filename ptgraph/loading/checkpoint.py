"""Checkpoints: files of weights → a model. They are read without a second copy, and refused if they do not fit."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ptgraph.common.messages import first_line, listed
from ptgraph.common.regular_file import need_file
from ptgraph.common.silence import quiet
from ptgraph.errors import LoadError
from ptgraph.loading.archives import check_archive, check_pickle

ENDINGS = (".safetensors", ".pt", ".pth", ".bin")
LARGEST_PICKLE = 64 * 2**20  # bytes, beside the tensors
WRAPPERS = ("state_dict", "model")  # keys under which training scripts put the weights


def fill(model: nn.Module, path: Path, name: str) -> None:
    """Give *model*, called *name*, the weights in the file *path*, in place; each parameter keeps its dtype.

    Of tied weights, the file need hold only one.
    Raises LoadError if the file cannot be read, or its names and shapes are not those of the model.
    """
    given = read(path)
    own = {n: t for n, t in nn.Module.state_dict(model, keep_vars=True).items() if isinstance(t, torch.Tensor)}
    state = OrderedDict(given)
    vars(state)["_metadata"] = getattr(given, "_metadata", None)  # versions of modules, for those that changed
    shapes, values, tied = [], [], set()
    for names in _groups(own):
        held = [n for n in names if n in given]
        shapes += [n for n in held if given[n].shape != own[n].shape]
        if not held or held[0] in shapes:
            tied.update(names[1:])
            continue
        values += [n for n in held[1:] if not torch.equal(given[n], given[held[0]])]
        value = given[held[0]].to(own[names[0]].dtype)
        if isinstance(own[names[0]], nn.Parameter):
            value = nn.Parameter(value, own[names[0]].requires_grad)
        state.update(dict.fromkeys(names, value))  # one object, so that they stay tied
    for n in shapes:
        del state[n]
    try:
        with quiet():
            left = nn.Module.load_state_dict(model, state, strict=False, assign=True)
    except Exception as error:  # a module may load its part by code of its own
        raise LoadError(f"{path} does not fit {name}: {first_line(error)}") from error
    faults = {
        "missing": [n for n in left.missing_keys if n not in tied and n not in shapes],
        "not in the model": left.unexpected_keys,
        "of another shape": [f"{n} ({_size(given[n])}, in the model {_size(own[n])})" for n in shapes],
        "tied in the model, and different in the file": values,
    }
    if any(faults.values()):
        said = "; ".join(f"{fault}: {listed(names)}" for fault, names in faults.items() if names)
        raise LoadError(f"{path} does not fit {name}; {said}")


def _groups(own: dict[str, torch.Tensor]) -> list[list[str]]:
    """Return the names of each tensor."""
    found = defaultdict(list)
    for name, tensor in own.items():
        found[id(tensor)].append(name)
    return list(found.values())


def _size(tensor: torch.Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a scalar"


def read(path: Path) -> Mapping[str, torch.Tensor]:
    """Return the tensors in a file by name, mapped into memory if its format allows that.

    Raises LoadError if it cannot be read, or holds anything but tensors.
    """
    need_file(path)
    if path.suffix not in ENDINGS:
        raise LoadError(f"{path} is no file of weights that ptgraph reads; those end with {', '.join(ENDINGS)}")
    try:
        with quiet():
            found = _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    except pickle.UnpicklingError as error:
        raise LoadError(
            f"{path} holds more than tensors, or it is damaged; write it with torch.save(model.state_dict(), …)"
        ) from error
    except OSError as error:
        raise LoadError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # zip, pickle and torch errors, all of them a bad file
        reason = first_line(error).partition(". ")[0]
        raise LoadError(f"{path} holds no weights that ptgraph can read, or it is damaged: {reason}") from error
    for key in WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping):
        raise LoadError(f"{path} holds something of type {type(found).__name__}, not tensors by name")
    others = [str(key) for key, value in found.items() if not isinstance(value, torch.Tensor)]
    others = [key for key in others if not key.endswith("_extra_state")]
    if others:
        raise LoadError(f"{path} holds more than tensors by name: {listed(others)}")
    return found


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def _pickled(path: Path) -> Any:
    is_archive = zipfile.is_zipfile(path)
    with path.open("rb") as file:
        check_archive(file, path.stat().st_size)
        if not is_archive:  # the old format begins with its pickle
            file.seek(0)
            check_pickle(file.read(LARGEST_PICKLE))
    return torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)


__all__ = ["ENDINGS", "fill", "read"]
