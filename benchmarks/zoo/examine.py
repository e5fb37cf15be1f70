"""One model of the zoo, exported, verified and counted in this process; one line of JSON with what was found.

python -m benchmarks.zoo.examine NAME
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map_only

import ptgraph
from benchmarks.zoo import models
from ptgraph.common.messages import named
from ptgraph.errors import PtgraphError
from ptgraph.formats.export import formats
from ptgraph.graph.model import ModelGraph
from ptgraph.onnx.verifying.compare import compare
from ptgraph.tracing.source import Source
from tests.support.eager_run import EagerRun, eager_run
from tests.support.fingerprint import Fingerprint
from tests.support.valid_onnx import check_onnx

CONVOLUTION = ("conv", "_conv")


def examine(name: str) -> dict[str, Any]:
    """Return the row of a model: exit code, formats, and what each check says ("" where it is right)."""
    entry = models.ZOO[name]
    row: dict[str, Any] = {
        "model": name,
        "library": entry.library,
        "version": importlib.metadata.version(entry.library),
    }
    torch.manual_seed(0)
    with contextlib.redirect_stdout(sys.stderr):
        model, args, *rest = entry.make()
    kwargs: dict[str, Any] = rest[0] if rest else {}
    model.eval()
    row["parameters"] = sum(p.numel() for p in model.parameters())
    theirs = (model, args, kwargs)
    before = Fingerprint(theirs)
    with warnings.catch_warnings(record=True) as said, tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("always")
        graph = _exported(row, name, Path(folder), model, args, kwargs)
        if graph is not None:
            _verified(row, Source(name, model, args, kwargs), graph)
    row["warnings"] = [str(each.message) for each in said if issubclass(each.category, UserWarning)][:5]
    changes = before.changes(Fingerprint(theirs))
    row["touched"] = changes[0] if changes else ""
    if row.get("verify"):
        row["unstable"] = _is_unstable(Source(name, model, args, kwargs))
    packed = any("are not quantized" in text for text in row["warnings"])  # torch counts nothing of such operators
    if graph is not None and not packed:
        row["counts"] = "; ".join(_differences(graph, model, eager_run(model, *args, **kwargs)))
    return row


def _exported(
    row: dict[str, Any], name: str, folder: Path, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ModelGraph | None:
    """Trace a model and write the four usual formats; return its graph, or None if there is none."""
    start, graph = time.perf_counter(), None
    row["exit"], row["formats"], row["reason"], row["checker"] = 0, [], "", "not written"
    try:
        graph = ptgraph.trace(model, *args, name=name, **kwargs)
        row["tracer"] = graph.tracer
        ptgraph.export(graph, folder)
    except PtgraphError as error:
        row["exit"], row["reason"] = error.exit_code, str(error)
    except Exception as error:  # noqa: BLE001 (what ptgraph does not expect is a finding)
        row["exit"], row["reason"] = 1, named(error)
        traceback.print_exc()
    row["seconds"] = round(time.perf_counter() - start, 1)
    row["formats"] = [each for each in formats(None)[0] if (folder / f"{name}.{each}").exists()]
    if "onnx" in row["formats"]:
        try:
            check_onnx((folder / f"{name}.onnx").read_bytes())
            row["checker"] = ""
        except Exception as error:  # noqa: BLE001 (of the checker's C++)
            row["checker"] = named(error)
    return graph


def _verified(row: dict[str, Any], source: Source, graph: ModelGraph) -> None:
    """Compare the outputs of torch and of ONNX Runtime, in two runs."""
    try:
        found = compare(source, graph)
    except PtgraphError as error:
        row["verify"] = str(error)
        return
    except Exception as error:  # noqa: BLE001 (what ptgraph does not expect is a finding)
        row["verify"] = named(error)
        traceback.print_exc()
        return
    wrong = [each for each in found if not each.agrees]
    row["verify"] = "; ".join(f"{each.output}: {each.reason or f'off by {each.max_abs:.2g}'}" for each in wrong[:2])
    row["random"] = any(each.random for each in found)
    row["ties"] = sorted({name for each in found for name in each.ties})
    row["max_rel"] = max((each.max_rel for each in found), default=0.0)


def _is_unstable(source: Source) -> bool:
    """Return whether torch itself gives other outputs when the numbers of the inputs change by a millionth."""
    assert source.model is not None
    given: Any = (source.args, source.kwargs)

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        return tensor * (1 + 1e-6 * torch.randn(tensor.shape)) if tensor.is_floating_point() else tensor

    with torch.no_grad():
        runs = [source.model(*args, **kwargs) for args, kwargs in (given, tree_map_only(torch.Tensor, moved, given))]
    leaves = [[leaf for leaf in tree_leaves(run) if isinstance(leaf, torch.Tensor)] for run in runs]
    pairs = [*zip(*leaves, strict=True)]
    return not all(a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-3) for a, b in pairs)


def _differences(graph: ModelGraph, model: nn.Module, run: EagerRun) -> list[str]:
    """Return what the graph counts otherwise than a run with hooks: FLOPs, convolutions, calls, parameters."""
    found = []
    totals = ptgraph.analyze(graph).totals
    if totals["flops"] != run.flops and not totals["uncounted_ops"]:
        found.append(f"{totals['flops']} FLOPs for {run.flops}")
    targets = [graph.op(name).target.split(".") for name in graph.of_kind("op")]
    convolutions = sum(any(step.startswith(CONVOLUTION) for step in steps) for steps in targets)
    if convolutions != run.convolutions:
        found.append(f"{convolutions} convolutions for {run.convolutions}")
    calls: Counter[nn.Module] = Counter()  # of a module under all its names
    for path, module in model.named_modules(remove_duplicate=False):
        plain = _uncompiled(path)
        calls[module] += graph.component(plain).calls if plain in graph.components else 0
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):  # it takes no hooks
            continue
        if calls[module] != run.calls[path] and not (path in run.idle and not calls[module]):
            found.append(f"{path or 'the model'} called {calls[module]} times for {run.calls[path]}")
    if len(found) > 3:
        found[3:] = [f"and {len(found) - 3} more"]
    held = {p.name for p in graph.parameters if p.kind == "parameter" and p.used and p.tied_to is None}
    first = {p.name: p.tied_to or p.name for p in graph.parameters}
    read = {first.get(each, each) for each in map(_uncompiled, run.read)}
    if held != read:
        extra, lost = sorted(held - read), sorted(read - held)
        found.append("parameters " + ", ".join([f"+{each}" for each in extra[:2]] + [f"-{each}" for each in lost[:2]]))
    return found


def _uncompiled(path: str) -> str:
    """Return a path without the steps that torch.compile adds: ptgraph has none."""
    return ".".join(step for step in path.split(".") if step != "_orig_mod")


def send_row(sender: Connection, name: str, memory: int) -> None:
    """Send the row of a model, or why there is none, from a process that may take *memory* bytes of addresses."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    try:
        sender.send(examine(name))
    except BaseException as error:  # noqa: BLE001 (of any library)
        traceback.print_exc()
        sender.send({"reason": f"{type(error).__name__}: {error}"[:300]})


if __name__ == "__main__":
    print(json.dumps(examine(sys.argv[1])))
