// The address after the #: `tab=table`, `class=…`, the path of a module, or `op=` and `run=` with the id of another box.

import { runId } from '../model/box_id.js';
import { pathsOf } from '../model/module_paths.js';

/** Writes the address as one looks around, and goes where an address says. */
export class Address {
  constructor(app) {
    this.app = app;
  }

  write(text) {
    const hash = text ? `#${text}` : '';
    if (decoded(location.hash) === decoded(hash)) return;
    history.replaceState(null, '', hash || location.pathname + location.search);
  }

  /** The address was changed: show what it names. */
  follow() {
    const { app } = this;
    const text = decoded(location.hash);
    if (text.startsWith('tab=')) app.showTab(text.slice(4));
    else if (text.startsWith('class=')) {
      app.showTab('components');
      app.panels.components.open(text.slice(6));
    } else if (text) {
      const key = [...app.diagrams.keys()].find((name) => text.startsWith(`${name}:`)) || [...app.diagrams.keys()][0];
      const diagram = app.diagrams.get(key);
      const found = boxAt(diagram, text.startsWith(`${key}:`) ? text.slice(key.length + 1) : text);
      if (found && (diagram !== app.diagram || diagram.placeOf(found.id) !== app.selected || found.picks.length)) {
        app.revealFound({ id: found.id, key, picks: found.picks });
      }
    }
  }
}

/** The address of a box within the page, after the #: its path, or `op=` or `run=` and what tells it apart. */
export function addressOf(diagram, id) {
  const box = diagram.base(diagram.split(id).base);
  const prefix = diagram.key === 'model' ? '' : `${diagram.key}:`;
  if (box.kind === 'pattern') { // no path says which of its periods shows
    return prefix + `op=${encodeURIComponent(diagram.join(box.base, diagram.folds(id).map(({ picked }) => picked)))}`;
  }
  if (box.kind !== 'module') return prefix + `op=${encodeURIComponent(id)}`;
  const isPath = box.base === runId(box.component) && !/^(tab|class|op|run)=|:|\p{Surrogate}/u.test(box.component);
  if (isPath) return prefix + encodeURIComponent(diagram.path(id));
  return prefix + (id.startsWith('/') ? `run=${encodeURIComponent(id.slice(1))}` : `op=${encodeURIComponent(id)}`);
}

/** A box by its id; of a pattern, with the period that its number says. */
function picked(diagram, id) {
  const { base, numbers } = diagram.split(id);
  if (diagram.base(base).kind !== 'pattern') return { id, picks: [] };
  return { id: base, picks: diagram.folds(base).map(({ id: fold }, k) => [fold, numbers[k] || 0]) };
}

/** Find the box that an address names: {id, picks}; a block that is folded away is the one that stands for it, picked. */
function boxAt(diagram, name) {
  if (name.startsWith('op=') && diagram.has(name.slice(3))) return picked(diagram, name.slice(3));
  if (name.startsWith('run=') && diagram.has(`/${name.slice(4)}`)) return { id: `/${name.slice(4)}`, picks: [] };
  const inFold = pathsOf(diagram).readings(name).find(({ path, rest }) => path + rest === name); // not only how it ends
  const { written, picks } = inFold || { written: name, picks: [] };
  if (diagram.has(runId(written))) return { id: runId(written), picks };
  const id = diagram.ids().find((at) => diagram.base(at).kind === 'module' && diagram.base(at).component === written);
  return id === undefined ? null : { id, picks };
}

function decoded(hash) {
  try {
    return decodeURIComponent(hash.replace(/^#/, ''));
  } catch {
    return ''; // a broken escape names nothing
  }
}
