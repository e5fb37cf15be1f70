"""The console of all commands: errors in one line, warnings, progress on a terminal, and rows of text."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from ptgraph.common.interrupts import check, end, handle_signals, release_signals
from ptgraph.common.messages import named, printable
from ptgraph.errors import ExportError, PtgraphError, PtgraphWarning, TraceError, UsageError

EXIT_CODES = """\b
Exit codes: 0 done, 2 usage, 3 the target cannot be loaded,
4 it cannot be traced, 5 an export failed, 130 interrupted by Ctrl-C (143 by
TERM, 129 by HUP): files are then whole, and old or new."""


class Group(click.Group):
    """A group of commands that turns errors into one line and an exit code.

    ``debug`` and ``quiet`` say whether the command that is running got these options.
    """

    debug = False
    quiet = False

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        self.debug = self.quiet = False
        given = args[0] if args else kwargs.get("args")
        if given is None:  # the process is that of the command line alone
            handle_signals()
        argv = sys.argv[1:] if given is None else list(given)
        _prepare_streams()
        if given is None:
            _keep_stdout()
        try:
            with self._told_warnings():
                code = super().main(**{**kwargs, "args": argv}) or 0
            if given is None:
                release_signals()
            sys.exit(code)
        except PtgraphError as error:
            self._fail(str(error), error.exit_code)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(2)
        except click.UsageError as error:
            help_of = f"; see `{error.ctx.command_path} --help`" if error.ctx else ""
            self._fail(error.format_message().rstrip(".") + help_of, 2)
        except click.ClickException as error:
            self._fail(error.format_message(), 2)
        except (click.Abort, KeyboardInterrupt) as error:
            if self.debug:
                traceback.print_exc()
            end(error)
        except Exception as error:  # noqa: BLE001  # a fault of ours: one line, and with --debug its traceback
            if isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE:  # click's own help
                _let_go_of_stdout()
                self._fail(f"cannot write to standard output: {error.strerror}", ExportError.exit_code)
            text = f"unexpected {named(error)} (please report it; --debug shows more)"
            self._fail(text, 1)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SystemExit as error:  # none of ours: click has its own Exit
            raise TraceError(f"the model's own code called sys.exit({error.code!r})") from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing and args[0][:1] != "-":
            names = ", ".join(self.list_commands(ctx))
            raise UsageError(f"unknown command {args[0]!r}; there are: {names}")
        return super().resolve_command(ctx, args)

    def _fail(self, message: str, code: int) -> None:
        if self.debug:
            complain(traceback.format_exc().rstrip())
        complain(f"ptgraph: error: {_one_line(message)}")
        sys.exit(code)

    @contextlib.contextmanager
    def _told_warnings(self) -> Iterator[None]:
        """Print each warning of ptgraph once by `warn`, or with ``--quiet`` none. Those of others do not change."""
        told: set[str] = set()
        with warnings.catch_warnings():
            others = warnings.showwarning

            def show(message: Any, category: Any, *rest: Any, **more: Any) -> None:
                if not issubclass(category, PtgraphWarning):
                    others(message, category, *rest, **more)
                elif not self.quiet and str(message) not in told:
                    told.add(str(message))
                    warn(str(message))

            warnings.showwarning = show
            yield


def _note(ctx: click.Context, option: click.Parameter, given: bool) -> bool:
    """Note in the group an option that all commands share: ``--quiet`` or ``--debug``."""
    group = ctx.find_root().command
    if given and isinstance(group, Group):
        setattr(group, str(option.name), True)
        if group.debug:
            _log_to_stderr()
    return given


quiet_option = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    is_eager=True,
    callback=_note,
    help="No progress and no warnings, except of files that are missing.",
)
debug_option = click.option(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_note,
    help="Show the traceback of an error, and say which blocks are traced once.",
)


def say(text: str, *, end: str = "\n", styled: bool = False) -> None:
    """Print to stdout; text that is not *styled* by a library is made `printable`. All commands print by this function.

    A closed pipe is no error. Raises ExportError if stdout cannot be written to otherwise.
    """
    with _writing():
        sys.stdout.write((text if styled else printable(text)) + end)
        sys.stdout.flush()


def pour(data: bytes) -> None:
    """Write *data* to stdout, as it is. A closed pipe is no error. Raises ExportError if it cannot be written."""
    with _writing():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        if sys.stdout is None or sys.stdout.closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        yield
    except OSError as error:
        _let_go_of_stdout()
        if not isinstance(error, BrokenPipeError):
            raise ExportError(f"cannot write to standard output: {error.strerror}") from error


def complain(text: str) -> None:
    """Print to stderr, if that is possible."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # it is full, closed, or was so from the start
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()


def warn(text: str) -> None:
    """Print a warning to stderr."""
    complain(f"ptgraph: warning: {_one_line(text)}")


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())


def _let_go_of_stdout() -> None:
    """Send stdout to the null device: Python would try to write its buffer again at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


_UNWRITABLE = {errno.EPIPE, errno.ENOSPC, errno.EBADF, errno.EIO}
_PLAINER = str.maketrans({"×": "x", "–": "-", "—": "-", "−": "-", "→": "->", "…": "...", "·": "-", "≤": "<="})


def _plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace characters that the terminal's encoding does not have by similar ones, or by escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAINER)
    return text.encode("ascii", "backslashreplace").decode(), error.end


def _prepare_streams() -> None:
    """Let stdout and stderr take any text, and open closed standard streams, so that no file gets their numbers."""
    codecs.register_error("ptgraph", _plainer)
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if number != 2 else os.O_WRONLY)  # it gets this number, the first free one
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="ptgraph")


def _keep_stdout() -> None:
    """Keep stdout for `say` and `pour`: what others write to its file descriptor, as programs do, goes to stderr."""
    stream = sys.stdout
    if not isinstance(stream, io.TextIOWrapper):
        return
    with contextlib.suppress(OSError, ValueError):  # it is closed, or no file
        if stream.fileno() == 1:
            stream.flush()
            kept = os.fdopen(os.dup(1), "w", encoding=stream.encoding, errors=stream.errors)
            os.dup2(2, 1)
            sys.stdout = kept


class _Printable(logging.Formatter):
    """A formatter of log records that makes them `printable`."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Printable("ptgraph: debug: %(message)s"))
    log = logging.getLogger("ptgraph")
    log.setLevel(logging.DEBUG)
    log.handlers = [handler]


@contextlib.contextmanager
def progress(quiet: bool) -> Iterator[Callable[[str], None]]:
    """Yield a function that shows what is being done. It shows it on a terminal only, and not with *quiet*."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield lambda text: check()
        check()
        return
    from rich.console import Console
    from rich.text import Text

    # This stderr, not sys.stderr at that time: it is silenced while a model is traced.
    spinner = "dots" if (sys.stderr.encoding or "utf-8").lower().startswith("utf") else "line"
    with Console(file=sys.stderr).status("starting", spinner=spinner) as status:

        def step(text: str) -> None:
            check()
            status.update(Text(printable(text)))

        yield step
    check()


_ONE_LINE = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})  # names of outputs may hold them


def print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    """Print *rows* of equal length, in columns."""
    rows = [tuple(printable(cell).translate(_ONE_LINE) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


__all__ = ["EXIT_CODES", "Group", "complain", "debug_option", "print_rows", "progress", "quiet_option", "say", "warn"]
