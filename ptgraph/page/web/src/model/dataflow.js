// What flows between the boxes of a diagram. A link is stored as [source, target, label, 1 if stubs stand for it, slots]: it
// leads from leaf to leaf, and its slots are the inputs of the target that it feeds.

export class Dataflow {
  constructor(diagram) {
    this.diagram = diagram;
  }

  links(scope) {
    return this.diagram.doc.scopes[scope].links || [];
  }

  /** Every link at each of its ends. */
  get ends() {
    if (!this.byEnd) {
      this.byEnd = new Map();
      const add = (leaf, link) => (this.byEnd.has(leaf) ? this.byEnd.get(leaf).push(link) : this.byEnd.set(leaf, [link]));
      for (const { links = [] } of Object.values(this.diagram.doc.scopes)) {
        for (const link of links) {
          add(link[0], link);
          add(link[1], link);
        }
      }
    }
    return this.byEnd;
  }

  /** Say whether a link brings in what the first block of a fold gets, and the others get from the one before. */
  isEntry(fold, link) {
    const slots = link[4] || [0];
    return this.diagram.base(fold).carries.some((carry) => carry[1] === link[1] && carry[3].some((slot) => slots.includes(slot)));
  }

  leaves(base) {
    const { parts } = this.diagram.base(base);
    return parts.length ? parts.flatMap((part) => this.leaves(part)) : [base];
  }

  /** The links that cross the border of a stored box: into it (*side* 1) or out of it (0). */
  crossing(base, side) {
    const inside = new Set(this.leaves(base));
    return [...inside].flatMap((leaf) => (this.ends.get(leaf) || [])
      .filter((link) => link[side] === leaf && !inside.has(link[1 - side])));
  }

  /** What a box reads: {id, title, shape} of each source outside of it. */
  reads(id) {
    return this.across(id, 1);
  }

  feeds(id) {
    return this.across(id, 0);
  }

  across(id, side) {
    const { base, numbers } = this.diagram.split(id);
    const found = new Map();
    for (const link of this.crossing(base, side)) {
      const other = this.diagram.placeOf(this.diagram.join(link[1 - side], numbers));
      if (!found.has(other)) found.set(other, { id: other, title: this.diagram.box(other).title, shape: link[2] });
    }
    return [...found.values()];
  }
}
