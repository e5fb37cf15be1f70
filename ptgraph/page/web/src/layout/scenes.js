// The layout of what is open of a diagram, as nested scenes. A scene is the inside of one open box, in coordinates from its
// own top left corner; it holds the scenes of the open boxes in it. Scenes that are open alike are one object, and a scene
// that has not changed is not laid out again.

import { HEADER, PADDING, widthsOf } from './metrics.js';
import { routeEdges } from './edge_routing.js';
import { storedLines } from './stored_lines.js';
import { placeItems } from './stretching.js';

const GAP = 26; // between the blocks of an unfolded fold
const PORT = { height: 18, gap: 30, room: 10 };

export class Layout {
  /** *flow* is down or right. */
  constructor(diagram, flow = 'down') {
    Object.assign(this, { diagram, flow, widths: widthsOf(diagram), kept: new Map() });
  }

  /** Return the scene of what is open inside of *root*. */
  scene(root = this.diagram.root) {
    this.before = this.kept;
    this.kept = new Map();
    this.signatures = new Map();
    return this.sceneOf(root, true);
  }

  /** What of the state decides how the inside of an open box looks. */
  signature(id) {
    let found = this.signatures.get(id);
    if (found === undefined) {
      const { diagram } = this;
      const inner = diagram.parts(id).map((part, k) => (diagram.opened.has(part) && diagram.canOpen(part)
        ? `${k}${this.signature(part)}` : ''));
      const { base } = diagram.split(id);
      const kind = diagram.unfolded.has(id) ? '*' : diagram.number(id) === null ? '' : '+';
      found = `${base}${kind}(${inner.filter(Boolean).join(',')})`;
      this.signatures.set(id, found);
    }
    return found;
  }

  sceneOf(id, isRoot = false) {
    const key = `${isRoot ? '!' : ''}${this.signature(id)}`;
    const found = this.kept.get(key) || this.before.get(key) || this.make(id, isRoot);
    this.keep(key, found);
    return found;
  }

  keep(key, scene) { // with all scenes in it, or the next change would make those again
    if (this.kept.has(key)) return;
    this.kept.set(key, scene);
    for (const item of scene.items) if (item.scene) this.keep(item.scene.key, item.scene);
  }

  make(id, isRoot) {
    const scene = this.diagram.unfolded.has(id) ? this.column(id, isRoot) : this.scope(id, isRoot);
    scene.key = `${isRoot ? '!' : ''}${this.signature(id)}`;
    const boxes = scene.isColumn ? [] : scene.items.filter((item) => item.kind === 'box'); // blocks go by their number
    scene.byBase = new Map(boxes.map((item) => [item.base, item]));
    scene.edges = routeEdges(this.diagram, scene, this.flow);
    return scene;
  }

  /** A box within a scene; its inside, if it is open. */
  item(id) {
    const { diagram } = this;
    const { base } = diagram.split(id);
    const [width, height] = diagram.base(base).size;
    const scene = diagram.opened.has(id) && diagram.canOpen(id) ? this.sceneOf(id) : null;
    const { width: w, height: h } = scene || { width, height };
    const anchor = { x: w / 2, y: h / 2 };
    if (scene) anchor[this.flow === 'down' ? 'x' : 'y'] = scene.spine;
    return { kind: 'box', base, own: null, scene, width: w, height: h, anchor, closed: { width, height } };
  }

  /**
   * The inside of a box: its parts and stubs as they were laid out, stretched where parts are open. A U is one as long as all
   * its parts are closed, and flows in one direction otherwise.
   */
  scope(id, isRoot) {
    const { diagram, flow } = this;
    const { base } = diagram.split(id);
    const stored = diagram.doc.scopes[base];
    const parts = diagram.parts(id).map((part) => this.item(part));
    const both = diagram.doc.layouts[stored.layout];
    const isU = Boolean(both.u) && !parts.some((part) => part.scene);
    const layout = isU ? both.u : both;
    const stubs = (stored.stubs || []).map(([source, child]) => ({ kind: 'stub', base: child, source, scene: null }));
    const items = [...parts, ...stubs];
    layout.places.forEach(([x, y, width, height], k) => {
      if (items[k].kind === 'stub') Object.assign(items[k], { width, height, anchor: { x: width / 2, y: height / 2 } });
      items[k].at = flow === 'down' ? { x, y, width, height } : { x: y, y: x, width: height, height: width };
    });
    const maps = placeItems(items, flow);
    const lines = storedLines(stored, layout, parts, maps, flow);
    const hasOwn = (part) => part.scene && !part.scene.isColumn; // within an open part, its parts have the stubs
    const shown = items.filter((item) => item.kind !== 'stub' || !parts.some((part) => hasOwn(part) && part.base === item.base));
    const [width, height] = flow === 'down' ? layout.size : [layout.size[1], layout.size[0]];
    const inner = { width: maps.x(width), height: maps.y(height), spine: maps[flow === 'down' ? 'x' : 'y'](layout.spine), lines, isU };
    const ports = isRoot && base !== diagram.root ? this.ports(base, shown)
      : diagram.number(id) !== null ? this.ports(base, shown, true) : [];
    return framed(id, this, shown, inner, isRoot, ports);
  }

