// The changes between two models: their sums, and a list in which equal changes are one entry.

import { el, facts, onDemand } from '../text/dom.js';
import { bytesText, full, plural, short } from '../text/format.js';

const CHANGE_SIGNS = { added: '+', removed: '−', changed: '~', renamed: '→' };
const SHOWN_GROUPS = 200; // more stand behind a click
const SHOWN_TITLES = 6;
const LONGEST_VALUE = 300;

/** Changes of the same kind that say the same, together, in the order of the first of each. */
function changeGroups(changes) {
  const groups = new Map();
  for (const change of changes) {
    const key = JSON.stringify([change.status, change.what]);
    if (!groups.has(key)) groups.set(key, { status: change.status, what: change.what, changes: [] });
    groups.get(key).changes.push(change);
  }
  return [...groups.values()];
}

/** A mark for what became of a box: a sign, and the word for those who do not see it. */
function changeSign(status) {
  return el('span', { class: `sign ${status}` },
    el('span', { 'aria-hidden': 'true' }, CHANGE_SIGNS[status]), el('span', { class: 'unseen' }, `${status} `));
}

/** The list of changes; a click on one shows both of its boxes. */
export class Changes {
  constructor(root, app) {
    this.root = root;
    this.app = app;
    this.found = app.data.comparison;
    this.hidden = new Set(); // kinds of changes that are filtered out
    this.list = el('div', { class: 'changes' });
  }

  render() {
    this.root.classList.add('comparison');
    this.root.replaceChildren(...[this.sums(), this.filters(), this.list].filter(Boolean));
    this.fill();
  }

  sums() {
    const { summary } = this.found;
    const became = ([before, after], text) => {
      if (!before && !after) return '';
      if (before === after) return `${text(before)}, the same`;
      const less = after < before;
      return `${text(before)} → ${text(after)} (${less ? '−' : '+'}${text(Math.abs(after - before))})`;
    };
    return facts([
      ['Parameters', became(summary.params, short)],
      ['FLOPs', became(summary.flops, short)],
      ['Activations', became(summary.bytes, bytesText)],
      ['Unchanged', plural(summary.same, 'part')],
    ]);
  }

  filters() {
    const { summary } = this.found;
    const kinds = Object.keys(CHANGE_SIGNS).filter((kind) => summary[kind]);
    if (!kinds.length) return null;
    return el('div', { class: 'filters', role: 'group', 'aria-label': 'Kinds of changes' }, kinds.map((kind) => (
      el('button', {
        type: 'button',
        class: `kind ${kind}`,
        'aria-pressed': String(!this.hidden.has(kind)),
        onclick: ({ currentTarget }) => this.filter(kind, currentTarget),
      }, el('span', { class: 'sign', 'aria-hidden': 'true' }, CHANGE_SIGNS[kind]), ` ${full(summary[kind])} ${kind}`))));
  }

  /** Show or hide the changes of a kind. */
  filter(kind, button) {
    if (!this.hidden.delete(kind)) this.hidden.add(kind);
    button.setAttribute('aria-pressed', String(!this.hidden.has(kind)));
    this.fill();
  }

  fill() {
    const { changes, renamed, summary } = this.found;
    const groups = changeGroups(changes.filter(({ status }) => !this.hidden.has(status)));
    const shown = groups.slice(0, SHOWN_GROUPS).map((group) => this.group(group));
    const rest = groups.slice(SHOWN_GROUPS);
    const names = this.hidden.has('renamed') ? [] : renamed;
    this.list.replaceChildren(...[
      summary.quantized ? el('p', { class: 'note' }, `${plural(summary.quantized, 'part')} quantized`) : null,
      shown.length ? el('ul', { class: 'groups' }, shown) : null,
      rest.length ? onDemand(`${full(rest.length)} more`, () => (
        el('ul', { class: 'groups' }, rest.map((group) => this.group(group))))) : null,
      names.length ? this.renamed(names) : null,
      !changes.length && !renamed.length ? el('p', { class: 'note' }, 'The two are the same, part by part.') : null,
      changes.length + renamed.length && !groups.length && !names.length
        ? el('p', { class: 'note' }, 'All changes are filtered out.') : null,
    ].filter(Boolean));
  }

  group({ status, what, changes }) {
    const titles = (some) => el('ul', { class: 'titles' }, some.map((change) => el('li', {}, this.title(change))));
    const rest = changes.slice(SHOWN_TITLES);
    return el('li', { class: `change ${status}` },
      changeSign(status),
      el('div', {},
        changes.length > 1 ? el('p', { class: 'note' }, `${plural(changes.length, 'part')} alike`) : null,
        titles(changes.slice(0, SHOWN_TITLES)),
        rest.length ? onDemand(`${full(rest.length)} more`, () => titles(rest)) : null,
        el('dl', { class: 'what' }, what.map((line) => this.line(status, line)))));
  }

  title({ a, b, title }) {
    return el('button', { type: 'button', class: 'link', onclick: () => this.app.revealPair(a, b) }, el('bdi', {}, title));
  }

  line(status, [name, before, after]) {
    const value = (tag, known) => (known === null
      ? el('span', { class: 'none' }, 'none') : el(tag, { title: longValue(known) }, el('bdi', {}, this.value(name, known))));
    if (status !== 'changed') return [el('dt', {}, name), el('dd', {}, value('span', before ?? after))];
    return [el('dt', {}, name), el('dd', {}, value('del', before), el('span', { class: 'to' }, ' → '), value('ins', after))];
  }

  value(name, known) {
    if (typeof known === 'number') return name === 'parameters' ? full(known) : String(known);
    return known === '' ? '“”' : known.length > LONGEST_VALUE ? `${known.slice(0, LONGEST_VALUE)}…` : known;
  }

  renamed(names) {
    const row = ({ a, b, before, after }) => el('li', {}, el('bdi', {}, before), el('span', { class: 'to' }, ' → '),
      this.title({ a, b, title: after }));
    const rest = names.slice(SHOWN_TITLES);
    return el('section', { class: 'change renamed' },
      changeSign('renamed'),
      el('div', {},
        el('p', { class: 'note' }, 'The same under another name'),
        el('ul', { class: 'titles' }, names.slice(0, SHOWN_TITLES).map(row)),
        rest.length ? onDemand(`${full(rest.length)} more`, () => el('ul', { class: 'titles' }, rest.map(row))) : null));
  }
}

function longValue(known) {
  return typeof known === 'string' && known.length > LONGEST_VALUE ? known.slice(0, 10 * LONGEST_VALUE) : null;
}
