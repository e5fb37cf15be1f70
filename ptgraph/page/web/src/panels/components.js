// The components: the classes of the model by category, and a page about each.

import { flowOf, parametersOf, settingsOf, usesOf, withShare } from './facts.js';
import { docOf, methodsOf, locationOf, qualified, sourceOf, summaryOf } from '../text/code.js';
import { codeText, el, facts, section, table } from '../text/dom.js';
import { bytesText, full, percent, plural, python, short } from '../text/format.js';

/** The address of a class, after the #. */
const hashOfClass = (type) => `class=${encodeURIComponent(type)}`;

/** The browser of classes: cards by category, each of which opens. */
export class Components {
  constructor(root, app) {
    Object.assign(this, { root, app, type: null, typed: '', chosen: null, entries: null });
  }

  /** Find the classes that boxes of all documents have, and where. */
  index() {
    const { classes, documents } = this.app.texts();
    const places = new Map(Object.keys(classes).map((type) => [type, []]));
    for (const diagram of this.app.diagrams.values()) {
      const { components = {} } = documents[diagram.key] || {};
      for (const id of [diagram.root, ...diagram.ids()]) {
        const { kind, component = '' } = diagram.doc.boxes[id];
        const type = kind === 'module' && components[component] ? components[component].type : undefined;
        if (places.has(type)) places.get(type).push({ diagram, id, part: components[component] });
      }
    }
    this.entries = Object.entries(classes).map(([type, about]) => {
      const found = places.get(type);
      const summary = summaryOf(about.doc);
      const text = [about.name, about.module, about.category, summary].join('\n').toLowerCase();
      return { type, about, summary, text, places: found, key: found.length ? found[0].diagram.key : 'model' };
    });
  }

  /** The address of what it shows. */
  get hash() {
    return this.type === null ? 'tab=components' : hashOfClass(this.type);
  }

  render() {
    if (this.entries === null) this.index();
    if (this.type !== null) this.one(this.entries.find(({ type }) => type === this.type));
    else this.all();
  }

  /** Show one class; without a type, or with one that there is not, all of them. */
  open(type) {
    if (this.entries === null) this.index();
    const before = this.type;
    this.type = this.entries.some((entry) => entry.type === type) ? type : null;
    this.app.address.write(this.hash);
    this.render();
    this.root.scrollTop = 0;
    const focus = this.type === null
      ? [...this.root.querySelectorAll('.card')].find((card) => card.dataset.type === before)
      : this.root.querySelector('h2');
    if (focus) focus.focus();
  }

  // ---- all of them

  /** Categories in the order of the styles; those that no style has come last. */
  categories() {
    const used = [...new Set(this.entries.map(({ about }) => about.category))];
    const known = Object.keys(this.app.data.styles).filter((name) => used.includes(name));
    return [...known, ...used.filter((name) => !known.includes(name))];
  }

  all() {
    const names = this.categories();
    const field = el('input', {
      type: 'search', id: 'component-filter', placeholder: 'Filter by name, module or description',
      'aria-label': 'Filter the components', autocomplete: 'off', spellcheck: 'false',
      oninput: (event) => {
        this.typed = event.target.value;
        this.fill();
      },
    });
    field.value = this.typed;
    const chip = (name, text) => el('button', {
      type: 'button', class: 'choice', 'aria-pressed': String(this.chosen === name),
      onclick: () => {
        this.chosen = this.chosen === name ? null : name;
        this.choose();
      },
      'data-name': name,
    }, name ? el('span', { class: 'swatch', 'data-category': name }) : null, text);
    this.sections = el('div', { class: 'sections' });
    this.root.replaceChildren(el('div', { class: 'page' },
      el('header', { class: 'page-head' }, el('h2', {}, 'Components'),
        el('p', { class: 'standfirst' }, this.standfirst())),
      el('div', { class: 'filter' }, field,
        el('div', { class: 'choices', role: 'group', 'aria-label': 'Categories' },
          chip(null, 'All'), names.map((name) => chip(name, name)))),
      this.sections));
    this.fill();
  }

  standfirst() {
    const diagram = this.app.diagrams.values().next().value;
    const count = this.entries.filter(({ key }) => key === diagram.key).length;
    const others = this.entries.length - count;
    const modules = plural(diagram.doc.totals.components, 'module');
    return `${full(count)} ${count === 1 ? 'class makes' : 'classes make'} up its ${modules}`
      + `${others ? `; ${full(others)} more train it` : ''}.`;
  }

  choose() {
    for (const choice of this.root.querySelectorAll('.choice')) {
      choice.setAttribute('aria-pressed', String((choice.dataset.name || null) === this.chosen));
    }
    this.fill();
  }

