"""Figures of a model and its training, by matplotlib and seaborn: each function returns a figure.

Colours are seaborn's colour-blind palette, those of ptgraph's other pictures for kinds of modules, and cividis for
heat maps. Every axis says what it shows, and in what unit.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import networkx as nx
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from ptgraph.drawing.palettes import style
from ptgraph.graph.labels import count_text
from ptgraph.graph.model import ModelGraph
from ptgraph.notebook.plot_theme import PALETTE, themed
from ptgraph.notebook.preset_sizes import Size

_TEXT = "#1c2430"
_CURVES = {
    "loss": "loss (nats per token)",
    "reward": "mean reward (share of right answers)",
    "kl": "KL to the start (nats per token)",
}


@themed
def parameters_by_type(graph: ModelGraph, top: int = 12) -> Figure:
    """Bars: how many parameters the modules of each class hold themselves, the largest first."""
    held: dict[str, int] = defaultdict(int)
    kinds: dict[str, str] = {}
    for _, node in graph.components.nodes(data=True):
        name = graph.classes[node["type"]].name
        held[name] += node["own_params"]
        kinds.setdefault(name, node["category"])
    return _bars(held, kinds, top, "class of the module", f"Parameters of {graph.name} by class")


@themed
def parameters_by_component(graph: ModelGraph, top: int = 12) -> Figure:
    """Bars: how many parameters are in each part of the model; equal parts of a list are one bar."""
    held, kinds = _by_part(graph, "total_params")
    return _bars(held, kinds, top, "part of the model", f"Parameters of {graph.name} by part")


@themed
def parameter_map(graph: ModelGraph, depth: int = 4) -> Figure:
    """An icicle: a row per level of the module tree, each module as wide as its share of the parameters."""
    total = graph.component("").total_params
    if not total:
        return _note("This model has no parameters.")
    nodes = graph.components.nodes
    drawn: list[tuple[str, float, int]] = []  # path, left edge, level

    def place(path: str, left: float, level: int) -> None:
        drawn.append((path, left, level))
        for child in graph.components.successors(path) if level + 1 < depth else ():
            place(child, left, level + 1)
            left += nodes[child]["total_params"] / total

    place("", 0.0, 0)
    shown = [item for item in drawn if nodes[item[0]]["total_params"]]
    levels = 1 + max(level for *_, level in shown)
    figure, axes = plt.subplots(figsize=(11, 1.6 + 0.8 * levels), layout="constrained")
    kinds: dict[str, None] = {}
    for path, left, level in shown:
        node, width = nodes[path], nodes[path]["total_params"] / total
        look = style(node["category"])
        kinds.setdefault(node["category"])
        axes.add_patch(Rectangle((left, level), width, 1, facecolor=look.fill, edgecolor=look.border, linewidth=0.6))
        lines = path.rpartition(".")[2] or graph.name, count_text(node["total_params"])
        longest = max(map(len, lines))
        if width > 0.0095 * longest:
            axes.text(
                left + width / 2, level + 0.5, "\n".join(lines), ha="center", va="center", color=_TEXT, fontsize=9
            )
        elif width > 0.012 and longest < 14:
            text = " · ".join(lines) if len(" · ".join(lines)) < 9 else lines[0]
            axes.text(
                left + width / 2, level + 0.5, text, ha="center", va="center", color=_TEXT, fontsize=8, rotation=90
            )
    axes.set(xlim=(0, 1), ylim=(levels, 0), xlabel="share of all parameters", ylabel="level of the tree")
    axes.set_yticks([level + 0.5 for level in range(levels)], [str(level) for level in range(levels)])
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(visible=False)
    axes.set_title(f"Where the {count_text(total)} parameters of {graph.name} are")
    _legend_of_kinds(figure, kinds)
    return figure


@themed
def parameters_and_flops(graph: ModelGraph, top: int = 12) -> Figure:
    """Bars: the shares that each part of the model has of the parameters and of the FLOPs."""
    root = graph.component("")
    totals = {"parameters": root.total_params, "FLOPs": root.flops}
    held = {"parameters": _by_part(graph, "total_params")[0], "FLOPs": _by_part(graph, "flops")[0]}
    shares = {
        part: {kind: held[kind][part] / max(1, total) for kind, total in totals.items()} for part in held["parameters"]
    }
    largest = sorted((part for part in shares if any(shares[part].values())), key=lambda p: -max(shares[p].values()))
    if not largest:
        return _note("This model has neither parameters nor FLOPs.")
    rows = [(part, kind, shares[part][kind]) for part in largest[:top] for kind in totals]
    names, kinds, values = [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.5 * len(largest[:top])), layout="constrained")
    sns.barplot(x=values, y=names, hue=kinds, ax=axes, palette=[PALETTE[0], PALETTE[1]])
    for bars in axes.containers:
        axes.bar_label(bars, labels=[_percent(bar.get_width()) for bar in bars], padding=3, fontsize=9)  # type: ignore[arg-type]  # bars have widths
    title = f"Weight and work in {graph.name}"
    axes.set(xlabel="share of the model's total", ylabel="part of the model", title=title, xlim=(0, 1.12 * max(values)))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="lower right")
    return figure


@themed
def attention(
    patterns: Mapping[str, Tensor], layers: int = 3, heads: int = 4, tokens: Sequence[str] | None = None
) -> Figure:
    """Heat maps of the first example's attention, a row per layer (evenly chosen) and a column per head.

    *patterns* are those of `attention_patterns`; *tokens* label the keys and queries, where they are few. All maps
    have one scale, which ends at the largest probability shown.
    """
    if not patterns:
        return _note("This model does not attend: no attention was found in its forward pass.")
    names = list(patterns)
    count = min(layers, len(names))
    chosen = [names[round(i * (len(names) - 1) / max(1, count - 1))] for i in range(count)]
    heads = min(heads, max(patterns[name].shape[1] for name in chosen))
    largest = max(float(patterns[name][0, :heads].max()) for name in chosen)
    size = 2.5 if tokens is None else max(2.5, 0.17 * len(tokens) + 0.8)
    figure, grid = plt.subplots(
        count, heads, figsize=(size * heads + 1, size * count + 0.4), squeeze=False, layout="constrained"
    )
    for row, name in zip(grid, chosen, strict=True):
        for head, axes in enumerate(row):
            if head >= patterns[name].shape[1]:
                axes.set_axis_off()
                continue
            pattern = patterns[name][0, head]
            shown = axes.imshow(pattern.numpy(), cmap="cividis", vmin=0, vmax=largest, aspect="auto")
            axes.set_title(f"head {head}", fontsize=9)
            axes.grid(visible=False)
            axes.tick_params(labelsize=8)
            unit = "position" if tokens is None else "token"
            axes.set_xlabel(f"key ({unit})", fontsize=9)
            axes.set_ylabel(f"{name or 'model'}\nquery ({unit})" if head == 0 else f"query ({unit})", fontsize=9)
            if tokens is not None and pattern.shape == (len(tokens), len(tokens)):
                axes.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=7)
                axes.set_yticks(range(len(tokens)), tokens, fontsize=7)
    figure.colorbar(shown, ax=grid, label="attention probability", shrink=0.8)
    return figure


@themed
def sizes(compared: Sequence[Size]) -> Figure:
    """Bars of parameters, FLOPs per token, cache per token and memory to train, model by model, on log axes."""
    panels: tuple[tuple[str, str, Sequence[float]], ...] = (
        ("Parameters", "parameters", [s.parameters for s in compared]),
        ("Forward pass", "FLOPs per token", [s.flops_per_token for s in compared]),
        ("Key-value cache, float32", "bytes per token", [s.cache_bytes_per_token for s in compared]),
        ("Memory to train, without activations", "bytes", [s.training_bytes for s in compared]),
    )
    names = [s.name for s in compared]
    figure, grid = plt.subplots(2, 2, figsize=(11, 1.6 + 0.64 * len(names)), sharey=True, layout="constrained")
    for number, (axes, (title, unit, values)) in enumerate(zip(grid.flat, panels, strict=True)):
        axes.barh(names, values, color=PALETTE[0])
        for bar, value in enumerate(values):
            axes.text(value, bar, f" {count_text(value)}", va="center", fontsize=9)
        axes.set_xscale("log")
        axes.set(title=title, xlabel=f"{unit} (log scale)", xlim=(min(values) / 3, max(values) * 6))
        axes.set_ylabel("model" if number % 2 == 0 else "")
        axes.xaxis.set_major_formatter(lambda count, _: count_text(count))
        axes.grid(visible=False, axis="y")
    grid[0, 0].invert_yaxis()
    return figure


@themed
def learning_rate(config: Any) -> Figure:
    """The learning rate of every step of a training config, by the trainer's own function."""
    from ptgraph.models.training import learning_rate as rate

    steps = range(config.steps)
    figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
    axes.plot(steps, [rate(config.optimizer, step, config.steps) for step in steps], color=PALETTE[0])
    axes.axvspan(0, config.optimizer.warmup_steps, color="0.92", zorder=0)
    axes.text(config.optimizer.warmup_steps, 0, " ← warm-up", va="bottom", color="0.35", fontsize=9)
    axes.set(xlabel="optimiser step", ylabel="learning rate of AdamW", title=f"Learning rate of {config.preset}")
    axes.set(xlim=(0, config.steps), ylim=(0, None))
    axes.ticklabel_format(axis="y", scilimits=(0, 0), useMathText=True)
    return figure


