// Paths that a canvas and an SVG both draw, and a context with the methods of a canvas that makes SVG.

/** A path as text, in SVG's language; a canvas draws it through `path2D`. */
export class SvgPath {
  constructor(d) {
    this.d = d;
  }

  get path2D() {
    this.made = this.made || new Path2D(this.d);
    return this.made;
  }
}

const round = (v) => Math.round(v * 100) / 100;

const BEND = 8; // the radius of a corner

/** A line through points; its tangents are along the flow, or across it where it runs across. Its corners are round. */
export function curve(points, isDown = true) {
  const [along, across] = isDown ? ['y', 'x'] : ['x', 'y'];
  const text = ({ x, y }) => `${round(x)} ${round(y)}`;
  const isAcross = (k) => k > 0 && k < points.length && Math.abs(points[k][along] - points[k - 1][along]) < 0.5;
  const isAlong = (k) => k > 0 && k < points.length && Math.abs(points[k][across] - points[k - 1][across]) < 0.5;
  let d = `M${text(points[0])}`;
  let [a] = points;
  for (let k = 1; k < points.length; k += 1) {
    const [corner, next] = [points[k], points[k + 1]];
    let b = corner;
    let bend = 0;
    if ((isAcross(k) && isAlong(k + 1)) || (isAlong(k) && isAcross(k + 1))) {
      const length = (p, q) => Math.hypot(p.x - q.x, p.y - q.y);
      bend = Math.min(BEND, length(a, corner), length(corner, next) / 2);
      const share = bend / (length(a, corner) || 1);
      b = { x: corner.x + (a.x - corner.x) * share, y: corner.y + (a.y - corner.y) * share };
    }
    const middle = (a[along] + b[along]) / 2;
    const [p, q] = [{ [along]: middle, [across]: a[across] }, { [along]: middle, [across]: b[across] }];
    d += isAcross(k) || a[across] === b[across] ? `L${text(b)}` : `C${text(p)} ${text(q)} ${text(b)}`;
    a = b;
    if (bend) {
      const share = bend / Math.hypot(next.x - corner.x, next.y - corner.y);
      a = { x: corner.x + (next.x - corner.x) * share, y: corner.y + (next.y - corner.y) * share };
      d += `Q${text(corner)} ${text(a)}`;
    }
  }
  return d;
}

/** The head of an arrow whose tip is at a point, and which comes from (dx, dy). */
export function arrowHead({ x, y }, dx, dy) {
  const [bx, by] = [x + 8 * dx, y + 8 * dy];
  return `M${round(x + 0.5 * dx)} ${round(y + 0.5 * dy)}L${round(bx - 3.6 * dy)} ${round(by - 3.6 * dx)}`
    + `L${round(bx + 3.6 * dy)} ${round(by + 3.6 * dx)}Z`;
}

/** Draw a path on a canvas or into an SVG. */
export function strokePath(ctx, path) {
  if (ctx.addPath) ctx.addPath(path.d, 'stroke');
  else ctx.stroke(path.path2D);
}

export function fillPath(ctx, path) {
  if (ctx.addPath) ctx.addPath(path.d, 'fill');
  else ctx.fill(path.path2D);
}

/** Has those methods of a canvas that the painter uses, and makes elements of SVG in *root*. */
export class SvgContext {
  constructor(root) {
    Object.assign(this, {
      root, d: '', fillStyle: '#000', strokeStyle: '#000', lineWidth: 1, font: '', textAlign: 'left', dash: [], dx: 0, dy: 0, kept: [],
    });
  }

  save() {
    this.kept.push([this.dx, this.dy]);
  }

  restore() {
    [this.dx, this.dy] = this.kept.pop();
  }

  translate(dx, dy) {
    this.dx += dx;
    this.dy += dy;
  }

  setLineDash(dash) {
    this.dash = dash;
  }

  beginPath() {
    this.d = '';
  }

  moveTo(x, y) {
    this.d += `M${round(x)} ${round(y)}`;
  }

  lineTo(x, y) {
    this.d += `L${round(x)} ${round(y)}`;
  }

  roundRect(x, y, width, height, radius) {
    const r = Math.min(radius, width / 2, height / 2);
    const arc = (ex, ey) => `A${round(r)} ${round(r)} 0 0 1 ${round(ex)} ${round(ey)}`;
    this.d += `M${round(x + r)} ${round(y)}H${round(x + width - r)}${arc(x + width, y + r)}V${round(y + height - r)}`
      + `${arc(x + width - r, y + height)}H${round(x + r)}${arc(x, y + height - r)}V${round(y + r)}${arc(x + r, y)}Z`;
  }

  arc(x, y, radius) {
    this.roundRect(x - radius, y - radius, 2 * radius, 2 * radius, radius);
  }

  fillRect(x, y, width, height) {
    this.add('rect', { x: round(x), y: round(y), width: round(width), height: round(height), fill: this.fillStyle });
  }

  fill() {
    this.addPath(this.d, 'fill');
  }

  stroke() {
    this.addPath(this.d, 'stroke');
  }

  addPath(d, how) {
    if (how === 'fill') this.add('path', { d, fill: this.fillStyle });
    else this.add('path', { d, ...this.line(), fill: 'none' });
  }

  line() {
    const dashes = this.dash.length ? { 'stroke-dasharray': this.dash.join(' ') } : {};
    return { stroke: this.strokeStyle, 'stroke-width': round(this.lineWidth), 'stroke-linejoin': 'round', ...dashes };
  }

  strokeText(text, x, y) {
    this.text(text, x, y, { ...this.line(), fill: 'none' });
  }

  fillText(text, x, y) {
    this.text(text, x, y, { fill: this.fillStyle });
  }

  text(text, x, y, how) {
    const [, weight, size, family] = /^(?:(\d+) )?(\S+) (.*)$/.exec(this.font);
    const anchor = { center: 'middle', left: 'start', right: 'end' }[this.textAlign];
    const element = this.add('text', {
      x: round(x), y: round(y), 'font-size': size, 'font-family': family.replaceAll('"', "'"), 'text-anchor': anchor,
      'dominant-baseline': 'central', ...(weight ? { 'font-weight': weight } : {}), ...how,
    });
    element.textContent = text;
  }

  add(tag, attributes) {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (this.dx || this.dy) element.setAttribute('transform', `translate(${round(this.dx)} ${round(this.dy)})`);
    this.root.append(element);
    return element;
  }
}
