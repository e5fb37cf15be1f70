"""The inside of one module as a figure of its own, with what comes in and what goes out."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from .boxes import Box
from .errors import UsageError
from .graph import ModelGraph
from .sketch import Flow, Sketch


def focused(sketch: Sketch, graph: ModelGraph, path: str) -> Sketch:
    """Return the sketch of the module at *path* alone; one within equal blocks is that of the block that is drawn.

    Raises UsageError, which names paths that are alike, if there is none or the forward pass does not run it.
    """
    if path not in graph.components:
        near = get_close_matches(path, list(graph.components), n=3, cutoff=0.4)
        hint = f"; there are: {', '.join(near)}" if near else ""
        raise UsageError(f"focus is {path!r}, but {graph.name} has no such module{hint}")
    box = _find(sketch, path)
    if box is None:
        raise UsageError(f"focus is {path!r}, which a figure of {graph.name} does not show; choose what is around it")
    return _alone(sketch, box, path)


def _find(sketch: Sketch, path: str) -> str | None:
    """Return the box of the module at *path*, going down into equal blocks by the first of them."""
    at, wanted = sketch.root, path
    while sketch.boxes[at].component != wanted or at == sketch.root != path:
        for part in sketch.boxes[at].parts:
            box = sketch.boxes[part]
            runs = box.runs or ((box.component,) if box.kind == "module" else ())
            number = next((number for number, run in enumerate(runs) if _within(wanted, run)), None)
            if number is not None:
                first = number % (len(runs) // box.repeat)  # of a pattern, the block of its first period
                wanted = runs[first] + wanted.removeprefix(runs[number])
                at = part
                break
        else:
            return None
    return at


def _within(path: str, run: str) -> bool:
    return path == run or path.startswith(run + ".")


def _alone(sketch: Sketch, name: str, path: str) -> Sketch:
    """Return *sketch* with the box *name* as its root, and boxes for what flows in and out."""
    inside = [name]
    for box in inside:
        inside += sketch.boxes[box].parts
    within, around = set(inside), set(sketch.chain(name))
    root = "/" if name != "/" else "//"
    boxes = {box: sketch.boxes[box] for box in inside}
    flows: list[Flow] = []
    ends: dict[str, Box] = {}
    for flow in sketch.flows:
        if flow.source in within and flow.target in within:
            flows.append(flow)
        elif flow.target in within:
            end = _end(sketch, flow.source, flow.label, "input", around, root)
            ends[end.id] = end
            flows.append(Flow(end.id, flow.target, flow.label))
        elif flow.source in within:
            end = _end(sketch, flow.target, flow.label, "output", around, root)
            ends[end.id] = end
            flows.append(Flow(flow.source, end.id, flow.label))
    own = boxes.pop(name)
    middle = own.parts or (name,)
    first = [end for end, box in ends.items() if box.kind == "input"]
    last = [end for end, box in ends.items() if box.kind == "output"]
    boxes |= {part: replace(sketch.boxes[part], parent=root) for part in middle} | ends
    boxes[root] = replace(own, id=root, title=path, parent=None, parts=(*first, *middle, *last), op=None, repeat=1)
    return Sketch(boxes, tuple(flows), sketch.stubs, sketch.signs, root)


def _end(sketch: Sketch, leaf: str, shape: str, kind: str, around: set[str], root: str) -> Box:
    """Return the box for what is outside, at the other end of a value: called by the outermost box of it alone."""
    outer = [box for box in sketch.chain(leaf) if box not in around][-1]
    words = f"tensor {shape}" if shape else ""
    return Box(f"{kind}:{outer}", kind, sketch.boxes[outer].title, words, kind.title(), "", root)  # type: ignore[arg-type]


__all__ = ["focused"]
