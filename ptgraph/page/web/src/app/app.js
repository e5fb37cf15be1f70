// What the page can do: open and close, select, dive in, change documents, colours and tabs. Each says what it did.

import { listenForKeys, neighbourOf } from './keyboard.js';
import { showLegend } from '../render/legend.js';
import { Model, addressOf } from '../model/diagram.js';
import { Opening } from './expansion.js';
import { boxAt } from '../model/module_paths.js';
import { Stage } from '../render/viewport.js';
import { insideOf } from '../render/image_export.js';
import { el, plural } from '../text/text.js';
import { Colours, measuresOf } from '../render/colors.js';
import { EVERYWHERE, aroundAll, collect } from '../layout/visibility.js';

/** An element of the page, by its id. */
export const get = (id) => document.getElementById(id);
const stored = (name) => JSON.parse(get(`ptgraph-${name}`).textContent);
const TABS = ['graph', 'components', 'pipelines', 'table', 'changes'];

export class App extends Opening {
  constructor() {
    super();
    this.data = stored('data');
    this.models = new Map(this.data.documents.map((doc) => [doc.key, new Model(doc.key, doc, this.data.plain, () => this.details())]));
    this.colours = new Colours(this.data.styles);
    this.measures = measuresOf(this.data);
    [this.colours.measure] = this.measures;
    const nodes = { nodes: stored('nodes'), edges: stored('edges') };
    this.stage = new Stage(get('graph'), stored('options'), nodes, this.colours, this);
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

  get opened() {
    return this.model.opened;
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
    this.colours.setMeasure(this.colours.measure, model);
    this.changed(this.levelNow());
    this.stage.look();
    this.recoloured();
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
    this.colorChips();
    if (tab === 'graph') this.stage.network.redraw();
    else this.address(this.panels[tab].hash || `tab=${tab}`);
  }

  // ---- what surrounds the graph

  showCrumbs() {
    const { model } = this;
    const chain = [...model.chain(model.home), model.root].reverse();
    const title = (id) => (id === model.root ? model.title : model.box(id).title);
    get('crumbs').hidden = chain.length < 2;
    get('crumbs').replaceChildren(...chain.map((id, k) => el('li', {}, k === chain.length - 1
      ? el('span', { 'aria-current': 'location' }, el('bdi', {}, title(id)))
      : el('button', { type: 'button', class: 'link', onclick: () => this.leaveTo(id) }, el('bdi', {}, title(id))))));
  }

  showLevel() {
    const sizes = [0, 1, 2, 3].map((depth) => (depth ? this.levelOf(depth).size : 0));
    for (const button of document.querySelectorAll('[data-level]')) {
      const depth = Number(button.dataset.level);
      button.hidden = depth < 4 && depth > 1 && sizes[depth] === sizes[depth - 1]; // it would show nothing more
      button.setAttribute('aria-pressed', String(this.level === depth));
    }
  }

  // ---- selecting

  /** Select a box and show its details; null selects nothing. The picture is not moved. */
  select(id) {
    this.view.selected = id;
    this.stage.forget();
    this.onSelect(id);
    this.stage.network.redraw();
    if (id === null) this.address('');
    else {
      this.address(addressOf(this.model, id));
      this.announce(id);
    }
  }

  /** Open what encloses a box, select it and bring it to the middle. */
  reveal(id, key = this.model.key) {
    this.open(key);
    this.show('graph');
    const { model, stage } = this;
    if (id === model.root) {
      this.leaveAll();
      this.select(null);
      stage.fit(0, true);
      return;
    }
    const place = model.placeOf(id);
    const isOutside = !model.within(place, model.home) || place === model.home;
    if (isOutside) model.home = model.root;
    const closed = model.chain(place).slice(1).filter((outer) => !this.opened.has(outer));
    closed.forEach((outer) => this.opened.add(outer));
    if (closed.length || isOutside) this.changed();
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

  goTo(direction) {
    const { model, stage } = this;
    const { boxes } = collect(model, stage.view.scene, EVERYWHERE, Infinity);
    const here = this.selected === null ? null : stage.rect(this.selected);
    const linked = [];
    if (here && (direction === 'ArrowDown' || direction === 'ArrowUp')) {
      const shown = new Map(boxes.map((rect) => [rect.id, rect]));
      const { boxes: lit } = stage.lit();
      const isAhead = (rect) => (direction === 'ArrowDown' ? rect.y > here.y : rect.y < here.y);
      for (const id of lit) if (id !== this.selected && shown.has(id) && isAhead(shown.get(id))) linked.push(shown.get(id));
    }
    const next = here ? neighbourOf(direction, boxes, here, linked) : (boxes[0] || {}).id;
    if (!next) return;
    this.select(next);
    stage.bringIntoView(stage.rect(next));
  }

  zoomToSelection() {
    const rect = this.selected === null ? null : this.stage.rect(this.selected);
    if (rect) this.stage.zoomTo(rect);
    else this.stage.fit(0, true);
  }

  announce(id) {
    const box = this.model.box(id);
    const state = !this.model.canOpen(id) ? '' : `${this.opened.has(id) ? 'open' : 'closed'}, ${plural(this.model.parts(id).length, 'part')}`;
    this.say([box.title, box.subtitle, state].filter(Boolean).join(', '));
  }

  say(text) {
    get('live').textContent = text;
  }

  // ---- the address

  address(text) {
    const hash = text ? `#${text}` : '';
    if (decoded(location.hash) === decoded(hash)) return;
    history.replaceState(null, '', hash || location.pathname + location.search);
  }

  followAddress() {
    const text = decoded(location.hash);
    if (text.startsWith('tab=')) this.show(text.slice(4));
    else if (text.startsWith('class=')) {
      this.show('components');
      this.panels.components.open(text.slice(6));
    } else if (text) {
      const key = [...this.models.keys()].find((name) => text.startsWith(`${name}:`)) || [...this.models.keys()][0];
      const model = this.models.get(key);
      const found = boxAt(model, text.startsWith(`${key}:`) ? text.slice(key.length + 1) : text);
      if (found && (model !== this.model || model.placeOf(found.id) !== this.selected || found.picks.length)) {
        this.goto({ id: found.id, key, pick: found.picks });
      }
    }
  }

  // ---- colours

  setTheme(name) {
    document.documentElement.dataset.theme = name;
    get('theme').setAttribute('aria-label', name === 'dark' ? 'Light colours' : 'Dark colours');
    this.colours.setTheme(name);
    this.colorChips();
    if (!this.model) return;
    this.recoloured();
  }

  colourBy(name) {
    const measure = this.measures.find((m) => m.name === name);
    if (!measure) return;
    this.colours.setMeasure(measure, this.model);
    get('colour').value = name;
    this.recoloured();
    this.say(`Coloured by ${measure.title}`);
  }

  nextColours() {
    const at = this.measures.findIndex((m) => m.name === this.colours.measure.name);
    this.colourBy(this.measures[(at + 1) % this.measures.length].name);
  }

  recoloured() {
    showLegend(get('legend'), this.colours, this.model);
    this.stage.network.redraw();
    if (this.tab === 'pipelines') this.show('pipelines'); // its figures are coloured, too
  }

  colors(category) {
    return this.colours.ofCategory(category);
  }

  /** Colour the swatches and chips; their categories are known only to the data. */
  colorChips(root = document) {
    for (const chip of root.querySelectorAll('[data-category]')) {
      const { fill, border } = this.colors(chip.dataset.category);
      chip.style.backgroundColor = fill;
      chip.style.borderColor = border;
    }
  }

  turn() {
    this.stage.flow = this.stage.flow === 'down' ? 'right' : 'down';
    get('flow').setAttribute('aria-pressed', String(this.stage.flow === 'right'));
    this.changed(this.level);
    this.stage.fit(0.5);
    this.say(`It flows ${this.stage.flow}`);
  }

  figure(id, key = this.model.key) {
    const svg = insideOf(this.models.get(key), id, this.colours);
    if (svg) svg.removeAttribute('height'); // as high as its width makes it
    return svg;
  }

  // ---- what the stage tells

  onPoint(found) {
    if (!found) this.select(null);
    else if (found.kind === 'stub' || found.kind === 'port') this.reveal(found.source);
    else if (found.part === 'unfold') this.unfold(found.id);
    else if (found.part === 'next' || found.part === 'previous') {
      const number = this.model.picked.get(found.id) || 0;
      this.pick(found.id, number + (found.part === 'next' ? 1 : -1));
    } else if (found.part === 'body') this.select(found.id);
    else this.toggle(found.id);
  }

  onDouble(found) {
    if (found && (found.kind === 'box' || found.kind === 'frame') && this.model.canOpen(found.id)) this.dive(found.id);
  }

  listenForKeys(container) {
    return listenForKeys(this, container);
  }
}

function decoded(hash) {
  try {
    return decodeURIComponent(hash.replace(/^#/, ''));
  } catch {
    return ''; // a broken escape names nothing
  }
}
