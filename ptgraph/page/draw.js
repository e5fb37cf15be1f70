'use strict';
// Painting on the canvas of vis-network: it draws the boxes (through `ctxRenderer`) and asks us for the rest.

const FONT = 'Arial, Arimo, "Liberation Sans", Helvetica, sans-serif';
const RADIUS = 5;
const THEMES = {
  light: {
    paper: '#ffffff', text: '#1c2430', muted: '#4d5866', line: '#8b97a6', accent: '#0b57b0', tint: 0.35,
  },
  dark: {
    paper: '#14171c', text: '#eef1f5', muted: '#b3bdc9', line: '#77838f', accent: '#7db8ff', tint: 0.3,
  },
};

/** Mix two colours `#rrggbb`: *share* of the first. */
function mix(a, b, share) {
  const part = (color, k) => parseInt(color.slice(1 + 2 * k, 3 + 2 * k), 16);
  const channel = (k) => Math.round(part(a, k) * share + part(b, k) * (1 - share)).toString(16).padStart(2, '0');
  return `#${[0, 1, 2].map(channel).join('')}`;
}

/** Return the colours of each category for a theme; the data has those for light paper. */
function paletteOf(styles, name) {
  const theme = THEMES[name];
  const colors = (style) => {
    const dark = name === 'dark';
    const fill = dark ? mix(style.border, theme.paper, 0.28) : style.fill;
    const border = dark ? mix(style.border, '#ffffff', 0.62) : style.border;
    return { fill, border, frame: mix(fill, theme.paper, theme.tint), edge: mix(border, theme.paper, 0.6) };
  };
  return Object.fromEntries(Object.entries(styles).map(([category, style]) => [category, colors(style)]));
}

/** Measures and shortens text; measuring is slow, so every answer is kept. */
class Type {
  constructor() {
    this.context = document.createElement('canvas').getContext('2d');
    this.widths = new Map();
    this.cuts = new Map();
  }

  width(text, font) {
    const key = `${font}\n${text}`;
    if (!this.widths.has(key)) {
      this.context.font = font;
      this.widths.set(key, this.context.measureText(text).width);
    }
    return this.widths.get(key);
  }

  fit(text, font, room) {
    const key = `${font}\n${room}\n${text}`;
    if (!this.cuts.has(key)) this.cuts.set(key, this.cut(printable(text), font, room));
    return this.cuts.get(key);
  }

  cut(text, font, room) {
    if (this.width(text, font) <= room) return text;
    const letters = [...text];
    let [low, high] = [0, letters.length];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.width(`${letters.slice(0, middle).join('')}…`, font) <= room) low = middle;
      else high = middle - 1;
    }
    return `${letters.slice(0, low).join('')}…`;
  }
}

/** Replace what would turn the direction of writing or draw nothing: a name of the model may hold anything. */
function printable(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, '\ufffd');
}

const type = new Type();
const TITLE = `600 13px ${FONT}`;
const SUBTITLE = `11px ${FONT}`;
const FRAME_TITLE = `600 12px ${FONT}`;
const SHAPE = `10px ${FONT}`;

/** What a box says, cut to its room, with the widths as drawn. */
function labelsOf(box, rect) {
  const room = rect.width - 16;
  const title = type.fit(box.title, TITLE, room);
  const subtitle = type.fit(box.subtitle, SUBTITLE, room);
  return { title, subtitle, room, titleWidth: type.width(title, TITLE), subtitleWidth: type.width(subtitle, SUBTITLE) };
}

/** The width that the header of a frame needs. */
function headerWidthOf(box) {
  const title = Math.min(260, type.width(printable(box.title), FRAME_TITLE));
  const subtitle = Math.min(220, type.width(printable(box.subtitle), SUBTITLE));
  return title + subtitle + 20;
}

/** Where the + of a closed box and the − of a frame are: {x, y, radius}. */
function knobOf(rect) {
  if (rect.kind === 'frame') {
    return { x: rect.x + rect.width / 2 - 18, y: rect.y - rect.height / 2 + HEADER / 2 + 2, radius: 7.5 };
  }
  return { x: rect.x + rect.width / 2, y: rect.y, radius: 7.5 };
}

class Painter {
  /** *view* has the data, the picture, what is selected and what is hovered; the painter only reads it. */
  constructor(view) {
    this.view = view;
    this.setTheme('light');
  }

  setTheme(name) {
    this.theme = THEMES[name];
    this.palette = paletteOf(this.view.data.styles, name);
  }

