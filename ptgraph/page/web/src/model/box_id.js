// The ids of boxes: the grammar is that of ptgraph/box_ids.py.

export const FOLDED = null; // in place of a number: the fold is not unfolded

/** The id of the box of a run of a module, or of a module that runs once. */
export function runId(call) {
  return `/${call.replace(/[%~→\p{Surrogate}]/gu, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)}`;
}

/** An id as the box that is stored and the numbers of its blocks; *isBase* says what is a stored box. */
export function splitId(id, isBase) {
  const [, base, written] = (!isBase(id) && /^(.*)~([\d.]*)$/s.exec(id)) || [];
  if (base === undefined) return { base: id, numbers: [] };
  return { base, numbers: written.split('.').map((n) => (n === '' ? FOLDED : Number(n))) };
}

/** The id of what a box is in the blocks with these *numbers*. */
export function joinId(base, numbers) {
  const known = [...numbers];
  while (known.length && known[known.length - 1] === FOLDED) known.pop();
  return known.length ? `${base}~${known.map((n) => (n === FOLDED ? '' : n)).join('.')}` : base;
}
