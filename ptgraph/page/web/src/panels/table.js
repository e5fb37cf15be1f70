// The graph as a table (a treegrid). What is open in it is open in the graph.

import { costsOf } from './facts.js';
import { el } from '../text/dom.js';
import { bytesText, full, short } from '../text/format.js';

const ROWS_SHOWN = 500; // rows at first, and with each "more"
const TABLE_HEADS = ['Name', 'Class or operator', 'Output', 'Type', 'Parameters#', 'FLOPs#', 'Activations#',
  'Reads', 'Feeds'];

/** The boxes of a diagram as rows, which open and close. */
export class Table {
  constructor(root, app) {
    Object.assign(this, { root, app, limit: ROWS_SHOWN, at: null, key: null });
  }

  render() {
    const { diagram } = this.app;
    const hadFocus = this.root.contains(document.activeElement);
    if (this.key !== diagram.key) Object.assign(this, { key: diagram.key, at: null, limit: ROWS_SHOWN });
    this.rows = rowsOf(diagram, diagram.opened);
    if (!this.rows.some(({ id }) => id === this.at)) this.at = this.rows.length ? this.rows[0].id : null;
    const focused = this.rows.findIndex(({ id }) => id === this.at);
    while (this.limit <= focused) this.limit += ROWS_SHOWN;
    const top = this.root.scrollTop;
    const heads = TABLE_HEADS.map((head) => el('th', {
      role: 'columnheader', scope: 'col', class: head.endsWith('#') ? 'number' : null,
    }, head.replace('#', '')));
    this.root.replaceChildren(
      el('h2', {}, el('bdi', {}, diagram.title), el('span', { class: 'note' }, ' as a table')),
      el('p', { class: 'note hint' }, 'Arrow keys move, open and close; Enter shows a row in the graph.'),
      el('div', { class: 'scroll' }, el('table', {
        class: 'tree',
        role: 'treegrid',
        'aria-label': `The parts of ${diagram.title}`,
        'aria-rowcount': this.rows.length + 1,
        onkeydown: (event) => this.onKey(event),
      }, el('thead', {}, el('tr', { role: 'row', 'aria-rowindex': 1 }, heads)),
      el('tbody', {}, this.rows.slice(0, this.limit).map((row, k) => this.row(row, k)), this.more()))),
    );
    this.root.scrollTop = top;
    this.app.coloring.colorChips(this.root);
    if (hadFocus) this.focus(this.at);
  }

  row({ id, level, place, size }, k) {
    const { app } = this;
    const { diagram } = app;
    const box = diagram.box(id);
    const isModule = box.kind === 'module';
    const about = isModule ? diagram.classOf(id) : undefined;
    const op = isModule || box.kind === 'group' ? undefined : diagram.op(id);
    const costs = costsOf(box, isModule ? diagram.component(id) : undefined);
    const canOpen = diagram.canOpen(id);
    const opener = el('span', {
      class: 'opener', 'aria-hidden': 'true', onclick: canOpen ? () => this.toggle(id) : null,
    }, canOpen ? (diagram.opened.has(id) ? '▾' : '▸') : '');
    const name = el('button', { type: 'button', class: 'link', tabindex: '-1', onclick: () => app.reveal(id) },
      el('bdi', {}, box.title));
    const what = about ? about.name : ['input', 'output'].includes(box.kind) ? box.kind
      : op ? op.target : box.subtitle.split(' · ')[0];
    const cells = [
      [opener, el('span', { class: 'swatch', 'data-category': box.category }), name],
      el('code', {}, what),
      box.shape, box.dtype, costs.params ? full(costs.params) : '', costs.flops ? short(costs.flops) : '',
      costs.bytes ? bytesText(costs.bytes) : '', namesOf(diagram.dataflow.reads(id)), namesOf(diagram.dataflow.feeds(id)),
    ];
    return el('tr', {
      role: 'row', 'data-id': id, tabindex: id === this.at ? '0' : '-1', 'aria-level': level, 'aria-rowindex': k + 2,
      'aria-posinset': place, 'aria-setsize': size, 'aria-expanded': canOpen ? String(diagram.opened.has(id)) : null,
      'aria-selected': String(id === app.selected), onfocus: () => this.mark(id), ondblclick: () => app.reveal(id),
    }, cells.map((cell, column) => el(column ? 'td' : 'th', {
      role: column ? 'gridcell' : 'rowheader', class: TABLE_HEADS[column].endsWith('#') ? 'number' : null,
      style: column ? null : `--level: ${Math.min(level, 12) - 1}`,
    }, cell)));
  }