  colors(box) {
    return this.palette[box.category] || this.palette.Other;
  }

  /** Under the boxes: frames, edges, and the lines of stubs. */
  before(ctx) {
    const { picture, scale } = this.view;
    ctx.textBaseline = 'middle';
    ctx.lineJoin = 'round';
    for (const frame of picture.frames) this.frame(ctx, frame);
    const lit = this.view.lit();
    ctx.lineWidth = Math.max(1.1, 0.7 / scale);
    const shown = picture.routes.filter((edge) => this.seen(edge));
    for (const edge of shown) if (!lit.edges.has(edge.id)) this.edge(ctx, edge, this.theme.line);
    ctx.lineWidth = Math.max(2, 1.4 / scale);
    for (const edge of shown) if (lit.edges.has(edge.id)) this.edge(ctx, edge, this.theme.accent);
    for (const stub of picture.stubs) this.stub(ctx, stub, lit.stubs.has(stub.id));
  }

  /** Over the boxes: what must not be crossed by a line. */
  after(ctx) {
    const { picture, scale } = this.view;
    ctx.textBaseline = 'middle';
    if (scale > 0.3) for (const frame of picture.frames) this.header(ctx, frame);
    if (scale > 0.55) this.shapes(ctx);
    if (scale <= 0.35) return;
    for (const rect of picture.rects.values()) if (rect.knob && this.seen(rect)) this.knob(ctx, rect);
  }

  /** Say whether something is inside the part of the plane that shows. */
  seen({ x, y, width, height }) {
    const { window } = this.view;
    return x + width / 2 + 12 > window.left && x - width / 2 - 12 < window.right
      && y + height / 2 + 12 > window.top && y - height / 2 - 12 < window.bottom;
  }

  path(ctx, rect, grow = 0, shift = 0) {
    const [width, height] = [rect.width + 2 * grow, rect.height + 2 * grow];
    ctx.beginPath();
    ctx.roundRect(rect.x - width / 2 + shift, rect.y - height / 2 + shift, width, height, RADIUS + grow);
  }

  frame(ctx, rect) {
    const colors = this.colors(this.view.data.boxes[rect.id]);
    this.path(ctx, rect);
    ctx.fillStyle = colors.frame;
    ctx.fill();
    ctx.strokeStyle = colors.edge;
    ctx.lineWidth = 1;
    ctx.stroke();
    this.ring(ctx, rect);
  }

  /** The ring around what is selected or hovered. */
  ring(ctx, rect) {
    const selected = this.view.selected === rect.id;
    if (!selected && this.view.lit().boxes.has(rect.id) === false) return;
    this.path(ctx, rect, !selected ? 0 : rect.kind === 'frame' ? 1 : 3);
    ctx.strokeStyle = this.theme.accent;
    ctx.lineWidth = Math.max(selected ? 2 : 1.5, (selected ? 2 : 1.5) / Math.max(this.view.scale, 0.5) / 1.4);
    ctx.stroke();
  }

  header(ctx, rect) {
    if (!this.seen(rect)) return;
    const box = this.view.data.boxes[rect.id];
    const room = rect.width - 46; // 14 before the title, 32 for the knob
    const title = type.fit(box.title, FRAME_TITLE, Math.min(260, room));
    const left = rect.x - rect.width / 2 + 14;
    const y = rect.y - rect.height / 2 + HEADER / 2 + 2;
    ctx.textAlign = 'left';
    this.halo(ctx, title, left, y, FRAME_TITLE, this.theme.text, this.colors(box).frame, 5);
    const used = type.width(title, FRAME_TITLE) + 8;
    if (room - used > 24) {
      const subtitle = type.fit(box.subtitle, SUBTITLE, Math.min(220, room - used));
      this.halo(ctx, subtitle, left + used, y, SUBTITLE, this.theme.muted, this.colors(box).frame, 5);
    }
    this.knob(ctx, rect);
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

  knob(ctx, rect) {
    const { x, y, radius } = knobOf(rect);
    const colors = this.colors(this.view.data.boxes[rect.id]);
    const hot = this.view.hover && this.view.hover.id === rect.id && this.view.hover.part === 'knob';
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.fillStyle = hot ? colors.border : this.theme.paper;
    ctx.fill();
    ctx.strokeStyle = colors.border;
    ctx.lineWidth = 1.1;
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x - 3.5, y);
    ctx.lineTo(x + 3.5, y);
    if (rect.kind === 'box') {
      ctx.moveTo(x, y - 3.5);
      ctx.lineTo(x, y + 3.5);
    }
    ctx.strokeStyle = hot ? this.theme.paper : colors.border;
    ctx.lineWidth = 1.5;
    ctx.stroke();
  }