  /** All blocks of an unfolded fold, one after the other. */
  column(id, isRoot) {
    const { diagram, flow } = this;
    const items = diagram.parts(id).map((part, k) => ({ ...this.item(part), own: k }));
    const [along, across] = flow === 'down' ? ['height', 'width'] : ['width', 'height'];
    const [axis, other] = flow === 'down' ? ['y', 'x'] : ['x', 'y'];
    const spine = Math.max(...items.map((item) => item.anchor[other]));
    const wide = spine + Math.max(...items.map((item) => item[across] - item.anchor[other]));
    let at = 0;
    for (const item of items) {
      item[axis] = at + item[along] / 2;
      item[other] = spine - item.anchor[other] + item[across] / 2;
      at += item[along] + (flow === 'down' ? GAP : 3 * GAP);
    }
    const size = { [along]: at - (flow === 'down' ? GAP : 3 * GAP), [across]: wide, spine, lines: new Map() };
    const { base } = diagram.split(id);
    const ports = isRoot && base !== diagram.root ? this.ports(base, items) : [];
    const [first, last] = [items[0], items[items.length - 1]];
    for (const port of ports) port.near = port.near.map(() => (port.side ? first : last));
    return { ...framed(id, this, items, size, isRoot, ports), isColumn: true };
  }

  /** The values that cross the border of a box, as small labels before it and after it. */
  ports(base, items, isBlock = false) {
    const { diagram } = this;
    const found = new Map();
    const add = (side, link) => {
      const key = `${side}${link[1 - side]}`;
      const item = items.find(({ kind, base: at }) => kind === 'box' && diagram.within(link[side], at));
      if (!item) return;
      if (!found.has(key)) found.set(key, { kind: 'port', side, base: link[1 - side], links: [], near: [], scene: null });
      found.get(key).links.push(link);
      found.get(key).near.push(item);
    };
    for (const link of diagram.dataflow.crossing(base, 1)) if (!link[3] && !(isBlock && diagram.dataflow.isEntry(base, link))) add(1, link);
    if (!isBlock) for (const link of diagram.dataflow.crossing(base, 0)) if (!link[3]) add(0, link);
    return [...found.values()];
  }
}

/** Put what is in a scene inside of its frame, with its ports before and after. */
function framed(id, layout, items, inner, isRoot, ports) {
  const { base, numbers } = layout.diagram.split(id);
  const down = layout.flow === 'down';
  const rows = [1, 0].map((side) => ports.filter((port) => port.side === side));
  for (const port of ports) {
    const shape = port.links[0][2];
    const text = [layout.diagram.valueName(port.base, base, numbers, 1 - port.side), shape].filter(Boolean).join(' ');
    Object.assign(port, { shape, width: layout.widths.port(text), height: PORT.height });
  }
  const depth = (row) => (row.length ? (down ? PORT.height : Math.max(...row.map((p) => p.width))) + PORT.gap : 0);
  const [before, after] = rows.map(depth);
  const box = { ...inner };
  rows.forEach((row) => spread(row, down, box));
  const [along, across] = down ? ['height', 'width'] : ['width', 'height'];
  const start = Math.min(0, ...ports.map((p) => (down ? p.x - p.width / 2 : p.y - p.height / 2)));
  const end = Math.max(box[across], ...ports.map((p) => (down ? p.x + p.width / 2 : p.y + p.height / 2)));
  const size = { [along]: box[along] + before + after, [across]: end - start };
  const shift = down ? { x: -start, y: before } : { x: before, y: -start };
  const lines = [...new Set(inner.lines.values())].flat();
  const all = [...items, ...lines];
  const move = (dx, dy) => all.forEach((at) => Object.assign(at, { x: at.x + dx, y: at.y + dy }));
  move(shift.x, shift.y);
  rows.forEach((row, k) => row.forEach((port) => {
    const at = k === 0 ? depth(row) - PORT.gap - (down ? PORT.height : port.width) / 2
      : before + box[along] + PORT.gap + (down ? PORT.height : port.width) / 2;
    Object.assign(port, down ? { x: port.x - start, y: at } : { x: at, y: port.y - start });
  }));
  const spine = inner.spine + (down ? shift.x : shift.y);
  const made = { id, base, items: [...items, ...ports], lines: inner.lines, isU: Boolean(inner.isU), isRoot };
  if (isRoot) return { ...made, spine, ...size };
  const [head, knobs] = [layout.widths.head(id), layout.widths.knobs(id)];
  const width = Math.max(size.width, head) + 2 * PADDING;
  const left = (width - size.width) / 2;
  all.push(...ports);
  move(left, HEADER + PADDING);
  return { ...made, head, knobs, width, height: size.height + HEADER + 2 * PADDING, spine: spine + (down ? left : HEADER + PADDING) };
}

