'use strict';
// Everything that is text: the details of a box, and the search. What a model says goes in as text, never as markup.

/** Make an element; a property that starts with `on` is a listener, a child may be a string or nothing. */
function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ''));
  return made;
}

/** A count in three digits: 85.3M. */
function short(count) {
  let left = count;
  for (const unit of ['', 'K', 'M', 'G', 'T', 'P']) {
    if (left < 999.5) return `${Number(left.toPrecision(3))}${unit}`;
    left /= 1000;
  }
  return `${Number(left.toPrecision(3))}E`;
}

const full = (count) => count.toLocaleString('en');
const plural = (count, word) => `${full(count)} ${word}${count === 1 ? '' : 's'}`;
const shapeText = (shape) => (shape ? shape.join('×') || 'scalar' : '');

/** A value of a setting, as Python writes it. */
function python(value) {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (typeof value === 'object') return `{${Object.entries(value).map(([k, v]) => `${k}: ${python(v)}`).join(', ')}}`;
  return String(value);
}

function section(title, ...content) {
  return content.flat().some(Boolean) ? el('section', {}, el('h3', {}, title), ...content) : null;
}

/** Pairs of a name and what it is; those without a value are left out. */
function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return known.length ? el('dl', {}, known.map(([name, value]) => [el('dt', {}, name), el('dd', {}, value)])) : null;
}

function table(heads, rows, label) {
  if (!rows.length) return null;
  const cells = (row) => row.map((cell, k) => (k ? el('td', {}, cell) : el('th', { scope: 'row' }, cell)));
  return el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label },
    el('table', {},
      el('thead', {}, el('tr', {}, heads.map((head) => el('th', { scope: 'col' }, head)))),
      el('tbody', {}, rows.map((row) => el('tr', {}, cells(row))))));
}

/** A docstring: its first paragraph, the rest on demand. */
function docOf(text) {
  if (!text) return null;
  const [first, ...rest] = text.trim().split(/\n\s*\n/);
  const lead = first.length > 600 ? `${first.slice(0, 600)}…` : first;
  const more = first.length > 600 ? text.trim() : rest.join('\n\n');
  return el('div', { class: 'doc' }, el('p', {}, lead.replace(/\s+/g, ' ')),
    more ? el('details', {}, el('summary', {}, 'More'), el('pre', {}, more)) : null);
}

const TOKENS = new RegExp([
  '(?<comment>#[^\\n]*)',
  '(?<string>[rbfuRBFU]{0,2}(?:"""[\\s\\S]*?"""|\'\'\'[\\s\\S]*?\'\'\'|"(?:\\\\.|[^"\\\\\\n])*"|\'(?:\\\\.|[^\'\\\\\\n])*\'))',
  '(?<keyword>\\b(?:and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global'
    + '|if|import|in|is|lambda|None|nonlocal|not|or|pass|raise|return|self|super|True|False|try|while|with|yield)\\b)',
].join('|'), 'g');

/** Python code with its comments, strings and keywords told apart. */
function codeOf(source) {
  const code = el('code');
  let at = 0;
  for (const match of source.matchAll(TOKENS)) {
    const [kind] = Object.entries(match.groups).find(([, text]) => text !== undefined);
    code.append(source.slice(at, match.index), el('span', { class: kind }, match[0]));
    at = match.index + match[0].length;
  }
  code.append(source.slice(at));
  return el('pre', { class: 'code', tabindex: '0' }, code);
}

function placeOf({ file, line }) {
  if (!file) return null;
  const steps = (line ? `${file}:${line}` : file).split(/(?<=[/\\])/); // a long path may break after a slash
  return el('code', { class: 'place' }, steps.flatMap((step) => [step, el('wbr')]));
}

class Details {
  /** *go* is called with the id of a box that the reader wants to see. */
  constructor(root, data, go) {
    Object.assign(this, { root, data, go });
  }

  show(id) {
    const { data } = this;
    const shown = id === null ? '/' : id;
    const box = data.boxes[shown];
    const component = box.kind === 'group' ? null : data.components[box.component];
    const op = box.op === null ? null : data.ops[box.op];
    const isModule = box.kind === 'module';
    const about = isModule && component ? data.classes[component.type] : null;
    this.root.replaceChildren(...[
      this.trail(shown),
      this.head(shown, box, about),
      about && docOf(about.doc),
      shown === '/' ? this.totals() : null,
      isModule && component && shown !== '/' ? this.statistics(box, component) : null,
      isModule && component ? this.settings(component) : null,
      isModule && component ? this.parameters(component) : null,
      op ? this.operation(op) : null,
      this.flow('Reads', shown, 0),
      this.flow('Feeds', shown, 1),
      this.inside(box),
      about ? this.methods(about) : null,
      about ? this.source(about) : null,
    ].filter(Boolean));
    this.root.scrollTop = 0;
  }

