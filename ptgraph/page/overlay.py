"""Overlays: a user's own numbers for the parts of a model (milliseconds, errors of quantization), as page colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ptgraph.common.messages import quoted
from ptgraph.common.suggest import similar
from ptgraph.errors import UsageError
from ptgraph.graph.model import ModelGraph

_SHOWN = 3  # names that a message says


@dataclass(frozen=True, slots=True)
class Overlay:
    """Numbers by module path (the root's is the empty string) or name of an operation; ``name`` says what they are."""

    name: str
    values: dict[str, float] = field(default_factory=dict)


def match(overlays: Sequence[Overlay], graph: ModelGraph) -> tuple[tuple[Overlay, ...], list[str]]:
    """Return *overlays* without names that *graph* does not have, and these names.

    A name is that of a component, operation, input or output. Overlays without a name of the graph are left out.
    Raises UsageError if none of their names is in the graph, with names of the graph that are similar.
    """
    known = {*graph.components, *graph.of_kind("op", "input", "output")}
    kept = [replace(o, values={path: value for path, value in o.values.items() if path in known}) for o in overlays]
    lost = list(dict.fromkeys(path for overlay in overlays for path in overlay.values if path not in known))
    if overlays and not any(overlay.values for overlay in kept):
        paths = [path for path in graph.components if path] or graph.of_kind("op")
        close = [p for name in lost[:_SHOWN] for p in similar(name, sorted(known), cutoff=0.5)]
        such = _names_text(list(dict.fromkeys(close)) or paths)
        raise UsageError(
            f"nothing that the overlay names is in {graph.name}: {_names_text(lost)}; "
            f"it has {'such names as ' if not close else ''}{such}"
        )
    return tuple(overlay for overlay in kept if overlay.values), lost


def unmatched_text(lost: Sequence[str], model: str) -> str:
    """Return a warning that names of an overlay are not in the model."""
    return f"{len(lost):,} {'name' if len(lost) == 1 else 'names'} of the overlay not in {model}: {_names_text(lost)}"


def _names_text(names: Sequence[str]) -> str:
    """Return the first of *names*, quoted so that no character of them can mislead, and how many more there are."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(map(quoted, names[:_SHOWN])) + more


__all__ = ["Overlay", "match", "unmatched_text"]
