// Numbers, sizes and values as text.

/** A count in three digits: 85.3M. */
export function short(count) {
  let left = count;
  for (const unit of ['', 'K', 'M', 'G', 'T', 'P']) {
    if (left < 999.5) return `${Number(left.toPrecision(3))}${unit}`;
    left /= 1000;
  }
  return `${Number(left.toPrecision(3))}E`;
}

/** A number in three digits: 85.3M, 0.0123. */
export function numberText(value) {
  return Math.abs(value) >= 1000 ? (value < 0 ? '−' : '') + short(Math.abs(value)) : String(Number(value.toPrecision(3)));
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
