"""`ptgraph list`, `formats`, `limits`, `schema`: the presets, the formats, the limits, the JSON Schema."""

from __future__ import annotations

import click

from ptgraph.cli.console import print_rows, say, warn


@click.command("list")
def list_presets() -> None:
    """List the presets of the Pure Transformer, with their parameters."""
    import torch

    from ptgraph.graph.labels import count_text
    from ptgraph.models import PRESETS, build
    from ptgraph.tracing.module_walk import named_parameters

    rows = []
    for name, config in PRESETS.items():
        with torch.device("meta"):
            count = sum(p.numel() for _, p in named_parameters(build(name)))
        shape = f"{config.num_layers} layers × {config.hidden_size}, {config.num_heads} heads"
        rows.append((name, f"{count:,}", count_text(count), shape))
    print_rows(rows)


@click.command()
def formats() -> None:
    """List the formats: what each is, and its viewer or the package that adds it."""
    from ptgraph.formats.registry import FORMATS, plugins

    others, refused = plugins()
    print_rows([(b.name, b.purpose, b.viewer) for b in (FORMATS | others).values()])
    for reason in refused:
        warn(reason)


@click.command("limits")
def list_limits() -> None:
    """List the limits of what is read and made, which --limit NAME=VALUE sets: the default and the meaning of each."""
    from ptgraph.common.limits import LIMITS, value_text

    print_rows([(name, value_text(one.default, is_size=one.is_size), one.meaning) for name, one in LIMITS.items()])


@click.command()
def schema() -> None:
    """Print the JSON Schema of the json format."""
    from importlib.resources import files

    say((files("ptgraph.formats") / "schema.json").read_text(encoding="utf-8"), end="")


__all__ = ["formats", "list_limits", "list_presets", "schema"]