  fill() {
    const words = this.typed.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = this.entries.filter(({ text }) => words.every((word) => text.includes(word)));
    const groups = this.categories().filter((name) => this.chosen === null || this.chosen === name)
      .map((name) => [name, shown.filter(({ about }) => about.category === name)]).filter(([, found]) => found.length);
    this.sections.replaceChildren(...groups.map(([name, found]) => el('section', { class: 'category' },
      el('h3', {}, el('span', { class: 'swatch', 'data-category': name }), name,
        el('span', { class: 'note' }, ` ${full(found.length)}`)),
      el('ul', { class: 'cards' }, found.map((entry) => el('li', {}, this.card(entry)))))));
    if (!groups.length) this.sections.append(el('p', { class: 'note none' }, 'Nothing here is called that.'));
    this.app.coloring.colorChips(this.root);
  }

  card({ type, about, summary }) {
    const { count, params, share } = about.statistics;
    const figures = [
      `×${full(count)}`, params ? `${short(params)} parameters` : '', params ? percent(share, 1) : '',
    ].filter(Boolean);
    return el('button', { type: 'button', class: 'card', 'data-type': type, onclick: () => this.open(type) },
      el('span', { class: 'name' }, el('bdi', {}, about.name)),
      el('span', { class: 'module' }, el('bdi', {}, about.module)),
      el('span', { class: 'summary' }, summary || 'No description.'),
      el('span', { class: 'figures' }, figures.map((text) => el('span', {}, text))));
  }

  // ---- one of them

  one({ type, about, places }) {
    const { app } = this;
    const shown = places.find(({ diagram, id }) => diagram.base(id).parts.length);
    const first = places.find(({ part }) => (part.parameters || []).length);
    const total = first ? first.diagram.doc.totals.total_params : 0;
    const own = first ? parametersOf(first.part.parameters, total) : null;
    const of = first && el('code', {}, first.part.path || first.diagram.title);
    if (own && about.statistics.count > 1) own.append(el('p', { class: 'note below' }, 'of ', of));
    const caption = shown && `What flows inside ${shown.diagram.path(shown.id) || shown.diagram.title}`;
    const where = usesOf(app, about.uses || [], places.length ? places[0].diagram : app.diagram);
    this.root.replaceChildren(el('article', { class: 'page one' },
      el('p', { class: 'back' }, el('button', { type: 'button', class: 'link', onclick: () => this.open(null) },
        el('span', { 'aria-hidden': 'true' }, '‹ '), 'All components')),
      el('header', { class: 'page-head' },
        el('p', { class: 'kind' }, el('span', { class: 'chip', 'data-category': about.category }, about.category)),
        el('h2', { tabindex: '-1' }, el('bdi', {}, about.name)),
        el('p', { class: 'class' }, qualified(about))),
      el('div', { class: 'columns' },
        el('div', { class: 'main' }, docOf(about.doc, true) || el('p', { class: 'note' }, 'Its code has no docstring.'),
          shown ? section('Flow', flowOf(app, shown.id, caption, shown.diagram.key)) : null,
          methodsOf(about), sourceOf(about)),
        el('div', { class: 'side' }, this.statistics(type, about, places), this.settings(places), own, where))));
    const code = this.root.querySelector('.main > section:last-child > details');
    if (code && places.length && about.tokens.length < 4000) code.open = true;
    app.coloring.colorChips(this.root);
  }

  statistics(type, about, places) {
    const { count, calls, params, flops, bytes } = about.statistics;
    const { totals } = (places.length ? places[0].diagram : this.app.diagram).doc;
    return section('Statistics', facts([
      ['Used', plural(count, 'time')],
      ['Calls', calls !== count ? full(calls) : ''],
      ['Parameters', params ? withShare(full(params), params, totals.total_params) : ''],
      ['FLOPs', flops ? withShare(short(flops), flops, totals.flops) : ''],
      ['Activations', bytes ? withShare(bytesText(bytes), bytes, totals.activation_bytes) : ''],
      ['Code', locationOf(about)],
    ]));
  }

  /** The settings that components of a class have, with all values that occur. */
  settings(places) {
    const found = new Map();
    for (const { part } of places) {
      for (const [name, value] of Object.entries(part.settings || {})) {
        if (!found.has(name)) found.set(name, new Set());
        found.get(name).add(python(value));
      }
    }
    const most = 8;
    const said = [...found].map(([name, values]) => [codeText(name),
      [codeText([...values].slice(0, most).join(', ')),
        values.size > most ? el('span', { class: 'note' }, ` and ${full(values.size - most)} more`) : null]]);
    if (places.length === 1) return settingsOf(Object.entries(places[0].part.settings || {}));
    return section('Settings', table(['Name', 'Values'], said, 'Settings'));
  }
}
