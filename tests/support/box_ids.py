"""The examples of box ids that Python and JavaScript both read."""

from __future__ import annotations

import json
from pathlib import Path

EXAMPLES = json.loads((Path(__file__).parent / "box_ids.json").read_text(encoding="utf-8"))
