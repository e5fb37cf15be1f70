// A diagram of the page: its boxes by id, and what of them is open.
//
// A box that stands for 24 equal blocks (a fold) is stored as its first block. Open, it shows one of them, the picked
// one; unfolded, it holds all. Ids tell the blocks of an unfolded fold apart: `/layers.0.attention~17` is what
// `/layers.0.attention` is in the first, and `~3.5` has a number for each fold around it, the outermost first.
// A pattern is a fold whose blocks are periods of several modules and operations: its `runs` are the modules of all
// periods, one by one.

import { FOLDED, joinId, splitId } from './box_id.js';
import { Dataflow } from './dataflow.js';

export class Diagram {
  /** *doc* is a document of the page's data, *plain* what is left out of its boxes; *texts* reads the page's text. */
  constructor(key, doc, plain, texts) {
    Object.assign(this, { key, doc, plain, texts, title: doc.title, root: '/', home: '/' });
    this.opened = new Set(doc.opened);
    this.unfolded = new Set();
    this.dataflow = new Dataflow(this);
    this.picked = new Map(); // fold → the number of the block that it shows
    this.bases = new Map();
    this.known = new Map(); // by which box a value is known where it is read
    this.prefix = doc.boxes['a:/'] ? /^[ab]:/ : ''; // of the two sides of a comparison
    this.parents = new Map([[this.root, null]]);
    for (const [id, box] of Object.entries(doc.boxes)) for (const part of box.parts || []) this.parents.set(part, id);
  }

  ids() {
    return Object.keys(this.doc.boxes).filter((id) => id !== this.root);
  }

  has(id) {
    return Object.hasOwn(this.doc.boxes, this.split(id).base);
  }

  /** A box as it is stored, with its parent and the number of folds that it is in, itself included. */
  base(id) {
    let found = this.bases.get(id);
    if (!found) {
      if (!Object.hasOwn(this.doc.boxes, id)) throw new Error(`there is no box ${id}`);
      const parent = this.parents.get(id);
      found = { ...this.plain, ...this.doc.boxes[id], id, base: id, parent };
      if (found.op === null && ['op', 'input', 'output'].includes(found.kind)) found.op = id;
      found.isFold = found.repeat > 1;
      found.period = found.runs.length / found.repeat; // how many modules each block of a fold is
      found.around = aroundEach(found.runs, found.period);
      if (found.kind === 'pattern') found.each = this.sumOf(found.parts);
      found.folds = (parent === null ? 0 : this.base(parent).folds) + (found.isFold ? 1 : 0);
      this.bases.set(id, found);
    }
    return found;
  }

  /** What parts cost together, as it is said of a component. */
  sumOf(parts) {
    const sum = (what) => parts.reduce((all, part) => all + (this.doc.boxes[part][what] || 0), 0);
    return { total_params: sum('params'), flops: sum('flops'), activation_bytes: sum('bytes') };
  }

  // ---- ids

  split(id) {
    return splitId(id, (base) => Object.hasOwn(this.doc.boxes, base));
  }

  join(base, numbers) {
    return joinId(base, numbers.slice(0, this.base(base).folds));
  }

  /** The number of the block that the box itself is, if it is one of an unfolded fold. */
  number(id) {
    const { base, numbers } = this.split(id);
    const { isFold, folds } = this.base(base);
    return isFold && folds <= numbers.length ? numbers[folds - 1] : FOLDED;
  }

  /** What a reader sees of a box: it has the parts and the parent of its place. */
  box(id) {
    const { base } = this.split(id);
    const stored = this.base(base);
    const number = this.number(id);
    const shown = Object.create(stored);
    shown.id = id;
    if (number !== FOLDED || (stored.isFold && this.opened.has(id) && !this.unfolded.has(id))) {
      const one = number === FOLDED ? this.picked.get(id) || 0 : number;
      shown.title = this.nameOf(id, one);
      shown.subtitle = stored.one === null ? stored.subtitle : stored.one;
      shown.repeat = 1;
      shown.of = stored.repeat;
      shown.place = one;
      shown.isBlock = number !== FOLDED;
    } else if (this.isMember(base)) {
      shown.title = this.titleOf(id);
    }
    return shown;
  }

