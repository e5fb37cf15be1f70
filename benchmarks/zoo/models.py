"""All models of the zoo."""

from __future__ import annotations

from benchmarks.zoo import graphs, language, segmentation, sound, tables, vision
from benchmarks.zoo.registry import ZOO

__all__ = ["ZOO", "graphs", "language", "segmentation", "sound", "tables", "vision"]