  /** A closed box; vis-network calls this for every one in its view. */
  box(ctx, rect) {
    const box = this.view.data.boxes[rect.id];
    const colors = this.colors(box);
    ctx.fillStyle = colors.fill;
    ctx.strokeStyle = colors.border;
    ctx.lineWidth = 1.2;
    for (const shift of box.repeat > 1 ? [7, 3.5, 0] : [0]) { // a pack of cards: equal blocks in a row
      if (['input', 'output'].includes(box.kind)) {
        ctx.beginPath();
        ctx.roundRect(rect.x - rect.width / 2, rect.y - rect.height / 2, rect.width, rect.height, rect.height / 2);
      } else {
        this.path(ctx, rect, 0, shift);
      }
      ctx.fill();
      ctx.stroke();
    }
    this.ring(ctx, rect);
    if (this.view.scale > 0.28) this.label(ctx, box, rect);
  }

  label(ctx, box, rect) {
    const { title, subtitle } = labelsOf(box, rect);
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.fillStyle = this.theme.text;
    ctx.font = TITLE;
    ctx.fillText(title, rect.x, subtitle ? rect.y - 7.5 : rect.y + 0.5);
    if (!subtitle) return;
    ctx.fillStyle = this.theme.muted;
    ctx.font = SUBTITLE;
    ctx.fillText(subtitle, rect.x, rect.y + 9);
  }

  edge(ctx, edge, color) {
    ctx.strokeStyle = color;
    ctx.fillStyle = color;
    ctx.stroke(edge.path);
    ctx.fill(edge.head);
  }

  stub(ctx, stub, lit) {
    if (!this.seen({ ...stub, height: stub.height + 80 })) return;
    const child = this.view.picture.rects.get(stub.child);
    const foot = child.y - child.height / 2;
    ctx.strokeStyle = lit ? this.theme.accent : this.theme.line;
    ctx.lineWidth = lit ? 1.6 : 1;
    ctx.setLineDash([3, 3]);
    const start = { x: stub.x, y: stub.y + stub.height / 2 };
    const half = child.width / 2 - 8;
    const end = { x: Math.min(Math.max(stub.x, child.x - half), child.x + half), y: foot };
    ctx.stroke(curve([start, end]));
    ctx.beginPath();
    ctx.roundRect(stub.x - stub.width / 2, stub.y - stub.height / 2, stub.width, stub.height, stub.height / 2);
    ctx.fillStyle = this.theme.paper;
    ctx.fill();
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.fillStyle = ctx.strokeStyle;
    ctx.fill(arrowHead(end));
    if (this.view.scale <= 0.28) return;
    ctx.font = SUBTITLE;
    ctx.textAlign = 'center';
    ctx.fillStyle = lit ? this.theme.accent : this.theme.muted;
    ctx.fillText(type.fit(this.view.data.boxes[stub.source].title, SUBTITLE, stub.width - 10), stub.x, stub.y + 0.5);
  }

  /** The shapes of what flows, each once, where it leaves its box. */
  shapes(ctx) {
    const { picture, data } = this.view;
    picture.notes ||= placeNotes(data, picture); // not before they can be read: it takes time
    const lit = this.view.lit();
    ctx.textAlign = 'left';
    for (const note of picture.notes) {
      if (!this.seen(note)) continue;
      const color = note.edges.some((id) => lit.edges.has(id)) ? this.theme.accent : this.theme.muted;
      this.halo(ctx, note.text, note.x - note.width / 2, note.y, SHAPE, color, this.paperAt(note.scope), 3);
    }
  }

  paperAt(scope) {
    return scope === '/' ? this.theme.paper : this.colors(this.view.data.boxes[scope]).frame;
  }
}

/** A line through points whose tangents are all vertical, so that its pieces join smoothly. */
function curve(points) {
  const path = new Path2D();
  path.moveTo(points[0].x, points[0].y);
  for (let k = 1; k < points.length; k += 1) {
    const [a, b] = [points[k - 1], points[k]];
    if (a.x === b.x) path.lineTo(b.x, b.y);
    else path.bezierCurveTo(a.x, (a.y + b.y) / 2, b.x, (a.y + b.y) / 2, b.x, b.y);
  }
  return path;
}