  /** Say whether a box is one of the members of a pattern, which have other names in each of its periods. */
  isMember(base) {
    const { parent } = this.base(base);
    return parent !== null && this.base(parent).kind === 'pattern';
  }

  /** The name of one block of a fold: its path within the module around it; of a period, those of first and last. */
  nameOf(id, number) {
    const { title, runs, period, parent, around } = this.base(this.split(id).base);
    if (!runs.length) return `${title.replace(/ ×\d+$/, '')} ${number + 1}`; // there are only operations
    const outer = this.parent(this.number(id) === FOLDED ? id : this.parent(id));
    const own = around ? [around[number]] : runs.slice(number * period, (number + 1) * period);
    const name = spanOf(own.map((path) => this.relative(this.rename(outer, path), parent)));
    return runs[0] === runs[period] ? callText(name, number + 1) : name;
  }

  /** The title of a closed member of a pattern, in the period that shows. */
  titleOf(id) {
    const { title, kind, runs, repeat, parent, component, around } = this.base(this.split(id).base);
    if (kind !== 'module' && !runs.length) return title;
    const own = around || (runs.length ? runs : [component]);
    const paths = own.map((path) => this.rename(this.parent(id), path));
    if (paths.every((path, k) => path === own[k])) return title;
    const name = spanOf(paths.map((path) => this.relative(path, parent)));
    return repeat > 1 ? `${name} ×${repeat}` : name;
  }

  /**
   * What a value is called inside of the stored box *scope*, in blocks with these *numbers*: after the outermost box that its
   * leaf is in and *scope* is not, and after the leaf too, where that box gives several (*side* 0) or takes several (1).
   */
  valueName(leaf, scope, numbers, side = 0) {
    const key = `${side}${leaf}\n${scope}`;
    if (!this.known.has(key)) this.known.set(key, this.knownAs(leaf, scope, side));
    const { box, rest } = this.known.get(key);
    const title = this.isMember(box) ? this.titleOf(this.placeOf(this.join(box, numbers))) : this.base(box).title;
    return box === leaf ? rest : [title.replace(/ ×\d+$/, ''), rest].filter(Boolean).join('.');
  }

  knownAs(leaf, scope, side) {
    const around = new Set();
    for (let at = scope; at !== null; at = this.parents.get(at)) around.add(at);
    let box = leaf;
    while (!around.has(this.parents.get(box))) box = this.parents.get(box);
    const { title, kind, parent } = this.base(leaf);
    const isAlike = kind === 'op' && this.base(parent).parts.some((part) => part !== leaf && this.base(part).title === title);
    const own = isAlike ? leaf : title.replace(/ ×\d+$/, '');
    const isAlone = box !== leaf && new Set(this.dataflow.crossing(box, side).map((link) => link[side])).size < 2;
    return { box, rest: isAlone ? '' : own };
  }

  /** A path without that of the box *outer*, which may be another block of its fold. */
  relative(path, outer) {
    const [own, above] = [path, this.base(outer).component].map((text) => text.replace(this.prefix, ''));
    return own.split('.').slice(above ? above.split('.').length : 0).join('.');
  }

  parts(id) {
    const { base, numbers } = this.split(id);
    const box = this.base(base);
    if (this.unfolded.has(id)) return this.blocks(id);
    const around = this.padded(numbers, box.folds);
    return box.parts.map((part) => this.join(part, around));
  }

  /** The blocks of a fold, as they show when it is unfolded. */
  blocks(id) {
    const { base, numbers } = this.split(id);
    const { repeat, folds } = this.base(base);
    return Array.from({ length: repeat }, (_, k) => this.join(base, [...this.padded(numbers, folds - 1), k]));
  }

  padded(numbers, length) {
    return Array.from({ length }, (_, k) => (k < numbers.length ? numbers[k] : FOLDED));
  }

  parent(id) {
    const { base, numbers } = this.split(id);
    const { parent, folds } = this.base(base);
    if (this.number(id) !== FOLDED) return this.join(base, numbers.slice(0, folds - 1));
    return parent === null ? null : this.join(parent, numbers);
  }

  /** A box and what is around it, innermost first, without the root. */
  chain(id) {
    const found = [];
    for (let at = id; at !== null && at !== this.root; at = this.parent(at)) found.push(at);
    return found;
  }

