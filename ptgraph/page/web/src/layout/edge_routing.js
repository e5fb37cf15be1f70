// Edge routing: from the foot of a box to the head of another, around the boxes between. Coordinates here are those of a
// flow that runs down (y); a picture whose flow runs to the right is transposed before and after.

import { HEADER, PADDING } from './metrics.js';
import { linesAlong, linesInU } from './stored_lines.js';

const CLEARANCE = 7; // how near an edge may come to a box that it passes
const BELOW = 11; // from a frame to a line that bends below it

/** Return the edges of a scene, with their `points` in its coordinates; those inside of its parts are theirs. */
export function routeEdges(diagram, scene, flow) {
  const edges = edgesOf(diagram, scene);
  const turn = flow === 'right' ? turned : (rect) => rect;
  for (const edge of edges) {
    edge.legs = linesAlong(scene, edge).map((line) => line.map(turn));
    const { whole, out, into } = linesInU(scene, edge);
    Object.assign(edge, { whole: whole && whole.map(turn), out: out && out.map(turn), into: into && into.map(turn) });
    const last = edge.whole || edge.into || edge.legs[edge.legs.length - 1];
    edge.isAtSide = !edge.to.port && Boolean(last) && last.length > 1 && isLevel(...last.slice(-2)); // of a sign, or in a U
    edge.isInU = Boolean(edge.whole || edge.into); // it ends where its line does
    if (last && !edge.isInU && !edge.isAtSide && !edge.to.port) last.pop(); // it may end elsewhere on its box
  }
  const ports = entryPorts(edges, turn);
  for (const edge of edges) {
    const [source, target] = [turn(edge.from.rect), turn(edge.to.rect)];
    const start = edge.out ? edge.out[edge.out.length - 1] : { x: source.x, y: source.y + source.height / 2 };
    const end = edge.into ? edge.into[0] : { x: target.x + ports.get(edge), y: target.y - target.height / 2 };
    edge.back = !edge.whole && end.y <= start.y; // a cycle among closed boxes: it leaves and enters at the side
    edge.points = edge.back
      ? [{ x: source.x + source.width / 2, y: source.y }, { x: target.x + target.width / 2, y: target.y }]
      : edge.whole || joined([edge.out || [], wayAlong(scene, edge, start, end, turn, flow), edge.into || []].flat());
    if (flow === 'right') edge.points = edge.points.map(({ x, y }) => ({ x: y, y: x }));
  }
  return edges;
}

const isLevel = (a, b) => Math.abs(a.y - b.y) < 0.5;

/** Return a way out of a U that bends at once below its frame, where it leads far aside; null if something stands there. */
function bentBelow({ from }, start, end, turn, around) {
  const frame = turn(from.trail[0].rect);
  const y = Math.max(start.y, from.trail.length > 1 ? frame.y + frame.height / 2 + BELOW : end.y - BELOW);
  if (Math.abs(end.x - start.x) < end.y - start.y || y > end.y - BELOW) return null;
  const [corner, last] = [{ x: start.x, y }, { x: end.x, y }];
  const steps = [[start, corner], [{ ...corner, y: y - 1 }, last], [last, end]];
  return steps.every(([a, b]) => around(a, b).length === 2) ? [start, corner, last, end] : null;
}

/** Return points without those that stand where the one before does. */
function joined(points) {
  return points.filter((p, k) => !k || Math.hypot(p.x - points[k - 1].x, p.y - points[k - 1].y) > 0.5);
}

/** Let a line end at the side of a sign, in the middle of it. */
function atSide(line, sign) {
  const [before, end] = line.slice(-2);
  Object.assign(end, { x: sign.x + (Math.sign(before.x - sign.x) * sign.width) / 2, y: sign.y });
  before.y = sign.y;
}

