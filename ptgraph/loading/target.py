"""Targets, as a person writes them → Source. The form of a target chooses its loader."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from ptgraph.common.file_names import file_stem
from ptgraph.common.messages import kind_of
from ptgraph.common.regular_file import need_file
from ptgraph.common.silence import quiet
from ptgraph.common.suggest import did_you_mean, similar
from ptgraph.errors import LoadError, PtgraphWarning, UsageError
from ptgraph.loading.construct import construct, need_memory
from ptgraph.loading.example_inputs import with_inputs
from ptgraph.loading.input_spec import parse_inputs
from ptgraph.loading.python_target import load_attribute
from ptgraph.loading.request import KINDS, Request
from ptgraph.loading.torchscript_file import is_pickled, is_torchscript, read_torchscript
from ptgraph.onnx.reading.read import read_target
from ptgraph.tracing.source import Source


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

    A class, factory or preset is built on ``meta``, or with *weights* with real random ones. A Hugging Face config
    promises the weights of another file, so it gets random ones only with *made_up*. *checkpoint* is a file of weights
    for the model. Code in a .pt2 file is run only with *trust*.
    Raises LoadError if the target cannot be loaded or the checkpoint does not fit it; UsageError if *inputs* have
    another form, do not fit, or are missing.
    """
    file = Path(checkpoint) if checkpoint is not None else None
    wanted = Request(parse_inputs(inputs), weights, made_up, file, trust)
    try:
        source = _load(target, wanted)
    except OSError as error:
        raise LoadError(f"cannot read {error.filename or target}: {error.strerror or error}") from error
    return replace(source, name=file_stem(name if name is not None else source.name, strict=name is not None))


def _load(target: str, wanted: Request) -> Source:
    from ptgraph.models import PRESETS, build

    path = Path(target)
    if not target:
        raise LoadError(f"the target is empty; a target is {KINDS}")
    if target in PRESETS:
        return with_inputs(target, construct(lambda: build(target), target, wanted), wanted)
    if kind_of(path) is None and os.path.lexists(path):
        need_file(path)  # a pipe, a device, or a link that leads nowhere
    if path.suffix == ".pt2":
        return _load_program(path, wanted)
    if path.suffix == ".onnx":
        return _load_onnx(path, wanted)
    if is_torchscript(path):
        return _load_torchscript(path, wanted)
    if path.suffix == ".json" or kind_of(path) == "folder":
        return _load_huggingface(path, wanted)
    location, colon, attribute = target.rpartition(":")
    if colon and location and attribute:
        return load_attribute(location, attribute, wanted)
    file = target.removesuffix(":")
    if file.endswith(".py"):
        need_file(Path(file))
        raise LoadError(f"{file} names a file; say which attribute of it, such as {file}:Model")
    if is_pickled(path):
        raise LoadError(
            f"{target} is a file of torch.save: weights, or a module as Python code; name the class of the model, "
            "and give its weights as --checkpoint"
        )
    if path.is_file():
        need_file(path)
        raise LoadError(f"{target} is no file that ptgraph reads (weights alone are no model); a target is {KINDS}")
    hint = did_you_mean(map(repr, similar(target, PRESETS, cutoff=0.5))) or "."
    raise LoadError(f"unknown target {target!r}{hint} The presets are {', '.join(PRESETS)}; a target is {KINDS}")


def _load_onnx(path: Path, wanted: Request) -> Source:
    if wanted.made_up:
        raise UsageError(
            f"{path} is an ONNX file, and ptgraph makes no model in torch of one; "
            "name the model itself, and to verify the file, name it as --onnx"
        )
    given = {"--input": wanted.inputs, "--weights": wanted.weights, "--checkpoint": wanted.checkpoint}
    return Source(path.stem, graph=read_target(path, [option for option, value in given.items() if value]))


def _load_program(path: Path, wanted: Request) -> Source:
    if wanted.inputs:
        raise UsageError(f"{path} holds its own inputs; --input cannot change them")
    if wanted.checkpoint is not None:
        raise UsageError(f"{path} holds its own weights; --checkpoint cannot change them")
    need_file(path)
    from ptgraph.loading.exported_program import read_program  # torch's reader of programs takes a second to import

    return Source(path.stem, program=read_program(path, trust=wanted.trust))


def _load_torchscript(path: Path, wanted: Request) -> Source:
    if wanted.checkpoint is not None:
        raise UsageError(f"{path} holds its own weights; --checkpoint cannot change them")
    return with_inputs(path.stem, read_torchscript(path, trust=wanted.trust), wanted)


def _load_huggingface(path: Path, wanted: Request) -> Source:
    from ptgraph.loading import huggingface, huggingface_inputs

    huggingface.need_config(path)
    batch = next((item.shape[0] for item in wanted.inputs if item.shape), 1)
    with quiet():
        model = huggingface.build(path)
        try:
            example = huggingface_inputs.example_inputs(model, batch)
        except LoadError:  # it names the first input that it has no rule for; those given may be all
            if not wanted.inputs:
                raise
            example = {}
    if huggingface.is_quantized(path):
        text = f"{path}: quantization_config is ignored, and the model is drawn as it is before it is quantized"
        warnings.warn(text, PtgraphWarning, stacklevel=3)
    if wanted.made_up and wanted.checkpoint is None:
        need_memory(model, path)
    if wanted.made_up or wanted.checkpoint is not None:
        model = construct(partial(huggingface.build, path, "cpu"), str(path), wanted).eval()
    says = SimpleNamespace(example_inputs=lambda: dict(example))
    return with_inputs(huggingface.model_name(path), model, wanted, [says])


__all__ = ["load"]
