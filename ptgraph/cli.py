"""The command line: the only module that prints, reads arguments or sets an exit code."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from .errors import PtgraphError, TraceError, UsageError

if TYPE_CHECKING:
    from .graph import ModelGraph

TARGET_HELP = """TARGET is a preset (see `ptgraph list`), package.module:attribute or file.py:attribute (a module,
a class or a factory), a .pt2 file, or a Hugging Face config.json or a folder that holds one."""

EXIT_CODES = """\b
Exit codes: 0 done, 2 usage, 3 the target cannot be loaded,
4 it cannot be traced, 5 an export failed."""

_target = click.argument("target")
_input = click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME:DTYPE:SHAPE",
    help="An example input, such as x:float32:1x3x224x224; a dimension that may vary has a name, and "
    "= its example size: ids:int64:batch=2xsequence=16 (every x separates). Repeatable.",
)
_quiet = click.option("-q", "--quiet", is_flag=True, help="No progress and no warnings.")
_debug = click.option("--debug", is_flag=True, help="Show the traceback of an error.")


class _Group(click.Group):
    """A group that turns errors made for people into one line and an exit code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        given = args[0] if args else kwargs.get("args")
        argv = sys.argv[1:] if given is None else list(given)
        debug = "--debug" in argv
        try:
            sys.exit(super().main(**{**kwargs, "args": argv}) or 0)
        except PtgraphError as error:
            self._fail(str(error), error.exit_code, debug)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(2)
        except click.UsageError as error:
            help_of = f"; see `{error.ctx.command_path} --help`" if error.ctx else ""
            self._fail(error.format_message().rstrip(".") + help_of, 2, debug)
        except click.ClickException as error:
            self._fail(error.format_message(), 2, debug)
        except (click.Abort, KeyboardInterrupt):
            self._fail("interrupted", 130, debug)
        except Exception as error:  # a fault of ours: still one line, and how to see more
            text = f"unexpected {type(error).__name__}: {_first_line(error)} (please report it; --debug shows more)"
            self._fail(text, 1, debug)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader of stdout has seen enough; what is buffered goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except SystemExit as error:  # none of ours: click has its own Exit
            raise TraceError(f"the model's own code called sys.exit({error.code!r})") from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing and args[0][:1] != "-":
            names = ", ".join(self.list_commands(ctx))
            raise UsageError(f"unknown command {args[0]!r}; there are: {names}")
        return super().resolve_command(ctx, args)

    @staticmethod
    def _fail(message: str, code: int, debug: bool) -> None:
        if debug:
            traceback.print_exc()
        click.echo(f"ptgraph: error: {' '.join(message.split())}", err=True)
        sys.exit(code)


