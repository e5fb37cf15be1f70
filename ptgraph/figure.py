"""ModelGraph → the figure of it, as a drawing: what is open, which way it flows and how large it is set, so that it fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from .boxes import BOX_LIMIT, count_text
from .drawing import Circle, Drawing, Item, Mark, Path, Rect, Text
from .errors import UsageError
from .figure_options import points
from .geometry import Geometry, geometry
from .graph import ModelGraph
from .marks import NOTE, SMALLEST
from .options import Options
from .sketch import Sketch, sketch
from .plan import visible
from .theme import palette
from .view import view
from .render_marks import draw_marks
