// Labels of edges, which say the shape of what flows: each stands beside the foot of the box that its edge leaves.

import { SHAPE, printable, textMetrics } from './metrics.js';
import { alongCurve } from './edge_routing.js';

/** Return the labels of a scene: {text, edges, x, y, width}; one that would cover anything is left out. */
export function edgeLabelsOf(diagram, scene, flow) {
  const labels = new Map();
  scene.edges.forEach((edge, k) => {
    const text = edge.labels.length > 1 ? `${edge.labels[0]}, …` : edge.labels[0];
    if (!text || edge.back || edge.from.port) return; // a port says it itself
    const key = `${edge.from.key}\n${text}`;
    if (!labels.has(key)) labels.set(key, { text: printable(text), edge, edges: [] });
    labels.get(key).edges.push(k);
  });
  const crossed = new Grid(scene.edges, flow);
  const taken = new Map(); // a scene → the rectangles in it
  const found = [];
  for (const { text, edge, edges } of labels.values()) {
    const width = textMetrics.width(text, SHAPE);
    const [{ x, y }, next] = edge.points;
    const step = edge.from.trail[edge.from.trail.length - 1];
    const key = `${step.dx} ${step.dy}`;
    if (!taken.has(key)) {
      taken.set(key, step.scene.items.map((item) => ({ ...item, x: item.x + step.dx, y: item.y + step.dy })));
    }
    const rivals = taken.get(key);
    const isInside = (spot) => step.scene.isRoot
      || (spot.x - spot.width / 2 > step.dx + 2 && spot.x + spot.width / 2 < step.dx + step.scene.width - 2);
    const isPack = diagram.base(step.item.base).repeat > 1 && !step.item.scene;
    const drop = isPack ? 18 : 11;
    const isUp = flow === 'down' ? next.y < y : next.x < x; // in the right column of a U
    const [way, beside] = isUp ? [-1, 6] : [1, isPack ? 13 : 6];
    const spots = flow === 'down' ? [[x + 6 + width / 2, y + (isUp ? -11 : drop)], [x - 6 - width / 2, y + (isUp ? -11 : drop)]]
      : [[x + way * (beside + width / 2), y - 9], [x + way * (beside + width / 2), y + 9]];
    const place = spots.map(([at, down]) => ({ x: at, y: down, width, height: 11 }))
      .find((spot) => isInside(spot) && !rivals.some((r) => touches(spot, r)) && !crossed.has(spot));
    if (!place) continue;
    rivals.push(place);
    found.push({ text, edges, ...place });
  }
  return found;
}

/** Points along the edges, in squares of the plane, to find out fast whether one crosses a rectangle. */
class Grid {
  constructor(edges, flow, square = 64) {
    Object.assign(this, { flow, square, cells: new Map() });
    for (const { points, back } of edges) {
      for (let k = 1; k < points.length && !back; k += 1) this.walk(points[k - 1], points[k]);
    }
  }

  walk(a, b) {
    const steps = Math.min(80, Math.ceil(Math.hypot(a.x - b.x, a.y - b.y) / 5));
    const turn = this.flow === 'down' ? (p) => p : (p) => ({ x: p.y, y: p.x });
    for (let k = 0; k <= steps; k += 1) {
      const point = turn(alongCurve(turn(a), turn(b), k / steps));
      const key = `${Math.floor(point.x / this.square)},${Math.floor(point.y / this.square)}`;
      if (!this.cells.has(key)) this.cells.set(key, []);
      this.cells.get(key).push(point);
    }
  }

  has(rect) {
    const range = (from, to) => [Math.floor(from / this.square), Math.floor(to / this.square)];
    const [left, right] = range(rect.x - rect.width / 2, rect.x + rect.width / 2);
    const [top, bottom] = range(rect.y - rect.height / 2, rect.y + rect.height / 2);
    for (let i = left; i <= right; i += 1) {
      for (let j = top; j <= bottom; j += 1) {
        const points = this.cells.get(`${i},${j}`) || [];
        if (points.some((p) => touches(rect, { ...p, width: 4, height: 4 }))) return true;
      }
    }
    return false;
  }
}

function touches(a, b) {
  return Math.abs(a.x - b.x) < (a.width + b.width) / 2 && Math.abs(a.y - b.y) < (a.height + b.height) / 2;
}
