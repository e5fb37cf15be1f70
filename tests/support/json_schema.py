"""The schema of the JSON format, compiled once."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema_rs

SCHEMA: dict[str, Any] = json.loads((files("ptgraph.formats") / "schema.json").read_text(encoding="utf-8"))
validator = jsonschema_rs.Draft202012Validator(SCHEMA)
