// The minimap: all that is open, and the part of it that the window shows. A click or a drag moves the window.

const LARGEST = { width: 168, height: 132 };
const LEAST_ON_MAP = 3; // boxes that are smaller than this on the map are part of their frame

export class Minimap {
  constructor(root, viewport) {
    Object.assign(this, { root, viewport, canvas: root.querySelector('canvas'), frame: root.querySelector('.window') });
    const go = (event) => {
      const corner = this.canvas.getBoundingClientRect();
      const scale = viewport.network.getScale();
      const x = (event.clientX - corner.left) / this.scale;
      const y = (event.clientY - corner.top) / this.scale;
      viewport.network.moveTo({ position: { x, y }, scale, animation: false });
    };
    root.addEventListener('pointerdown', (event) => {
      root.setPointerCapture(event.pointerId);
      go(event);
    });
    root.addEventListener('pointermove', (event) => event.buttons && go(event));
  }

  /** Bring the map up to date; its picture is made anew only when something was opened or coloured anew. */
  update() {
    const { view } = this.viewport;
    const { width, height } = view.scene;
    const { left, right, top, bottom } = view.window;
    const isAllSeen = left <= 0 && top <= 0 && right >= width && bottom >= height;
    this.root.hidden = isAllSeen;
    if (isAllSeen) return;
    const key = `${view.colors.name} ${view.colors.measure.name}`;
    if (this.drawn !== view.scene || key !== this.key) this.draw(view);
    Object.assign(this, { drawn: view.scene, key });
    const clamp = (v, most) => Math.min(Math.max(v, 0), most);
    const [x, y] = [clamp(left, width), clamp(top, height)];
    this.frame.style.left = `${x * this.scale}px`;
    this.frame.style.top = `${y * this.scale}px`;
    this.frame.style.width = `${Math.max(4, (clamp(right, width) - x) * this.scale)}px`;
    this.frame.style.height = `${Math.max(4, (clamp(bottom, height) - y) * this.scale)}px`;
  }

  draw(view) {
    const { scene, diagram, colors } = view;
    this.scale = Math.min(LARGEST.width / scene.width, LARGEST.height / scene.height);
    const [width, height] = [Math.max(8, scene.width * this.scale), Math.max(8, scene.height * this.scale)];
    const dense = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(width * dense), height: Math.round(height * dense) });
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
    const ctx = this.canvas.getContext('2d');
    ctx.scale(this.scale * dense, this.scale * dense);
    const paint = (at, dx, dy) => {
      for (const item of at.items) {
        if (item.kind !== 'box') continue;
        const { fill, border, frame } = colors.of(diagram, item.base);
        const isOpen = item.scene && Math.min(item.width, item.height) * this.scale > LEAST_ON_MAP;
        ctx.fillStyle = isOpen ? frame : item.scene ? fill : border;
        const [x, y] = [item.x + dx - item.width / 2, item.y + dy - item.height / 2];
        ctx.fillRect(x, y, item.width, item.height);
        if (isOpen) paint(item.scene, x, y);
      }
    };
    paint(scene, 0, 0);
  }
}
