// From the path of a module to the box that shows it. A path may lead into any block of a fold: `layers.17.mlp`.

const CACHE = new WeakMap();

/** The paths of a diagram; made once, when they are first asked for. */
export function pathsOf(diagram) {
  if (!CACHE.has(diagram)) CACHE.set(diagram, new ModulePaths(diagram));
  return CACHE.get(diagram);
}

/** Finds boxes by paths. It reads boxes as they are stored: there may be a hundred thousand. */
class ModulePaths {
  constructor(diagram) {
    this.diagram = diagram;
    this.blocks = new Map(); // path of a block of a fold, and every end of it → which blocks those are
    this.members = new Map(); // pattern → path of a block of a fold in its first period → which block that is
    for (const id of diagram.ids()) {
      const { repeat, runs } = diagram.doc.boxes[id];
      if (repeat > 1 && runs) runs.forEach((path, k) => this.note(id, path, k, runs.length / repeat, runs));
    }
  }

  /** Note a module of a fold: in block *number* it is what *first* is in the first. */
  note(fold, path, k, period, runs) {
    const block = { fold, number: Math.floor(k / period), path, first: runs[k % period] };
    const outer = this.diagram.parents.get(fold);
    if (this.diagram.doc.boxes[outer].kind !== 'pattern') {
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
    const { doc, plain } = this.diagram;
    for (const id of this.diagram.ids()) {
      const { kind = plain.kind, component = '', title } = doc.boxes[id];
      const path = kind === 'module' || !component ? component || title : `${component}.${title}`;
      if (!this.known.has(path)) this.known.set(path, id);
    }
    return this.known;
  }

  /** What a typed path with a block of a fold in it may mean: {written, first, path, rest, picks} each. */
  readings(typed) {
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
      return this.within({ ...member, path }, rest).map((found) => ({ ...found, picks: [[fold, number], ...found.picks] }));
    }
    const outer = { written: first + rest, first, path, rest, picks: [[fold, number]] };
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
        picks: [...outer.picks, ...found.picks],
      }));
    }
    return [outer];
  }

  /** The box at a path, and which blocks to pick so that it shows that one; null if there is none. */
  find(path) {
    for (const { written, picks } of this.readings(path)) {
      if (this.byPath.has(written)) return { id: this.byPath.get(written), picks };
    }
    return this.byPath.has(path) ? { id: this.byPath.get(path), picks: [] } : null;
  }
}