function arrowHead({ x, y }) {
  const path = new Path2D();
  path.moveTo(x, y - 0.5);
  path.lineTo(x - 3.6, y - 8);
  path.lineTo(x + 3.6, y - 8);
  path.closePath();
  return path;
}

/** Give each edge what the painter needs: `path`, `head`, and the rectangle it is in. */
function tracePaths(picture) {
  for (const edge of picture.routes) {
    const points = edge.points.map((p) => ({ ...p }));
    const end = points[points.length - 1];
    edge.head = arrowHead(end);
    if (edge.back) {
      tracePathBack(edge, picture);
      continue;
    }
    end.y -= 6; // the line ends inside the head, or it would blunt the tip
    edge.path = curve(points);
    boundsInto(edge, points);
  }
}

/** An edge against the flow runs beside the boxes, from the right side of one to the right side of the other. */
function tracePathBack(edge, picture) {
  const [source, target] = [picture.rects.get(edge.source), picture.rects.get(edge.target)];
  const start = { x: source.x + source.width / 2, y: source.y };
  const end = { x: target.x + target.width / 2, y: target.y };
  const far = Math.max(start.x, end.x) + 44;
  edge.path = new Path2D();
  edge.path.moveTo(start.x, start.y);
  edge.path.bezierCurveTo(far, start.y, far, end.y, end.x + 6, end.y);
  edge.head = new Path2D();
  edge.head.moveTo(end.x + 0.5, end.y);
  edge.head.lineTo(end.x + 8, end.y - 3.6);
  edge.head.lineTo(end.x + 8, end.y + 3.6);
  edge.head.closePath();
  boundsInto(edge, [start, end, { x: far, y: end.y }]);
}

function boundsInto(target, points) {
  const [xs, ys] = [points.map((p) => p.x), points.map((p) => p.y)];
  target.width = Math.max(...xs) - Math.min(...xs);
  target.height = Math.max(...ys) - Math.min(...ys);
  target.x = Math.min(...xs) + target.width / 2;
  target.y = Math.min(...ys) + target.height / 2;
}

/** Find room for the shapes beside the feet of boxes; one that would cover a box, an edge or a shape is left out. */
function placeNotes(data, picture) {
  const notes = new Map();
  for (const edge of picture.routes) {
    const text = edge.labels.length > 1 ? `${edge.labels[0]}, …` : edge.labels[0];
    if (!text || edge.back) continue;
    const key = `${edge.source}\n${text}`;
    if (!notes.has(key)) notes.set(key, { text: printable(text), source: edge.source, edges: [], points: edge.points });
    notes.get(key).edges.push(edge.id);
  }
  const crossed = new Grid(picture.routes);
  const taken = new Map(); // scope → the shapes in it
  const found = [];
  for (const note of notes.values()) {
    const width = type.width(note.text, SHAPE);
    const { x, y } = note.points[0];
    const scope = data.boxes[note.source].parent;
    if (!taken.has(scope)) taken.set(scope, data.boxes[scope].parts.map((id) => picture.rects.get(id)));
    const rivals = taken.get(scope);
    const frame = picture.rects.get(scope); // none around the root's
    const isInside = (spot) => !frame || Math.abs(spot.x - frame.x) + spot.width / 2 < frame.width / 2 - 2;
    const drop = data.boxes[note.source].repeat > 1 ? 18 : 11;
    const place = [x + 6 + width / 2, x - 6 - width / 2]
      .map((at) => ({ x: at, y: y + drop, width, height: 11 }))
      .find((spot) => isInside(spot) && !rivals.some((r) => touches(spot, r)) && !crossed.has(spot));
    if (!place) continue;
    rivals.push(place);
    found.push({ ...note, ...place, scope });
  }
  return found;
}

/** Points along the edges, in squares of the plane, to find out fast whether one crosses a rectangle. */
class Grid {
  constructor(routes, square = 64) {
    this.square = square;
    this.cells = new Map();
    for (const { points, back } of routes) {
      for (let k = 1; k < points.length && !back; k += 1) this.walk(points[k - 1], points[k]);
    }
  }

  walk(a, b) {
    const steps = Math.min(80, Math.ceil(Math.hypot(a.x - b.x, a.y - b.y) / 5));
    for (let k = 0; k <= steps; k += 1) {
      const t = k / steps;
      const point = alongCurve(a, b, t);
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
