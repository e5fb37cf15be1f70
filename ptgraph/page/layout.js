'use strict';
// Geometry, without drawing: where boxes stand when some of them are open, and how edges run between them.
// Places in the data are for closed parts; opening one stretches its scope, so nothing ever overlaps.

const HEADER = 28; // the strip of a frame that holds its title
const PADDING = 18; // between a frame and its parts
const CLEARANCE = 7; // how near an edge may come to a box that it passes

/** Return the monotone map that widens each interval {from, to} to at least its `size`. */
function stretch(intervals) {
  if (!intervals.length) return (v) => v;
  const cuts = [...new Set(intervals.flatMap((i) => [i.from, i.to]))].sort((a, b) => a - b);
  const mapped = [cuts[0]];
  for (let k = 1; k < cuts.length; k += 1) {
    const middle = (cuts[k - 1] + cuts[k]) / 2;
    const around = intervals.filter((i) => i.from < middle && middle < i.to);
    const slope = Math.max(1, ...around.map((i) => i.size / (i.to - i.from)));
    mapped.push(mapped[k - 1] + slope * (cuts[k] - cuts[k - 1]));
  }
  const last = cuts.length - 1;
  return (v) => {
    if (v <= cuts[0]) return v;
    if (v >= cuts[last]) return v + mapped[last] - cuts[last];
    const k = cuts.findIndex((cut) => cut > v);
    return mapped[k - 1] + ((v - cuts[k - 1]) * (mapped[k] - mapped[k - 1])) / (cuts[k] - cuts[k - 1]);
  };
}

/** Return the places of all that shows: `rects` by id (closed boxes and frames), `frames` outermost first, `stubs`. */
function arrange(data, opened, headerWidth) {
  const grown = new Map(); // id of an open box → its size and the two maps of its scope
  const rects = new Map();
  const frames = [];
  const stubs = [];

  function measure(id) {
    const scope = data.scopes[id];
    const open = data.boxes[id].parts.filter((part) => opened.has(part));
    const sizes = open.map((part) => ({ box: data.boxes[part], size: measure(part) }));
    const x = stretch(sizes.map(({ box, size }) => span(box.x, box.width, size.width)));
    const y = stretch(sizes.map(({ box, size }) => span(box.y, box.height, size.height)));
    const inner = { width: x(scope.width), height: y(scope.height) };
    const size = {
      width: Math.max(inner.width, headerWidth(id)) + 2 * PADDING,
      height: inner.height + HEADER + 2 * PADDING,
    };
    grown.set(id, { x, y, inner, ...size });
    return size;
  }

  function place(id, left, top) {
    const { x, y } = grown.get(id);
    // Where its middle goes, so that what stood in line still does; but within what is now its own stretch.
    const middle = (map, at, closed, size) => {
      const [from, to] = [map(at - closed / 2) + size / 2, map(at + closed / 2) - size / 2];
      return Math.min(Math.max(map(at), from), Math.max(from, to));
    };
    for (const part of data.boxes[id].parts) {
      const box = data.boxes[part];
      const size = grown.get(part) || box;
      const rect = {
        id: part,
        kind: grown.has(part) ? 'frame' : 'box',
        header: grown.has(part) ? headerWidth(part) : 0,
        knob: box.parts.length && !grown.has(part) ? 6 : 0, // how far its + stands out
        x: left + middle(x, box.x, box.width, size.width),
        y: top + middle(y, box.y, box.height, size.height),
        width: size.width,
        height: size.height,
      };
      rects.set(part, rect);
      if (rect.kind === 'box') continue;
      frames.push(rect);
      const slack = rect.width - 2 * PADDING - size.inner.width;
      place(part, rect.x - rect.width / 2 + PADDING + slack / 2, rect.y - rect.height / 2 + HEADER + PADDING);
    }
    for (const stub of data.scopes[id].stubs) {
      if (opened.has(stub.child)) continue; // its readers show, each with a stub of its own
      stubs.push({
        ...stub,
        id: `${stub.source}→${stub.child}`,
        kind: 'stub',
        scope: id,
        x: left + middle(x, stub.x, stub.width, stub.width),
        y: top + middle(y, stub.y, stub.height, stub.height),
      });
    }
  }

  measure('/');
  place('/', 0, 0);
  return { rects, frames, stubs, routes: [], notes: null };
}

function span(center, closed, size) {
  return { from: center - closed / 2, to: center + closed / 2, size: Math.max(size, closed) };
}

/** Map every box without parts to the closed box that stands for it. */
function standIns(data, rects) {
  const found = new Map();
  const visit = (id, shown) => {
    if (!data.boxes[id].parts.length) found.set(id, shown);
    for (const part of data.boxes[id].parts) visit(part, shown);
  };
  for (const rect of rects.values()) if (rect.kind === 'box') visit(rect.id, rect.id);
  return found;
}

/** Return the edges that show, one for each pair of visible boxes: {id, source, target, labels}. */
function visibleEdges(data, rects) {
  const shown = standIns(data, rects);
  const edges = new Map();
  for (const [from, to, label, shared] of data.links) {
    const [source, target] = [shown.get(from), shown.get(to)];
    if (shared || !source || !target || source === target) continue;
    const id = JSON.stringify([source, target]);
    if (!edges.has(id)) edges.set(id, { id, source, target, labels: [] });
    const { labels } = edges.get(id);
    if (label && !labels.includes(label)) labels.push(label);
  }
  return [...edges.values()];
}

