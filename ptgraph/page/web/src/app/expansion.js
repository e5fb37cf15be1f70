// What of a diagram is open, and all that changes it: levels, equal blocks, going in and out. After each change the diagram
// is laid out again, and a screen reader is told.

import { el, get } from '../text/dom.js';

export class Expansion {
  constructor(app) {
    Object.assign(this, { app, level: null });
  }

  get diagram() {
    return this.app.diagram;
  }

  get viewport() {
    return this.app.viewport;
  }

  // ---- opening and closing

  /** After a change of what is open: lay out, and bring what surrounds the graph up to date. */
  changed(level = null) {
    this.level = level;
    this.viewport.relayout();
    this.showCrumbs();
    this.showLevel();
  }

  /** Change what is open of a box where it stands: its head stays where it is on the screen. */
  inPlace(id, act) {
    const { viewport } = this;
    const before = viewport.rect(id);
    act();
    this.keepSelection(id);
    this.changed();
    const after = viewport.rect(id);
    if (!before || !after) return;
    viewport.keepPlace(before, after);
    viewport.bringIntoView(after);
  }

  /** Open or close a box; in a comparison, what it became too. */
  toggle(id, open = !this.diagram.opened.has(id)) {
    const { diagram } = this;
    if (!diagram.canOpen(id) || this.diagram.opened.has(id) === open) return;
    this.inPlace(id, () => {
      for (const at of [id, this.twin(id)].filter((each) => each !== null && diagram.canOpen(each))) {
        if (open) this.diagram.opened.add(at);
        else this.close(at);
      }
    });
    this.app.announce(id);
  }

  close(id) {
    for (const inner of [...this.diagram.opened]) if (this.diagram.within(inner, id)) this.diagram.opened.delete(inner);
    for (const inner of [...this.diagram.unfolded]) if (this.diagram.within(inner, id)) this.diagram.unfolded.delete(inner);
  }

  /** Select *instead* if what is selected does not show any more. */
  keepSelection(instead) {
    const { app: { selected }, diagram } = this;
    if (selected === null) return;
    const isShown = diagram.chain(selected).slice(1).every((outer) => this.diagram.opened.has(outer) || diagram.within(diagram.home, outer));
    if (!isShown || diagram.placeOf(selected) !== selected) this.app.select(instead);
  }

  levelOf(depth) {
    const { diagram } = this;
    const opened = new Set([diagram.root]);
    let level = [diagram.home];
    for (let k = 1; k < depth && level.length; k += 1) {
      level = level.flatMap((id) => diagram.base(diagram.split(id).base).parts.map((part) => diagram.placeOf(part)))
        .filter((id) => diagram.canOpen(id));
      level.forEach((id) => opened.add(id));
    }
    return opened;
  }

  /** The level that is open now, if it is one of the first. */
  levelNow() {
    const same = (a, b) => a.size === b.size && [...a].every((id) => b.has(id));
    return [1, 2, 3].find((depth) => same(this.diagram.opened, this.levelOf(depth))) || null;
  }

  openToLevel(depth) {
    this.diagram.unfolded.clear();
    this.diagram.opened = this.levelOf(depth);
    this.keepSelection(null);
    this.changed(depth);
    this.viewport.fit(0.3);
    this.app.say(depth === Infinity ? 'Everything is open' : `Open to level ${depth}`);
  }

  /** Open all there is, and all blocks of every fold. */
  openEverything() {
    const { diagram } = this;
    diagram.unfolded = new Set();
    diagram.opened = new Set([diagram.root]);
    let level = [diagram.root];
    while (level.length) {
      level = level.flatMap((id) => diagram.parts(id)).filter((id) => diagram.canOpen(id));
      for (const id of level) {
        diagram.opened.add(id);
        if (diagram.base(diagram.split(id).base).isFold && diagram.number(id) === null) diagram.unfolded.add(id);
      }
    }
    this.keepSelection(null);
    this.changed();
    this.viewport.fit();
    this.app.say('Everything is open, all equal blocks too');
  }

  // ---- what the page says of it

  showCrumbs() {
    const { diagram } = this;
    const chain = [...diagram.chain(diagram.home), diagram.root].reverse();
    const title = (id) => (id === diagram.root ? diagram.title : diagram.box(id).title);
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
    const folds = this.app.selected === null ? [] : this.diagram.folds(this.app.selected);
    return folds.length ? folds[folds.length - 1] : null;
  }

  /** Show block *number* of a fold. */
  pick(fold, number) {
    const { diagram } = this;
    const { repeat } = diagram.base(diagram.split(fold).base);
    const k = Math.min(Math.max(0, number), repeat - 1);
    diagram.picked.set(fold, k);
    const isInside = this.app.selected !== null && diagram.unfolded.has(fold) && diagram.within(this.app.selected, fold);
    if (isInside && this.app.selected !== fold) {
      const { base, numbers } = diagram.split(this.app.selected);
      const place = diagram.base(diagram.split(fold).base).folds - 1;
      const moved = diagram.padded(numbers, diagram.base(base).folds).map((n, at) => (at === place ? k : n));
      this.app.reveal(diagram.join(base, moved));
    } else {
      this.viewport.span = null;
      this.app.select(this.app.selected === null ? fold : this.app.selected);
    }
    this.app.say(`${diagram.nameOf(fold, k)}, ${k + 1} of ${repeat}`);
  }

  step(by) {
    const fold = this.foldAtHand();
    if (fold) this.pick(fold.id, fold.picked + by);
  }

  /** Show all blocks of a fold, or one of them again. */
  unfold(id = (this.foldAtHand() || {}).id) {
    const { diagram } = this;
    if (!id || !diagram.base(diagram.split(id).base).isFold || diagram.number(id) !== null) return;
    const isUnfolded = diagram.unfolded.has(id);
    this.inPlace(id, () => {
      this.close(id);
      this.diagram.opened.add(id);
      if (!isUnfolded) diagram.unfolded.add(id);
    });
    this.app.say(isUnfolded ? 'One block shows' : `All ${diagram.base(diagram.split(id).base).repeat} blocks show`);
  }

  // ---- going in and out

  /** Show nothing but the inside of a box. */
  dive(id) {
    const { diagram, viewport } = this;
    if (!diagram.canOpen(id)) return;
    diagram.home = id;
    this.diagram.opened.add(id);
    this.keepSelection(id);
    this.changed();
    viewport.fit(0.5);
    this.app.say(`Inside ${diagram.box(id).title}`);
  }

  leave() {
    const { diagram } = this;
    if (diagram.home === diagram.root) return;
    const left = diagram.home;
    this.leaveTo(diagram.parent(left));
    const rect = this.viewport.rect(left);
    if (rect) this.viewport.bringIntoView(rect);
  }

  leaveTo(id) {
    this.diagram.home = id;
    this.keepSelection(null);
    this.changed();
    this.viewport.fit(0.5);
  }

  leaveAll() {
    if (this.diagram.home !== this.diagram.root) this.leaveTo(this.diagram.root);
  }

  /** In a comparison, the box that another one became, or was. */
  twin(id) {
    const { comparison } = this.app.data;
    if (!comparison) return null;
    const { base } = this.diagram.split(id);
    const [side, own] = [base.slice(0, 2), base.slice(2)];
    if (side === 'a:') return Object.hasOwn(comparison.pairs, own) ? `b:${comparison.pairs[own]}` : null;
    const found = Object.entries(comparison.pairs).find(([, became]) => became === own);
    return found ? `a:${found[0]}` : null;
  }
}
