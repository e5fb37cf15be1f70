// The viewport: the graph on the screen, its camera and its pointer. vis-network has the boxes that show and can be read;
// the painter draws all else.

import { Painter, READABLE } from './painter.js';
import { Layout, wayTo } from '../layout/scenes.js';
import { visibleIn, hitTest, litBy } from '../layout/visibility.js';

const CALM = matchMedia('(prefers-reduced-motion: reduce)');
const NOTHING = { frames: [], boxes: [], stubs: [], ports: [], scenes: [] };

export class Viewport {
  /** *app* is told of clicks (`onPoint`), of what is hovered (`onHover`) and of every new drawing (`onDraw`). */
  constructor(container, options, data, colors, app) {
    Object.assign(this, { container, app, flow: 'down', moved: false, cameras: new Map(), rects: new Map() });
    this.view = {
      diagram: null, scene: null, colors, shown: NOTHING, held: new Set(), selected: null, hover: null, scale: 1, flow: 'down',
      window: { left: 0, right: 0, top: 0, bottom: 0 }, lit: () => this.lit(),
    };
    this.painter = new Painter(this.view);
    this.nodes = new vis.DataSet(data.nodes);
    this.network = this.makeNetwork(options, new vis.DataSet(data.edges));
    this.listen();
  }

  makeNetwork(options, edges) {
    const own = { hover: false, selectable: false, dragNodes: false, keyboard: { enabled: false } };
    const all = { ...options, interaction: { ...options.interaction, ...own } }; // we find out what is under the pointer
    const made = new vis.Network(this.container, { nodes: this.nodes, edges }, all);
    made.on('beforeDrawing', (ctx) => this.draw(ctx));
    made.on('afterDrawing', (ctx) => {
      if (!this.view.scene) return;
      this.painter.after(ctx);
      this.app.onDraw();
    });
    for (const inner of this.container.querySelectorAll('[tabindex]')) inner.tabIndex = -1; // the container has the focus
    return made;
  }

  draw(ctx) {
    const { view, network, container } = this;
    if (!view.scene) return;
    const corner = network.DOMtoCanvas({ x: 0, y: 0 });
    const far = network.DOMtoCanvas({ x: container.clientWidth, y: container.clientHeight });
    view.scale = network.getScale();
    view.window = { left: corner.x, top: corner.y, right: far.x, bottom: far.y };
    view.shown = visibleIn(view.diagram, view.scene, view.window, view.scale);
    if (this.moved) { // of a shape of our own, vis-network does not note that it moved, and might leave it out
      for (const node of Object.values(network.body.nodes)) node.updateBoundingBox(ctx);
      this.moved = false;
    }
    this.painter.before(ctx);
    if (!this.isEnough()) this.hold();
  }

  /** Say whether vis-network holds what the window shows. */
  isEnough() {
    const { view, span } = this;
    const isReadable = view.scale >= READABLE;
    if (!span || span.scene !== view.scene || isReadable !== span.isReadable) return false;
    if (!isReadable) return true;
    const { left, right, top, bottom } = view.window;
    return left >= span.left && right <= span.right && top >= span.top && bottom <= span.bottom && span.scale < view.scale * 1.6;
  }

  /** Say whether what is open now has been drawn where the camera is, and nothing is left to do for it. */
  isSettled() {
    const { view, network } = this;
    const { x, y } = network.DOMtoCanvas({ x: 0, y: 0 });
    const isDrawn = view.scale === network.getScale() && view.window.left === x && view.window.top === y;
    return isDrawn && !this.holding && this.isEnough();
  }

  /** Let vis-network have the boxes in and around the window, after this drawing; until then the painter draws them. */
  hold() {
    if (this.holding) return;
    this.holding = requestAnimationFrame(() => {
      this.holding = null;
      this.exchange();
    });
  }

  exchange() {
    const { view } = this;
    const { left, right, top, bottom } = view.window;
    const [dx, dy] = [(right - left) * 0.4, (bottom - top) * 0.4];
    const isReadable = view.scale >= READABLE;
    this.span = {
      scene: view.scene, isReadable, scale: view.scale, left: left - dx, right: right + dx, top: top - dy, bottom: bottom + dy,
    };
    const boxes = isReadable ? visibleIn(view.diagram, view.scene, this.span, view.scale).boxes : [];
    this.rects = new Map(boxes.map((rect) => [rect.id, rect]));
    const gone = this.nodes.getIds().filter((id) => !this.rects.has(id));
    const changed = boxes.filter(({ id, x, y, width }) => {
      const now = this.nodes.get(id);
      return !now || now.x !== x || now.y !== y || now.size !== width / 2;
    });
    if (gone.length) this.nodes.remove(gone);
    if (changed.length) {
      const ctxRenderer = ({ ctx, id }) => this.drawNode(ctx, id);
      this.nodes.update(changed.map(({ id, x, y, width }) => ({ id, x, y, size: width / 2, shape: 'custom', ctxRenderer })));
    }
    view.held = new Set(this.rects.keys());
    this.moved = true;
    if (gone.length || changed.length) this.network.redraw();
  }

  /** vis-network asks this for every box in its view. */
  drawNode(ctx, id) {
    const rect = this.rects.get(id);
    if (!rect) return {}; // about to be removed
    return { drawNode: () => this.painter.box(ctx, rect), nodeDimensions: { width: rect.width, height: rect.height } };
  }

  // ---- what is shown

  /** Have another diagram from now on; it shows when it has been laid out. */
  setDiagram(diagram) {
    const { view } = this;
    if (view.diagram) this.cameras.set(view.diagram, { position: this.network.getViewPosition(), scale: this.network.getScale() });
    [view.diagram, view.selected, this.layout] = [diagram, null, null];
  }