/** Return the points of an edge: along its stored lines, and around what stands before, between and after them. */
function wayAlong(scene, edge, start, end, turn, flow) {
  const around = (from, to) => wayAround(scene, edge, from, to, turn, flow);
  const straight = (from, to) => {
    const way = from.y < to.y ? around(from, to) : [];
    return way.length === 2;
  };
  const points = [start];
  const isAtSign = edge.isAtSide && !edge.isInU;
  for (const [k, line] of edge.legs.entries()) {
    const isLast = k === edge.legs.length - 1 && !isAtSign;
    if (isAtSign && k === edge.legs.length - 1) atSide(line, turn(edge.to.rect));
    const corners = line.map((point) => ({ ...point }));
    const at = points[points.length - 1];
    if (isLast) while (corners.length && corners[corners.length - 1].y >= end.y) corners.pop();
    while (corners.length && corners[0].y <= at.y) corners.shift(); // the boxes stand otherwise now
    if (!corners.length) continue;
    const bend = corners.findIndex((corner, n) => n && isLevel(corners[n - 1], corner));
    const isNear = bend > 0 && Math.abs(corners[bend - 1].x - at.x) < PADDING; // no further out than its frame
    if (isNear && straight(at, { x: at.x, y: corners[bend].y })) {
      corners.splice(0, bend - 1);
      corners[0].x = at.x;
    }
    const [before, last] = corners.slice(-2);
    if (isLast && last && isLevel(before, last) && straight({ x: end.x, y: last.y }, end)) last.x = end.x;
    points.push(...around(at, corners[0]).slice(1), ...corners.slice(1));
  }
  if (!isAtSign) points.push(...around(points[points.length - 1], end).slice(1));
  return joined((edge.out && points.length === 2 && bentBelow(edge, start, end, turn, around)) || points);
}

function turned(rect) {
  return { ...rect, x: rect.y, y: rect.x, width: rect.height, height: rect.width };
}

/**
 * Return one edge for each pair of boxes that show: {from, to, leaf, labels}; `leaf` is where its first value is from, and an
 * end has a `rect` and a `trail` of steps.
 */
function edgesOf(diagram, scene) {
  const edges = new Map();
  const add = (from, to, label, leaf) => {
    if (!from || !to || from.key === to.key) return;
    const key = `${from.key}\n${to.key}`;
    if (!edges.has(key)) edges.set(key, { from, to, leaf, labels: [] });
    const { labels } = edges.get(key);
    if (label && !labels.includes(label)) labels.push(label);
  };
  if (scene.isColumn) {
    const fold = diagram.base(scene.base);
    const blocks = scene.items.filter((item) => item.kind === 'box');
    for (let k = 0; k + 1 < blocks.length; k += 1) {
      for (const [source, target, label, slots] of fold.carries) {
        const link = [source, target, label, 0, slots];
        add(endOf(diagram, scene, source, 0, link, k), endOf(diagram, scene, target, 1, link, k + 1), label, source);
      }
    }
    const isOneOf = ({ side }) => scene.items.filter((item) => item.kind === 'port' && item.side === side).length > 1;
    eachPortLink(scene, (outside, port, link) => {
      const { side } = port;
      if (!fold.carries.length && isOneOf(port)) return; // of parallel blocks, the page does not know which has which value
      blocks.forEach((_, k) => {
        const isElsewhere = side ? diagram.dataflow.isEntry(scene.base, link) && k > 0 : fold.carries.length && k + 1 < blocks.length;
        if (isElsewhere) return; // an entry is for the first in a row, and the last one gives what leaves them
        const inside = endOf(diagram, scene, link[side], side, link, k);
        if (side) add(outside, inside, link[2], link[0]);
        else add(inside, outside, link[2], link[0]);
      });
    });
    return [...edges.values()];
  }
  for (const link of diagram.dataflow.links(scene.base)) {
    if (!link[3]) add(endOf(diagram, scene, link[0], 0, link), endOf(diagram, scene, link[1], 1, link), link[2], link[0]);
  }
  eachPortLink(scene, (outside, { side }, link) => {
    const inside = endOf(diagram, scene, link[side], side, link);
    if (side) add(outside, inside, link[2], link[0]);
    else add(inside, outside, link[2], link[0]);
  });
  return [...edges.values()];
}

/** Visit each link of each port of a scene, with the end that the port is. */
function eachPortLink(scene, visit) {
  for (const port of scene.items.filter((item) => item.kind === 'port')) {
    const outside = { key: `${port.side}${port.base}`, rect: port, trail: [{ item: port, rect: port, scene, dx: 0, dy: 0 }], port };
    for (const link of port.links) visit(outside, port, link);
  }
}

/** Find the box that shows for a leaf within a scene, for a link that leaves it (*side* 0) or enters it (1). */
function endOf(diagram, scene, leaf, side, link, block = null) {
  const chain = [];
  for (let at = leaf; at !== scene.base; at = diagram.base(at).parent) chain.unshift(at);
  const numbers = []; // those of the folds within this scene
  const trail = [];
  let [at, dx, dy] = [scene, 0, 0];
  const enter = (item) => {
    trail.push({ item, rect: { ...item, x: item.x + dx, y: item.y + dy }, scene: at, dx, dy });
    [dx, dy, at] = [dx + item.x - item.width / 2, dy + item.y - item.height / 2, item.scene];
  };
  if (block !== null) {
    numbers.push(block);
    enter(scene.items[block]);
  }
  for (const base of chain) {
    if (!at) break;
    enter(at.byBase.get(base));
    if (!diagram.base(base).isFold) continue;
    numbers.push(null);
    if (!at || !at.isColumn) continue;
    if (side === 1 && !diagram.dataflow.isEntry(base, link)) break; // every block reads it: it ends at the frame
    if (side === 0 && !diagram.base(base).carries.length) break; // parallel blocks: it leaves the frame
    numbers[numbers.length - 1] = side === 1 ? 0 : at.items.length - 1;
    enter(at.items[numbers[numbers.length - 1]]);
  }
  const last = trail[trail.length - 1];
  return { key: `${last.item.base} ${numbers.join('.')}`, base: last.item.base, numbers, rect: last.rect, trail };
}

