// The painter, on the canvas of vis-network or into an SVG. vis-network draws the boxes that can be read; the painter draws
// what is under them and over them, and the boxes that are too small to read.

import {
  FRAME_TITLE, HEADER, SHAPE, SUBTITLE, TITLE, headOf, knobsOf, knobsWidth, labelsOf, textMetrics,
} from '../layout/metrics.js';
import { edgeLabelsOf } from '../layout/edge_labels.js';
import { SvgPath, arrowHead, curve, fillPath, strokePath } from './svg_context.js';
import { SIGNS } from './colors.js';

const RADIUS = 5;
export const READABLE = 0.28; // the scale from which on labels are drawn, and boxes given to vis-network

export class Painter {
  /** *view* has the diagram, what shows of it, what is selected and hovered, and the scale; the painter only reads it. */
  constructor(view) {
    this.view = view;
  }

  get theme() {
    return this.view.colors.theme;
  }

  colors(id) {
    return this.view.colors.of(this.view.diagram, id);
  }

  /** Under the boxes: frames, edges, stubs. */
  before(ctx) {
    const { shown } = this.view;
    ctx.textBaseline = 'middle';
    ctx.lineJoin = 'round';
    for (const frame of shown.frames) this.frame(ctx, frame);
    const lit = this.view.lit();
    for (const at of shown.scenes) this.edges(ctx, at, lit);
    for (const stub of shown.stubs) this.stub(ctx, stub, lit.stubs.has(`${stub.source}→${stub.reader}`));
    for (const port of shown.ports) this.label(ctx, port, lit.ports.has(port.key));
    for (const rect of shown.boxes) if (!this.view.held.has(rect.id)) this.box(ctx, rect); // vis-network draws those it has
  }

  /** Over the boxes: what must not be crossed by a line. */
  after(ctx) {
    const { shown, scale } = this.view;
    ctx.textBaseline = 'middle';
    if (scale > 0.3) for (const frame of shown.frames) this.header(ctx, frame);
    if (scale > 0.55) for (const at of shown.scenes) this.shapes(ctx, at);
    if (scale <= 0.35 || this.view.isImage) return;
    for (const rect of shown.boxes) if (!rect.isPacked) this.knobs(ctx, rect);
  }

  /** All of it: for a picture that vis-network has no part in. */
  all(ctx) {
    this.before(ctx);
    this.after(ctx);
  }

  path(ctx, rect, grow = 0, shift = 0) {
    const [width, height] = [rect.width + 2 * grow, rect.height + 2 * grow];
    const radius = rect.isFrame || !this.view.diagram.box(rect.id).sign ? RADIUS : height / 2;
    ctx.beginPath();
    ctx.roundRect(rect.x - width / 2 + shift, rect.y - height / 2 + shift, width, height, radius + grow);
  }

  frame(ctx, rect) {
    const colors = this.colors(rect.id);
    this.path(ctx, rect);
    ctx.fillStyle = colors.frame;
    ctx.fill();
    ctx.strokeStyle = colors.edge;
    ctx.lineWidth = 1;
    ctx.stroke();
    this.ring(ctx, rect);
  }

  /** The ring around what is selected, hovered or next to that. */
  ring(ctx, rect) {
    const { selected, hover, scale } = this.view;
    const isSelected = selected === rect.id;
    if (!isSelected && !this.view.lit().boxes.has(rect.id)) return;
    const isHovered = hover && hover.id === rect.id;
    this.path(ctx, rect, !isSelected ? 0 : rect.isFrame ? 1 : 3);
    ctx.strokeStyle = this.theme.accent;
    const wide = isSelected ? 2 : isHovered ? 1.6 : 1.3;
    ctx.lineWidth = Math.max(wide, wide / Math.max(scale, 0.3) / 1.4);
    ctx.stroke();
  }

  header(ctx, rect) {
    const box = this.view.diagram.box(rect.id);
    const colors = this.colors(rect.id);
    const { title, note } = headOf(box);
    const knobs = this.view.isImage ? 12 : knobsWidth(box);
    const room = rect.width - 20 - knobs;
    const sign = this.sign(box);
    const shown = textMetrics.fit(sign + title, FRAME_TITLE, Math.min(260, room));
    const left = rect.x - rect.width / 2 + 14;
    const y = rect.y - rect.height / 2 + HEADER / 2 + 2;
    ctx.textAlign = 'left';
    this.halo(ctx, shown, left, y, FRAME_TITLE, this.theme.text, colors.frame, 5);
    const used = textMetrics.width(shown, FRAME_TITLE) + 8;
    if (room - used > 24) {
      const after = textMetrics.fit(note, SUBTITLE, Math.min(240, room - used));
      this.halo(ctx, after, left + used, y, SUBTITLE, this.theme.muted, colors.frame, 5);
    }
    if (!this.view.isImage) this.knobs(ctx, rect);
  }

  halo(ctx, text, x, y, font, color, paper, width) {
    ctx.font = font;
    ctx.lineWidth = width;
    ctx.lineJoin = 'round';
    ctx.strokeStyle = paper;
    ctx.strokeText(text, x, y);
    ctx.fillStyle = color;
    ctx.fillText(text, x, y);
  }

