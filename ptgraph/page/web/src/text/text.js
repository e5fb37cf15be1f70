// Pieces of text. What a model says goes into the page as text, never as markup.

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

/** A count in three digits: 85.3M. */
export function short(count) {
  let left = count;
  for (const unit of ['', 'K', 'M', 'G', 'T', 'P']) {
    if (left < 999.5) return `${Number(left.toPrecision(3))}${unit}`;
    left /= 1000;
  }
  return `${Number(left.toPrecision(3))}E`;
}

/** A count in all its digits: 85,327,872. */
export const full = (count) => count.toLocaleString('en');

/** A count of things: 1 part, 12 parts. */
export const plural = (count, word) => `${full(count)} ${word}${count === 1 ? '' : 's'}`;

/** A number of bytes: 27.6 MB. */
export const bytesText = (count) => short(count).replace(/[A-Z]?$/, (unit) => `\u202f${unit === 'K' ? 'k' : unit}B`);

/** A part of a whole: 12 %; nothing if there is no whole. */
export function percent(part, whole) {
  if (!whole || !part) return '';
  const value = (100 * part) / whole;
  return value < 0.01 ? '<\u202f0.01\u202f%' : `${Number(value.toPrecision(value >= 99 ? 3 : 2))}\u202f%`;
}

/** A shape: 2×16×512; that of a scalar is `scalar`. */
export const shapeText = (shape) => (Array.isArray(shape) ? shape.join('×') || 'scalar' : shape || '');

/** A value of a setting, as Python writes it. */
export function python(value) {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (typeof value === 'object') return `{${Object.entries(value).map(([k, v]) => `${k}: ${python(v)}`).join(', ')}}`;
  return String(value);
}

/** A name or a value as code; one so long that it scrolls can be reached by the Tab key. */
export const codeText = (text) => el('code', { tabindex: text.length > 160 ? '0' : null }, text);

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

const SPANS = /``([^`]+)``|:([a-z][\w:+-]{0,40}):`([^`<>]{0,300}?)(?:\s?<[^`<>]{0,300}>)?`|`([^`\n]+)`(_{0,2})/g;

/** Prose of a docstring, with what it marks as code in `<code>`; of a role's target, the last name. */
export function prose(text) {
  const pieces = [];
  let at = 0;
  for (const match of text.matchAll(SPANS)) {
    const [whole, literal, role, named, plain, link] = match;
    const target = named && named.startsWith('~') ? named.slice(named.lastIndexOf('.') + 1).replace('~', '') : named;
    const words = literal || target || (link ? plain.replace(/\s?<[^<>]*>$/, '') : plain) || whole;
    const isPlain = link || /^(ref|doc|term|std:)/.test(role || '');
    pieces.push(text.slice(at, match.index), isPlain ? words : el('code', {}, words));
    at = match.index + whole.length;
  }
  return [...pieces, text.slice(at)];
}

/** A name that may break after its dots, slashes and underscores. */
export const breakable = (name) => name.split(/(?<=[./\\_])/).flatMap((step) => [step, el('wbr')]);

/** What a docstring says first, on one line. */
export function summaryOf(doc) {
  const first = (doc || '').trim().split(/\n\s*\n/, 1)[0].replace(/\s+/g, ' ');
  return first.length > 300 ? `${first.slice(0, 300)}…` : first;
}

/** Examples, columns and drawings keep their places. */
function isDrawn(block) {
  return />>>|[│┌└─]|\|\s*\n\s*\|/.test(block) || (block.match(/\S {3,}\S/g) || []).length > 1;
}

const BULLET = /^([-*•] |\d+[.)] |\.\. |:(param|type|returns?|rtype|raises?)\b)/;
const NAMED = /^[\w*`.]+(, [\w*`.]+){0,4}( \([^()]*\))?:( |$)/; // an argument, or the head of a list of them

/** The lines of a block of prose, unwrapped but for its items: each has its text, and how far it is indented. */
function linesOf(block) {
  const found = [];
  for (const line of block.split('\n')) {
    const indent = line.search(/\S/);
    const text = line.trim();
    const last = found[found.length - 1];
    const goesOn = last && !BULLET.test(text) && !NAMED.test(text) && !last.text.endsWith(':') && indent >= last.indent;
    if (goesOn) last.text += ` ${text}`;
    else if (text) found.push({ indent, text });
  }
  return found;
}

/** A docstring: its first paragraph, the rest on demand or at once. */
export function docOf(text, isWhole = false) {
  if (!text || !text.trim()) return null;
  const [first, ...rest] = text.trim().split(/\n\s*\n/);
  const isLong = !isWhole && first.length > 700;
  const start = isLong ? `${first.slice(0, 700)}…` : first;
  const lead = el('p', { class: 'opening' }, prose(start.replace(/\s+/g, ' ')));
  const more = isLong ? [first, ...rest] : rest;
  if (!more.length) return el('div', { class: 'doc' }, lead);
  return el('div', { class: 'doc' }, lead, isWhole ? blocksOf(rest) : onDemand('More', () => blocksOf(more)));
}

function blocksOf(blocks) {
  const line = ({ indent, text }, k) => el('p', {
    class: k ? 'block next' : 'block', style: `padding-left: ${Math.min(indent, 16) * 0.3}em`,
  }, prose(text));
  return blocks.flatMap((block) => (isDrawn(block) ? el('pre', {}, block) : linesOf(block).map(line)));
}

/** Something under a summary that is made when it is first opened. */
export function onDemand(summary, make) {
  const made = el('details', {}, el('summary', {}, summary));
  made.addEventListener('toggle', () => {
    if (made.childElementCount === 1) made.append(...[make()].flat(Infinity).filter(Boolean));
  });
  return made;
}

const TOKEN_KINDS = {
  k: 'keyword', s: 'string', c: 'comment', n: 'defined', d: 'decorator', m: 'literal', b: 'builtin',
};

/** Python code that was told apart when the page was written: pairs of kind and text. */
export function codeOf(tokens) {
  const pieces = tokens.map(([kind, text]) => (kind ? el('span', { class: TOKEN_KINDS[kind] }, text) : text));
  return el('pre', { class: 'code', tabindex: '0' }, el('code', {}, pieces));
}

/** Where code lives. */
export function placeOf({ file, line }) {
  return file ? el('code', { class: 'place' }, breakable(line ? `${file}:${line}` : file)) : null;
}

/** The code of a class with its place, on demand. */
export function sourceOf(about) {
  const place = placeOf(about);
  if (!about.tokens || !about.tokens.length) return section('Code', place);
  return section('Code', onDemand(place || 'Source', () => codeOf(about.tokens)));
}

/** The methods of a class: signatures, and docstrings on demand. */
export function methodsOf(about) {
  return section('Methods', (about.methods || []).map(({ name, signature, doc }) => {
    const head = el('code', {}, el('strong', {}, name), signature || '()');
    if (!doc) return el('p', { class: 'method' }, head);
    const first = el('span', { class: 'first' }, prose(summaryOf(doc)));
    const made = onDemand([head, first], () => blocksOf(doc.trim().split(/\n\s*\n/)));
    made.className = 'method';
    return made;
  }));
}

/** The name of a class after its module, which may break between them. */
export function qualified(about) {
  const module = about.module ? el('span', { class: 'note' }, breakable(`${about.module}.`)) : null;
  return el('code', {}, module, about.name);
}