/** Return the points of an edge: straight down if nothing stands there, or else around it. */
function wayAround(scene, edge, start, end, turn, flow) {
  const trails = [...edge.from.trail, ...edge.to.trail];
  const own = new Set(trails.map(({ item, scene: in_, dx, dy }) => `${dx} ${dy} ${in_.items.indexOf(item)}`));
  const scenes = new Map(trails.map((step) => [`${step.dx} ${step.dy}`, step]));
  const walls = [...scenes.values()].flatMap(({ scene: in_, dx, dy }) => in_.items
    .filter((item, k) => !own.has(`${dx} ${dy} ${k}`))
    .flatMap((item) => wallBetween(turn({ ...item, x: item.x + dx, y: item.y + dy, knob: item.scene ? 0 : 6 }), start, end)));
  const between = (list) => list.flatMap((wall) => wallBetween(wall, start, end));
  const shared = new Set(edge.from.trail.map(({ rect }) => `${rect.x} ${rect.y}`));
  const entered = edge.to.trail.filter(({ item, rect }) => item.scene && !shared.has(`${rect.x} ${rect.y}`));
  const both = new Set(edge.to.trail.map(({ rect }) => `${rect.x} ${rect.y}`));
  const left = edge.from.trail.filter(({ item, rect }) => item.scene && !both.has(`${rect.x} ${rect.y}`));
  const inside = entered.slice(0, edge.to.rect.scene ? -1 : undefined); // an edge to a frame ends at it
  const crossed = [...inside, ...left].map(({ rect }) => rect);
  const heads = flow === 'right' ? crossed.map(headOfFrame).map(turn) : [];
  const sides = between([...crossed.flatMap((rect) => sidesOf(turn(rect))), ...heads]);
  const titles = flow === 'down' ? between(inside.flatMap(({ rect }) => titleOf(rect))) : [];
  if (isClear(start, end, [...walls, ...sides, ...titles])) return [start, end];
  return detour(start, end, [...walls, ...sides], titles) || detour(start, end, walls, titles) || [start, end];
}

/** The strip of a frame that holds its title, along which an edge to the right must not run. */
function headOfFrame({ x, y, width, height }) {
  return { x, y: y - height / 2 + HEADER / 2, width, height: HEADER - 2 * CLEARANCE };
}

/** The title of a frame and its knobs, which an edge into the frame should not cross. */
function titleOf(frame) {
  const { head, knobs } = frame.scene;
  const [left, y] = [frame.x - frame.width / 2, frame.y - frame.height / 2 + HEADER / 2];
  const width = Math.min(head, frame.width - 20) - knobs;
  return [
    { x: left + 10 + width / 2, y, width, height: 4, cost: 60 },
    { x: left + frame.width - knobs / 2 - 2, y, width: knobs - 8, height: 4, cost: 240 },
  ];
}

/** The sides of a frame: an edge enters at its top, and leaves at its bottom. */
function sidesOf({ x, y, width, height }) {
  return [-1, 1].map((side) => ({ x: x + (side * width) / 2, y, width: 2, height: height - 2 * CLEARANCE }));
}

/** Spread the heads of the edges into one box along its top, in the order of where they come from last. */
function entryPorts(edges, turn) {
  const into = new Map();
  const ports = new Map();
  for (const edge of edges) {
    ports.set(edge, 0);
    if (edge.isAtSide || edge.isInU) continue;
    if (!into.has(edge.to.key)) into.set(edge.to.key, []);
    into.get(edge.to.key).push(edge);
  }
  const comesFrom = ({ from, legs }) => {
    const [line] = legs.slice(-1);
    return line && line.length > 1 ? line[line.length - 2].x : turn(from.rect).x;
  };
  for (const list of into.values()) {
    const step = Math.min(16, Math.max(0, turn(list[0].to.rect).width - 20) / list.length);
    list.sort((a, b) => comesFrom(a) - comesFrom(b));
    list.forEach((edge, k) => ports.set(edge, (k - (list.length - 1) / 2) * step));
  }
  return ports;
}