  knobs(ctx, rect) {
    const { hover, diagram } = this.view;
    const colors = this.colors(rect.id);
    for (const { name, x, y, radius } of knobsOf(diagram.box(rect.id), rect)) {
      const isHot = hover && hover.id === rect.id && hover.part === name;
      ctx.beginPath();
      ctx.arc(x, y, radius, 0, 2 * Math.PI);
      ctx.fillStyle = isHot ? colors.border : this.theme.paper;
      ctx.fill();
      ctx.strokeStyle = colors.border;
      ctx.lineWidth = 1.1;
      ctx.stroke();
      ctx.beginPath();
      for (const line of KNOBS[name === 'unfold' && diagram.unfolded.has(rect.id) ? 'fold' : name]) {
        line.forEach(([dx, dy], k) => (k ? ctx.lineTo(x + dx, y + dy) : ctx.moveTo(x + dx, y + dy)));
      }
      ctx.strokeStyle = isHot ? this.theme.paper : colors.border;
      ctx.lineWidth = 1.5;
      ctx.stroke();
    }
  }

  /** A closed box; vis-network calls this for every one that it holds. */
  box(ctx, rect) {
    const { diagram, scale } = this.view;
    const box = diagram.box(rect.id);
    const colors = this.colors(rect.id);
    ctx.fillStyle = colors.fill;
    ctx.strokeStyle = colors.border;
    ctx.lineWidth = 1.2;
    if (scale < READABLE / 2 && !ctx.addPath) { // very small: the quickest
      ctx.fillStyle = rect.isPacked ? colors.edge : colors.border;
      ctx.fillRect(rect.x - rect.width / 2, rect.y - rect.height / 2, rect.width, rect.height);
      this.ring(ctx, rect);
      return;
    }
    for (const shift of box.repeat > 1 ? [7, 3.5, 0] : [0]) { // a pack of cards: equal blocks in a row
      if (box.sign || ['input', 'output'].includes(box.kind)) {
        ctx.beginPath();
        ctx.roundRect(rect.x - rect.width / 2, rect.y - rect.height / 2, rect.width, rect.height, rect.height / 2);
      } else {
        this.path(ctx, rect, 0, shift);
      }
      ctx.fill();
      ctx.stroke();
    }
    this.ring(ctx, rect);
    if (scale > READABLE) this.words(ctx, box, rect, colors);
  }

  sign(box) {
    const sign = SIGNS[box.status];
    return sign ? `${sign} ` : '';
  }

  words(ctx, box, rect, colors) {
    const { title, subtitle } = labelsOf(box, rect);
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.fillStyle = colors.text;
    ctx.font = TITLE;
    ctx.fillText(title, rect.x, subtitle ? rect.y - 7.5 : rect.y + 0.5);
    if (subtitle) {
      ctx.fillStyle = colors.muted;
      ctx.font = SUBTITLE;
      ctx.fillText(subtitle, rect.x, rect.y + 9);
    }
    if (!this.sign(box)) return;
    ctx.fillStyle = colors.border;
    ctx.font = TITLE;
    ctx.fillText(this.sign(box).trim(), rect.x - rect.width / 2 + 8, rect.y - rect.height / 2 + 9);
  }

  edges(ctx, { scene, id, dx, dy }, lit) {
    const { scale, window } = this.view;
    const isDown = this.view.flow === 'down';
    ctx.save();
    ctx.translate(dx, dy);
    for (const isLit of [false, true]) {
      ctx.strokeStyle = isLit ? this.theme.accent : this.theme.line;
      ctx.fillStyle = ctx.strokeStyle;
      ctx.lineWidth = isLit ? Math.max(2, 1.4 / scale) : Math.max(1.1, 0.7 / scale);
      scene.edges.forEach((edge, k) => {
        if (lit.edges.has(`${id}|${k}`) !== isLit) return;
        if (!edge.line) draw(edge, isDown);
        const { left, right, top, bottom } = edge.bounds;
        if (right + dx < window.left || left + dx > window.right || bottom + dy < window.top || top + dy > window.bottom) return;
        strokePath(ctx, edge.line);
        if (scale > 0.12) fillPath(ctx, edge.head);
      });
    }
    ctx.restore();
  }

