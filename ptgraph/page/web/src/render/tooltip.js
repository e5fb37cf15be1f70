// The tooltip of the box, the stub or the knob under the pointer.

import { el } from '../text/dom.js';
import { bytesText, full, numberText, short } from '../text/format.js';

const LISTED = 12;

export class Tooltip {
  constructor(root, viewport, app) {
    Object.assign(this, { root, viewport, app });
  }

  show(found, at) {
    if (!found) {
      this.root.hidden = true;
      this.key = null;
      return;
    }
    const key = `${found.id} ${found.part}`;
    if (key !== this.key) {
      this.key = key;
      const isSmall = found.kind === 'stub' || found.kind === 'port';
      this.root.replaceChildren(...(isSmall ? this.usersOf(found) : this.boxOf(found)).filter(Boolean));
      this.root.hidden = false;
    }
    const [width, height] = this.viewport.size;
    const { offsetWidth, offsetHeight } = this.root;
    this.root.style.left = `${Math.max(4, Math.min(at.x + 14, width - offsetWidth - 8))}px`;
    this.root.style.top = `${at.y + 18 + offsetHeight > height ? Math.max(4, at.y - offsetHeight - 10) : at.y + 18}px`;
  }

  boxOf({ id, part }) {
    if (KNOB_WORDS[part]) return [el('p', {}, KNOB_WORDS[part])];
    const { diagram, colors } = this.viewport.view;
    const box = diagram.box(id);
    const { measure } = colors;
    const value = measure.isOverlay ? measure.of(diagram, id) : null;
    const facts = [
      [box.shape, box.dtype].filter(Boolean).join(' '),
      box.params ? `${full(box.params)} parameters` : '',
      box.flops ? `${short(box.flops)} FLOPs` : '',
      box.bytes ? `${bytesText(box.bytes)} of activations` : '',
      value === null ? '' : `${measure.title}: ${numberText(value)}${box.repeat > 1 ? ` on average of ${box.repeat}` : ''}`,
    ].filter(Boolean);
    const path = box.kind === 'module' ? diagram.path(id) : box.op;
    return [
      el('p', { class: 'name' }, el('bdi', {}, box.title)),
      path && path !== box.title ? el('p', {}, el('code', {}, path)) : null,
      ...facts.map((text) => el('p', { class: 'note' }, text)),
    ];
  }

  /** All that read the value that a stub stands for. */
  usersOf({ source, label, kind }) {
    const { diagram } = this.viewport.view;
    const box = diagram.base(source);
    const fed = diagram.dataflow.feeds(source);
    const users = fed.map(({ id }) => {
      const { title, component } = diagram.base(diagram.split(id).base);
      return [component, title].filter(Boolean).join(' › ');
    });
    const name = kind === 'stub' ? label : box.title;
    const path = box.kind === 'op' ? [box.component, box.title].filter(Boolean).join('.') : box.component || box.title;
    const count = fed.reduce((sum, { id }) => sum + diagram.folds(id).reduce((all, fold) => all * fold.repeat, 1), 0);
    return [
      el('p', { class: 'name' }, el('bdi', {}, name), el('span', { class: 'note' }, box.shape ? ` ${box.shape}` : '')),
      path === name ? null : el('p', {}, el('code', {}, path)),
      el('p', { class: 'note' }, `read in ${full(count)} places`),
      ...users.slice(0, LISTED).map((text) => el('p', {}, el('code', {}, text))),
      users.length > LISTED ? el('p', { class: 'note' }, `and ${full(users.length - LISTED)} more`) : null,
    ];
  }
}

const KNOB_WORDS = {
  open: 'Open', close: 'Close', next: 'The next of equal blocks', previous: 'The one before', unfold: 'All equal blocks, or one',
};