  more() {
    const left = this.rows.length - this.limit;
    if (left <= 0) return null;
    const act = () => {
      this.at = this.rows[this.limit].id;
      this.limit += ROWS_SHOWN;
      this.render();
      this.focus(this.at);
    };
    return el('tr', { role: 'row' }, el('td', { role: 'gridcell', colspan: TABLE_HEADS.length },
      el('button', { type: 'button', class: 'quiet', onclick: act },
        `Show ${full(Math.min(left, ROWS_SHOWN))} more rows of ${full(left)}`)));
  }

  /** Let a row be the one that the Tab key comes to. */
  mark(id) {
    const before = this.root.querySelector('tr[tabindex="0"]');
    if (before) before.tabIndex = -1;
    this.at = id;
    const now = this.line(id);
    if (now) now.tabIndex = 0;
  }

  line(id) {
    return [...this.root.querySelectorAll('tr[data-id]')].find((line) => line.dataset.id === id);
  }

  focus(id) {
    const line = this.line(id);
    if (line) line.focus();
  }

  toggle(id) {
    this.at = id;
    this.app.expansion.toggle(id);
    this.render();
    this.focus(id);
  }

  onKey(event) {
    const line = event.target.closest('tr[data-id]');
    if (!line || event.ctrlKey || event.metaKey || event.altKey) return;
    const k = this.rows.findIndex(({ id }) => id === line.dataset.id);
    const { id, level } = this.rows[k];
    const isOpen = line.getAttribute('aria-expanded');
    const last = Math.min(this.rows.length, this.limit) - 1;
    const to = { ArrowDown: k + 1, ArrowUp: k - 1, Home: 0, End: last, PageDown: k + 10, PageUp: k - 10 }[event.key];
    if (to !== undefined) this.focus(this.rows[Math.max(0, Math.min(last, to))].id);
    else if (event.key === 'ArrowRight' && isOpen === 'false') this.toggle(id);
    else if (event.key === 'ArrowRight' && isOpen === 'true') this.focus(this.rows[Math.min(last, k + 1)].id);
    else if (event.key === 'ArrowLeft' && isOpen === 'true') this.toggle(id);
    else if (event.key === 'ArrowLeft' && level > 1) this.focus(this.above(k));
    else if (event.key === 'Enter') this.app.reveal(id);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  above(k) {
    let at = k;
    while (this.rows[at].level >= this.rows[k].level) at -= 1;
    return this.rows[at].id;
  }
}

/** The rows that show: {id, level, place, size} of every box whose surroundings are all open, in order. */
function rowsOf(diagram, opened) {
  const found = [];
  const stack = [{ id: diagram.root, level: 0 }];
  while (stack.length) {
    const row = stack.pop();
    if (row.level) found.push(row);
    if (row.level && !(opened.has(row.id) && diagram.canOpen(row.id))) continue;
    const parts = diagram.parts(row.id);
    for (let k = parts.length - 1; k >= 0; k -= 1) {
      stack.push({ id: parts[k], level: row.level + 1, place: k + 1, size: parts.length });
    }
  }
  return found;
}

function namesOf(found) {
  const names = [...new Set(found.map(({ title }) => title))];
  const more = names.length > 3 ? el('span', { class: 'note' }, ` and ${full(names.length - 3)} more`) : null;
  return [el('bdi', {}, names.slice(0, 3).join(', ')), more];
}
