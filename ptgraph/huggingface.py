"""A Hugging Face `config.json` → the model it describes, on `meta`, and inputs that it accepts."""

import contextlib
import importlib
import inspect
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from textwrap import shorten
from typing import Any

import torch
from torch import nn
from torch._subclasses import fake_tensor
from torch.nn.modules import module as hooks

from ptgraph.empty import on_meta
from ptgraph.errors import LoadError

__all__ = ["build", "dynamic_shapes", "example_inputs", "is_config", "is_quantized", "model_name"]

SEQUENCE = 16  # tokens
FRAMES = 128  # of a spectrogram, where the model has no length of its own
SAMPLES = 16_000  # of a waveform: one second
IMAGE_SIZE = 224

# How a mixture of experts computes: "eager" loops over the experts that were hit, which depends on values,
# and "grouped_mm" is an operation of transformers' own; this one is gathers and matrix products.
EXPERTS = "batched_mm"

MANY = 100_000  # layers and the like, which are made one by one
MANY_MODULES = 300_000
_COUNT = re.compile(r"(num|n)_\w*(layers?|blocks|labels|experts|heads|stages)|\w*_layers|depths?|num_layer")
_IGNORED = {  # what would be fetched or run, or is chosen by ptgraph
    *("auto_map", "trust_remote_code", "quantization_config", "use_kernels", "kernel_config"),
    *(f"{name}_implementation{end}" for name in ("attn", "_attn", "experts", "_experts") for end in ("", "_internal")),
}


def is_config(path: Path) -> bool:
    """Whether *path* names a JSON file or a folder that holds a `config.json`."""
    return path.suffix == ".json" or (path / "config.json").is_file()


def model_name(path: Path) -> str:
    """A file stem for the model: the name its config records, else the folder's, else its model type."""
    settings = _read(path)
    path_or_name = settings.get("_name_or_path")
    recorded = PurePosixPath(path_or_name).name if isinstance(path_or_name, str) else ""
    file = _config_file(path).resolve()
    folder = file.parent.name if file.name == "config.json" else ""
    return recorded or folder or str(settings.get("model_type", "model"))


def is_quantized(path: Path) -> bool:
    """Whether the config at *path*, or one within it, says how weights are quantized."""
    return any(name == "quantization_config" and value for name, value in _fields(_read(path)))


def build(path: Path, device: str = "meta") -> nn.Module:
    """The model that the config at *path* describes, in eval mode and without caches.

    On `meta` it has no weights, elsewhere the random ones that it starts with.
    """
    transformers = _transformers()
    settings = _read(path)
    with _offline():
        config = _config(transformers, settings, path)
    for part in _configs(config):
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
        raise LoadError(f"{path}: transformers cannot build this model: {_one_line(error)}") from error
    return model.eval()


def example_inputs(model: nn.Module, batch: int = 1) -> dict[str, torch.Tensor]:
    """Keyword arguments on `meta` that the forward of *model*, built by `build`, accepts."""
    needed, extra = _wanted(model)
    inputs = {name: _example(model, name, batch) for name in needed}
    if not extra:
        return inputs
    every = inputs | {name: _example(model, name, batch) for name in extra}
    return every if _accepts(model, every) else inputs


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
        settings = json.loads(file.read_text(encoding="utf-8-sig"))
        for name, value in _fields(settings):
            if _COUNT.fullmatch(name) and isinstance(value, int) and value > MANY:
                raise LoadError(f"{file}: {name} is {value:,}, and ptgraph makes no more than {MANY:,}")
    except OSError as error:
        raise LoadError(f"{file}: {error.strerror or error}") from error
    except ValueError as error:
        raise LoadError(f"{file}: not JSON: {error}") from error
    except RecursionError as error:
        raise LoadError(f"{file}: not a config: it is nested too deeply") from error
    if not isinstance(settings, dict):
        raise LoadError(f"{file}: not a config: a JSON {type(settings).__name__} instead of an object")
    kind, names = settings.get("model_type"), settings.get("architectures")
    if not isinstance(kind, str | None):
        raise LoadError(f"{file}: 'model_type' is {json.dumps(kind)}, not a name")
    if not (names is None or (isinstance(names, list) and all(isinstance(name, str) for name in names))):
        raise LoadError(f"{file}: 'architectures' is {json.dumps(names)}, not a list of names")
    return settings


