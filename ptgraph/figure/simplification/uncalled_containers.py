"""Containers that are not called, but whose layers are, one after the other, are a box of these, as if called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby, pairwise

from ptgraph.figure.simplification.draft import Draft
from ptgraph.graph.view.model import Box

_SEQUENTIAL = "torch.nn.modules.container.Sequential"


def box_uncalled_containers(draft: Draft) -> None:
    """Put the layers of a Sequential whose ``forward`` is called without the module itself into a box of their own."""
    for around in [box for box in draft.boxes.values() if box.kind == "module"]:
        parts = list(around.parts)
        for path, layers in _chains(draft, around):
            name = f"/{path}"
            at = parts.index(layers[0].id)
            if name in draft.boxes or parts[at : at + len(layers)] != [layer.id for layer in layers]:
                continue
            parts[at : at + len(layers)] = [name]
            draft.boxes[name] = Box(
                name,
                "module",
                path[len(around.component) + 1 :] if around.component else path,
                "Sequential",
                "Container",
                path,
                around.id,
                tuple(layer.id for layer in layers),
                params=sum(layer.params for layer in layers),
                flops=sum(layer.flops for layer in layers),
                bytes=sum(layer.bytes for layer in layers),
            )
            for layer in layers:
                title = layer.component.removeprefix(f"{path}.")
                draft.boxes[layer.id] = replace(layer, parent=name, title=title)
        draft.boxes[around.id] = replace(around, parts=tuple(parts))


def _chains(draft: Draft, around: Box) -> Iterator[tuple[str, list[Box]]]:
    """Yield the path of each such container in a box, and all its layers, if each reads the one before alone."""
    boxes = [draft.boxes[part] for part in around.parts]
    for path, group in groupby(boxes, key=lambda box: box.component.rpartition(".")[0] if box.kind == "module" else ""):
        layers = list(group)
        if len(layers) == 1 or path == around.component or not _is_uncalled(draft, path):
            continue
        count = draft.graph.components.out_degree(path)
        names = [layer.id for layer in layers]
        alone = all(not layer.parts and layer.repeat == 1 and layer.id in draft.flow for layer in layers)
        if (
            alone
            and count == len(layers)
            and all([*draft.flow.succ[a]] == [b] and [*draft.flow.pred[b]] == [a] for a, b in pairwise(names))
        ):
            yield path, layers


def _is_uncalled(draft: Draft, path: str) -> bool:
    if path not in draft.graph.components:
        return False
    found = draft.graph.component(path)
    return found.type == _SEQUENTIAL and found.calls == 0


__all__ = ["box_uncalled_containers"]