  link(id, text, note) {
    return el('button', { type: 'button', class: 'link', onclick: () => this.go(id) }, el('bdi', {}, text),
      note ? el('span', { class: 'note' }, ` ${note}`) : null);
  }

  trail(id) {
    const chain = id === '/' ? [] : [...chainOf(this.data, id).slice(1), '/'].reverse();
    if (!chain.length) return null;
    const items = chain.map((at) => el('li', {}, this.link(at, this.data.boxes[at].title)));
    return el('nav', { 'aria-label': 'Enclosing modules' }, el('ol', { class: 'trail' }, items));
  }

  head(id, box, about) {
    const path = box.kind === 'module' ? box.component : '';
    const repeat = box.repeat > 1 ? `Stands for ${box.repeat} equal blocks in a row; what follows is of one of them.` : '';
    return el('header', {},
      el('h2', {}, el('bdi', {}, id === '/' ? this.data.name : box.title)),
      el('p', { class: 'chips' }, el('span', { class: 'chip', 'data-category': box.category }, box.category)),
      path ? el('p', { class: 'path' }, el('code', {}, path)) : null,
      about ? el('p', { class: 'class' }, el('code', {},
        el('span', { class: 'note' }, `${about.module}.`), el('wbr'), about.name)) : null,
      repeat ? el('p', { class: 'note' }, repeat) : null);
  }

  totals() {
    const { totals, tracer, attempts } = this.data;
    const tried = attempts.length
      ? el('details', {}, el('summary', {}, `${plural(attempts.length, 'other way')} tried first`),
        el('ul', { class: 'attempts' }, attempts.map(([name, why]) => el('li', {}, el('strong', {}, name), ` ${why}`))))
      : null;
    return section('The model', facts([
      ['Parameters', full(totals.total_params)],
      ['Trainable', totals.trainable_params === totals.total_params ? 'all' : full(totals.trainable_params)],
      ['Unused', totals.unused_params ? full(totals.unused_params) : ''],
      ['Buffers', totals.buffer_elements ? plural(totals.buffer_elements, 'element') : ''],
      ['FLOPs', totals.flops ? `${short(totals.flops)} per forward pass` : ''],
      ['Operations', full(totals.ops)],
      ['Modules', full(totals.components)],
      ['Traced by', tracer],
    ]), tried);
  }

  statistics(box, part) {
    const all = this.data.totals.total_params;
    const share = all && part.total_params ? `${Number(((100 * part.total_params) / all).toPrecision(2))}\u202f%` : '';
    return section('Statistics', facts([
      ['Parameters', part.total_params ? full(part.total_params) : 'none'],
      ['of its own', part.own_params && part.own_params !== part.total_params ? full(part.own_params) : ''],
      ['Trainable', !part.total_params || part.trainable_params === part.total_params ? '' : full(part.trainable_params)],
      ['Share of model', share],
      ['Buffers', part.own_buffers ? plural(part.own_buffers, 'element') : ''],
      ['FLOPs', part.flops ? short(part.flops) : ''],
      ['Calls', part.calls === 1 ? '' : full(part.calls)],
      ['Output', part.shape ? `${shapeText(part.shape)} ${part.dtype || ''}` : ''],
    ]));
  }

  settings(part) {
    return section('Settings', table(['Name', 'Value'],
      Object.entries(part.settings).map(([name, value]) => [el('code', {}, name), el('code', {}, python(value))]), 'Settings'));
  }

  parameters(part) {
    const rows = part.parameters.map((p) => {
      const tied = p.tied_to || part.tied[p.name];
      const notes = [
        p.kind === 'buffer' ? 'buffer' : p.trainable ? '' : 'frozen',
        p.used ? '' : 'unused',
        tied ? `tied to ${tied}` : '',
      ].filter(Boolean);
      const name = el('code', {}, p.name);
      return [
        notes.length ? el('span', {}, name, el('span', { class: 'note' }, ` ${notes.join(', ')}`)) : name,
        p.shape, p.dtype, full(p.count),
      ];
    });
    const own = section('Parameters', table(['Name', 'Shape', 'Type', 'Count'], rows, 'Parameters'));
    if (own) own.classList.add('figures');
    return own;
  }

