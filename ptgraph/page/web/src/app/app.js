// The app: the documents of the page and the parts that show them; which tab shows, and what is selected.

import { Address, addressOf } from './address.js';
import { Coloring } from './coloring.js';
import { Expansion } from './expansion.js';
import { aroundAll } from '../layout/visibility.js';
import { Model } from '../model/diagram.js';
import { Colours } from '../render/colors.js';
import { insideOf } from '../render/image_export.js';
import { Stage } from '../render/viewport.js';
import { get } from '../text/dom.js';
import { plural } from '../text/format.js';

const stored = (name) => JSON.parse(get(`ptgraph-${name}`).textContent);
const TABS = ['graph', 'components', 'pipelines', 'table', 'changes'];

export class App {
  constructor() {
    this.data = stored('data');
    this.models = new Map(this.data.documents.map((doc) => [doc.key, new Model(doc.key, doc, this.data.plain, () => this.details())]));
    const colours = new Colours(this.data.styles);
    const network = { nodes: stored('nodes'), edges: stored('edges') };
    this.stage = new Stage(get('graph'), stored('options'), network, colours, this);
    this.expansion = new Expansion(this);
    this.coloring = new Coloring(this, colours);
    this.address = new Address(this);
    this.tab = 'graph';
    this.panels = {}; // tab → what renders it
  }

  /** The text of the model: components, operations, classes; read when it is first needed. */
  details() {
    this.read = this.read || stored('details');
    return this.read;
  }

  get model() {
    return this.stage.view.model;
  }

  get view() {
    return this.stage.view;
  }

  get selected() {
    return this.view.selected;
  }

  // ---- documents and tabs

  /** Show another document in the graph, and nothing of it selected. */
  open(key) {
    if (!this.models.has(key) || this.models.get(key) === this.model) return;
    this.load(key);
    this.onSelect(null);
  }

  load(key) {
    const model = this.models.get(key);
    this.stage.take(model);
    this.coloring.measureIn(model);
    this.expansion.changed(this.expansion.levelNow());
    this.stage.look();
    this.coloring.show();
    get('document').textContent = key === 'model' ? '' : model.title;
  }

  show(tab) {
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
    if (tab === 'graph') this.stage.network.redraw();
    else this.address.write(this.panels[tab].hash || `tab=${tab}`);
  }

  // ---- selecting

  /** Select a box and show its details; null selects nothing. The picture is not moved. */
  select(id) {
    this.view.selected = id;
    this.stage.forget();
    this.onSelect(id);
    this.stage.network.redraw();
    if (id === null) this.address.write('');
    else {
      this.address.write(addressOf(this.model, id));
      this.announce(id);
    }
  }

  /** Open what encloses a box, select it and bring it to the middle. */
  reveal(id, key = this.model.key) {
    this.open(key);
    this.show('graph');
    const { model, stage } = this;
    if (id === model.root) {
      this.expansion.leaveAll();
      this.select(null);
      stage.fit(0, true);
      return;
    }
    const place = model.placeOf(id);
    const isOutside = !model.within(place, model.home) || place === model.home;
    if (isOutside) model.home = model.root;
    const closed = model.chain(place).slice(1).filter((outer) => !this.model.opened.has(outer));
    closed.forEach((outer) => this.model.opened.add(outer));
    if (closed.length || isOutside) this.expansion.changed();
    this.select(place);
    const rect = stage.rect(place);
    if (rect.isFrame) stage.bringIntoView(rect);
    else stage.moveCamera({ x: rect.x, y: rect.y }, Math.max(0.9, stage.network.getScale()), !closed.length);
  }

  /** Go to what a search found: its document, its block of a fold, its box. */
  goto({ id, key = 'model', pick = [] }) {
    this.open(key);
    this.model.pick(pick);
    this.stage.span = null;
    this.reveal(id, key);
  }

  /** Show a box of A and what it became in B; one of them may not exist. */
  revealPair(a, b) {
    const ids = [a === null ? null : `a:${a}`, b === null ? null : `b:${b}`].filter((id) => id !== null);
    ids.forEach((id) => this.reveal(id));
    if (ids.length > 1) this.stage.zoomTo(aroundAll(ids.map((id) => this.stage.rect(id))), 1);
  }

  zoomToSelection() {
    const rect = this.selected === null ? null : this.stage.rect(this.selected);
    if (rect) this.stage.zoomTo(rect);
    else this.stage.fit(0, true);
  }

  announce(id) {
    const box = this.model.box(id);
    const state = !this.model.canOpen(id) ? '' : `${this.model.opened.has(id) ? 'open' : 'closed'}, ${plural(this.model.parts(id).length, 'part')}`;
    this.say([box.title, box.subtitle, state].filter(Boolean).join(', '));
  }

  say(text) {
    get('live').textContent = text;
  }

  turn() {
    this.stage.flow = this.stage.flow === 'down' ? 'right' : 'down';
    get('flow').setAttribute('aria-pressed', String(this.stage.flow === 'right'));
    this.expansion.changed(this.expansion.level);
    this.stage.fit(0.5);
    this.say(`It flows ${this.stage.flow}`);
  }

  /** The inside of a box as a picture; null where it has no parts, or too many. */
  figure(id, key = this.model.key) {
    const svg = insideOf(this.models.get(key), id, this.view.colours);
    if (svg) svg.removeAttribute('height'); // as high as its width makes it
    return svg;
  }

  // ---- what the stage tells

  onPoint(found) {
    if (!found) this.select(null);
    else if (found.kind === 'stub' || found.kind === 'port') this.reveal(found.source);
    else if (found.part === 'unfold') this.expansion.unfold(found.id);
    else if (found.part === 'next' || found.part === 'previous') {
      const number = this.model.picked.get(found.id) || 0;
      this.expansion.pick(found.id, number + (found.part === 'next' ? 1 : -1));
    } else if (found.part === 'body') this.select(found.id);
    else this.expansion.toggle(found.id);
  }

  onDouble(found) {
    if (found && (found.kind === 'box' || found.kind === 'frame') && this.model.canOpen(found.id)) this.expansion.dive(found.id);
  }
}