@themed
def training_curves(*files: str | os.PathLike[str], window: int = 10) -> Figure:
    """Curves of runs, from their ``metrics.jsonl``: loss, or for GRPO reward and KL divergence from the start.

    A thin line has every step, a thick one the mean of *window* steps around it.
    """
    from ptgraph.models.training import read_metrics

    runs = {Path(file).parent.name: read_metrics(Path(file)) for file in files}
    rewarded = any("reward" in step for steps in runs.values() for step in steps)
    kinds = ["reward", "kl"] if rewarded else ["loss"]
    figure, grid = plt.subplots(1, len(kinds), figsize=(6 * len(kinds) + 1, 4), squeeze=False, layout="constrained")
    for axes, kind in zip(grid[0], kinds, strict=True):
        for (name, steps), colour in zip(runs.items(), PALETTE, strict=False):
            _curve(axes, [step for step in steps if kind in step], kind, window, name, colour)
        axes.set(xlabel="step", ylabel=_CURVES[kind], ylim=(0, None))
        named = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))  # the entropy once for all runs
        axes.legend(named.values(), named)
    return figure


def _curve(axes: Axes, steps: list[dict[str, float]], kind: str, window: int, name: str, colour: Any) -> None:
    """Draw one curve of a run; beside its loss, that on held-out text, and what frequencies alone would give."""
    x, y = [step["step"] for step in steps], [step[kind] for step in steps]
    axes.plot(x, y, color=colour, alpha=0.35, linewidth=1)
    axes.plot(x, _smooth(y, window), color=colour, linewidth=2, label=f"{name}, mean of {window} steps")
    held = [step for step in steps if kind == "loss" and "held_out_loss" in step]
    if held:
        points = [step["step"] for step in held], [step["held_out_loss"] for step in held]
        look = {"color": colour, "markerfacecolor": "white", "marker": "o", "linestyle": "--"}
        axes.plot(*points, **look, label=f"{name}, held-out text")
        axes.axhline(held[-1]["unigram_entropy"], color="0.4", linestyle=":", label="entropy of single tokens")


