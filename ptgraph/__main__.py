"""``python -m ptgraph``, and the program ``ptgraph``: signals are taken before anything that takes time is imported."""

from __future__ import annotations

import sys

from ptgraph.common.interrupts import end, handle_signals


def main() -> None:
    """Run the command line."""
    handle_signals()
    try:
        from ptgraph.cli.main import main as command
    except KeyboardInterrupt:
        end()
    sys.exit(command())


if __name__ == "__main__":
    main()
