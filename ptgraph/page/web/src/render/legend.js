// The legend of the colours: the categories that occur, a range of numbers, or a few kinds.

import { el } from '../text/dom.js';
import { numberText } from '../text/format.js';
import { SIGNS } from './colors.js';

const STATUSES = { added: 'only in the second', removed: 'only in the first', changed: 'changed', inside: 'changed inside', same: 'the same' };

/** Fill *root* with the legend of the colours that *colors* gives to *diagram*. */
export function showLegend(root, colors, diagram) {
  const { measure } = colors;
  const swatch = ({ fill, border }) => el('span', { class: 'swatch', style: `background:${fill};border-color:${border}` });
  const line = (color, text) => el('li', {}, swatch(color), text);
  if (measure.name === 'category') {
    const used = new Set(diagram.ids().map((id) => diagram.doc.boxes[id].category || diagram.plain.category));
    const known = [...Object.keys(colors.styles), ...used].filter((name, k, all) => used.has(name) && all.indexOf(name) === k);
    root.replaceChildren(...known.filter((name) => !['Input', 'Output'].includes(name))
      .map((name) => line(colors.ofCategory(name), name)));
  } else if (measure.name === 'changes') {
    root.replaceChildren(...Object.entries(STATUSES).map(([name, text]) => line(colors.ofStatus(name), `${SIGNS[name]} ${text}`.trim())));
  } else if (measure.name === 'dtype') {
    root.replaceChildren(...colors.kinds.map((kind) => line(colors.ofKind(kind), kind)));
  } else if (colors.range) {
    const [low, high] = colors.range;
    const isSigned = low < 0 && high > 0 && !measure.isLog;
    const ends = isSigned ? [-Math.max(-low, high), Math.max(-low, high)] : [low, high];
    const steps = [0, 0.25, 0.5, 0.75, 1].map((t) => colors.shade(isSigned ? 2 * t - 1 : t).fill);
    root.replaceChildren(
      el('li', { class: 'measure' }, measure.title, measure.isLog ? el('span', { class: 'note' }, ' (logarithmic)') : null),
      el('li', { class: 'ramp', style: `background:linear-gradient(to right, ${steps.join(', ')})` }),
      el('li', { class: 'ends' }, ...ends.map((v) => el('span', {}, `${numberText(v)}${measure.unit || ''}`))),
    );
  } else {
    root.replaceChildren(el('li', {}, `No box has a value of ${measure.title}.`));
  }
}
