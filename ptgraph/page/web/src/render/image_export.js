// Images: what the window shows as an SVG or a PNG file, the inside of a box as a figure, all that is open for a print.

import { Diagram } from '../model/diagram.js';
import { Painter } from './painter.js';
import { SvgContext } from './svg_context.js';
import { Layout } from '../layout/scenes.js';
import { EVERYWHERE, visibleIn } from '../layout/visibility.js';

const SVG = 'http://www.w3.org/2000/svg';
const NONE = { edges: new Set(), stubs: new Set(), ports: new Set(), boxes: new Set() };

/** Return a picture of a view as an <svg> element: of the part in *bounds* {left, top, right, bottom}. */
function svgOf(view, bounds, title, paper = null) {
  const svg = document.createElementNS(SVG, 'svg');
  const [width, height] = [bounds.right - bounds.left, bounds.bottom - bounds.top];
  svg.setAttribute('xmlns', SVG);
  svg.setAttribute('viewBox', `${bounds.left} ${bounds.top} ${width} ${height}`);
  svg.setAttribute('width', Math.round(width));
  svg.setAttribute('height', Math.round(height));
  svg.setAttribute('role', 'img');
  const name = document.createElementNS(SVG, 'title');
  name.textContent = title;
  svg.append(name);
  const context = new SvgContext(svg);
  if (paper) {
    context.fillStyle = paper;
    context.fillRect(bounds.left, bounds.top, width, height);
  }
  painterOf(view, bounds).all(context);
  return svg;
}

/** Return a painter of all that shows in *bounds*, without what only a pointer needs. */
function painterOf(view, bounds) {
  const scale = Math.max(view.scale, 0.6);
  const shown = visibleIn(view.diagram, view.scene, bounds, scale);
  return new Painter({ ...view, shown, window: bounds, scale, isImage: true, held: new Set() });
}

/** The bounds of a scene, with its edges: one may run beside the outermost box. */
function boundsOf(scene, margin = 16) {
  const points = scene.edges.flatMap(({ points: all, back }) => (back ? all.map(({ x, y }) => ({ x: x + 36, y })) : all));
  const [xs, ys] = ['x', 'y'].map((axis) => points.map((point) => point[axis]));
  return {
    left: Math.min(0, ...xs) - margin,
    top: Math.min(0, ...ys) - margin,
    right: Math.max(scene.width, ...xs) + margin,
    bottom: Math.max(scene.height, ...ys) + margin,
  };
}

/** Return the inside of a box, its parts closed, as an <svg> element; null for a box without parts. */
export function figureOf(diagram, id, colors, flow = 'down', limit = 120) {
  const { base } = diagram.split(id);
  const { parts, title } = diagram.base(base);
  if (!parts.length || parts.length > limit) return null;
  const closed = new Diagram(diagram.key, diagram.doc, diagram.plain);
  closed.opened = new Set([base]);
  closed.picked = diagram.picked;
  const scene = new Layout(closed, flow).scene(base);
  const view = {
    diagram: closed, scene, colors, flow, scale: 1, selected: null, hover: null, lit: () => NONE, window: EVERYWHERE,
  };
  return svgOf(view, boundsOf(scene, 6), `The parts of ${title}, and what flows between them`);
}

/** Save text or a blob as a file. */
function save(content, name, kind) {
  const address = URL.createObjectURL(new Blob([content], { type: kind }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Save what is on the screen as an SVG, its text as text. */
export function saveSvg(view, name) {
  const svg = svgOf(view, view.window, view.diagram.title, view.colors.theme.paper);
  save(new XMLSerializer().serializeToString(svg), `${name}.svg`, 'image/svg+xml');
}

/** Save what is on the screen as a PNG, with three dots for each point of the screen. */
export function savePng(view, name) {
  const { left, right, top, bottom } = view.window;
  const canvas = document.createElement('canvas');
  const scale = Math.min(3 * view.scale, 8000 / Math.max(right - left, bottom - top));
  canvas.width = Math.round((right - left) * scale);
  canvas.height = Math.round((bottom - top) * scale);
  const ctx = canvas.getContext('2d');
  ctx.fillStyle = view.colors.theme.paper;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.scale(scale, scale);
  ctx.translate(-left, -top);
  const painter = painterOf(view, view.window);
  painter.view.scale = Math.max(view.scale, 0.3);
  painter.all(ctx);
  canvas.toBlob((blob) => save(blob, `${name}.png`, 'image/png'), 'image/png');
}

/** Before a print, put all that is open on the paper as a figure; in the colours of light paper. */
export function listenForPrints(app, root) {
  window.addEventListener('beforeprint', () => {
    const { view } = app.viewport;
    const { name } = view.colors;
    view.colors.setTheme('light');
    root.replaceChildren(svgOf(view, boundsOf(view.scene), view.diagram.title));
    view.colors.setTheme(name);
  });
  window.addEventListener('afterprint', () => root.replaceChildren());
}
