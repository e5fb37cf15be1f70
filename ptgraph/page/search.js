// Search: over what boxes are called, what they are, hold and yield, in all documents; and the box that one types into.

import { pathsOf } from './paths.js';
import { el, full } from './text.js';

const RESULTS_LISTED = 60; // results that are shown
const sizes = (value) => (Array.isArray(value) ? value.join('×') : String(value));

/** Finds boxes; all words must occur. `layers.*.q_proj` is a pattern, `layers.17.mlp` goes into a fold. */
export class Search {
  constructor(app) {
    Object.assign(this, { app, entries: null });
  }

  index() {
    const { documents = {} } = this.app.details();
    this.entries = [];
    for (const model of this.app.models.values()) {
      const words = documents[model.key] || {};
      for (const id of model.ids()) this.entries.push(this.entry(model, id, words));
    }
  }

  entry(model, id, { components = {}, ops = {} }) {
    const box = model.base(id);
    const part = box.kind === 'module' ? components[box.component] || {} : {};
    const op = (box.op !== null && ops[box.op]) || {};
    const path = box.kind === 'module' ? box.component : [box.component, box.title].filter(Boolean).join('.');
    const settings = Object.entries({ ...part.settings, ...op.attributes })
      .filter(([, value]) => value !== null && typeof value !== 'boolean' && !(value && value.length > 8))
      .map(([name, value]) => `${name}=${sizes(value)}`);
    const held = (part.parameters || []).map((p) => `${path}.${p.name} ${p.shape} ${p.dtype}`);
    const read = (op.reads || []).map((p) => `${p.name} ${p.shape}`);
    const what = [part.type, op.target, box.shape, box.dtype, box.category, ...settings, ...held, ...read];
    const text = [box.title, box.subtitle, path, ...what.filter(Boolean)].join('\n').toLowerCase();
    const place = model.key === 'model' ? '' : model.title;
    const note = [place, box.subtitle, box.shape].filter(Boolean).join(' · ');
    return { id, key: model.key, box, path, title: box.title, note, text, name: box.title.toLowerCase(), low: path.toLowerCase() };
  }

  /** Return the entries for what was typed, the best first: {id, key, box, path, title, note, pick}. */
  find(typed) {
    const words = typed.toLowerCase().replace(/(\d)x(?=\d)/g, '$1×').split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    if (this.entries === null) this.index();
    const inFold = words.length === 1 ? this.inFolds(typed.trim()) : [];
    const seen = new Set(inFold.map((entry) => `${entry.key}\n${entry.id}`));
    const tests = words.map(testOf);
    const found = this.entries.filter((entry) => tests.every((test) => test(entry)));
    const others = seen.size ? found.filter((entry) => !seen.has(`${entry.key}\n${entry.id}`)) : found;
    return [...inFold, ...ranked(others, words[0], this.app.model.key)];
  }

  /** What a path with the number of a folded block leads to, that block picked. */
  inFolds(typed) {
    const found = [];
    for (const model of this.app.models.values()) {
      for (const { written, first, path, pick } of pathsOf(model).picks(typed)) {
        const rest = written.slice(first.length).toLowerCase();
        const [low, test] = [first.toLowerCase(), testOf(written.toLowerCase())];
        const fits = (entry) => entry.key === model.key && (entry.low === low || entry.low.startsWith(`${low}.`))
          && (rest === '' || rest === '.' || test(entry));
        const named = this.entries.filter(fits).map((entry) => ({
          ...entry, pick, path: path + entry.path.slice(first.length),
        }));
        found.push(...named.sort((a, b) => (b.low === low + rest) - (a.low === low + rest)));
      }
    }
    return found;
  }
}

/** Return what tells whether a word fits an entry. */
function testOf(word) {
  if (/[*?]/.test(word)) {
    const pieces = word.split(/[*?]+/).filter(Boolean); // all must occur: the fast way to leave out most
    return ({ text, low }) => pieces.every((piece) => text.includes(piece))
      && (fitsPattern(`*${word}`, low) || text.split('\n').some((line) => fitsPattern(`*${word}`, line.split(' ')[0])));
  }
  if (/^\d[\d×]*×\d+$/.test(word)) return ({ text }) => hasSize(text, word);
  return ({ text }) => text.includes(word);
}

/** Whether sizes occur as a whole: 3×3 is not in 13×32. */
function hasSize(text, word) {
  const isDigit = (character) => character >= '0' && character <= '9';
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!isDigit(text[at - 1]) && !isDigit(text[at + word.length])) return true;
  }
  return false;
}

/** Whether a pattern of `*` and `?` fits all of a text; it looks back to the last star only, so it is fast. */
function fitsPattern(pattern, text) {
  let [p, t, star, from] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === '*') [star, from, p] = [p, t, p + 1];
    else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) [p, t] = [p + 1, t + 1];
    else if (star >= 0) [p, from, t] = [star + 1, from + 1, from + 1];
    else return false;
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}

/** Put entries whose name is the word first, then those that begin with it, have it, have it in their path. */
function ranked(entries, word, key) {
  const rows = Array.from({ length: 12 }, () => []);
  for (const entry of entries) {
    const { name, low, text, box } = entry;
    const rank = name === word ? 0 : name.startsWith(word) ? 1 : name.includes(word) ? 2
      : low.includes(word) || text.includes(`.${word}\n`) ? 3 : 4;
    rows[2 * rank + (entry.key === key ? 0 : 1) + (box.kind === 'module' ? 0 : 2)].push(entry);
  }
  return rows.flat();
}

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
    const more = this.found.length - listed.length;
    const none = listed.length ? '' : 'Nothing has that in its name, path, class, operator, shape or settings.';
    const tail = more > 0 ? `and ${full(more)} more` : none;
    list.replaceChildren(...listed, ...(tail ? [el('li', { class: 'note', role: 'presentation' }, tail)] : []));
    list.hidden = !isOpen;
    input.setAttribute('aria-expanded', String(isOpen));
    this.app.colorChips(list);
    this.mark();
  }

  option({ box, title, note, path }, k) {
    return el('li', {
      role: 'option', id: `result-${k}`, onpointerdown: (event) => event.preventDefault(), onclick: () => this.choose(k),
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
    this.app.goto(entry);
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
