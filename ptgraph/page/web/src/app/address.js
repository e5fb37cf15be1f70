// The address of what shows, after the # of the page's own: a tab, a class, or a box by the path of its module.

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
    if (text.startsWith('tab=')) app.show(text.slice(4));
    else if (text.startsWith('class=')) {
      app.show('components');
      app.panels.components.open(text.slice(6));
    } else if (text) {
      const key = [...app.models.keys()].find((name) => text.startsWith(`${name}:`)) || [...app.models.keys()][0];
      const model = app.models.get(key);
      const found = boxAt(model, text.startsWith(`${key}:`) ? text.slice(key.length + 1) : text);
      if (found && (model !== app.model || model.placeOf(found.id) !== app.selected || found.picks.length)) {
        app.goto({ id: found.id, key, pick: found.picks });
      }
    }
  }
}

/** The address of a box within the page, after the #: its path, or `op=` or `run=` and what tells it apart. */
export function addressOf(model, id) {
  const box = model.base(model.split(id).base);
  const prefix = model.key === 'model' ? '' : `${model.key}:`;
  if (box.kind === 'pattern') { // no path says which of its periods shows
    return prefix + `op=${encodeURIComponent(model.join(box.base, model.folds(id).map(({ picked }) => picked)))}`;
  }
  if (box.kind !== 'module') return prefix + `op=${encodeURIComponent(id)}`;
  const isPath = box.base === runId(box.component) && !/^(tab|class|op|run)=|:|\p{Surrogate}/u.test(box.component);
  if (isPath) return prefix + encodeURIComponent(model.path(id));
  return prefix + (id.startsWith('/') ? `run=${encodeURIComponent(id.slice(1))}` : `op=${encodeURIComponent(id)}`);
}

/** A box by its id; of a pattern, with the period that its number says. */
function picked(model, id) {
  const { base, numbers } = model.split(id);
  if (model.base(base).kind !== 'pattern') return { id, picks: [] };
  return { id: base, picks: model.folds(base).map(({ id: fold }, k) => [fold, numbers[k] || 0]) };
}

/** Find the box that an address names: {id, picks}; a block that is folded away is the one that stands for it, picked. */
function boxAt(model, name) {
  if (name.startsWith('op=') && model.has(name.slice(3))) return picked(model, name.slice(3));
  if (name.startsWith('run=') && model.has(`/${name.slice(4)}`)) return { id: `/${name.slice(4)}`, picks: [] };
  const inFold = pathsOf(model).picks(name).find(({ path, rest }) => path + rest === name); // not only how it ends
  const { written, pick } = inFold || { written: name, pick: [] };
  if (model.has(runId(written))) return { id: runId(written), picks: pick };
  const id = model.ids().find((at) => model.base(at).kind === 'module' && model.base(at).component === written);
  return id === undefined ? null : { id, picks: pick };
}

function decoded(hash) {
  try {
    return decodeURIComponent(hash.replace(/^#/, ''));
  } catch {
    return ''; // a broken escape names nothing
  }
}
