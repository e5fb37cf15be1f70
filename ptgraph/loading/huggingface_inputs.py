"""Example inputs for a model of transformers, from its config."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterator
from textwrap import shorten
from typing import Any

import torch
from torch import nn

from ptgraph.errors import LoadError
from ptgraph.tracing.module_walk import named_parameters
from ptgraph.tracing.torch_internals import (
    FAKE_TENSOR_LOGGER,
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)

SEQUENCE = 16  # tokens
FRAMES = 128  # of a spectrogram, where the model has no length of its own
SAMPLES = 16_000  # of a waveform: one second
IMAGE_SIZE = 224


def example_inputs(model: nn.Module, batch: int = 1) -> dict[str, torch.Tensor]:
    """Return keyword arguments on ``meta`` that the forward of *model* accepts.

    *model* is one that `ptgraph.loading.huggingface.build` made. Inputs of further modalities are included if forward
    accepts them. Raises LoadError if no example is known for an input, or its config does not say its shape.
    """
    needed, extra = _wanted(model)
    inputs = {name: _example(model, name, batch) for name in needed}
    if not extra:
        return inputs
    every = inputs | {name: _example(model, name, batch) for name in extra}
    return every if _accepts(model, every) else inputs


def nested_configs(config: Any) -> Iterator[Any]:
    """Yield *config* and every config nested in it, outermost first."""
    level = [config]
    while level:
        yield from level
        level = [value for part in level for value in vars(part).values() if hasattr(value, "model_type")]


def one_line(error: Exception) -> str:
    """Return what an error of transformers says in one line of at most 200 characters, or the name of its class."""
    missing = re.search(r"Cannot reach (\S+): offline mode", str(error))
    if missing:
        return f"it names what would have to be fetched, and ptgraph fetches nothing ({missing[1]})"
    return shorten(str(error), 200, placeholder=" …") or type(error).__name__


# Which inputs, and of what shape


MODALITIES = ["input_ids", "pixel_values", "input_features", "input_values", "bbox"]


def _wanted(model: nn.Module) -> tuple[list[str], list[str]]:
    """Return the inputs that *model* needs, and those of further modalities that it may accept."""
    parameters = inspect.signature(model.forward).parameters
    main: Any = model.main_input_name
    needed = {main} if isinstance(main, str) else set(main)
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            needed.add(name)
    if getattr(model.config, "is_encoder_decoder", False):
        needed.add("decoder_input_ids")
    extra = [name for name in parameters if name in MODALITIES and name not in needed]
    return [name for name in parameters if name in needed], extra


def _example(model: nn.Module, name: str, batch: int) -> torch.Tensor:
    remedy = f"describe it with --input {name}:DTYPE:SHAPE"
    try:
        shape, dtype = INPUTS[name](model.config)
    except LookupError as error:
        raise LoadError(f"{type(model).__name__}: no example is known for its input {name!r}; {remedy}") from error
    except Exception as error:  # a setting is of another kind than those of transformers are
        text = f"{type(model).__name__}: its config says no shape of its input {name!r} ({one_line(error)}); {remedy}"
        raise LoadError(text) from error
    if dtype is torch.float:
        dtype = _float_dtype(model)
    try:
        return torch.zeros(batch, *shape, dtype=dtype, device="meta")
    except (RuntimeError, TypeError) as error:
        size = "×".join(map(str, [batch, *shape]))
        text = f"{type(model).__name__}: its config makes its input {name!r} {size}, which is no shape; {remedy}"
        raise LoadError(text) from error


def _accepts(model: nn.Module, inputs: dict[str, torch.Tensor]) -> bool:
    """Return whether forward accepts *inputs*, tried with fake tensors: an optional modality can need others."""
    log = logging.getLogger(FAKE_TENSOR_LOGGER)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True) as mode:
            model(**{name: mode.from_tensor(tensor) for name, tensor in inputs.items()})
    except (DataDependentOutputException, DynamicOutputShapeException):
        return True  # past its inputs, at a step that depends on their values: torch.export may follow it
    except Exception:  # whatever a model raises for inputs it cannot use
        log.debug("the model does not take %s", ", ".join(inputs), exc_info=True)
        return False
    finally:
        log.setLevel(level)
    return True


Spec = tuple[list[int], torch.dtype]  # the shape of one example, without the batch


def _setting(config: Any, *names: str, default: Any = None) -> Any:
    """Return the first of *names* that *config*, or else a config nested in it, sets."""
    values = (getattr(part, name, None) for name in names for part in nested_configs(config))
    return next((value for value in values if value is not None), default)


def _float_dtype(model: nn.Module) -> torch.dtype:
    return next((p.dtype for _, p in named_parameters(model) if p.is_floating_point()), torch.get_default_dtype())


def _tokens(config: Any) -> Spec:
    longest = _setting(config, "max_position_embeddings", default=SEQUENCE)
    return [min(SEQUENCE, longest) if longest > 0 else SEQUENCE], torch.long  # XLNet says -1


def _boxes(config: Any) -> Spec:
    shape, dtype = _tokens(config)
    return [*shape, 4], dtype


def _image(config: Any) -> list[int]:
    size = _setting(config, "image_size", "crop_size", default=IMAGE_SIZE)
    if isinstance(size, dict):
        size = [size["height"], size["width"]]
    height, width = size if isinstance(size, list | tuple) else (size, size)
    return [_setting(config, "num_channels", "in_channels", default=3), height, width]


def _pixels(config: Any) -> Spec:
    frames = _setting(config, "num_frames")
    return [*([frames] if frames else []), *_image(config)], torch.float


def _video(config: Any) -> Spec:
    frames = _setting(config, "num_frames", "frames_per_clip", default=16)
    return [frames, *_image(config)], torch.float


def _spectrogram(config: Any) -> Spec:
    mels = _setting(config, "num_mel_bins", default=80)
    side = _setting(config, "spec_size")
    positions = _setting(config, "max_source_positions")
    width = _setting(config, "feature_projection_input_dim", "input_feat_per_channel")
    if side:
        return [1, side * side // mels, mels], torch.float
    if width:
        return [FRAMES, width], torch.float
    if positions:
        return [mels, 2 * positions], torch.float
    return [FRAMES, mels], torch.float


def _waveform(config: Any) -> Spec:
    mels = _setting(config, "num_mel_bins")
    if mels and _setting(config, "max_length"):
        return [config.max_length, mels], torch.float
    channels = _setting(config, "audio_channels", default=1 if _setting(config, "codebook_size") else None)
    return [*([channels] if channels else []), SAMPLES], torch.float


def _series(config: Any) -> Spec:
    length, channels = _setting(config, "context_length"), _setting(config, "num_input_channels")
    if not (length and channels):
        raise LookupError("past_values")
    return [length, channels], torch.float


INPUTS: dict[str, Callable[[Any], Spec]] = {
    "input_ids": _tokens,
    "decoder_input_ids": _tokens,
    "bbox": _boxes,
    "pixel_values": _pixels,
    "pixel_values_videos": _video,
    "input_features": _spectrogram,
    "input_values": _waveform,
    "past_values": _series,
}

__all__ = ["example_inputs", "nested_configs", "one_line"]
