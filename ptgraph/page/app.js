// What the page can do: open and close, select, dive in, change documents, colours and tabs. Each says what it did.

import { Model, addressOf, boxAt } from './model.js';
import { listenForKeys, neighbourOf } from './keys.js';
import { showLegend } from './legend.js';
import { Stage } from './stage.js';
import { insideOf } from './still.js';
import { el, plural } from './text.js';
import { Colours, measuresOf } from './theme.js';
import { EVERYWHERE, collect } from './visible.js';

/** An element of the page, by its id. */
export const get = (id) => document.getElementById(id);
const stored = (name) => JSON.parse(get(`ptgraph-${name}`).textContent);
const TABS = ['graph', 'components', 'pipelines', 'table', 'changes'];

export class App {
  constructor() {
    this.data = stored('data');
    this.models = new Map(this.data.documents.map((doc) => [doc.key, new Model(doc.key, doc, this.data.plain, () => this.details())]));
    this.colours = new Colours(this.data.styles);
    this.measures = measuresOf(this.data);
    const nodes = { nodes: stored('nodes'), edges: stored('edges') };
    this.stage = new Stage(get('graph'), stored('options'), nodes, this.colours, this);
    this.tab = 'graph';
    this.panels = {}; // tab → what renders it
    this.drawn = [];
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

  /** Show another document in the graph. */
  open(key) {
    const model = this.models.get(key);
    if (!model || model === this.model) return;
    this.view.selected = null;
    if (this.model) this.colours.setMeasure(this.colours.measure, model);
    this.stage.show(model);
    this.changed();
    this.onSelect(null);
    get('document').textContent = this.models.size > 1 && key !== 'model' ? model.title : '';
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
    else if (!this.isQuiet) this.address(`tab=${tab}`);
  }

  // ---- opening and closing

  /** After a change of what is open: lay out, and bring what surrounds the graph up to date. */
  changed() {
    this.stage.relayout();
    this.showCrumbs();
    this.showLevel();
  }

  /** Open or close a box where it stands: its head stays where it is on the screen. */
  toggle(id, open = !this.opened.has(id)) {
    const { model, stage } = this;
    if (!model.canOpen(id) || this.opened.has(id) === open) return;
    const before = stage.rect(id);
    if (open) this.opened.add(id);
    else this.close(id);
    this.keepSelection(id);
    this.changed();
    const after = stage.rect(id);
    if (before && after) {
      stage.keepPlace(before, after);
      stage.bringIntoView(after);
    }
    this.announce(id);
  }

  close(id) {
    for (const inner of [...this.opened]) if (this.model.within(inner, id)) this.opened.delete(inner);
    for (const inner of [...this.model.unfolded]) if (this.model.within(inner, id)) this.model.unfolded.delete(inner);
  }

  /** Select *instead* if what is selected does not show any more. */
  keepSelection(instead) {
    const { selected, model } = this;
    if (selected === null) return;
    const isShown = model.chain(selected).slice(1).every((outer) => this.opened.has(outer) || model.within(model.home, outer));
    if (!isShown || model.placeOf(selected) !== selected) this.select(instead);
  }

  levelOf(depth) {
    const { model } = this;
    const opened = new Set([model.root]);
    let level = [model.home];
    for (let k = 1; k < depth && level.length; k += 1) {
      level = level.flatMap((id) => model.base(model.split(id).base).parts.map((part) => model.placeOf(part)))
        .filter((id) => model.canOpen(id));
      level.forEach((id) => opened.add(id));
    }
    return opened;
  }

  openToLevel(depth) {
    this.model.unfolded.clear();
    this.model.opened = this.levelOf(depth);
    this.keepSelection(null);
    this.changed();
    this.stage.fit(0.3);
    this.say(depth === Infinity ? 'Everything is open' : `Open to level ${depth}`);
  }

  /** Open all there is, and all blocks of every fold. */
  openEverything() {
    const { model } = this;
    model.unfolded = new Set();
    model.opened = new Set([model.root]);
    let level = [model.root];
    while (level.length) {
      level = level.flatMap((id) => model.parts(id)).filter((id) => model.canOpen(id));
      for (const id of level) {
        model.opened.add(id);
        if (model.base(model.split(id).base).isFold && model.number(id) === null) model.unfolded.add(id);
      }
    }
    this.keepSelection(null);
    this.changed();
    this.stage.fit();
    this.say('Everything is open, all equal blocks too');
  }

  // ---- equal blocks

  /** The fold that is selected, or the innermost one around what is. */
  foldAtHand() {
    const folds = this.selected === null ? [] : this.model.folds(this.selected);
    return folds.length ? folds[folds.length - 1] : null;
  }

  /** Show block *number* of a fold. */
  pick(fold, number) {
    const { model } = this;
    const { repeat, runs } = model.base(model.split(fold).base);
    const k = Math.min(Math.max(0, number), repeat - 1);
    model.picked.set(fold, k);
    const isInside = this.selected !== null && model.unfolded.has(fold) && model.within(this.selected, fold);
    if (isInside && this.selected !== fold) {
      const { base, numbers } = model.split(this.selected);
      const place = model.base(model.split(fold).base).folds - 1;
      const moved = model.padded(numbers, model.base(base).folds).map((n, at) => (at === place ? k : n));
      this.reveal(model.join(base, moved));
    } else {
      this.stage.span = null;
      this.select(this.selected === null ? fold : this.selected);
    }
    this.say(`${runs[k]}, ${k + 1} of ${repeat}`);
  }

  step(by) {
    const fold = this.foldAtHand();
    if (fold) this.pick(fold.id, fold.picked + by);
  }

  /** Show all blocks of a fold, or one of them again. */
  unfold(id = (this.foldAtHand() || {}).id) {
    const { model, stage } = this;
    if (!id || !model.base(model.split(id).base).isFold || model.number(id) !== null) return;
    const before = stage.rect(id);
    const isUnfolded = model.unfolded.has(id);
    this.close(id);
    this.opened.add(id);
    if (!isUnfolded) model.unfolded.add(id);
    this.keepSelection(id);
    this.changed();
    const after = stage.rect(id);
    if (before && after) {
      stage.keepPlace(before, after);
      stage.bringIntoView(after);
    }
    this.say(isUnfolded ? 'One block shows' : `All ${model.base(model.split(id).base).repeat} blocks show`);
  }

  // ---- going in and out

  /** Show nothing but the inside of a box. */
  dive(id) {
    const { model, stage } = this;
    if (!model.canOpen(id)) return;
    model.home = id;
    this.opened.add(id);
    this.keepSelection(id);
    this.changed();
    stage.fit(0.5);
    this.say(`Inside ${model.box(id).title}`);
  }

  leave() {
    const { model } = this;
    if (model.home === model.root) return;
    const left = model.home;
    this.leaveTo(model.parent(left));
    const rect = this.stage.rect(left);
    if (rect) this.stage.bringIntoView(rect);
  }

  leaveTo(id) {
    this.model.home = id;
    this.keepSelection(null);
    this.changed();
    this.stage.fit(0.5);
  }

  leaveAll() {
    if (this.model.home !== this.model.root) this.leaveTo(this.model.root);
  }

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
    const same = (a, b) => a.size === b.size && [...a].every((id) => b.has(id));
    for (const button of document.querySelectorAll('[data-level]')) {
      const depth = Number(button.dataset.level);
      const isNow = !this.model.unfolded.size && same(this.opened, this.levelOf(depth));
      button.setAttribute('aria-pressed', String(isNow));
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
    for (const [fold, number] of pick) this.model.picked.set(fold, number);
    this.stage.span = null;
    this.reveal(id, key);
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
      this.isQuiet = true;
      this.show('components');
      this.isQuiet = false;
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
    this.changed();
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

  onDraw() {
    for (const act of this.drawn) act();
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
