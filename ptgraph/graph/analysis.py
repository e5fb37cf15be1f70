"""ModelGraph → Analysis: the numbers of a model, frozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ptgraph.graph.model import ModelGraph
from ptgraph.graph.serialize import attributes


@dataclass(frozen=True)
class Analysis:
    """The numbers of a model; every field works as a key too (``analysis["total_params"]``).

    ``totals`` holds the scalars; ``uncounted_ops`` of them says how many operations have FLOPs or activation bytes that
    are not known in full (``Op.uncounted`` says why). ``layers`` lists the components that the forward pass runs (path,
    class, category, parameters, share of all, FLOPs, activation bytes, output shape), in the order of the module tree;
    ``parameters`` every name of the ``state_dict`` (or of an ONNX file that was read) and what it is tied to.
    ``elements`` says where the elements of the parameters are: ``state_dict`` counts a tied one under each of its
    names, ``merged`` what is too many of that, ``model`` each once. ``onnx`` is what an ONNX file must hold (None where
    there can be none): no other is written. ``duplicated`` and ``balance`` are 0 for every graph.
    """

    name: str
    totals: dict[str, int]
    layers: tuple[dict[str, Any], ...]
    parameters: tuple[dict[str, Any], ...]
    elements: dict[str, int | None]

    @property
    def written_totals(self) -> dict[str, int]:
        """What files say of ``totals``: ``uncounted_ops`` only where there are any."""
        return {name: total for name, total in self.totals.items() if total or name != "uncounted_ops"}

    def __getitem__(self, key: str) -> Any:
        if key in ("name", "totals", "layers", "parameters", "elements"):
            return getattr(self, key)
        if key in self.totals:
            return self.totals[key]
        raise KeyError(f"{key!r}; there are: {', '.join(self)}")

    def __iter__(self) -> Iterator[str]:
        yield from ("name", "totals", "layers", "parameters", "elements", *self.totals)

    def keys(self) -> list[str]:
        """Return the keys that ``analysis[key]`` takes."""
        return list(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the analysis JSON-plain: totals at the top level, beside the lists and ``elements``."""
        return {
            "name": self.name,
            **self.totals,
            "layers": [dict(layer) for layer in self.layers],
            "parameters": [dict(parameter) for parameter in self.parameters],
            "elements": dict(self.elements),
        }


def analyze(graph: ModelGraph) -> Analysis:
    """Return the numbers of *graph*. FLOPs and activation bytes are those of one forward pass on the example inputs."""
    root = graph.component("")
    totals = {
        "total_params": root.total_params,
        "trainable_params": root.trainable_params,
        "frozen_params": root.total_params - root.trainable_params,
        "unused_params": sum(p.count for p in graph.parameters if _counts(p) and not p.used),
        "buffer_elements": sum(p.count for p in graph.parameters if p.kind == "buffer" and p.tied_to is None),
        "flops": root.flops,
        "activation_bytes": root.activation_bytes,
        "uncounted_ops": sum(bool(op["uncounted"]) for op in graph.ops.nodes.values()),
        "ops": len(graph.of_kind("op")),
        "components": len(graph.components),
    }
    layers = tuple(
        {
            "path": node["path"],
            "class": graph.classes[node["type"]].name,
            "category": node["category"],
            "own_params": node["own_params"],
            "total_params": node["total_params"],
            "share": round(node["total_params"] / root.total_params, 6) if root.total_params else 0.0,
            "flops": node["flops"],
            "activation_bytes": node["activation_bytes"],
            "calls": node["calls"],
            "output_shape": list(node["shape"]) if node["shape"] is not None else None,
            "dtype": node["dtype"],
        }
        for _, node in graph.components.nodes(data=True)
        if node["calls"] or node["total_params"]
    )
    return Analysis(graph.name, totals, layers, tuple(attributes(p) for p in graph.parameters), _elements(graph))


def _elements(graph: ModelGraph) -> dict[str, int | None]:
    named = [p for p in graph.parameters if p.kind == "parameter"]
    state, model = sum(p.count for p in named), graph.component("").total_params
    merged = sum(p.count for p in named if p.tied_to is not None)
    held = [p for p in named if p.tied_to is None]  # the ONNX writer refuses to write anything else
    onnx = sum(p.count for p in held) if graph.program is not None else None
    duplicated = sum(p.count for p in held) - sum({p.name: p.count for p in held}.values())
    balance = state - merged - model + (0 if onnx is None else onnx - duplicated - model)
    return {
        "state_dict": state,
        "merged": merged,
        "model": model,
        "onnx": onnx,
        "duplicated": duplicated,
        "balance": balance,
    }


def _counts(parameter: Any) -> bool:
    return parameter.kind == "parameter" and parameter.tied_to is None


__all__ = ["Analysis", "analyze"]
