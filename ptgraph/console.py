"""What all commands share: errors in one line, progress on a terminal, and rows of text."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from .errors import PtgraphError, TraceError, UsageError, named
from .interrupts import check, end, handle_signals, release_signals

EXIT_CODES = """\b
Exit codes: 0 done, 2 usage, 3 the target cannot be loaded,
4 it cannot be traced, 5 an export failed, 130 interrupted by Ctrl-C (143 by
TERM, 129 by HUP): files are then whole, and old or new."""

quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress and no warnings.")
debug_option = click.option(
    "--debug", is_flag=True, help="Show the traceback of an error, and say which blocks are traced once."
)


class Group(click.Group):
    """A group that turns errors made for people into one line and an exit code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        given = args[0] if args else kwargs.get("args")
        if given is None:  # the process is that of the command line alone
            handle_signals()
        argv = sys.argv[1:] if given is None else list(given)
        debug = "--debug" in argv
        if debug:
            _log_to_stderr()
        try:
            code = super().main(**{**kwargs, "args": argv}) or 0
            if given is None:
                release_signals()
            sys.exit(code)
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
        except (click.Abort, KeyboardInterrupt) as error:
            if debug:
                traceback.print_exc()
            end(error)
        except Exception as error:  # a fault of ours: still one line, and how to see more
            text = f"unexpected {named(error)} (please report it; --debug shows more)"
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


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("ptgraph: debug: %(message)s"))
    log = logging.getLogger("ptgraph")
    log.setLevel(logging.DEBUG)
    log.handlers = [handler]


@contextlib.contextmanager
def progress(quiet: bool) -> Iterator[Callable[[str], None]]:
    """Yield a function that says what is being done; on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda text: check()
        check()
        return
    from rich.console import Console
    from rich.text import Text

    # This stderr, not what sys.stderr is at the time: while a model is traced, that leads nowhere.
    with Console(file=sys.stderr).status("starting") as status:

        def step(text: str) -> None:
            check()
            status.update(Text(text))

        yield step
    check()


def print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


__all__ = ["EXIT_CODES", "Group", "debug_option", "print_rows", "progress", "quiet_option"]
