"""What the tests of the command line share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture
def script() -> str:
    """The installed command."""
    return str(Path(sys.executable).with_name("ptgraph"))