  /** Put the camera where it was when this diagram last showed, or where it shows all. */
  restoreCamera() {
    const camera = this.cameras.get(this.view.diagram);
    if (camera) this.network.moveTo({ ...camera, animation: false });
    else this.fit(0.5);
  }

  /** Lay out what is open now. */
  relayout() {
    const { view } = this;
    if (!this.layout || this.layout.flow !== this.flow) this.layout = new Layout(view.diagram, this.flow);
    view.flow = this.flow;
    view.scene = this.layout.scene(view.diagram.home);
    this.forget();
    [this.span, this.rects, view.held] = [null, new Map(), new Set()]; // until it has the new boxes, the painter draws
    view.hover = null;
    this.network.redraw();
  }

  lit() {
    const { view } = this;
    this.found = this.found || litBy(view.diagram, view.scene, view.selected, view.hover);
    return this.found;
  }

  forget() {
    this.found = null;
  }

  rect(id) {
    const way = wayTo(this.view.diagram, this.view.scene, id);
    return way ? way[way.length - 1].rect : null;
  }

  // ---- the camera

  get size() {
    return [this.container.clientWidth, this.container.clientHeight];
  }

  moveCamera(position, scale, animate = true) {
    this.unhover(); // something else is under the pointer now
    const animation = animate && !CALM.matches ? { duration: 260, easingFunction: 'easeInOutCubic' } : false;
    this.network.moveTo({ position, scale, animation });
  }

  /** Show everything; with a *least* scale, its beginning, large enough to read. */
  fit(least = 0, animate = false) {
    const { width, height } = this.view.scene;
    const [w, h] = this.size;
    const scale = Math.max(least, Math.min(1.2, (w - 64) / width, (h - 96) / height));
    const from = (room, extent, margin) => (extent * scale > room - margin ? (room / 2 - 36) / scale : extent / 2);
    const [x, y] = this.flow === 'down' ? [width / 2, from(h, height, 72)] : [from(w, width, 40), height / 2];
    this.moveCamera({ x, y: y - 12 / scale }, scale, animate);
  }

  /** Move as little as needed to see the whole of *rect*; if it is too large, look from further away. */
  bringIntoView(rect) {
    const [width, height] = [this.size[0] - 48, this.size[1] - 88];
    const scale = Math.max(0.5, Math.min(this.network.getScale(), width / rect.width, height / rect.height));
    const center = this.network.getViewPosition();
    const near = (at, middle, size, room) => {
      const slack = (room / scale - size) / 2;
      return slack < 0 ? null : Math.min(Math.max(at, middle - slack), middle + slack);
    };
    const x = near(center.x, rect.x, rect.width, width);
    const y = near(center.y, rect.y - 10, rect.height, height);
    this.moveCamera({
      x: x === null ? rect.x - rect.width / 2 + width / scale / 2 : x, // too large: begin at its head
      y: y === null ? rect.y - rect.height / 2 + height / scale / 2 : y,
    }, scale);
  }

  /** Show a box as large as it goes. */
  zoomTo(rect, most = 2) {
    const [width, height] = this.size;
    this.moveCamera({ x: rect.x, y: rect.y }, Math.min(most, (width - 80) / rect.width, (height - 120) / rect.height));
  }

  zoom(factor) {
    this.moveCamera(this.network.getViewPosition(), Math.min(4, Math.max(0.005, this.network.getScale() * factor)));
  }

  /** Move so that a box, which was at *before*, has its head where it had it on the screen. */
  keepPlace(before, after) {
    const { x, y } = this.network.getViewPosition();
    const [dx, dy] = this.flow === 'down'
      ? [after.x - before.x, after.y - after.height / 2 - (before.y - before.height / 2)]
      : [after.x - after.width / 2 - (before.x - before.width / 2), after.y - before.y];
    this.network.moveTo({ position: { x: x + dx, y: y + dy }, scale: this.network.getScale() });
  }

  // ---- the pointer

  listen() {
    let acted = -Infinity; // when: the second click of a double click must not undo the first
    this.network.on('click', ({ pointer }) => {
      if (performance.now() - acted < 400) return;
      this.container.focus({ preventScroll: true });
      const found = hitTest(this.view.diagram, this.view.scene, pointer.canvas, this.view.scale);
      if (found && found.part !== 'body') acted = performance.now();
      this.app.onPoint(found);
    });
    this.network.on('doubleClick', ({ pointer }) => {
      if (performance.now() - acted < 600) return;
      this.app.onDouble(hitTest(this.view.diagram, this.view.scene, pointer.canvas, this.view.scale));
    });
    this.container.addEventListener('pointermove', (event) => this.onMove(event));
    this.container.addEventListener('pointerleave', () => {
      this.unhover();
      this.network.redraw();
    });
  }

  onMove(event) {
    const corner = this.container.getBoundingClientRect();
    const [x, y] = [event.clientX - corner.left, event.clientY - corner.top];
    const { view } = this;
    if (!view.scene || event.buttons) return;
    const at = hitTest(view.diagram, view.scene, this.network.DOMtoCanvas({ x, y }), view.scale);
    const found = at && at.kind === 'frame' && at.part === 'body' ? null : at;
    this.app.onHover(found, { x, y });
    const key = (h) => (h ? `${h.id}\n${h.part}` : '');
    if (key(found) === key(view.hover)) return;
    view.hover = found;
    this.forget();
    this.container.style.cursor = found ? 'pointer' : '';
    this.network.redraw();
  }

  unhover() {
    this.view.hover = null;
    this.forget();
    this.app.onHover(null);
  }
}