/** Say whether a box is *outer* or inside of it. */
function within(data, id, outer) {
  for (let at = id; at !== null; at = data.boxes[at].parent) if (at === outer) return true;
  return false;
}

/** Return the box and what is around it, innermost first, without the root. */
function chainOf(data, id) {
  const chain = [];
  for (let at = id; data.boxes[at].parent !== null; at = data.boxes[at].parent) chain.push(at);
  return chain;
}

/** Give each edge its `points`: from the foot of its source to the head of its target, around other boxes. */
function routeEdges(data, picture, edges) {
  const standing = new Map(); // scope → all that stands in it
  const wallsOf = (scope) => {
    if (!standing.has(scope)) {
      const parts = data.boxes[scope].parts.map((part) => picture.rects.get(part));
      standing.set(scope, [...parts, ...picture.stubs.filter((stub) => stub.scope === scope)]);
    }
    return standing.get(scope);
  };
  const ports = entryPorts(picture.rects, edges);
  for (const edge of edges) {
    const source = picture.rects.get(edge.source);
    const target = picture.rects.get(edge.target);
    const start = { x: source.x, y: source.y + source.height / 2 };
    const end = { x: target.x + ports.get(edge), y: target.y - target.height / 2 };
    edge.back = end.y <= start.y; // a cycle among closed boxes: it leaves and enters at the side
    edge.points = [start, end];
    if (edge.back) continue;
    const around = new Set([...chainOf(data, edge.source), ...chainOf(data, edge.target)]);
    const scopes = new Set([...around].map((id) => data.boxes[id].parent));
    const between = (list) => list.flatMap((wall) => wallBetween(wall, start, end));
    const obstacles = between([...scopes].flatMap(wallsOf).filter((wall) => !around.has(wall.id)));
    const crossed = [...around].filter((id) => !within(data, edge.source, id) || !within(data, edge.target, id))
      .map((id) => picture.rects.get(id)).filter((rect) => rect.kind === 'frame');
    const titles = between(crossed.filter((frame) => within(data, edge.target, frame.id)).flatMap(titleOf));
    const walls = [...obstacles, ...between(crossed.flatMap(sidesOf))];
    if (!isClear(start, end, [...walls, ...titles])) {
      edge.points = detour(start, end, walls, titles) || detour(start, end, obstacles, titles) || edge.points;
    }
  }
  return edges;
}

/** The title of a frame and its knob, which an edge into the frame should not cross. */
function titleOf(frame) {
  const [left, y] = [frame.x - frame.width / 2, frame.y - frame.height / 2 + HEADER / 2];
  const width = Math.min(frame.header, frame.width - 46);
  return [
    { x: left + 10 + width / 2, y, width, height: 4 },
    { x: left + frame.width - 18, y, width: 10, height: 4 },
  ];
}

/** The sides of a frame: an edge enters at its top, and leaves at its bottom. */
function sidesOf({ x, y, width, height }) {
  return [-1, 1].map((side) => ({ x: x + (side * width) / 2, y, width: 2, height: height - 2 * CLEARANCE }));
}

/** Spread the heads of the edges into one box along its top, in the order of where they come from. */
function entryPorts(rects, edges) {
  const into = new Map();
  for (const edge of edges) into.set(edge.target, [...(into.get(edge.target) || []), edge]);
  const ports = new Map();
  for (const [target, list] of into) {
    const step = Math.min(16, (rects.get(target).width - 20) / list.length);
    list.sort((a, b) => rects.get(a.source).x - rects.get(b.source).x);
    list.forEach((edge, k) => ports.set(edge, (k - (list.length - 1) / 2) * step));
  }
  return ports;
}

/** Return a wall as an edge from *start* to *end* meets it, with its clearance; nothing if it stands elsewhere. */
function wallBetween(wall, start, end) {
  const [top, bottom] = [wall.y - wall.height / 2 - CLEARANCE, wall.y + wall.height / 2 + CLEARANCE];
  if (bottom <= start.y || top >= end.y) return [];
  const half = wall.width / 2 + CLEARANCE;
  return [{ top, bottom, left: wall.x - half, right: wall.x + half + (wall.knob || 0) }];
}

/** A point of the S-curve between two points, which leaves and arrives vertically; *t* runs from 0 to 1. */
function alongCurve(a, b, t) {
  return { x: a.x + (b.x - a.x) * t * t * (3 - 2 * t), y: a.y + (b.y - a.y) * (1.5 * t - 1.5 * t * t + t * t * t) };
}

/** Say whether the S-curve between two points keeps clear of all walls. */
function isClear(a, b, walls) {
  const [left, right] = [Math.min(a.x, b.x), Math.max(a.x, b.x)];
  const near = walls.filter((w) => w.right > left && w.left < right && w.bottom > a.y && w.top < b.y);
  if (!near.length) return true;
  const steps = Math.min(60, 4 + Math.ceil(Math.hypot(b.x - a.x, b.y - a.y) / 10));
  for (let k = 1; k < steps; k += 1) {
    const { x, y } = alongCurve(a, b, k / steps);
    if (near.some((w) => w.left < x && x < w.right && w.top < y && y < w.bottom)) return false;
  }
  return true;
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
        const cost = state.cost + step + 60 * titled[k].filter(hits).length;
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