@themed
def dependency_tree(graph: ModelGraph) -> Figure:
    """The classes of a model as a tree: what each is made of, and how many of it; equal branches are drawn once."""
    nodes, kinds = graph.components.nodes, dict[str, None]()
    rows: list[tuple[int, int, str, str]] = []  # level, row of the parent, text, category

    def add(paths: list[str], level: int, above: int) -> None:
        node, row = nodes[paths[0]], len(rows)
        name = graph.classes[node["type"]].name + (f" ×{len(paths)}" if len(paths) > 1 else "")
        rows.append((level, above, name, node["category"]))
        kinds.setdefault(node["category"])
        alike: dict[Any, list[str]] = defaultdict(list)
        for child in graph.components.successors(paths[0]):
            alike[_form(graph.components, child)].append(child)
        for members in alike.values():
            add(members, level + 1, row)

    add([""], 0, -1)
    figure, axes = plt.subplots(figsize=(9, 1.4 + 0.3 * len(rows)), layout="constrained")
    for row, (level, above, name, kind) in enumerate(rows):
        if above >= 0:
            axes.plot([rows[above][0]] * 2 + [level], [above, row, row], color="0.75", linewidth=1, zorder=1)
        axes.scatter([level], [row], s=70, color=style(kind).fill, edgecolor=style(kind).border, zorder=2)
        axes.text(level + 0.1, row, name, va="center", fontsize=10, color=_TEXT)
    deepest = max(level for level, *_ in rows)
    axes.set(xlim=(-0.2, deepest + 1.6), ylim=(len(rows) - 0.4, -0.6))
    axes.set(xlabel="level of the module tree", title=f"What {graph.name} is made of")
    axes.set_xticks(range(deepest + 1))
    axes.set_yticks([])
    axes.grid(visible=False)
    sns.despine(figure, left=True)
    _legend_of_kinds(figure, kinds)
    return figure