/** Return a wall as an edge from *start* to *end* meets it, with its clearance; nothing if it stands elsewhere. */
function wallBetween(wall, start, end) {
  const [top, bottom] = [wall.y - wall.height / 2 - CLEARANCE, wall.y + wall.height / 2 + CLEARANCE];
  if (bottom <= start.y || top >= end.y) return [];
  const half = wall.width / 2 + CLEARANCE;
  return [{ top, bottom, left: wall.x - half, right: wall.x + half + (wall.knob || 0), cost: wall.cost || 0 }];
}

/** A point of the S-curve between two points, which leaves and arrives vertically; *t* runs from 0 to 1. */
export function alongCurve(a, b, t) {
  return { x: a.x + (b.x - a.x) * t * t * (3 - 2 * t), y: a.y + (b.y - a.y) * (1.5 * t - 1.5 * t * t + t * t * t) };
}

/** Return where the S-curve has come to a height, as a share of its own: the *t* of `alongCurve`, by Cardano's formula. */
function timeAt(share) {
  const half = (share - 0.5) / 2;
  const root = Math.sqrt(half * half + 1 / 64);
  return 0.5 + Math.cbrt(half + root) + Math.cbrt(half - root);
}

/** Say whether the S-curve between two points keeps clear of all walls; it turns back neither across nor down. */
function isClear(a, b, walls) {
  const [left, right] = [Math.min(a.x, b.x), Math.max(a.x, b.x)];
  const near = walls.filter((w) => w.right > left && w.left < right && w.bottom > a.y && w.top < b.y);
  return near.every((w) => {
    const [one, other] = [Math.max(w.top, a.y), Math.min(w.bottom, b.y)]
      .map((y) => alongCurve(a, b, timeAt((y - a.y) / (b.y - a.y))).x);
    return Math.max(one, other) <= w.left || Math.min(one, other) >= w.right;
  });
}

/**
 * Return the points of the cheapest way from *a* down to *b*, or null. The heights at which walls begin and end cut
 * the way into slabs; a step through a slab is sound if no wall stands between its two ends there. To cross one of
 * *titles* is allowed, but costs.
 */
function detour(a, b, walls, titles) {
  const all = [...walls, ...titles];
  const heights = [...new Set([a.y, b.y, ...all.flatMap((w) => [w.top, w.bottom])])]
    .filter((y) => a.y <= y && y <= b.y).sort((p, q) => p - q);
  const inSlab = (list) => heights.slice(1).map((y, k) => list.filter((w) => w.top < y && w.bottom > heights[k]));
  const [blocked, titled] = [inSlab(walls), inSlab(titles)];
  let states = new Map([[a.x, { x: a.x, y: a.y, cost: 0, from: null }]]);
  for (let k = 0; k < blocked.length; k += 1) {
    const y = heights[k + 1];
    const last = k === blocked.length - 1;
    const near = [...blocked[k], ...titled[k], ...(last ? [] : [...blocked[k + 1], ...titled[k + 1]])];
    const sides = [b.x, ...near.flatMap((w) => [w.left, w.right])];
    const next = new Map();
    for (const state of states.values()) {
      for (const x of last ? [b.x] : [state.x, ...sides]) {
        const [left, right] = [Math.min(x, state.x), Math.max(x, state.x)];
        const hits = (w) => w.left < right && w.right > left;
        if (blocked[k].some(hits)) continue;
        const step = (right - left) * (1 + 12 / (y - heights[k])) + (x === state.x ? 0 : 20);
        const cost = titled[k].filter(hits).reduce((sum, wall) => sum + wall.cost, state.cost + step);
        if (!next.has(x) || cost < next.get(x).cost) next.set(x, { x, y, cost, from: state });
      }
    }
    states = next;
  }
  const points = [];
  for (let state = states.get(b.x); state; state = state.from) points.unshift({ x: state.x, y: state.y });
  if (!points.length) return null;
  const missed = titles.filter((w) => points.every((p, k) => !k || isClear(points[k - 1], p, [w])));
  return relax(points, [...walls, ...missed]);
}

/** Leave out the points that a longer curve can do without. */
function relax(points, walls) {
  const kept = [points[0]];
  for (let k = 0; k < points.length - 1; ) {
    let far = points.length - 1;
    while (far > k + 1 && !isClear(points[k], points[far], walls)) far -= 1;
    kept.push(points[far]);
    k = far;
  }
  return kept;
}