@click.group("ptgraph", cls=_Group, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(package_name="ptgraph", prog_name="ptgraph")
def main() -> None:
    """See a PyTorch model: export it to ONNX for Netron, an interactive page, an SVG and a JSON analysis."""


@main.command(epilog=EXIT_CODES)
@_target
@click.option("-o", "--output", default="exports", show_default=True, metavar="DIR", help="Where files go.")
@click.option(
    "-f",
    "--format",
    "names",
    multiple=True,
    metavar="FORMAT",
    help="onnx, html, svg, json or all; repeatable, or with commas. Default: all.",
)
@click.option("--name", help="The files' name without its ending. Default: the target's.")
@_input
@click.option("--depth", type=click.IntRange(min=1), help="How many levels of modules pictures open.")
@click.option(
    "--weights",
    type=click.Choice(["none", "external", "embedded"]),
    default="none",
    show_default=True,
    help="What becomes of parameter values in ONNX: left out, put in a file beside it, or inside.",
)
@click.option("--open", "show", is_flag=True, help="Show the page in the browser.")
@_quiet
@_debug
def export(
    target: str,
    output: str,
    names: tuple[str, ...],
    name: str | None,
    inputs: tuple[str, ...],
    depth: int | None,
    weights: Any,
    show: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Write TARGET as files DIR/NAME.onnx, .html, .svg and .json."""
    with _progress(quiet) as step:
        from . import exporter
        from .options import Options

        chosen, _ = exporter.formats(names)
        if show and "html" not in chosen:
            raise UsageError(f"--open shows the page, and html is not among the formats: {', '.join(chosen)}")
        exporter.check_folder(output)
        graph = _graph(target, inputs, step, name=name, weights=weights != "none")
        done = exporter.export(graph, output, names, Options(depth, weights), lambda f: step(f"writing {f}"))
    if not quiet and not done.failed:
        _warn(graph)
        for skipped in done.skipped:
            click.echo(f"ptgraph: warning: no {skipped.format}: {skipped.reason}", err=True)
    for path in done.files:
        click.echo(f"{path}\t{_size_text(path.stat().st_size)}")
    done.complain()
    if show:
        page = next(path for path in done.files if path.suffix == ".html")
        if click.launch(page.resolve().as_uri()) and not quiet:
            click.echo(f"ptgraph: warning: no browser could be started to show {page}", err=True)


@main.command(epilog=EXIT_CODES)
@_target
@_input
@click.option("--json", "as_json", is_flag=True, help="Print the analysis as JSON, for a script.")
@_quiet
@_debug
def info(target: str, inputs: tuple[str, ...], as_json: bool, quiet: bool, debug: bool) -> None:
    """Print the analysis of TARGET: parameters, share, FLOPs and output shape of each component."""
    with _progress(quiet) as step:
        from .analysis import analyze

        graph = _graph(target, inputs, step)
        analysis = analyze(graph)
    if not quiet:
        _warn(graph)
    if as_json:
        click.echo(json.dumps(analysis.to_dict(), indent=1, sort_keys=True, allow_nan=False))
    else:
        _print_table(graph, analysis)


@main.command("list")
def list_presets() -> None:
    """List the presets of the Pure Transformer, with their parameters."""
    import torch

    from .models import PRESETS, build
    from .view import count_text

    rows = []
    for name, config in PRESETS.items():
        with torch.device("meta"):
            count = sum(p.numel() for p in build(name).parameters())
        shape = f"{config.num_layers} layers × {config.hidden_size}, {config.num_heads} heads"
        rows.append((name, f"{count:,}", count_text(count), shape))
    _print_rows(rows)


@main.command()
def formats() -> None:
    """List the formats, what each is for and which viewer opens it."""
    from .backends import BACKENDS

    _print_rows([(b.name, b.purpose, b.viewer) for b in BACKENDS.values()])


@main.command()
def schema() -> None:
    """Print the JSON Schema of the json format."""
    from importlib.resources import files

    click.echo((files("ptgraph") / "schema.json").read_text(encoding="utf-8"), nl=False)


def _graph(
    target: str,
    inputs: tuple[str, ...],
    step: Callable[[str], None],
    *,
    name: str | None = None,
    weights: bool = False,
) -> ModelGraph:
    step("loading torch")
    from .build import build
    from .load import load
    from .tracer import capture, may_be_real

    step(f"loading {target}")
    source = load(target, inputs, name=name, weights=weights)
    step("tracing")
    if weights or not may_be_real(source):
        traced = capture(source)
    else:
        try:
            traced = capture(source, rungs=1)
        except TraceError:  # it may need numbers: its own, not such as the tracer would make up
            traced = capture(load(target, inputs, name=name, weights=True))
    step("reading the graph")
    return build(traced)


@contextlib.contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str], None]]:
    """Yield a function that says what is being done; on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.text import Text

    # This stderr, not what sys.stderr is at the time: while a model is traced, that leads nowhere.
    with Console(file=sys.stderr).status("starting") as status:
        yield lambda text: status.update(Text(text))


def _warn(graph: ModelGraph) -> None:
    if graph.attempts:
        reasons = "; ".join(f"{tracer}: {reason}" for tracer, reason in graph.attempts)
        click.echo(f"ptgraph: warning: traced by {graph.tracer}, since {' '.join(reasons.split())}", err=True)


def _print_table(graph: ModelGraph, analysis: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    from .view import count_text, shape_text

    table = Table(title=None, box=None, pad_edge=False, header_style="bold")
    for heading in ("component", "class"):
        table.add_column(heading, overflow="fold", no_wrap=True)
    for heading in ("parameters", "share", "FLOPs", "output"):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in analysis.layers:
        path = layer["path"]
        indent = "  " * (path.count(".") + 1) if path else ""
        table.add_row(
            indent + (path.rpartition(".")[2] or graph.name),
            layer["class"],
            f"{layer['total_params']:,}",
            f"{layer['share']:.1%}",
            count_text(layer["flops"]) if layer["flops"] else "–",
            shape_text(layer["output_shape"]),
        )
    width = None if sys.stdout.isatty() else 10_000  # nothing is cut off for a reader that is no terminal
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)
    totals = analysis.totals
    click.echo(
        f"\n{totals['total_params']:,} parameters, {totals['trainable_params']:,} trainable, "
        f"{totals['unused_params']:,} unused; {count_text(totals['flops'])} FLOPs; {totals['ops']:,} operations"
    )


def _print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _size_text(size: int) -> str:
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), "")


__all__ = ["main"]