  operation(op) {
    const attributes = Object.entries(op.attributes)
      .map(([name, value]) => [el('code', {}, name), el('code', {}, python(value))]);
    const reads = op.reads.map((weight) => [el('code', {}, weight.name), weight.shape]);
    return section('Operation',
      facts([
        [op.kind === 'op' ? 'Operator' : 'Name', el('code', {}, op.target)],
        ['Output', op.shape ? `${shapeText(op.shape)} ${op.dtype || ''}` : ''],
        ['FLOPs', op.flops ? short(op.flops) : ''],
        ['Parameters', op.params ? full(op.params) : ''],
        ['Code', placeOf(op)],
      ]),
      attributes.length ? table(['Argument', 'Value'], attributes, 'Arguments of the operation') : null,
      reads.length ? table(['Weight read', 'Shape'], reads, 'Weights that the operation reads') : null);
  }

  /** What comes in from outside the box (*side* 0), or goes out (1). */
  flow(title, id, side) {
    if (id === '/') return null;
    const { boxes, links } = this.data;
    const found = new Map();
    for (const link of links) {
      const [here, there] = side ? [link[0], link[1]] : [link[1], link[0]];
      if (within(this.data, here, id) && !within(this.data, there, id)) found.set(there, link[2]);
    }
    const items = [...found].map(([at, shape]) => el('li', {}, this.link(at, boxes[at].title, shape)));
    return section(title, list(items));
  }

  inside(box) {
    return section(box.parts.length ? `Inside · ${box.parts.length}` : '', list(box.parts.map((part) => {
      const { title, subtitle } = this.data.boxes[part];
      return el('li', {}, this.link(part, title, subtitle));
    })));
  }

  methods(about) {
    return section('Methods', about.methods.map(({ name, signature, doc }) => {
      const head = el('code', {}, el('strong', {}, name), signature || '()');
      const first = (doc || '').trim().split('\n')[0];
      if (!doc) return el('p', { class: 'method' }, head);
      const summary = el('summary', {}, head, el('span', { class: 'first' }, first.slice(0, 300)));
      return el('details', { class: 'method' }, summary, el('pre', {}, doc));
    }));
  }

  source(about) {
    const place = placeOf(about);
    if (!about.source) return section('Code', place);
    return section('Code', el('details', {}, el('summary', {}, place || 'Source'), codeOf(about.source)));
  }
}

/** A list that shows its first eight, and the rest on demand. */
function list(items) {
  if (items.length <= 10) return items.length ? el('ul', { class: 'boxes' }, items) : null;
  return [
    el('ul', { class: 'boxes' }, items.slice(0, 8)),
    el('details', {}, el('summary', {}, `${items.length - 8} more`), el('ul', { class: 'boxes' }, items.slice(8))),
  ];
}

/** Finds boxes by their title, path, class, operator or shape; all words must occur. */
class Search {
  constructor(data) {
    this.entries = Object.entries(data.boxes).filter(([id]) => id !== '/').map(([id, box]) => {
      const component = data.components[box.component];
      const op = box.op === null ? null : data.ops[box.op];
      const isModule = box.kind === 'module';
      const shape = shapeText(op ? op.shape : isModule && component ? component.shape : null);
      const path = isModule ? box.component : [box.component, box.title].filter(Boolean).join('.');
      const kind = isModule && component ? component.type : '';
      const text = [box.title, path, kind, op ? op.target : '', shape].join('\n').toLowerCase();
      return { id, box, path, shape, text, title: box.title.toLowerCase() };
    });
  }

  /** Return the entries for what was typed, the best first. */
  find(typed) {
    const words = typed.toLowerCase().replace(/(\d)x(?=\d)/g, '$1×').split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const rank = ({ title, path }) => (title === words[0] ? 0 : title.startsWith(words[0]) ? 1
      : title.includes(words[0]) ? 2 : path.toLowerCase().includes(words[0]) ? 3 : 4);
    const found = this.entries.filter(({ text }) => words.every((word) => text.includes(word)));
    return found.map((entry, k) => ({ entry, rank: rank(entry), k }))
      .sort((a, b) => a.rank - b.rank || a.k - b.k).map(({ entry }) => entry);
  }
}
