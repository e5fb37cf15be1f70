"""The Python API: trace, analyze, export."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from . import analysis as numbers
from . import exporter as files
from .build import build
from .errors import UsageError
from .graph import ModelGraph
from .load import example_inputs, file_stem, on_device_of
from .options import Options, Weights
from .tracer import Dynamic, Source, capture


def trace(
    model: nn.Module | ExportedProgram,
    *args: Any,
    dynamic: Dynamic | None = None,
    name: str | None = None,
    **kwargs: Any,
) -> ModelGraph:
    """Trace ``model(*args, **kwargs)`` and return its graph.

    Tensors may be on ``meta``: no weights are needed, and none are copied. Without arguments, the model's own
    ``example_inputs()`` serves. The model is left exactly as it was found; it is traced in evaluation mode.

    Args:
        model: a module, or a program that torch.export made.
        dynamic: dimensions that may vary, by argument and number, with their names:
            ``{"x": {0: "batch"}}``.
        name: what the graph is called; its files will be too. Default: the class's name.

    Raises:
        UsageError: the arguments do not fit ``forward``, or a dynamic dimension does not exist.
        TraceError: no tracer can follow the model, or a dynamic dimension cannot vary.
    """
    given = None if name is None else file_stem(name, strict=True)
    if isinstance(model, ExportedProgram):
        if args or kwargs or dynamic:
            raise UsageError("an exported program has its inputs already; pass none")
        return build(capture(Source(given or "model", program=model)))
    if not isinstance(model, nn.Module):
        kind = f"the class {model.__name__}" if isinstance(model, type) else f"an object of type {type(model).__name__}"
        raise UsageError(f"a model is a torch.nn.Module or an ExportedProgram, not {kind}")
    if not args and not kwargs:
        args, kwargs = example_inputs(model) or ((), {})
    args, kwargs = pytree.tree_map_only(torch.Tensor, _same_values, on_device_of(model, (args, kwargs)))
    stem = given or file_stem(type(model).__name__)
    graph = build(capture(Source(stem, model, tuple(args), kwargs, dynamic or {})))
    if graph.attempts:
        reasons = "; ".join(f"{tracer}: {reason}" for tracer, reason in graph.attempts)
        warnings.warn(f"{stem} was traced by {graph.tracer}, since {reasons}", stacklevel=2)
    return graph


def _same_values(tensor: torch.Tensor) -> torch.Tensor:
    """Return another tensor object on the same memory: torch.export leaves marks on those that it is given."""
    return tensor.detach().requires_grad_(tensor.requires_grad)


def analyze(graph_or_model: ModelGraph | nn.Module, *args: Any, **kwargs: Any) -> numbers.Analysis:
    """Return the numbers of a graph, or of a model, which is traced with the arguments first (see `trace`)."""
    return numbers.analyze(_graph(graph_or_model, args, kwargs))


def export(
    graph_or_model: ModelGraph | nn.Module,
    output: str | os.PathLike[str] = "exports",
    formats: str | Iterable[str] | None = None,
    *,
    name: str | None = None,
    depth: int | None = None,
    weights: Weights = "none",
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    dynamic: Dynamic | None = None,
) -> list[Path]:
    """Write a graph, or a model, as ``output/NAME.FORMAT`` and return the paths.

    Args:
        graph_or_model: what ``trace`` returned, or a model to trace with *args*, *kwargs* and *dynamic*.
        output: the folder; it is made if it does not exist.
        formats: ``"onnx,svg"``, ``["onnx", "svg"]``, or None for all.
        name: the files' stem. Default: the graph's name.
        depth: how many levels of modules pictures open.
        weights: what becomes of parameter values in ONNX: ``"none"``, ``"external"`` or ``"embedded"``.

    Raises:
        UsageError: a format or a weights word is not known.
        ExportError: a file could not be made or written; nothing is left half-written, and formats that could
            be made are written.
    """
    if weights not in ("none", "external", "embedded"):
        raise UsageError(f"weights is {weights!r}; there are: none, external, embedded")
    if depth is not None and depth < 1:
        raise UsageError(f"depth is {depth}; it must be 1 or more")
    files.formats(formats)  # before the long work
    graph = _graph(graph_or_model, args, {**(kwargs or {}), "dynamic": dynamic})
    if name is not None:
        graph = replace(graph, name=file_stem(name, strict=True))
    done = files.export(graph, output, formats, Options(depth, weights))
    done.complain()
    for missing in done.skipped:
        warnings.warn(f"no {missing.format}: {missing.reason}", stacklevel=2)
    return list(done.files)


def _graph(graph_or_model: ModelGraph | nn.Module, args: Any, kwargs: dict[str, Any]) -> ModelGraph:
    if isinstance(graph_or_model, ModelGraph):
        if args or any(value is not None for value in kwargs.values()):
            raise UsageError(f"{graph_or_model.name} is traced already; inputs and dimensions cannot change it")
        return graph_or_model
    return trace(graph_or_model, *args, **kwargs)


__all__ = ["analyze", "export", "trace"]
