// From the path of a module, as a person writes it, to the box that shows it: a folded block is picked by its number.

const CACHE = new WeakMap();

/** The paths of a model; made once, when they are first asked for. */
export function pathsOf(model) {
  if (!CACHE.has(model)) CACHE.set(model, new Paths(model));
  return CACHE.get(model);
}

/** Finds boxes by paths. It reads boxes as they are stored: there may be a hundred thousand. */
class Paths {
  constructor(model) {
    this.model = model;
    this.blocks = new Map(); // path of a block of a fold, and every end of it → which blocks those are
    this.members = new Map(); // pattern → path of a block of a fold in its first period → which block that is
    for (const id of model.ids()) {
      const { repeat, runs } = model.doc.boxes[id];
      if (repeat > 1 && runs) runs.forEach((path, k) => this.note(id, path, k, runs.length / repeat, runs));
    }
  }

  /** Note a module of a fold: in block *number* it is what *first* is in the first. */
  note(fold, path, k, period, runs) {
    const block = { fold, number: Math.floor(k / period), path, first: runs[k % period] };
    const outer = this.model.parents.get(fold);
    if (this.model.doc.boxes[outer].kind !== 'pattern') {
      this.add(block);
      return;
    }
    if (!this.members.has(outer)) this.members.set(outer, new Map());
    const known = this.members.get(outer);
    if (!known.has(path)) known.set(path, block);
  }

  add(block) {
    for (let end = block.path; ; end = end.slice(end.indexOf('.') + 1)) {
      if (!this.blocks.has(end)) this.blocks.set(end, []);
      this.blocks.get(end).push(block);
      if (!/\..*\./.test(end)) break; // the number and one name before it are the least that says which
    }
  }

  /** Path of a module, or of an operation in it → box. */
  get byPath() {
    if (this.known) return this.known;
    this.known = new Map();
    const { doc, plain } = this.model;
    for (const id of this.model.ids()) {
      const { kind = plain.kind, component = '', title } = doc.boxes[id];
      const path = kind === 'module' || !component ? component || title : `${component}.${title}`;
      if (!this.known.has(path)) this.known.set(path, id);
    }
    return this.known;
  }

  /** What a typed path may mean with a folded block in it: as the first block has it, and which one to pick. */
  picks(typed) {
    const ends = typed.length > 2000 ? [] : [...typed.matchAll(/\./g)].map((dot) => dot.index);
    for (const end of [...ends, typed.length]) { // the outermost block first
      const blocks = this.blocks.get(typed.slice(0, end));
      if (blocks) return blocks.flatMap((block) => this.within(block, typed.slice(end)));
    }
    return [];
  }

  /** *rest* follows the path of a block: its own parts may be folded too. */
  within({ fold, number, path, first }, rest) {
    const member = this.members.has(fold) ? this.members.get(fold).get(first) : undefined;
    if (member) {
      return this.within({ ...member, path }, rest).map((found) => ({ ...found, pick: [[fold, number], ...found.pick] }));
    }
    const outer = { written: first + rest, first, path, rest, pick: [[fold, number]] };
    const steps = rest.split('.').slice(1);
    let at = first;
    for (const [k, step] of steps.entries()) {
      at += `.${step}`;
      const inner = (this.blocks.get(at) || []).find((block) => block.path === at);
      if (!inner) continue;
      const left = steps.slice(k + 1).map((name) => `.${name}`).join('');
      return this.within(inner, left).map((found) => ({
        ...found,
        path: path + found.path.slice(first.length),
        pick: [...outer.pick, ...found.pick],
      }));
    }
    return [outer];
  }

  /** The box at a path, and which blocks to pick so that it shows that one; null if there is none. */
  find(path) {
    for (const { written, pick } of this.picks(path)) {
      if (this.byPath.has(written)) return { id: this.byPath.get(written), pick };
    }
    return this.byPath.has(path) ? { id: this.byPath.get(path), pick: [] } : null;
  }
}
