"""Sizes that depend on data and that no operator gives: torch.export.draft_export stops at them, though it need not.

The smaller of such a size and a number is one. The program is compared with the model afterwards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from torch.fx.experimental import proxy_tensor, symbolic_shapes


@contextlib.contextmanager
def pending_sizes_dropped() -> Iterator[None]:
    """Let a tracer go on where sizes that it made are those of no result."""
    places: tuple[Any, ...] = (proxy_tensor, symbolic_shapes)
    own: Any = symbolic_shapes.compute_unbacked_bindings

    def bindings(shape_env: Any, *given: Any, **options: Any) -> Any:
        try:
            return own(shape_env, *given, **options)
        except symbolic_shapes.PendingUnbackedSymbolNotFound:
            shape_env.pending_fresh_unbacked_symbols.clear()
            return own(shape_env, *given, **options)

    for place in places:
        place.compute_unbacked_bindings = bindings
    try:
        yield
    finally:
        for place in places:
            place.compute_unbacked_bindings = own


__all__ = ["pending_sizes_dropped"]
