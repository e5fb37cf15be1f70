// Queries on a scene: what shows in a window, what is under a point, what is lit with the selected box.

import { HEADER, knobsOf } from './metrics.js';
import { endId, idOf, walk, wayTo } from './scenes.js';

const LEAST = 22; // a frame that is smaller on the screen shows closed

/** Return what shows in *window* at *scale*: frames, boxes, stubs, ports, each with its place, and the scenes entered. */
export function visibleIn(diagram, scene, window, scale) {
  const found = { frames: [], boxes: [], stubs: [], ports: [], scenes: [] };
  const isSeen = (item, dx, dy) => item.x + dx + item.width / 2 + 12 > window.left
    && item.x + dx - item.width / 2 - 12 < window.right
    && item.y + dy + item.height / 2 + 12 > window.top && item.y + dy - item.height / 2 - 12 < window.bottom;
  const isLarge = (item) => Math.min(item.width, item.height) * scale >= LEAST;
  walk(diagram, scene, (at) => {
    found.scenes.push(at);
    for (const item of at.scene.items) {
      const isFrame = Boolean(item.scene);
      if (item.kind !== 'stub' && !isSeen(item, at.dx, at.dy)) continue;
      const place = { x: item.x + at.dx, y: item.y + at.dy, width: item.width, height: item.height };
      if (item.kind === 'stub') {
        const reader = at.scene.byBase.get(item.base);
        const child = { x: reader.x + at.dx, y: reader.y + at.dy, width: reader.width, height: reader.height };
        const isNear = isSeen(item, at.dx, at.dy) || isSeen(reader, at.dx, at.dy);
        if (!isNear) continue;
        const label = diagram.valueName(item.source, at.scene.base, at.around);
        found.stubs.push({ ...place, kind: 'stub', source: item.source, label, child, reader: idOf(diagram, at.scene, at.around, reader) });
      } else if (item.kind === 'port') {
        const label = [diagram.valueName(item.base, at.scene.base, at.around, 1 - item.side), item.shape].filter(Boolean).join(' ');
        found.ports.push({ ...place, kind: 'port', key: `${at.id}:${item.side}${item.base}`, source: item.base, side: item.side, label });
      } else if (isFrame && isLarge(item)) {
        found.frames.push({ ...place, id: idOf(diagram, at.scene, at.around, item), isFrame, scene: item.scene });
      } else {
        found.boxes.push({ ...place, id: idOf(diagram, at.scene, at.around, item), isFrame: false, isPacked: isFrame });
      }
    }
  }, (item, dx, dy) => isLarge(item) && isSeen(item, dx, dy));
  return found;
}

/** The whole plane, for those who want all that is open. */
export const EVERYWHERE = { left: -Infinity, right: Infinity, top: -Infinity, bottom: Infinity };

/** Return the least rectangle around all of *rects*. */
export function aroundAll(rects) {
  const [left, top] = [['x', 'width'], ['y', 'height']].map(([axis, size]) => Math.min(...rects.map((r) => r[axis] - r[size] / 2)));
  const [right, bottom] = [['x', 'width'], ['y', 'height']].map(([axis, size]) => Math.max(...rects.map((r) => r[axis] + r[size] / 2)));
  return { x: (left + right) / 2, y: (top + bottom) / 2, width: right - left, height: bottom - top };
}

function contains(rect, { x, y }, slack = 0) {
  return Math.abs(x - rect.x) <= rect.width / 2 + slack && Math.abs(y - rect.y) <= rect.height / 2 + slack;
}

/** Return what is at a point: {kind, id, part}, or null; a part is a knob's name, `header` or `body`. */
export function hitTest(diagram, scene, point, scale) {
  const { frames, boxes, stubs, ports } = visibleIn(
    diagram, scene, { left: point.x, right: point.x, top: point.y, bottom: point.y }, scale,
  );
  const knobAt = (rect) => knobsOf(diagram.box(rect.id), rect)
    .find((knob) => Math.hypot(point.x - knob.x, point.y - knob.y) <= knob.radius + 2.5);
  for (const rect of boxes) {
    const knob = !rect.isPacked && scale > 0.3 && knobAt(rect);
    if (knob) return { kind: 'box', id: rect.id, part: knob.name };
  }
  const box = boxes.find((rect) => contains(rect, point));
  if (box) return { kind: 'box', id: box.id, part: 'body' };
  const small = [...stubs, ...ports].find((rect) => contains(rect, point));
  if (small) return { ...small, id: `${small.kind} ${small.source} ${small.reader || small.key}`, part: 'body' };
  const frame = frames.reverse().find((rect) => contains(rect, point));
  if (!frame) return null;
  const knob = knobAt(frame);
  const part = knob ? knob.name : point.y < frame.y - frame.height / 2 + HEADER ? 'header' : 'body';
  return { kind: 'frame', id: frame.id, part };
}

/** The keys of all that goes with what is selected and hovered: edges, stubs, ports, and boxes at their other ends. */
export function litBy(diagram, scene, selected, hover) {
  const found = { edges: new Set(), stubs: new Set(), ports: new Set(), boxes: new Set() };
  const isBox = hover && (hover.kind === 'box' || hover.kind === 'frame');
  for (const id of [selected, isBox ? hover.id : null]) {
    const way = id === null ? null : wayTo(diagram, scene, id);
    if (!way) continue;
    for (const at of way) {
      at.scene.edges.forEach((edge, k) => {
        const [from, to] = [endId(diagram, at.scene, at.around, edge.from), endId(diagram, at.scene, at.around, edge.to)];
        const [starts, ends] = [from, to].map((end) => end !== null && diagram.within(end, id));
        if (starts === ends) return;
        found.edges.add(`${at.id}|${k}`);
        const other = starts ? to : from;
        if (other !== null) found.boxes.add(other);
        const { port } = starts ? edge.to : edge.from;
        if (port) found.ports.add(`${at.id}:${port.side}${port.base}`);
      });
    }
    const { base } = diagram.split(id);
    eachStub(diagram, scene, (stub, reader) => {
      if (reader === id || (id === selected && diagram.within(stub.source, base))) found.stubs.add(`${stub.source}→${reader}`);
    });
  }
  if (isBox) found.boxes.add(hover.id);
  if (hover && !isBox) lightUsers(diagram, scene, hover, found);
  return found;
}

/** Light all users of the value that a stub or a port stands for, and where it comes from, if that shows. */
function lightUsers(diagram, scene, hover, found) {
  eachStub(diagram, scene, (stub, reader) => {
    if (stub.source === hover.source) found.stubs.add(`${stub.source}→${reader}`);
  });
  if (hover.key) found.ports.add(hover.key);
  const shown = diagram.chain(diagram.placeOf(hover.source)).find((id) => wayTo(diagram, scene, id));
  if (shown) found.boxes.add(shown);
}

function eachStub(diagram, scene, visit) {
  walk(diagram, scene, ({ scene: at, around }) => {
    for (const item of at.items) if (item.kind === 'stub') visit(item, idOf(diagram, at, around, at.byBase.get(item.base)));
  });
}
