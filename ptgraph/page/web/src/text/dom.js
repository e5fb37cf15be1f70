// Elements: finding and making them, and those that all panels use. Text of a model goes in as text, never as markup.

import { full } from './format.js';

/** An element of the page, by its id. */
export const get = (id) => document.getElementById(id);

/** Make an element; a property that starts with `on` is a listener, a child may be a string or nothing. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ''));
  return made;
}

/** A name or a value as code; one so long that it scrolls can be reached by the Tab key. */
export const codeText = (text) => el('code', { tabindex: text.length > 160 ? '0' : null }, text);

/** A name that may break after its dots, slashes and underscores. */
export const breakable = (name) => name.split(/(?<=[./\\_])/).flatMap((step) => [step, el('wbr')]);

/** A section under a heading, or nothing where it would be empty. */
export function section(title, ...content) {
  const some = content.flat(Infinity).filter(Boolean);
  return some.length ? el('section', {}, el('h3', {}, title), some) : null;
}

/** Pairs of a name and what it is; those without a value are left out. */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return known.length
    ? el('dl', { class: 'facts' }, known.map(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]))
    : null;
}

/** A table; a head that ends in `#` is that of a column of numbers. */
export function table(heads, rows, label) {
  if (!rows.length) return null;
  const numeric = heads.map((head) => (head.endsWith('#') ? 'number' : null));
  const cells = (row) => row.map((cell, k) => (k
    ? el('td', { class: numeric[k] }, cell)
    : el('th', { scope: 'row', class: numeric[k] }, cell)));
  return el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label },
    el('table', { class: 'plain' },
      el('thead', {}, el('tr', {},
        heads.map((head, k) => el('th', { scope: 'col', class: numeric[k] }, head.replace(/#$/, ''))))),
      el('tbody', {}, rows.map((row) => el('tr', {}, cells(row))))));
}

/** A list of what *make* makes of each value: the first eight, and the rest on demand. */
export function listOf(values, make, shown = 8) {
  if (!values.length) return null;
  const items = (from, to) => el('ul', { class: 'boxes' },
    values.slice(from, to).map((value) => el('li', {}, make(value))));
  if (values.length <= shown + 2) return items(0, values.length);
  const most = shown + 400;
  const beyond = values.length > most ? el('p', { class: 'note' }, `and ${full(values.length - most)} more`) : null;
  return [items(0, shown), onDemand(`${full(values.length - shown)} more`, () => [items(shown, most), beyond])];
}

/** Something under a summary that is made when it is first opened. */
export function onDemand(summary, make) {
  const made = el('details', {}, el('summary', {}, summary));
  made.addEventListener('toggle', () => {
    if (made.childElementCount === 1) made.append(...[make()].flat(Infinity).filter(Boolean));
  });
  return made;
}
