// The search field and its list of results.

import { Search } from './search.js';
import { el } from '../text/dom.js';
import { full } from '../text/format.js';

const RESULTS_LISTED = 60; // that are shown

/** A field to search from, with its list of results (a combobox). */
export class SearchBox {
  constructor(input, list, app) {
    Object.assign(this, { input, list, app, search: new Search(app), found: [], at: 0 });
    input.addEventListener('input', () => this.show());
    input.addEventListener('focus', () => this.show());
    input.addEventListener('blur', () => this.close());
    input.addEventListener('keydown', (event) => this.onKey(event));
  }

  show() {
    const { input, list } = this;
    const isOpen = Boolean(input.value.trim());
    this.found = isOpen ? this.search.find(input.value) : [];
    this.at = 0;
    const listed = this.found.slice(0, RESULTS_LISTED).map((entry, k) => this.option(entry, k));
    const more = this.search.total - listed.length;
    const none = listed.length ? '' : 'Nothing has that in its name, path, class, operator, shape or settings.';
    const tail = more > 0 ? `and ${full(more)} more` : none;
    list.replaceChildren(...listed, ...(tail ? [el('li', { class: 'note', role: 'presentation' }, tail)] : []));
    list.hidden = !isOpen;
    input.setAttribute('aria-expanded', String(isOpen));
    this.app.coloring.colorChips(list);
    this.mark();
  }

  option({ box, title, note, path }, k) {
    return el('li', {
      role: 'option',
      id: `result-${k}`,
      onpointerdown: (event) => event.preventDefault(),
      onclick: () => this.choose(k),
    }, el('span', { class: 'swatch', 'data-category': box.category }), el('bdi', { class: 'name' }, title),
    el('span', { class: 'note' }, note), path && path !== title ? el('code', {}, path) : null);
  }

  mark() {
    const options = [...this.list.querySelectorAll('[role=option]')];
    options.forEach((option, k) => option.setAttribute('aria-selected', String(k === this.at)));
    const current = this.list.hidden ? undefined : options[this.at];
    if (!current) {
      this.input.removeAttribute('aria-activedescendant');
      return;
    }
    current.scrollIntoView({ block: 'nearest' });
    this.input.setAttribute('aria-activedescendant', current.id);
  }

  choose(k) {
    const entry = this.found[k];
    if (!entry) return;
    this.close();
    this.app.revealFound(entry);
    this.leave();
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute('aria-expanded', 'false');
    this.input.removeAttribute('aria-activedescendant');
  }

  leave() {
    const graph = document.getElementById('graph');
    if (graph) graph.focus({ preventScroll: true });
    else this.input.blur();
  }

  onKey(event) {
    const count = Math.min(this.found.length, RESULTS_LISTED);
    if (event.key === 'Enter') this.choose(this.at);
    else if (event.key === 'ArrowDown' && count) this.at = (this.at + 1) % count;
    else if (event.key === 'ArrowUp' && count) this.at = (this.at + count - 1) % count;
    else if (event.key === 'Escape') {
      this.input.value = '';
      this.close();
      this.leave();
    } else return;
    event.preventDefault();
    if (event.key.startsWith('Arrow')) this.mark();
  }
}
