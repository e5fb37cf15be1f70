"""``python -m ptgraph``."""

from .cli import main

main()
