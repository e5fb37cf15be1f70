// The app: the diagrams of the page and the parts that show them, the tab that shows, and the selected box.

import { Address, addressOf } from './address.js';
import { Coloring } from './coloring.js';
import { Expansion } from './expansion.js';
import { aroundAll } from '../layout/visibility.js';
import { Diagram } from '../model/diagram.js';
import { Colors } from '../render/colors.js';
import { figureOf } from '../render/image_export.js';
import { Viewport } from '../render/viewport.js';
import { get } from '../text/dom.js';
import { plural } from '../text/format.js';

const stored = (name) => JSON.parse(get(`ptgraph-${name}`).textContent);
const TABS = ['graph', 'components', 'pipelines', 'table', 'changes'];

export class App {
  constructor() {
    this.data = stored('data');
    const diagram = (doc) => new Diagram(doc.key, doc, this.data.plain, () => this.texts());
    this.diagrams = new Map(this.data.documents.map((doc) => [doc.key, diagram(doc)]));
    const colors = new Colors(this.data.styles);
    const network = { nodes: stored('nodes'), edges: stored('edges') };
    this.viewport = new Viewport(get('graph'), stored('options'), network, colors, this);
    this.expansion = new Expansion(this);
    this.coloring = new Coloring(this, colors);
    this.address = new Address(this);
    this.tab = 'graph';
    this.panels = {}; // tab → what renders it
  }

  /** The texts of all diagrams: components, operations, classes. They are parsed when they are first needed. */
  texts() {
    this.parsed = this.parsed || stored('details');
    return this.parsed;
  }

  get diagram() {
    return this.viewport.view.diagram;
  }

  get view() {
    return this.viewport.view;
  }

  get selected() {
    return this.view.selected;
  }

  // ---- diagrams and tabs

  /** Show another diagram in the graph, and nothing of it selected. */
  showDiagram(key) {
    if (!this.diagrams.has(key) || this.diagrams.get(key) === this.diagram) return;
    this.load(key);
    this.onSelect(null);
  }

  load(key) {
    const diagram = this.diagrams.get(key);
    this.viewport.setDiagram(diagram);
    this.coloring.measureIn(diagram);
    this.expansion.changed(this.expansion.levelNow());
    this.viewport.restoreCamera();
    this.coloring.show();
    get('document').textContent = key === 'model' ? '' : diagram.title;
  }

  showTab(tab) {
    if (!TABS.includes(tab) || !this.panels[tab]) return;
    this.tab = tab;
    document.body.dataset.tab = tab;
    for (const button of document.querySelectorAll('[data-tab-button]')) {
      const isShown = button.dataset.tabButton === tab;
      if (isShown) button.setAttribute('aria-current', 'page');
      else button.removeAttribute('aria-current');
    }
    for (const panel of document.querySelectorAll('[data-panel]')) panel.hidden = panel.dataset.panel !== tab;
    if (this.panels[tab].render) this.panels[tab].render();
    this.coloring.colorChips();
    if (tab === 'graph') this.viewport.network.redraw();
    else this.address.write(this.panels[tab].hash || `tab=${tab}`);
  }

  // ---- selecting

  /** Select a box and show its details; null selects nothing. The camera does not move. */
  select(id) {
    this.view.selected = id;
    this.viewport.forget();
    this.onSelect(id);
    this.viewport.network.redraw();
    if (id === null) this.address.write('');
    else {
      this.address.write(addressOf(this.diagram, id));
      this.announce(id);
    }
  }

  /** Open what encloses a box, select it and bring it to the middle. */
  reveal(id, key = this.diagram.key) {
    this.showDiagram(key);
    this.showTab('graph');
    const { diagram, viewport } = this;
    if (id === diagram.root) {
      this.expansion.leaveAll();
      this.select(null);
      viewport.fit(0, true);
      return;
    }
    const place = diagram.placeOf(id);
    const isOutside = !diagram.within(place, diagram.home) || place === diagram.home;
    if (isOutside) diagram.home = diagram.root;
    const closed = diagram.chain(place).slice(1).filter((outer) => !this.diagram.opened.has(outer));
    closed.forEach((outer) => this.diagram.opened.add(outer));
    if (closed.length || isOutside) this.expansion.changed();
    this.select(place);
    const rect = viewport.rect(place);
    if (rect.isFrame) viewport.bringIntoView(rect);
    else viewport.moveCamera({ x: rect.x, y: rect.y }, Math.max(0.9, viewport.network.getScale()), !closed.length);
  }

  /** Show what a search found: its diagram, its block of a fold, its box. */
  revealFound({ id, key = 'model', picks = [] }) {
    this.showDiagram(key);
    this.diagram.pick(picks);
    this.viewport.span = null;
    this.reveal(id, key);
  }

  /** Show a box of A and what it became in B; one of them may not exist. */
  revealPair(a, b) {
    const ids = [a === null ? null : `a:${a}`, b === null ? null : `b:${b}`].filter((id) => id !== null);
    ids.forEach((id) => this.reveal(id));
    if (ids.length > 1) this.viewport.zoomTo(aroundAll(ids.map((id) => this.viewport.rect(id))), 1);
  }

  zoomToSelection() {
    const rect = this.selected === null ? null : this.viewport.rect(this.selected);
    if (rect) this.viewport.zoomTo(rect);
    else this.viewport.fit(0, true);
  }

  /** Say to a screen reader what a box is. */
  announce(id) {
    const box = this.diagram.box(id);
    const parts = plural(this.diagram.parts(id).length, 'part');
    const state = !this.diagram.canOpen(id) ? '' : `${this.diagram.opened.has(id) ? 'open' : 'closed'}, ${parts}`;
    this.say([box.title, box.subtitle, state].filter(Boolean).join(', '));
  }

  say(text) {
    get('live').textContent = text;
  }

  /** Let the flow run to the right instead of down, or down again. */
  turn() {
    this.viewport.flow = this.viewport.flow === 'down' ? 'right' : 'down';
    get('flow').setAttribute('aria-pressed', String(this.viewport.flow === 'right'));
    this.expansion.changed(this.expansion.level);
    this.viewport.fit(0.5);
    this.say(`It flows ${this.viewport.flow}`);
  }

  /** The inside of a box as a picture; null where it has no parts, or too many. */
  figure(id, key = this.diagram.key) {
    const svg = figureOf(this.diagrams.get(key), id, this.view.colors);
    if (svg) svg.removeAttribute('height'); // as high as its width makes it
    return svg;
  }

  // ---- the pointer, as the viewport tells of it

  onPoint(found) {
    if (!found) this.select(null);
    else if (found.kind === 'stub' || found.kind === 'port') this.reveal(found.source);
    else if (found.part === 'unfold') this.expansion.unfold(found.id);
    else if (found.part === 'next' || found.part === 'previous') {
      const number = this.diagram.picked.get(found.id) || 0;
      this.expansion.pick(found.id, number + (found.part === 'next' ? 1 : -1));
    } else if (found.part === 'body') this.select(found.id);
    else this.expansion.toggle(found.id);
  }

  onDouble(found) {
    if (found && (found.kind === 'box' || found.kind === 'frame') && this.diagram.canOpen(found.id)) this.expansion.dive(found.id);
  }
}