  stub(ctx, stub, isLit) {
    const { child } = stub;
    const isDown = this.view.flow === 'down';
    ctx.strokeStyle = isLit ? this.theme.accent : this.theme.line;
    ctx.lineWidth = isLit ? 1.6 : 1;
    ctx.setLineDash([3, 3]);
    const isBefore = isDown ? stub.y + stub.height / 2 <= child.y - child.height / 2
      : stub.x + stub.width / 2 <= child.x - child.width / 2;
    const isAcross = isBefore !== isDown;
    const way = (isAcross ? child.x < stub.x : child.y < stub.y) ? -1 : 1; // -1 in the right column of a U
    const clamp = (at, middle, half) => Math.min(Math.max(at, middle - Math.max(0, half)), middle + Math.max(0, half));
    const [start, end] = isAcross
      ? [{ x: stub.x + (way * stub.width) / 2, y: stub.y },
        { x: child.x - (way * child.width) / 2, y: clamp(stub.y, child.y, child.height / 2 - 8) }]
      : [{ x: stub.x, y: stub.y + (way * stub.height) / 2 },
        { x: clamp(stub.x, child.x, child.width / 2 - 8), y: child.y - (way * child.height) / 2 }];
    strokePath(ctx, new SvgPath(curve([start, end], !isAcross)));
    this.label(ctx, stub, isLit);
    ctx.fillStyle = isLit ? this.theme.accent : this.theme.line;
    fillPath(ctx, new SvgPath(arrowHead(end, isAcross ? -way : 0, isAcross ? 0 : -way)));
  }

  /** A small label for a value from elsewhere: a stub, or a port. */
  label(ctx, rect, isLit) {
    ctx.strokeStyle = isLit ? this.theme.accent : this.theme.line;
    ctx.lineWidth = isLit ? 1.6 : 1;
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.roundRect(rect.x - rect.width / 2, rect.y - rect.height / 2, rect.width, rect.height, rect.height / 2);
    ctx.fillStyle = this.theme.paper;
    ctx.fill();
    ctx.stroke();
    ctx.setLineDash([]);
    if (this.view.scale <= READABLE) return;
    ctx.font = SUBTITLE;
    ctx.textAlign = 'center';
    ctx.fillStyle = isLit ? this.theme.accent : this.theme.muted;
    ctx.fillText(textMetrics.fit(rect.label, SUBTITLE, rect.width - 10), rect.x, rect.y + 0.5);
  }

  /** The shapes of what flows, each once, where it leaves its box. */
  shapes(ctx, { scene, id, around, dx, dy }) {
    const { diagram, flow, window } = this.view;
    scene.edgeLabels = scene.edgeLabels || edgeLabelsOf(diagram, scene, flow); // not before they can be read: it takes time
    const lit = this.view.lit();
    const paper = scene.isRoot ? this.theme.paper : this.colors(diagram.join(scene.base, around)).frame;
    ctx.textAlign = 'left';
    for (const note of scene.edgeLabels) {
      const [x, y] = [note.x + dx, note.y + dy];
      if (x + note.width < window.left || x - note.width > window.right || y < window.top - 9 || y > window.bottom + 9) continue;
      const color = note.edges.some((k) => lit.edges.has(`${id}|${k}`)) ? this.theme.accent : this.theme.muted;
      this.halo(ctx, note.text, x - note.width / 2, y, SHAPE, color, paper, 3);
    }
  }
}

const KNOBS = {
  open: [[[-3.5, 0], [3.5, 0]], [[0, -3.5], [0, 3.5]]],
  close: [[[-3.5, 0], [3.5, 0]]],
  previous: [[[1.5, -3.5], [-2, 0], [1.5, 3.5]]],
  next: [[[-1.5, -3.5], [2, 0], [-1.5, 3.5]]],
  unfold: [[[-3, -3], [3, -3]], [[-3, 0], [3, 0]], [[-3, 3], [3, 3]]],
  fold: [[[-3, -1.5], [3, -1.5]], [[-3, 1.5], [3, 1.5]]],
};

/** Give an edge what is painted of it: its `line`, its `head`, and its `bounds`. */
function draw(edge, isDown) {
  const points = edge.points.map((p) => ({ ...p }));
  const end = points[points.length - 1];
  let extra = [];
  if (edge.back) { // against the flow: beside the boxes, from side to side
    const [a, b] = [points[0], end];
    const far = isDown ? Math.max(a.x, b.x) + 44 : Math.max(a.y, b.y) + 44;
    edge.head = new SvgPath(arrowHead(b, isDown ? 1 : 0, isDown ? 0 : 1));
    edge.line = new SvgPath(isDown ? `M${a.x} ${a.y}C${far} ${a.y} ${far} ${b.y} ${b.x + 6} ${b.y}`
      : `M${a.x} ${a.y}C${a.x} ${far} ${b.x} ${far} ${b.x} ${b.y + 6}`);
    extra = [isDown ? { x: far, y: b.y } : { x: b.x, y: far }];
  } else {
    const before = points[points.length - 2];
    const isDownwards = isDown !== edge.isAtSide;
    const from = isDownwards ? { x: 0, y: Math.sign(before.y - end.y) } : { x: Math.sign(before.x - end.x), y: 0 };
    edge.head = new SvgPath(arrowHead(end, from.x, from.y));
    Object.assign(end, { x: end.x + 6 * from.x, y: end.y + 6 * from.y }); // it ends inside the head, or would blunt the tip
    edge.line = new SvgPath(curve(points, isDown));
  }
  const [xs, ys] = ['x', 'y'].map((axis) => [...points, ...extra].map((p) => p[axis]));
  edge.bounds = { left: Math.min(...xs) - 6, right: Math.max(...xs) + 6, top: Math.min(...ys) - 6, bottom: Math.max(...ys) + 6 };
}
