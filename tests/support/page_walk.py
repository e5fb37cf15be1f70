"""A random walk over the states of a page: in each the geometry holds, and nothing that flows is missing.

What is expected is worked out from the links of the page's own diagram (see `ptgraph.page.document.diagram`).
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.support.browser_page import Opened, check_geometry

MOST = 300  # boxes that may show: then the walk begins again
_NUMBERED = re.compile(r"(.*)~([\d.]*)", re.DOTALL)
_STATE = """() => ({
    home: ptgraph.home(), boxes: ptgraph.visible(), frames: ptgraph.frames(), stubs: ptgraph.stubs(),
    ports: ptgraph.ports(), edges: ptgraph.edges(),
})"""
_FITS = """() => {
    const ctx = document.createElement('canvas').getContext('2d');
    ctx.font = '11px Arial, Arimo, "Liberation Sans", Helvetica, sans-serif';
    return ptgraph.stubs().filter(({ label, width }) => ctx.measureText(label).width > width - 10 + 0.5);
}"""

Shown = tuple[str, tuple[int | None, ...]]  # a stored box, and the numbers of its blocks


@dataclass
class Links:
    """The diagram of a page: boxes, and the links between those without parts."""

    boxes: dict[str, Any]
    links: list[list[Any]]
    parents: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, file: Path) -> Links:
        text = file.read_text(encoding="utf-8")
        data = json.loads(text.partition('id="ptgraph-data">')[2].partition("</script>")[0])
        document = data["documents"][0]
        boxes = {name: {**data["plain"], **box} for name, box in document["boxes"].items()}
        links = [link for scope in document["scopes"].values() for link in scope.get("links", ())]
        return cls(boxes, links, {part: name for name, box in boxes.items() for part in box["parts"]})

    def split(self, name: str) -> Shown:
        found = None if name in self.boxes else _NUMBERED.fullmatch(name)
        if found is None:
            return name, ()
        return found[1], tuple(int(number) if number else None for number in found[2].split("."))

    def chain(self, base: str) -> list[str]:
        found = [base]
        while found[-1] in self.parents:
            found.append(self.parents[found[-1]])
        return found

    def folds(self, base: str) -> list[str]:
        """Return the folds around a box and itself, outermost first."""
        return [box for box in reversed(self.chain(base)) if self.boxes[box]["repeat"] > 1]

    def number_in(self, shown: Shown, fold: str) -> int | None:
        """Return which block of an unfolded *fold* a box is in; None if one block stands for all."""
        folds, (_, numbers) = self.folds(shown[0]), shown
        at = folds.index(fold)
        return numbers[at] if at < len(numbers) else None

    def is_entry(self, fold: str, link: list[Any]) -> bool:
        slots = link[4] if len(link) > 4 else [0]
        return any(carry[1] == link[1] and set(carry[3]) & set(slots) for carry in self.boxes[fold]["carries"])


def state_of(page: Opened) -> dict[str, Any]:
    """Return what a page shows now."""
    found: dict[str, Any] = page.do(_STATE)
    return found


def missing(links: Links, state: dict[str, Any]) -> list[str]:
    """Return what a state of the page does not show: values that a box reads or gives, and sources of stubs."""
    home, _ = links.split(state["home"])
    shown = {box["id"]: links.split(box["id"]) for box in state["boxes"]}
    frames = {frame["id"]: links.split(frame["id"]) for frame in state["frames"]}
    all_shown = shown | frames
    into, out = defaultdict(list), defaultdict(list)
    for edge in state["edges"]:
        if edge["target"] is not None:
            into[edge["target"]].append(edge["source"])
        if edge["source"] is not None:
            out[edge["source"]].append(edge["target"])
    stubs = {(stub["reader"], stub["source"]) for stub in state["stubs"]}
    ports = {(port["side"], port["source"]) for port in state["ports"]}
    by_leaf: dict[str, list[str]] = defaultdict(list)  # a leaf → the boxes that show it, in whichever blocks
    for name, (base, _) in shown.items():
        waiting = [base]
        while waiting:
            inner = waiting.pop()
            if links.boxes[inner]["parts"]:
                waiting += links.boxes[inner]["parts"]
            else:
                by_leaf[inner].append(name)
    frames_around = {
        name: [other for other, (outer, numbers) in frames.items() if _is_around(links, outer, numbers, shown[name])]
        for name in shown
    }
    found = []
    for link in links.links:
        source, target = link[:2]
        above = links.chain(source)
        for name in by_leaf[target]:
            box = shown[name]
            if box[0] in above:
                continue  # it stays within a closed box
            given = {(1, source)} & ports or any((at, source) in stubs for at in (name, *frames_around[name]))
            sources = [other for at in (name, *frames_around[name]) for other in into[at] if other is not None]
            lined = any(all_shown[other][0] in above for other in sources if other in all_shown)
            carried = any(
                links.number_in(box, fold) not in (None, 0) and links.is_entry(fold, link)
                for fold in links.folds(box[0])
                if fold not in above
            )
            if not (given or lined or (carried and sources)):
                found.append(f"{name} reads {source}, which no line, stub or port brings")
        below = links.chain(target)
        for name in by_leaf[source]:
            box = shown[name]
            if box[0] in below:
                continue
            left = [fold for fold in links.folds(box[0]) if fold not in below]
            last = all(links.number_in(box, fold) in (None, links.boxes[fold]["repeat"] - 1) for fold in left)
            inside = home in below or home == "/"
            parallel = any(  # their frame is left, as it holds all of them
                outer == fold and out[other]
                for fold in left
                if not links.boxes[fold].get("carries")
                for other in frames_around[name]
                for outer in (frames[other][0],)
            )
            if last and (inside or not link[3]) and not (out[name] or parallel or (0, target) in ports):
                found.append(f"{name} gives {source} to {target}, and no line or port leaves it")
    for stub in state["stubs"]:
        if home in links.chain(stub["source"]) and not by_leaf[stub["source"]]:
            found.append(f"the stub {stub['label']} at {stub['reader']} names {stub['source']}, which is drawn nowhere")
    return found


def _is_around(links: Links, outer: str, numbers: tuple[int | None, ...], box: Shown) -> bool:
    """Return whether a frame is around a box, and in the same blocks."""
    if outer not in links.chain(box[0]):
        return False
    return all(one is None or one == other for one, other in zip(numbers, box[1], strict=False))


def crossed(state: dict[str, Any]) -> list[str]:
    """Return the boxes that an edge, which does not end there, runs through."""
    found = []
    for edge in state["edges"]:
        points = edge["points"]
        for box in state["boxes"]:
            if box["id"] in (edge["source"], edge["target"]):
                continue
            left, right = box["x"] - box["width"] / 2 + 2, box["x"] + box["width"] / 2 - 2
            top, bottom = box["y"] - box["height"] / 2 + 2, box["y"] + box["height"] / 2 - 2
            if any(
                left < x < right and top < y < bottom
                for one, other in pairwise(points)
                if max(one["x"], other["x"]) > left
                and min(one["x"], other["x"]) < right
                and max(one["y"], other["y"]) > top
                and min(one["y"], other["y"]) < bottom
                for x, y in _along(one, other)
            ):
                found.append(f"{edge['source']} → {edge['target']} runs through {box['id']}")
    return found


def _along(a: dict[str, float], b: dict[str, float]) -> list[tuple[float, float]]:
    """Return points of the curve between two points of an edge, of a flow that runs down."""
    steps = 4 + int(max(abs(a["x"] - b["x"]), abs(a["y"] - b["y"])) / 5)
    return [
        (
            a["x"] + (b["x"] - a["x"]) * t * t * (3 - 2 * t),
            a["y"] + (b["y"] - a["y"]) * (1.5 * t - 1.5 * t * t + t**3),
        )
        for t in (k / steps for k in range(steps + 1))
    ]


@dataclass
class Seen:
    """How many states a walk saw, what was wrong in them, and how many edges ran through a box."""

    states: int = 0
    wrong: list[str] = field(default_factory=list)
    crossings: set[str] = field(default_factory=set)


def walk(page: Opened, file: Path, steps: int, seed: int = 0) -> Seen:
    """Open, close, dive, unfold and turn at random, and look at each state."""
    chance, links, seen, states = random.Random(seed), Links.of(file), Seen(), set()
    done: list[str] = []
    for _ in range(steps):
        done.append(step(page, chance))
        state = state_of(page)
        if len(state["boxes"]) > MOST:
            page.do("ptgraph.openToLevel(1)")
            continue
        key = json.dumps([state["home"], page.do("ptgraph.flow()"), sorted(box["id"] for box in state["boxes"])])
        if key in states:
            continue
        states.add(key)
        try:
            check_geometry(page)
        except AssertionError as error:
            seen.wrong.append(f"geometry: {error} after {done[-6:]}")
        seen.wrong += [f"{text} after {done[-6:]}" for text in missing(links, state)]
        seen.wrong += [f"the stub {stub['label']} is cut" for stub in page.do(_FITS)]
        if page.do("ptgraph.flow()") == "down":
            seen.crossings |= set(crossed(state))
    seen.states = len(states)
    return seen


def step(page: Opened, chance: random.Random) -> str:
    """Do one of the things that a person may do; return it as JavaScript."""
    can_open = "ptgraph.visible().map(({ id }) => id).filter((id) => ptgraph.box(id).canOpen)"
    closed, frames = page.do(can_open), page.do("ptgraph.frames().map(({ id }) => id)")
    is_fold = "({ knobs }) => knobs.some(({ name }) => name === 'unfold')"
    folds = page.do(f"ptgraph.frames().filter({is_fold}).map(({{ id }}) => id)")
    actions = [("open", closed)] * 5 + [("close", frames)] * 2 + [("dive", closed + frames), ("unfold", folds)]
    action, among = chance.choice([(action, among) for action, among in actions if among] or [("openToLevel", ["2"])])
    chosen = chance.choice(among)
    script = f"ptgraph.{action}({json.dumps(chosen)})"
    luck = chance.random()
    if luck < 0.06:
        script = f"ptgraph.openToLevel({chance.choice([1, 2, 3])})"
    elif luck < 0.12:
        script = "document.getElementById('flow').click()"
    elif luck < 0.2:
        script = "document.querySelector('#crumbs li button')?.click()"
    elif luck < 0.25 and folds:
        script = f"ptgraph.pick({json.dumps(folds[0])}, {chance.randrange(4)})"
    page.do(script)
    return script


__all__ = ["Links", "Seen", "crossed", "missing", "state_of", "walk"]
