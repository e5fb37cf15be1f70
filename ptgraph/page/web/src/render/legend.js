// What the colours mean: the categories that occur, or a range of numbers, or a few kinds.

import { el } from '../text/dom.js';
import { numberText } from '../text/format.js';
import { SIGNS } from './colors.js';

const STATUSES = { added: 'only in the second', removed: 'only in the first', changed: 'changed', inside: 'changed inside', same: 'the same' };

/** Fill *root* with the legend of the colours that *colours* gives to *model*. */
export function showLegend(root, colours, model) {
  const { measure } = colours;
  const swatch = ({ fill, border }) => el('span', { class: 'swatch', style: `background:${fill};border-color:${border}` });
  const line = (colour, text) => el('li', {}, swatch(colour), text);
  if (measure.name === 'category') {
    const used = new Set(model.ids().map((id) => model.doc.boxes[id].category || model.plain.category));
    const known = [...Object.keys(colours.styles), ...used].filter((name, k, all) => used.has(name) && all.indexOf(name) === k);
    root.replaceChildren(...known.filter((name) => !['Input', 'Output'].includes(name))
      .map((name) => line(colours.ofCategory(name), name)));
  } else if (measure.name === 'changes') {
    root.replaceChildren(...Object.entries(STATUSES).map(([name, text]) => line(colours.ofStatus(name), `${SIGNS[name]} ${text}`.trim())));
  } else if (measure.name === 'dtype') {
    root.replaceChildren(...colours.kinds.map((kind) => line(colours.ofKind(kind), kind)));
  } else if (colours.range) {
    const [low, high] = colours.range;
    const isSigned = low < 0 && high > 0 && !measure.isLog;
    const ends = isSigned ? [-Math.max(-low, high), Math.max(-low, high)] : [low, high];
    const steps = [0, 0.25, 0.5, 0.75, 1].map((t) => colours.shade(isSigned ? 2 * t - 1 : t).fill);
    root.replaceChildren(
      el('li', { class: 'measure' }, measure.title, measure.isLog ? el('span', { class: 'note' }, ' (logarithmic)') : null),
      el('li', { class: 'ramp', style: `background:linear-gradient(to right, ${steps.join(', ')})` }),
      el('li', { class: 'ends' }, ...ends.map((v) => el('span', {}, `${numberText(v)}${measure.unit || ''}`))),
    );
  } else {
    root.replaceChildren(el('li', {}, `No box has a value of ${measure.title}.`));
  }
}