/** Place ports near what they lead to, side by side; theirs is the axis across the flow. */
function spread(row, down, box) {
  const [axis, extent] = down ? ['x', 'width'] : ['y', 'height'];
  for (const port of row) port[axis] = port.near.reduce((sum, item) => sum + item[axis], 0) / port.near.length;
  row.sort((a, b) => a[axis] - b[axis]);
  const total = row.reduce((sum, port) => sum + port[extent] + PORT.room, -PORT.room);
  let at = row.length ? Math.min(row[0][axis] - row[0][extent] / 2, (box[extent] - total) / 2) : 0;
  if (total < box[extent]) at = Math.max(0, at);
  row.forEach((port, k) => {
    const rest = row.slice(k).reduce((sum, p) => sum + p[extent] + PORT.room, -PORT.room);
    const latest = Math.max(at, Math.max(total, box[extent]) - rest + Math.min(0, box[extent] - total));
    const wanted = Math.min(Math.max(at, port[axis] - port[extent] / 2), latest);
    port[axis] = wanted + port[extent] / 2;
    at = wanted + port[extent] + PORT.room;
  });
}

/** The numbers of the blocks that a part of a scene is in; *around* are those of the scene itself. */
function numbersOf(diagram, scene, around, item) {
  if (!diagram.base(item.base).isFold) return around;
  return scene.isColumn ? [...around.slice(0, -1), item.own] : [...around, null];
}

/** The id of a part of a scene. */
export function idOf(diagram, scene, around, item) {
  return diagram.join(item.base, numbersOf(diagram, scene, around, item));
}

/** The id of an end of an edge of a scene; of a port, which is no box, null. */
export function endId(diagram, scene, around, end) {
  if (end.port) return null;
  return diagram.join(end.base, [...(scene.isColumn ? around.slice(0, -1) : around), ...end.numbers]);
}

/** Call *visit* with every scene that shows: ({scene, around, id, dx, dy}); *goesInto* is asked about each open part. */
export function walk(diagram, scene, visit, goesInto = () => true) {
  const enter = (at, numbers, dx, dy) => {
    const around = diagram.padded(numbers, diagram.base(at.base).folds);
    visit({ scene: at, around, id: diagram.join(at.base, around), dx, dy });
    for (const item of at.items) {
      if (!item.scene || !goesInto(item, dx, dy)) continue;
      enter(item.scene, numbersOf(diagram, at, around, item), dx + item.x - item.width / 2, dy + item.y - item.height / 2);
    }
  };
  enter(scene, diagram.split(scene.id).numbers, 0, 0);
}

/** The way down to a box that shows: of every step, its `rect` in the whole, and the scene that it stands in. */
export function wayTo(diagram, scene, id) {
  const around = diagram.padded(diagram.split(scene.id).numbers, diagram.base(scene.base).folds);
  let at = { scene, around, id: scene.id, dx: 0, dy: 0 };
  const found = [];
  for (const step of diagram.chain(id).reverse()) {
    if (!at.scene) return null;
    const number = diagram.number(step);
    const { base, numbers } = diagram.split(step);
    const item = at.scene.isColumn && number !== null ? at.scene.items[number] : at.scene.byBase.get(base);
    if (!item && found.length) return null;
    if (!item) continue; // outside of the box that was dived into
    const rect = { id: step, x: item.x + at.dx, y: item.y + at.dy, width: item.width, height: item.height, isFrame: Boolean(item.scene) };
    found.push({ ...at, item, rect });
    const inner = diagram.padded(numbers, diagram.base(base).folds);
    at = { scene: item.scene, around: inner, id: step, dx: rect.x - rect.width / 2, dy: rect.y - rect.height / 2 };
  }
  const last = found[found.length - 1];
  return last && last.rect.id === id ? found : null;
}