def _fields(settings: Any) -> Iterator[tuple[str, Any]]:
    """Yield each field of a config and of those within, with its value."""
    if isinstance(settings, dict):
        yield from settings.items()
    for value in settings.values() if isinstance(settings, dict) else settings if isinstance(settings, list) else ():
        yield from _fields(value)


def _own(settings: Any) -> Any:
    """Return a config without what would be fetched or run, in it and in those within."""
    if isinstance(settings, list):
        return [_own(value) for value in settings]
    if not isinstance(settings, dict):
        return settings
    kept = {name: _own(value) for name, value in settings.items() if name not in _IGNORED}
    return kept | ({"use_pretrained_backbone": False} if "use_pretrained_backbone" in kept else {})


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Keep transformers from fetching what a config names."""
    constants: Any = importlib.import_module("huggingface_hub.constants")
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextlib.contextmanager
def _not_too_many(path: Path) -> Iterator[None]:
    """Raise LoadError where a model gets more modules than anything could show."""
    made = 0

    def count(module: nn.Module, name: str, submodule: Any) -> None:
        nonlocal made
        made += 1
        if made > MANY_MODULES:
            raise LoadError(f"{path}: a model of more than {MANY_MODULES:,} modules, which nothing could show")

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
        # Not from_dict, which does not decode the infinities that transformers writes.
        return known[kind](**known[kind]._decode_special_floats(_own(settings)))
    except Exception as error:  # a config class checks its own values, each in its way
        raise LoadError(f"{path}: not a valid {kind} config: {_one_line(error)}") from error


def _maker(transformers: Any, config: Any, settings: dict[str, Any], path: Path) -> Maker:
    """The function that builds a model from a config: of its architecture, or of its model type."""
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
        return f"{path}: {what} {name!r} needs the model's own code (auto_map), which ptgraph does not run"
    near = get_close_matches(str(name), known)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"{path}: unknown {what} {name!r}{hint}"


def _configs(config: Any) -> Iterator[Any]:
    """*config* and every config nested in it, outermost first."""
    level = [config]
    while level:
        yield from level
        level = [value for part in level for value in vars(part).values() if hasattr(value, "model_type")]


def _one_line(error: Exception) -> str:
    missing = re.search(r"Cannot reach (\S+): offline mode", str(error))
    if missing:
        return f"it names what would have to be fetched, and ptgraph fetches nothing ({missing[1]})"
    return shorten(str(error), 200, placeholder=" …") or type(error).__name__


# Which inputs, and of what shape


MODALITIES = ["input_ids", "pixel_values", "input_features", "input_values", "bbox"]


def _wanted(model: nn.Module) -> tuple[list[str], list[str]]:
    """The inputs that *model* must have, and those of further modalities that it may be able to take."""
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
        text = f"{type(model).__name__}: its config says no shape of its input {name!r} ({_one_line(error)}); {remedy}"
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
    """Whether forward runs on *inputs*, as fake tensors: an optional modality can need companions."""
    log = logging.getLogger(fake_tensor.__name__)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with torch.no_grad(), fake_tensor.FakeTensorMode(allow_non_fake_inputs=True) as mode:
            model(**{name: mode.from_tensor(tensor) for name, tensor in inputs.items()})
    except (fake_tensor.DataDependentOutputException, fake_tensor.DynamicOutputShapeException):
        return True  # past its inputs, at a step that depends on their values: torch.export may follow it
    except Exception:  # whatever a model raises for inputs it cannot use
        return False
    finally:
        log.setLevel(level)
    return True


Spec = tuple[list[int], torch.dtype]  # the shape of one example, without the batch


def _setting(config: Any, *names: str, default: Any = None) -> Any:
    """The first of *names* that *config*, or else a config nested in it, sets."""
    values = (getattr(part, name, None) for name in names for part in _configs(config))
    return next((value for value in values if value is not None), default)


def _float_dtype(model: nn.Module) -> torch.dtype:
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.get_default_dtype())


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
