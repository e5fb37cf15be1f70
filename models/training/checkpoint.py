"""Checkpoints: everything that a run needs to go on, in one file that is whole or not there."""

import re
import warnings
from pathlib import Path
from typing import Any

import torch

from .files import write_whole

__all__ = ["CheckpointError", "latest", "load_checkpoint", "save_checkpoint"]

_NAME = re.compile(r"step-(\d{6,})\.pt")


class CheckpointError(ValueError):
    """A checkpoint cannot be read."""


def save_checkpoint(folder: Path, step: int, state: dict[str, Any], keep: int = 2) -> Path:
    """Write `folder/step-NNNNNN.pt`, and remove all but the newest `keep`.

    `state` holds tensors and plain values, so that `torch.load(weights_only=True)` reads it and nothing in the
    file can run code.
    """
    path = folder / f"step-{step:06d}.pt"
    write_whole(path, lambda file: torch.save(state, file))
    for old in _newest_first(folder)[keep:]:
        old.unlink()
    return path


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        CheckpointError: the file is not there, is cut off or damaged, or is no checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}") from None
    except Exception as error:  # what is damaged can fail in any way
        raise CheckpointError(f"{path} is cut off, damaged or no checkpoint ({path.stat().st_size:,} bytes)") from error
    if not isinstance(state, dict) or "model" not in state:
        raise CheckpointError(f"{path} is a file of torch, but no checkpoint: it holds no model")
    return state


def latest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the newest checkpoint of a folder that can be read, with its path; None if there is none at all.

    A newer one that cannot be read is passed over with a warning that names it.

    Raises:
        CheckpointError: there are checkpoints, and none can be read.
    """
    found = _newest_first(folder)
    for path in found:
        try:
            return path, load_checkpoint(path)
        except CheckpointError as error:
            if path == found[-1]:
                raise
            warnings.warn(f"{error}; the one before is used", stacklevel=2)
    return None


def _newest_first(folder: Path) -> list[Path]:
    named = [(int(match[1]), path) for path in folder.glob("step-*.pt") if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(named, reverse=True)]
