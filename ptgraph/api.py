"""The Python API: load, trace, analyze, export, verify, and look at attention."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.export import ExportedProgram

from ptgraph.common.file_names import file_stem
from ptgraph.common.silence import alone
from ptgraph.errors import UsageError
from ptgraph.figure.options import FigureOptions
from ptgraph.formats import export as exporter
from ptgraph.formats.options import Options
from ptgraph.graph.analysis import Analysis
from ptgraph.graph.analysis import analyze as analysis_of
from ptgraph.graph.labels import attempts_text
from ptgraph.graph.model import ModelGraph
from ptgraph.loading.example_inputs import example_inputs, on_device_of, separate
from ptgraph.loading.target import load
from ptgraph.notebook import display
from ptgraph.onnx.options import Structure, Weights
from ptgraph.page.overlay import Overlay, match, unmatched_text
from ptgraph.page.overlay_files import overlays_of, read_overlays
from ptgraph.tracing.build_graph import graph_of
from ptgraph.tracing.lazy_modules import initialized, uninitialized
from ptgraph.tracing.module_walk import named_parameters
from ptgraph.tracing.source import Dynamic, Source
from ptgraph.tracing.stand_ins import class_name

if TYPE_CHECKING:
    from ptgraph.comparison.result import GraphDiff
    from ptgraph.onnx.verifying.compare import OutputCheck

display.register()


@alone
def load_target(target: str, inputs: Iterable[str] = (), *, weights: bool = False, trust: bool = False) -> Source:
    """Return the model that a target of the command line means, with example inputs: what ``trace`` takes.

    Args:
        target: a preset, ``package.module:attribute``, ``file.py:attribute``, a .pt2 or .onnx file, or a
            Hugging Face config.
        inputs: example inputs, such as ``"ids:int64:batch=2xsequence=16"``, where the target has none of its own.
        weights: make the model with parameter values (random ones, unless it loads its own), and not on ``meta``.
        trust: run the code that a .pt2 file may hold; without it, a file that holds some is refused.

    Raises:
        LoadError: there is no such target, or it cannot be made.
        UsageError: an input is not written correctly, or does not fit.
    """
    return load(target, tuple(inputs), weights=weights, made_up=weights, trust=trust)


def attention_patterns(model: nn.Module | Source, *args: Any, **kwargs: Any) -> dict[str, torch.Tensor]:
    """Run a model, and return module path → attention probabilities, ``[batch, heads, queries, keys]``.

    What `load_target` returned needs no arguments: it runs on its own inputs where they are real, and on random ones
    of the same shapes where not. The model must have weights; see `ptgraph.notebook.attention_maps.attention_patterns`.

    Raises:
        UsageError: the model is on ``meta``, or is a program that has no modules.
    """
    from ptgraph.notebook.attention_maps import attention_patterns as look
    from ptgraph.tracing.sample_inputs import Sampler

    module = model.model if isinstance(model, Source) else model
    if module is None:
        raise UsageError("an exported program has no modules left that could attend; load the model itself")
    if any(parameter.is_meta for _, parameter in named_parameters(module)):
        raise UsageError("the model has no weights (it is on meta); load it with weights=True")
    if isinstance(model, Source):
        if args or kwargs:
            raise UsageError(f"{model.name} has its inputs already; pass none")
        args, kwargs = model.args, model.kwargs
        graph = graph_of(model)
        if graph.program is not None:
            sample = Sampler(model, graph).first()
            args, kwargs = sample.args, sample.kwargs
    elif not args and not kwargs:
        args, kwargs = example_inputs(module) or ((), {})
    return look(module, *args, **kwargs)


def trace(
    model: nn.Module | ExportedProgram | Source,
    *args: Any,
    dynamic: Dynamic | None = None,
    name: str | None = None,
    **kwargs: Any,
) -> ModelGraph:
    """Trace ``model(*args, **kwargs)`` and return its graph.

    Tensors may be on ``meta``: no weights are needed, and none are copied. Without arguments, the model's own
    ``example_inputs()`` serves. The model is left exactly as it was found; it is traced in evaluation mode.

    Args:
        model: a module, a program that torch.export made, or what `load_target` returned.
        dynamic: dimensions that may vary, by argument and number, with their names:
            ``{"x": {0: "batch"}}``.
        name: what the graph is called; its files will be too. Default: the class's name.

    Raises:
        UsageError: the arguments do not fit ``forward``, or a dynamic dimension does not exist.
        TraceError: no tracer can follow the model, or a dynamic dimension cannot vary.
    """
    return _traced(_source(model, args, kwargs, dynamic, name))


@alone
def _source(
    model: nn.Module | ExportedProgram | Source,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dynamic: Any,
    name: str | None,
) -> Source:
    given = None if name is None else file_stem(name, strict=True)
    if isinstance(model, Source):
        if args or kwargs or dynamic:
            raise UsageError(f"{model.name} has its inputs already; pass none")
        return replace(model, name=given or model.name)
    if isinstance(model, ExportedProgram):
        if args or kwargs or dynamic:
            raise UsageError("an exported program has its inputs already; pass none")
        return Source(given or "model", program=model)
    if not isinstance(model, nn.Module):
        kind = f"the class {model.__name__}" if isinstance(model, type) else f"an object of type {type(model).__name__}"
        raise UsageError(f"a model is a torch.nn.Module or an ExportedProgram, not {kind}")
    if not args and not kwargs:
        args, kwargs = example_inputs(model) or ((), {})
    called = given or file_stem(class_name(model))
    if uninitialized(model) is not None:
        model = initialized(model, *on_device_of(model, (args, kwargs)), name=called)
    args, kwargs = separate(on_device_of(model, (args, kwargs)))
    return Source(called, model, tuple(args), kwargs, dynamic or {})


def _traced(source: Source) -> ModelGraph:
    graph = graph_of(source)
    if graph.attempts:
        text = attempts_text(graph.attempts)
        warnings.warn(f"{source.name} was traced by {graph.tracer}, since {text}", stacklevel=3)
    return graph


def analyze(graph_or_model: ModelGraph | nn.Module | ExportedProgram, *args: Any, **kwargs: Any) -> Analysis:
    """Return the numbers of a graph, or of a model, which is traced with the arguments first (see `trace`)."""
    return analysis_of(_graph(graph_or_model, args, kwargs))


def export(
    graph_or_model: ModelGraph | nn.Module | ExportedProgram,
    output: str | os.PathLike[str] = "exports",
    formats: str | Iterable[str] | None = None,
    *,
    name: str | None = None,
    depth: int | None = None,
    weights: Weights = "none",
    structure: Structure = "functions",
    opset: int | None = None,
    overlay: str | os.PathLike[str] | Mapping[str, Any] | Sequence[Any] | None = None,
    figure: FigureOptions = FigureOptions(),  # noqa: B008 (frozen)
    strict: bool = False,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    dynamic: Dynamic | None = None,
) -> list[Path]:
    """Write a graph, or a model, as ``output/NAME.FORMAT`` and return the paths.

    Args:
        graph_or_model: what ``trace`` returned, or a model to trace with *args*, *kwargs* and *dynamic*.
        output: the folder; it is made if it does not exist.
        formats: ``"onnx,svg"``, ``["onnx", "svg"]``, ``"all"``, or None for onnx, html, svg and json.
        name: the files' stem. Default: the graph's name.
        depth: how many levels of modules pictures open.
        weights: what becomes of parameter values in ONNX: ``"none"``, ``"external"`` or ``"embedded"``.
        structure: equal blocks in ONNX: ``"functions"``, one for all of them, or ``"flat"``, each in full.
        opset: the version of ONNX's operators. Default: the one that gives the most legible graph.
        overlay: numbers of your own that the page colours by: ``{path: number}`` or ``{name: {path: number}}``, by
            module path or operation; or a CSV or JSON file of them, or several files.
        figure: how figures look (see `FigureOptions`).
        strict: whether it is an error if the model has no ONNX, or one with operators that no runtime can run.

    Raises:
        UsageError: a format or another choice is not known, or an overlay cannot be read or fits nothing.
        ExportError: a file could not be made or written; nothing is left half-written, and formats that could
            be made are written.
    """
    options = Options(depth, weights, structure, opset, _overlays(overlay), figure, strict)  # before the long work
    exporter.formats(formats)
    graph = _graph(graph_or_model, args, {**(kwargs or {}), "dynamic": dynamic})
    if name is not None:
        graph = replace(graph, name=file_stem(name, strict=True))
    kept, lost = match(options.overlays, graph)
    if lost:
        warnings.warn(unmatched_text(lost, graph.name), stacklevel=2)
    options = replace(options, overlays=kept)
    done = exporter.export(graph, output, formats, options)
    done.complain()
    for missing in done.skipped:
        warnings.warn(f"no {missing.format}: {missing.reason}", stacklevel=2)
    return list(done.files)


def _overlays(given: Any) -> tuple[Overlay, ...]:
    if given is None:
        return ()
    if isinstance(given, str | os.PathLike):
        return read_overlays([given])
    if isinstance(given, list | tuple) and all(isinstance(item, str | os.PathLike) for item in given):
        return read_overlays(given)
    return overlays_of(given)


def compare(a: ModelGraph | nn.Module | ExportedProgram, b: ModelGraph | nn.Module | ExportedProgram) -> GraphDiff:
    """Return what is different in *b*, as seen from *a*: what was added, removed and changed.

    Parts are matched by structure first, by name second. Models are traced on their own ``example_inputs()`` (see
    `trace`). `GraphDiff` says what is in the result; ``.data()`` has it JSON-plain.
    """
    from ptgraph.comparison.diff import compare as look

    return look(_graph(a, (), {}), _graph(b, (), {}))


def export_comparison(
    a: ModelGraph | nn.Module | ExportedProgram,
    b: ModelGraph | nn.Module | ExportedProgram,
    output: str | os.PathLike[str] = "exports",
    *,
    name: str | None = None,
    depth: int | None = None,
) -> Path:
    """Write one page that shows two models side by side and what is different, and return its path.

    Args:
        a: a graph, or a model that says its ``example_inputs()``; *b* is what it is compared with.
        output: the folder; it is made if it does not exist.
        name: the file's stem. Default: ``A-vs-B``, of the graphs' names.
        depth: how many levels of modules the page opens.

    Raises:
        UsageError: the name or another choice is not possible.
        ExportError: the page could not be made or written.
    """
    options = Options(depth)  # before the long work
    stem = None if name is None else file_stem(name, strict=True)
    done = exporter.export_comparison(_graph(a, (), {}), _graph(b, (), {}), output, stem, options)
    done.complain()
    return done.files[0]


def verify(
    model: nn.Module | ExportedProgram,
    file: str | os.PathLike[str] | None = None,
    *,
    tolerance: float | None = None,
    structure: Structure = "functions",
    opset: int | None = None,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    dynamic: Dynamic | None = None,
) -> tuple[OutputCheck, ...]:
    """Run a model by torch and as ONNX on the same inputs, and return how far apart each output is in each run.

    There are two runs: at two sizes of every dimension in *dynamic*, or with two sets of values if there is none. For
    each condition on these dimensions (``N % 2 == 0``) there is one more, at a size that breaks it, if the model runs.
    Autocast and the default device of the caller play no part.

    Args:
        model: a module with weights, or a program that torch.export made.
        file: its ONNX file; one that ptgraph wrote without weights is given those of the model.
            Default: a new one, made with *structure* and *opset* (see `export`).
        tolerance: how far a number b may be off: tolerance × (|b| + the largest |b| of its output, at most 1).
            Default: 0.001; for float16 0.01, for bfloat16 0.05. Integers must be equal.
        args: inputs by order, *kwargs* by name, *dynamic* as for `trace`.

    Raises:
        UsageError: the inputs or the tolerance do not fit, or *file* is not of this model.
        LoadError: *file* cannot be read.
        TraceError: the model cannot be traced, or runs at no second size.
        ExportError: there is no ONNX of the model that runs, or the model has no weights.
    """
    from ptgraph.onnx.verifying.compare import check, compare  # here, since it imports onnx
    from ptgraph.tracing.surroundings import surroundings_off

    options = Options(None, "external", structure, opset, strict=True)
    check(file, tolerance)
    source = _source(model, args, kwargs or {}, dynamic, None)
    with surroundings_off(source.model):
        return compare(source, _traced(source), file, options, tolerance)


def _graph(graph_or_model: ModelGraph | nn.Module | ExportedProgram, args: Any, kwargs: dict[str, Any]) -> ModelGraph:
    if isinstance(graph_or_model, ModelGraph):
        if args or any(value is not None for value in kwargs.values()):
            raise UsageError(f"{graph_or_model.name} is traced already; inputs and dimensions cannot change it")
        return graph_or_model
    return trace(graph_or_model, *args, **kwargs)


__all__ = [
    "analyze",
    "attention_patterns",
    "compare",
    "export",
    "export_comparison",
    "load_target",
    "trace",
    "verify",
]
