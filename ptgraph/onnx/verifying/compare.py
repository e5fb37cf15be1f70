"""Verification: a model run by torch and its ONNX file run by ONNX Runtime on the same inputs, output by output."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ptgraph.common.interrupts import check as check_interrupt
from ptgraph.common.messages import first_line
from ptgraph.common.regular_file import need_file
from ptgraph.common.silence import alone, quiet
from ptgraph.common.temporary_files import temporary_folder
from ptgraph.errors import ExportError, PtgraphWarning, TraceError, UsageError
from ptgraph.formats import export as exporter
from ptgraph.formats.options import Options
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.verifying.equal_numbers import OtherChoice
from ptgraph.onnx.verifying.ort_session import Runtime, need_runtime, plain, runtime_of
from ptgraph.onnx.writing.model import need_program
from ptgraph.tracing.agreement import other_work
from ptgraph.tracing.module_walk import tensors, to_evaluation
from ptgraph.tracing.nested_values import map_tensors, opened
from ptgraph.tracing.sample_inputs import Sample, Sampler
from ptgraph.tracing.source import Source
from ptgraph.tracing.state_guard import left_as_found, values_kept
from ptgraph.tracing.surroundings import surroundings_off

log = logging.getLogger(__name__)
TOLERANCE = 1e-3
COARSE = {torch.float16: 1e-2, torch.bfloat16: 5e-2}  # types with few digits
OTHER_SEED = 1_000_003  # of the random numbers of a second run, which tells whether an output depends on them
SMALLEST = 1e-3  # outputs below this are compared as if the largest of them were this


@dataclass(frozen=True, slots=True)
class OutputCheck:
    """One output of one run, by torch and by ONNX Runtime.

    ``case`` says which run: its ``sizes`` of the dimensions that may vary, or whose values. ``max_abs`` is the
    largest difference, ``max_rel`` the same as a share of the largest number that torch gave. ``agrees`` says
    whether each is small enough for ``tolerance``; if none could be computed, ``reason`` says why.
    ``finite`` is False where torch gave no finite number, so that there was nothing to compare. ``random`` is True
    where torch gave other numbers with other random numbers, so that ONNX Runtime need not give the same; it agrees.
    So it does where ``ties`` names operators, such as topk: torch gave another output when they chose otherwise among
    equal numbers, and neither torch nor ONNX says which of these is chosen.
    """

    output: str
    case: str
    sizes: dict[str, int]
    shape: tuple[int, ...]
    dtype: str
    max_abs: float
    max_rel: float
    tolerance: float
    agrees: bool
    finite: bool = True
    reason: str = ""
    random: bool = False
    ties: tuple[str, ...] = ()


def check(file: str | os.PathLike[str] | None, tolerance: float | None) -> None:
    """Raise what `compare` would raise for these and for a missing ONNX Runtime, before any long work."""
    if tolerance is not None and not 0 <= tolerance < math.inf:
        raise UsageError(f"the tolerance is {tolerance}; it must be a number, 0 or more")
    need_runtime()
    if file is not None:
        need_file(Path(file))


@alone
def compare(
    source: Source,
    graph: ModelGraph,
    file: str | os.PathLike[str] | None = None,
    options: Options = Options(weights="external", strict=True),  # noqa: B008 (frozen)
    tolerance: float | None = None,
    progress: Callable[[str], None] = lambda doing: None,
) -> tuple[OutputCheck, ...]:
    """Run the model of *source*, and the ONNX *file* or else one exported with *options*, and compare all outputs.

    It runs twice, with another size of every dimension that may vary, or else with other values; once, with a
    PtgraphWarning, if torch cannot run it with those. A number b of
    torch's may be off by *tolerance* × (|b| + scale), where the scale is the largest |b| of the output, but no more
    than 1 and no less than 0.001. Without a tolerance, it is that of the output's type; integers must be equal.
    Raises UsageError for an unfit tolerance or file, LoadError for a file that cannot be read, ExportError
    where there is no ONNX or no weights, TraceError where the model runs at no other size.
    Autocast and the default device of the caller play no part.
    Warns with a PtgraphWarning, too, if the graph has other FLOPs or convolutions than a run without a tracer.
    """
    check(file, tolerance)
    need_program(graph)
    with surroundings_off(source.model), temporary_folder() as folder:
        module = source.model if source.model is not None else graph.program.module()
        state = _state(graph)
        for different in other_work(source, graph):
            warnings.warn(PtgraphWarning(f"the graph of {graph.name} has {different}"), stacklevel=2)
        sampler = Sampler(source, graph)
        first = sampler.first()
        progress("writing onnx")
        path = Path(file) if file is not None else _export(graph, folder, options)
        names = [graph.op(name).target for name in graph.of_kind("output")]
        if not names:  # ONNX Runtime takes no such file
            return ()
        progress("loading ONNX Runtime")
        runtime = runtime_of(path, graph.name, first.named, state, folder)
        if len(names) != len(runtime.outputs):
            raise UsageError(
                f"{path} does not fit {graph.name}: its outputs are {', '.join(runtime.outputs)}, "
                f"and those of the model {', '.join(names)}"
            )
        found: list[OutputCheck] = []
        beyond = [[sample] for sample in sampler.beyond()]
        for samples in ([first], sampler.others(), *beyond):
            try:
                sample, expected = _run_torch(module, graph.name, samples, progress)
            except TraceError as error:
                if samples in beyond:  # where the conditions do not hold, the model itself need not run
                    continue
                if not found or sampler.symbols:
                    raise
                warnings.warn(PtgraphWarning(f"only the example inputs are compared: {error}"), stacklevel=2)
                break
            tensors = _outputs(expected, names, graph.name)
            pairs = list(_run_both(runtime, sample, list(zip(names, tensors, strict=True)), tolerance))
            again = partial(_again, module, sample, names, graph.name)
            found += _undefined_told([check for check, _ in pairs], [have for _, have in pairs], tensors, again)
    return tuple(found)


def _export(graph: ModelGraph, folder: Path, options: Options) -> Path:
    done = exporter.export(graph, folder, "onnx", options)
    done.complain()
    return next(path for path in done.files if path.suffix == ".onnx")


def _state(graph: ModelGraph) -> dict[str, torch.Tensor]:
    """Return the weights by all their names; raises ExportError if some are not there."""
    held = {**graph.program.state_dict, **graph.program.constants}
    state = {name: tensor for name, tensor in held.items() if isinstance(tensor, torch.Tensor)}
    empty = [name for name, tensor in state.items() if tensor.is_meta]
    if empty:
        raise ExportError(
            f"{graph.name} has no weights to run with ({empty[0]} is on the meta device); "
            "give a checkpoint, or a model with real weights"
        )
    return state


def _run_torch(
    module: nn.Module, name: str, samples: Iterable[Sample], progress: Callable[[str], None]
) -> tuple[Sample, dict[str, Any]]:
    """Return the first of *samples* that the model can run on, and what it gives; raises TraceError if none is."""
    failed = []
    for sample in samples:
        progress(f"running {sample.case}")
        try:
            return sample, _results(module, sample)
        except Exception as error:  # the model is code of the user: it raises what it will
            check_interrupt(error)
            log.debug("torch cannot run %s with %s", name, sample.case, exc_info=True)
            failed.append((sample.case, error))
    if not failed:
        raise TraceError(f"{name} runs at no other sizes than those that were traced")
    reasons = "; ".join(f"with {case}: {first_line(error)}" for case, error in failed)
    raise TraceError(f"torch cannot run {name} {reasons}") from failed[0][1]


def _outputs(found: Mapping[str, Any], names: Sequence[str], model: str) -> list[torch.Tensor]:
    """Return the values of the outputs *names* among what a model gives: its tensors, and numbers that are outputs."""
    if all(name in found for name in names):  # a number that depends on the input is an output, too
        return [torch.as_tensor(found[name]) for name in names]
    tensors = [value for value in found.values() if isinstance(value, torch.Tensor)]
    if len(tensors) != len(names):
        raise TraceError(f"{model} gives {len(tensors)} outputs, and gave {len(names)} when it was traced")
    return tensors


Again = Callable[[int | None, OtherChoice | None], list[torch.Tensor] | None]


def _again(
    module: nn.Module, sample: Sample, names: Sequence[str], model: str, seed: int | None, other: OtherChoice | None
) -> list[torch.Tensor] | None:
    """Return the outputs of another run by torch, with other random numbers or another choice; None if it fails."""
    try:
        return _outputs(_results(module, sample, seed, other), names, model)
    except Exception as error:  # the model is code of the user, and such numbers or such a choice may be new to it
        check_interrupt(error)
        log.debug("torch cannot run %s again", model, exc_info=True)
        return None


def _undefined_told(
    checks: list[OutputCheck], comparable: Sequence[bool], before: Sequence[torch.Tensor], again: Again
) -> list[OutputCheck]:
    """Return *checks*; those that disagree, and that torch gives otherwise *again*, agree, and say why.

    Only what is *comparable* is looked at.
    """
    for seed, other in ((OTHER_SEED, None), (None, OtherChoice())):
        if not any(have and not check.agrees for check, have in zip(checks, comparable, strict=True)):
            break
        outputs = again(seed, other)
        if outputs is None:
            continue
        more: dict[str, Any] = {"random": True} if other is None else {"ties": tuple(other.chosen)}
        for number, (check, have) in enumerate(zip(checks, comparable, strict=True)):
            if have and not check.agrees and _differ(check, outputs[number], before[number]):
                checks[number] = replace(check, agrees=True, reason="", **more)
    return checks


def _differ(check: OutputCheck, a: torch.Tensor, b: torch.Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return True
    return not _compared(check.output, check.case, check.sizes, a, b, check.tolerance).agrees


def _results(
    module: nn.Module, sample: Sample, seed: int | None = None, other: OtherChoice | None = None
) -> dict[str, Any]:
    """Return the tensors and numbers that the model gives in evaluation mode; it is left as it was found.

    With a *seed*, its random numbers are those of the seed; with an *other* choice, its operators make that one.
    """
    device = next((tensor.device for tensor in tensors(module)), torch.device("cpu"))
    args, kwargs = map_tensors(lambda t: t.clone().to(device), (sample.args, sample.kwargs))
    with left_as_found(module, (args, kwargs)), values_kept(module), quiet(), torch.no_grad():
        to_evaluation(module)
        if seed is not None:
            torch.manual_seed(seed)
        with other if other is not None else contextlib.nullcontext():
            found = opened(module(*args, **kwargs))
        numbers = {name or "output": value for name, value in found.rest if isinstance(value, int | float)}
        return {name: plain(value).clone().cpu() for name, value in found.tensors.items()} | numbers


def _run_both(
    runtime: Runtime, sample: Sample, expected: list[tuple[str, torch.Tensor]], tolerance: float | None
) -> Iterator[tuple[OutputCheck, bool]]:
    """Yield a check of each output, and whether ONNX Runtime gave it in the right type, if in another shape."""
    try:
        results: Sequence[torch.Tensor | str] = runtime.run(sample.named)
    except ExportError as error:
        results = [f"ONNX Runtime fails: {error}"] * len(expected)
    for (output, theirs), ours in zip(expected, results, strict=True):
        have = isinstance(ours, torch.Tensor) and ours.dtype == theirs.dtype
        if isinstance(ours, torch.Tensor) and (ours.dtype, ours.shape) != (theirs.dtype, theirs.shape):
            ours = f"ONNX Runtime gives {_text(ours)} where torch gives {_text(theirs)}"
        yield _compared(output, sample.case, sample.sizes, ours, theirs, tolerance), have


def _compared(
    output: str,
    case: str,
    sizes: dict[str, int],
    ours: torch.Tensor | str,
    theirs: torch.Tensor,
    tolerance: float | None,
) -> OutputCheck:
    """Compare two tensors of one shape and type; *ours* may be the reason why there is only that of torch.

    Where torch gives infinity or NaN, ONNX Runtime must give the same.
    """
    floats = theirs.is_floating_point()
    tolerance = (COARSE.get(theirs.dtype, TOLERANCE) if tolerance is None else tolerance) if floats else 0.0
    made = partial(OutputCheck, output, case, sizes, tuple(theirs.shape), _dtype(theirs))
    if isinstance(ours, str):
        return made(math.inf, math.inf, tolerance, agrees=False, reason=ours)
    a, b = ours.double(), theirs.double()
    same = (a == b) | (a.isnan() & b.isnan()) if floats else ours == theirs
    error = torch.where(same, 0.0, (a - b).abs()).nan_to_num(nan=math.inf, posinf=math.inf)
    finite = b[b.isfinite()].abs()
    largest = finite.max().item() if finite.numel() else 0.0
    if floats:
        same |= (error <= tolerance * (b.abs() + min(max(largest, SMALLEST), 1.0))) & error.isfinite()
    worst = error.max().item() if error.numel() else 0.0
    share = worst / largest if largest else (math.inf if worst else 0.0)
    return made(worst, share, tolerance, agrees=bool(same.all()), finite=bool(finite.numel() or not theirs.numel()))


def _text(tensor: torch.Tensor) -> str:
    return f"{_dtype(tensor)}[{'×'.join(map(str, tensor.shape))}]"


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


__all__ = ["COARSE", "TOLERANCE", "OutputCheck", "check", "compare"]
