// What of a model is open, and what changes it: levels, equal blocks, going in and out. Each change is laid out and said.

import { el, get } from '../text/dom.js';

export class Expansion {
  constructor(app) {
    Object.assign(this, { app, level: null });
  }

  get model() {
    return this.app.model;
  }

  get stage() {
    return this.app.stage;
  }

  // ---- opening and closing

  /** After a change of what is open: lay out, and bring what surrounds the graph up to date. */
  changed(level = null) {
    this.level = level;
    this.stage.relayout();
    this.showCrumbs();
    this.showLevel();
  }

  /** Change what is open of a box where it stands: its head stays where it is on the screen. */
  inPlace(id, act) {
    const { stage } = this;
    const before = stage.rect(id);
    act();
    this.keepSelection(id);
    this.changed();
    const after = stage.rect(id);
    if (!before || !after) return;
    stage.keepPlace(before, after);
    stage.bringIntoView(after);
  }

  /** Open or close a box; in a comparison, what it became too. */
  toggle(id, open = !this.model.opened.has(id)) {
    const { model } = this;
    if (!model.canOpen(id) || this.model.opened.has(id) === open) return;
    this.inPlace(id, () => {
      for (const at of [id, this.twin(id)].filter((each) => each !== null && model.canOpen(each))) {
        if (open) this.model.opened.add(at);
        else this.close(at);
      }
    });
    this.app.announce(id);
  }

  close(id) {
    for (const inner of [...this.model.opened]) if (this.model.within(inner, id)) this.model.opened.delete(inner);
    for (const inner of [...this.model.unfolded]) if (this.model.within(inner, id)) this.model.unfolded.delete(inner);
  }

  /** Select *instead* if what is selected does not show any more. */
  keepSelection(instead) {
    const { app: { selected }, model } = this;
    if (selected === null) return;
    const isShown = model.chain(selected).slice(1).every((outer) => this.model.opened.has(outer) || model.within(model.home, outer));
    if (!isShown || model.placeOf(selected) !== selected) this.app.select(instead);
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

  /** The level that is open now, if it is one of the first. */
  levelNow() {
    const same = (a, b) => a.size === b.size && [...a].every((id) => b.has(id));
    return [1, 2, 3].find((depth) => same(this.model.opened, this.levelOf(depth))) || null;
  }

  openToLevel(depth) {
    this.model.unfolded.clear();
    this.model.opened = this.levelOf(depth);
    this.keepSelection(null);
    this.changed(depth);
    this.stage.fit(0.3);
    this.app.say(depth === Infinity ? 'Everything is open' : `Open to level ${depth}`);
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
    this.app.say('Everything is open, all equal blocks too');
  }

  // ---- what the page says of it

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

  // ---- equal blocks

  /** The fold that is selected, or the innermost one around what is. */
  foldAtHand() {
    const folds = this.app.selected === null ? [] : this.model.folds(this.app.selected);
    return folds.length ? folds[folds.length - 1] : null;
  }

  /** Show block *number* of a fold. */
  pick(fold, number) {
    const { model } = this;
    const { repeat } = model.base(model.split(fold).base);
    const k = Math.min(Math.max(0, number), repeat - 1);
    model.picked.set(fold, k);
    const isInside = this.app.selected !== null && model.unfolded.has(fold) && model.within(this.app.selected, fold);
    if (isInside && this.app.selected !== fold) {
      const { base, numbers } = model.split(this.app.selected);
      const place = model.base(model.split(fold).base).folds - 1;
      const moved = model.padded(numbers, model.base(base).folds).map((n, at) => (at === place ? k : n));
      this.app.reveal(model.join(base, moved));
    } else {
      this.stage.span = null;
      this.app.select(this.app.selected === null ? fold : this.app.selected);
    }
    this.app.say(`${model.nameOf(fold, k)}, ${k + 1} of ${repeat}`);
  }

  step(by) {
    const fold = this.foldAtHand();
    if (fold) this.pick(fold.id, fold.picked + by);
  }

  /** Show all blocks of a fold, or one of them again. */
  unfold(id = (this.foldAtHand() || {}).id) {
    const { model } = this;
    if (!id || !model.base(model.split(id).base).isFold || model.number(id) !== null) return;
    const isUnfolded = model.unfolded.has(id);
    this.inPlace(id, () => {
      this.close(id);
      this.model.opened.add(id);
      if (!isUnfolded) model.unfolded.add(id);
    });
    this.app.say(isUnfolded ? 'One block shows' : `All ${model.base(model.split(id).base).repeat} blocks show`);
  }

  // ---- going in and out

  /** Show nothing but the inside of a box. */
  dive(id) {
    const { model, stage } = this;
    if (!model.canOpen(id)) return;
    model.home = id;
    this.model.opened.add(id);
    this.keepSelection(id);
    this.changed();
    stage.fit(0.5);
    this.app.say(`Inside ${model.box(id).title}`);
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

  /** In a comparison, the box that another one became, or was. */
  twin(id) {
    const { comparison } = this.app.data;
    if (!comparison) return null;
    const { base } = this.model.split(id);
    const [side, own] = [base.slice(0, 2), base.slice(2)];
    if (side === 'a:') return Object.hasOwn(comparison.pairs, own) ? `b:${comparison.pairs[own]}` : null;
    const found = Object.entries(comparison.pairs).find(([, became]) => became === own);
    return found ? `a:${found[0]}` : null;
  }
}