  /** Say whether a box is *outer* or inside of it. */
  within(id, outer) {
    for (let at = id; at !== null; at = this.parent(at)) if (at === outer) return true;
    return false;
  }

  /** Where a box is now: of an unfolded fold, in the block that was picked last. */
  placeOf(id) {
    const { base, numbers } = this.split(id);
    const bases = [];
    for (let at = base; at !== null; at = this.parents.get(at)) if (this.base(at).isFold) bases.unshift(at);
    const found = this.padded(numbers, bases.length);
    bases.forEach((fold, k) => {
      const container = this.join(fold, found.slice(0, k));
      if (!this.unfolded.has(container)) found[k] = FOLDED;
      else if (found[k] === FOLDED && fold !== base) found[k] = this.picked.get(container) || 0;
    });
    return this.join(base, found);
  }

  canOpen(id) {
    return id !== this.root && this.has(id) && this.base(this.split(id).base).parts.length > 0;
  }

  /** The folds around a box and itself, outermost first, each with the number of its block that shows here. */
  folds(id) {
    const { base, numbers } = this.split(id);
    const found = [];
    for (let at = base; at !== null; at = this.parents.get(at)) if (this.base(at).isFold) found.unshift(at);
    return found.map((fold, k) => {
      const container = this.join(fold, numbers.slice(0, k));
      const given = k < numbers.length ? numbers[k] : FOLDED;
      const picked = given === FOLDED ? this.picked.get(container) || 0 : given;
      const { repeat, runs, period } = this.base(fold);
      return { id: container, repeat, runs, period, picked };
    });
  }

  /** Let folds show blocks: *picks* are [fold, number], the outermost first. */
  pick(picks) {
    for (const [fold, number] of picks) this.picked.set(this.placeOf(fold), number);
  }

  // ---- names: what is stored of the first block, said of another

  rename(id, name) {
    let renamed = name;
    for (const { runs, period, picked } of this.folds(id).reverse()) {
      const k = runs.findIndex((first, at) => at < period && (renamed === first || renamed.startsWith(`${first}.`)));
      if (k >= 0) renamed = runs[picked * period + k] + renamed.slice(runs[k].length);
    }
    return renamed;
  }

  path(id) {
    return this.rename(id, this.base(this.split(id).base).component);
  }

  // ---- what is known of the first block's modules and operations

  component(id) {
    const box = this.base(this.split(id).base);
    return ['group', 'pattern'].includes(box.kind) ? undefined : this.texts().documents[this.key].components[box.component];
  }

  op(id) {
    return this.texts().documents[this.key].ops[this.base(this.split(id).base).op];
  }

  /** What an ONNX file says of an operation; of one in equal blocks, in the block that shows. */
  inFile(id) {
    const { said, others = {} } = this.op(id) || {};
    return others[this.folds(id).map(({ picked }) => picked).join('.')] || said;
  }

  classOf(id) {
    const part = this.component(id);
    return part && this.texts().classes[part.type];
  }
}

/** What is around the modules of each period, if there are several and that tells them apart, or null. */
function aroundEach(runs, period) {
  if (!(period > 1)) return null;
  const found = [];
  for (let start = 0; start < runs.length; start += period) {
    const [first, ...rest] = runs.slice(start, start + period).map((path) => path.split('.'));
    const apart = first.findIndex((name, k) => rest.some((names) => names[k] !== name));
    found.push((apart < 0 ? first : first.slice(0, apart)).join('.'));
  }
  return new Set(found).size === found.length ? found : null;
}

/** What a module is called in one of several calls: `encoder (2nd call)`. */
function callText(name, number) {
  const isTeen = [11, 12, 13].includes(number % 100);
  return `${name} (${number}${(!isTeen && ['th', 'st', 'nd', 'rd'][number % 10]) || 'th'} call)`;
}

/** What several modules are called: the first and the last, or `layers.0–5` where they are numbered in a row. */
function spanOf(names) {
  const [first, last] = [names[0], names[names.length - 1]];
  if (first === last) return first;
  const cut = first.lastIndexOf('.') + 1;
  const [head, start] = [first.slice(0, cut), first.slice(cut)];
  const isRow = /^\d+$/.test(start) && names.every((name, k) => name === `${head}${Number(start) + k}`);
  return isRow ? `${first}–${last.slice(cut)}` : `${first} … ${last}`;
}
