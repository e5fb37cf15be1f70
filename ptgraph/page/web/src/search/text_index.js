// An index of many short texts, joined to a long one: a word is found in all of them in one pass.

/** What is searched: texts by number, each a name, a path and the rest, in lower case. */
export class TextIndex {
  constructor() {
    Object.assign(this, { pieces: [], starts: [], names: [], paths: [], length: 0, all: null });
  }

  add(name, path, rest) {
    const piece = plainly(`${name}\n${path}\n${rest}`);
    this.starts.push(this.length);
    this.names.push(plainly(name).length);
    this.paths.push(plainly(path).length);
    this.pieces.push(piece);
    this.length += piece.length + 1;
  }

  /** Return for each text where a word first is in it, or -1. */
  find(word) {
    if (this.all === null) this.finish();
    const { all, starts } = this;
    const found = new Int32Array(starts.length).fill(-1);
    const isSize = /^\d[\d×]*×\d+$/.test(word); // sizes must occur as a whole: 3×3 is not in 13×32
    let k = 0;
    for (let at = all.indexOf(word); at >= 0;) {
      while (k + 1 < starts.length && starts[k + 1] <= at) k += 1;
      if (isSize && (isDigit(all[at - 1]) || isDigit(all[at + word.length]))) {
        at = all.indexOf(word, at + 1);
        continue;
      }
      found[k] = at - starts[k];
      k += 1;
      at = k < starts.length ? all.indexOf(word, starts[k]) : -1;
    }
    return found;
  }

  finish() {
    this.all = `${this.pieces.join('\n')}\n`;
    this.pieces = null;
  }

  /** How well a word fits that was found at *at*: it is the name, begins it, is in it, in the path, or elsewhere. */
  rank(k, at, length) {
    if (at === 0) return length === this.names[k] ? 0 : 1;
    if (at < this.names[k]) return 2;
    return at <= this.names[k] + this.paths[k] ? 3 : 4;
  }

  pathOf(k) {
    const start = this.starts[k] + this.names[k] + 1;
    return this.all.slice(start, start + this.paths[k]);
  }
}

/** Return a text as it is searched. */
export function plainly(text) {
  return text.toLowerCase().replaceAll('–', '-');
}

const isDigit = (character) => character >= '0' && character <= '9';

/** Whether a pattern of `*` and `?` fits all of a text; it looks back to the last star only, so it is fast. */
export function fitsPattern(pattern, text) {
  let [p, t, star, from] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p;
      from = t;
      p += 1;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p += 1;
      t += 1;
    } else if (star >= 0) {
      p = star + 1;
      from += 1;
      t = from;
    } else return false;
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}
