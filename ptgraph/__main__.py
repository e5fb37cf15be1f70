"""``python -m ptgraph``, and the program ``ptgraph``: signals are taken before anything that takes time is imported."""

from __future__ import annotations

import contextlib
import sys

from ptgraph.common.interrupts import end, handle_signals

STACK = 120 * 2**20  # bytes; what Linux keeps free for the stack of a process
DEPTH = 10_000  # calls in calls, of some kilobytes each at most


def main() -> None:
    """Run the command line."""
    handle_signals()
    _allow_depth()
    try:
        from ptgraph.cli.main import main as command
    except KeyboardInterrupt:
        end()
    sys.exit(command())


def _allow_depth() -> None:
    """Let modules be nested hundreds deep, where the stack of a running process can grow: each calls the next."""
    if sys.platform != "linux":
        return
    import resource

    with contextlib.suppress(ValueError, OSError):
        soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
        if soft != resource.RLIM_INFINITY and soft < STACK:
            resource.setrlimit(resource.RLIMIT_STACK, (STACK, hard))
        sys.setrecursionlimit(max(DEPTH, sys.getrecursionlimit()))


if __name__ == "__main__":
    main()
