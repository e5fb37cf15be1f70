"""The distances of a figure's layout, in points."""

from __future__ import annotations

GAP = 12.0  # between boxes after each other
TRACK = 5.0  # from track to track, in such a gap
BESIDE = 14.0  # between boxes beside each other
LANE = 9.0  # from a box to a line that leads past it
ENTRY = 12.0  # between values that enter a box from above
PAD = 8.0  # from a frame to what is inside
HEAD = 9.0  # between the last track and the next box, with room for the head of an arrow
CLEAR = 3.5  # from a box to a line that does not lead to it
STRIP = 8.0  # under the first column of two, for the line that leads to the other
EXIT = 14.0  # over a U, for the line that leaves it
ACROSS = 30.0  # at least between the columns of a U
PAST_TITLE = 4.0  # between the words over a frame and a line that leads past them
TITLE_INSET = 6.0  # from a frame to the words over it
MARGIN = 4.0  # around the whole figure

__all__ = [
    "ACROSS",
    "BESIDE",
    "CLEAR",
    "ENTRY",
    "EXIT",
    "GAP",
    "HEAD",
    "LANE",
    "MARGIN",
    "PAD",
    "PAST_TITLE",
    "STRIP",
    "TITLE_INSET",
    "TRACK",
]