def _bars(values: Mapping[str, int], kinds: Mapping[str, str], top: int, what: str, title: str) -> Figure:
    """Bars of counts, the largest first and the smallest together, in the colours of their kinds."""
    largest = sorted((name for name in values if values[name]), key=lambda name: -values[name])
    if not largest:
        return _note("This model has no parameters.")
    bars = [(name, values[name], kinds[name]) for name in largest[:top]]
    if rest := largest[top:]:
        bars.append((f"{len(rest)} others", sum(values[name] for name in rest), "Other"))
    total = sum(count for _, count, _ in bars)
    figure, axes = plt.subplots(figsize=(9, 1.8 + 0.36 * len(bars)), layout="constrained")
    for row, (_, count, kind) in enumerate(bars):
        axes.barh(row, count, color=style(kind).fill, edgecolor=style(kind).border)
        axes.text(count, row, f" {count_text(count)} · {_percent(count / total)}", va="center", fontsize=9)
    axes.set_yticks(range(len(bars)), [name for name, *_ in bars])
    axes.set(xlabel="parameters", ylabel=what, title=title, ylim=(len(bars) - 0.5, -0.5), xlim=(0, 1.16 * bars[0][1]))
    axes.xaxis.set_major_formatter(lambda count, _: count_text(count))
    axes.grid(visible=False, axis="y")
    _legend_of_kinds(figure, dict.fromkeys(kind for *_, kind in bars))
    return figure


def _legend_of_kinds(figure: Figure, kinds: Mapping[str, None]) -> None:
    """Say below the figure which colour is which category."""
    patches = [Patch(facecolor=style(kind).fill, edgecolor=style(kind).border, label=kind) for kind in kinds]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(6, len(patches)), frameon=False, fontsize=9)


def _by_part(graph: ModelGraph, number: str) -> tuple[dict[str, int], dict[str, str]]:
    """Return a number of each part of the model, and the category: of all members of a list together."""
    tree = graph.components
    sums: dict[str, int] = defaultdict(int)
    kinds: dict[str, str] = {}
    for path in tree.successors(""):
        children = list(tree.successors(path))
        for part in children if children and tree.nodes[path]["category"] == "Container" else [path]:
            name = f"{path}.*" if part != path and part.rpartition(".")[2].isdigit() else part
            sums[name] += tree.nodes[part][number]
            kinds.setdefault(name, tree.nodes[part]["category"])
    own = tree.nodes[""]["own_params"] if number == "total_params" else 0
    return ({**sums, "(itself)": own} if own else sums), {**kinds, "(itself)": tree.nodes[""]["category"]}


def _form(tree: nx.DiGraph[str], path: str) -> tuple[str, tuple[Any, ...]]:
    """Return what makes two branches look alike: their classes."""
    return tree.nodes[path]["type"], tuple(_form(tree, child) for child in tree.successors(path))


def _smooth(values: Sequence[float], window: int) -> list[float]:
    near = [values[max(0, i - window // 2) : i + (window + 1) // 2] for i in range(len(values))]
    return [math.fsum(some) / len(some) for some in near]


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.095 or not share else f"{share:.1%}" if share >= 0.0005 else "< 0.1%"


def _note(text: str) -> Figure:
    figure, axes = plt.subplots(figsize=(8, 1.2), layout="constrained")
    axes.text(0.5, 0.5, text, ha="center", va="center")
    axes.set_axis_off()
    return figure


__all__ = [
    "attention",
    "dependency_tree",
    "learning_rate",
    "parameter_map",
    "parameters_and_flops",
    "parameters_by_component",
    "parameters_by_type",
    "sizes",
    "training_curves",
]
