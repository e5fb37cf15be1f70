// Docstrings and source code of a model, as elements of the page.

import { breakable, el, onDemand, section } from './dom.js';

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

const TOKEN_KINDS = {
  k: 'keyword', s: 'string', c: 'comment', n: 'defined', d: 'decorator', m: 'literal', b: 'builtin',
};

/** Python code that was told apart when the page was written: pairs of kind and text. */
export function codeOf(tokens) {
  const pieces = tokens.map(([kind, text]) => (kind ? el('span', { class: TOKEN_KINDS[kind] }, text) : text));
  return el('pre', { class: 'code', tabindex: '0' }, el('code', {}, pieces));
}

/** Where code lives. */
export function locationOf({ file, line }) {
  return file ? el('code', { class: 'place' }, breakable(line ? `${file}:${line}` : file)) : null;
}

/** The code of a class with its place, on demand. */
export function sourceOf(about) {
  const place = locationOf(about);
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
