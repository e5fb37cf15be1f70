// Sections that several panels have: settings, parameters, costs, the flow inside of a box, the uses of a class.

import { pathsOf } from '../model/module_paths.js';
import { breakable, codeText, el, facts, listOf, section, table } from '../text/dom.js';
import { full, percent, python, shapeText } from '../text/format.js';

/** Settings as a table of names and values; *settings* is pairs. */
export function settingsOf(settings, title = 'Settings') {
  return section(title, table(['Name', 'Value'],
    settings.map(([name, value]) => [codeText(name), codeText(python(value))]), title));
}

/** Parameters as a table; *rename* puts the number of a picked layer into a name. */
export function parametersOf(parameters, total, rename = (name) => name) {
  const rows = (parameters || []).map((p) => {
    const tied = p.tied_to ? ['tied to ', el('code', {}, rename(p.tied_to))] : '';
    const about = p.said && p.said.doc ? el('span', { class: 'note under' }, p.said.doc) : null;
    const state = p.kind === 'buffer' ? 'buffer' : p.trainable ? '' : 'frozen';
    const notes = [state, p.used === false ? 'unused' : '', tied].filter(Boolean)
      .map((note, k) => [k ? ', ' : '', note]);
    const share = p.kind === 'buffer' || p.tied_to ? '' : percent(p.count, total);
    return [[codeText(p.name), notes.length ? el('span', { class: 'note under' }, notes) : null, about],
      [el('span', { class: 'shape' }, shapeText(p.shape)), el('span', { class: 'note under' }, p.dtype)],
      full(p.count), share];
  });
  const tuned = (parameters || []).filter((p) => p.kind !== 'buffer');
  const isAll = tuned.length > 1 && tuned.every((p) => p.trainable);
  const all = isAll ? el('p', { class: 'note below' }, 'All are trainable.') : null;
  return section('Parameters', table(['Name', 'Shape', 'Count#', 'Share#'], rows, 'Parameters'), all);
}

/** What an ONNX file says of itself, or of a node: names, documentation, metadata. */
export function fileFactsOf(said) {
  if (!said) return null;
  const opsets = Object.entries(said.opsets || {}).map(([domain, version]) => `${domain} ${version}`).join(', ');
  const code = (text) => (text ? el('code', {}, breakable(text)) : '');
  return section('In the ONNX file',
    facts([
      ['Node', code(said.node)],
      ['Results', said.outputs ? said.outputs.map((name, k) => [k ? ', ' : '', code(name)]) : ''],
      ['Producer', said.producer || ''],
      ['Opset', opsets],
      ['IR version', said.ir_version ? String(said.ir_version) : ''],
      ['Domain', said.domain || ''],
      ['Model version', said.version ? String(said.version) : ''],
      ['Graph', code(said.graph)],
    ]),
    [said.doc, said.graph_doc].filter(Boolean).map((text) => el('p', { class: 'doc-string' }, text)),
    table(['Key', 'Value'], Object.entries(said.metadata || {}).map(([key, value]) => [codeText(key), value]), 'Metadata'));
}

/** What a box costs: of a fold all its blocks, but of a block that shows in its place only that one. */
export function costsOf(box, part = {}) {
  if (!(box.of > 1)) return { params: box.params, flops: box.flops, bytes: box.bytes };
  const { total_params: params = 0, flops = 0, activation_bytes: bytes = 0 } = box.each || part;
  return { params, flops, bytes };
}

/** A number with a thin bar of its share of the whole. */
export function withShare(text, part, whole) {
  const share = percent(part, whole);
  if (!share) return text;
  const bar = el('span', { class: 'bar-of-share', 'aria-hidden': 'true' }, el('span', {}));
  bar.firstChild.style.setProperty('width', `${Math.min(100, (100 * part) / whole)}%`);
  return [text, el('span', { class: 'note share' }, share), bar];
}

/** The inside of a box as a picture, with a caption. */
export function flowOf(app, id, caption, key) {
  const picture = app.figure(id, key);
  if (!picture) return null;
  const width = Number(picture.getAttribute('width')) || 0;
  picture.style.minWidth = `${Math.round(0.7 * width)}px`; // its text stays legible; what is wider scrolls
  picture.setAttribute('role', 'img');
  picture.setAttribute('aria-label', caption);
  return el('figure', { class: 'flow' },
    el('div', { class: 'canvas', tabindex: '0', role: 'region', 'aria-label': caption }, picture),
    el('figcaption', {}, caption));
}

/** The paths where a class is used, each a link to its box where it has one. */
export function usesOf(app, uses, diagram = app.diagram) {
  return section('Where it is used', listOf(uses, ([path, count]) => {
    const first = path.replace(/\{(\d+)[^}]*\}/g, '$1');
    const found = path === '' ? { id: diagram.root } : pathsOf(diagram).find(first);
    const text = path === '' ? diagram.title : path;
    const note = count > 1 ? el('span', { class: 'note' }, ` ×${full(count)}`) : null;
    if (!found) return [el('code', {}, text), note];
    const { id, picks = [] } = found; // a path that stands for many leads to the block that shows
    const go = () => (count > 1 ? app.reveal(id, diagram.key) : app.revealFound({ id, key: diagram.key, picks }));
    return [el('button', { type: 'button', class: 'link', onclick: go },
      el('code', {}, text)), note];
  }));
}
