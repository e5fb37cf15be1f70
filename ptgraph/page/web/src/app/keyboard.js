// The keyboard: what each key does. The dialog of keys is made of the same list.

import { EVERYWHERE, visibleIn } from '../layout/visibility.js';

/** Return what each key does: {keys, shown, says, act}. */
function keysOf(app) {
  const { viewport, expansion, coloring } = app;
  const selected = () => app.diagram.has(app.selected || '') && app.selected;
  return [
    { shown: ['←', '↑', '→', '↓'], says: 'go to a neighbour; up and down along edges' },
    { keys: ['Enter'], says: 'open or close the selected box', act: () => selected() && expansion.toggle(selected()) },
    { keys: ['d'], says: 'go inside the selected box', act: () => selected() && expansion.dive(selected()) },
    { keys: ['u', 'Backspace'], says: 'go back out', act: () => expansion.leave() },
    { keys: ['[', ']'], says: 'show the previous or the next of equal blocks', act: (key) => expansion.step(key === ']' ? 1 : -1) },
    { keys: ['x'], says: 'show all of them, or one', act: () => expansion.unfold() },
    { keys: ['1', '2', '3'], says: 'open to that level', act: (key) => expansion.openToLevel(Number(key)) },
    { keys: ['a'], says: 'open everything', act: () => expansion.openToLevel(Infinity) },
    { keys: ['A'], says: 'open everything, and show all equal blocks', act: () => expansion.openEverything() },
    { keys: ['f'], says: 'fit all of it on the screen', act: () => viewport.fit(0, true) },
    { keys: ['z'], says: 'show the selected box as large as it goes', act: () => app.zoomToSelection() },
    { keys: ['+', '-'], says: 'look closer, or from further away', act: (key) => viewport.zoom(key === '-' ? 0.8 : 1.25) },
    { keys: ['r'], says: 'let it flow down, or to the right', act: () => app.turn() },
    { keys: ['c'], says: 'colour by something else', act: () => coloring.colorByNext() },
    { keys: ['g', 'b', 'p', 't'], says: 'graph, browser of components, pipelines, table', act: (key) => app.showTab(TAB_KEYS[key]) },
    { keys: ['/'], says: 'search', act: () => document.getElementById('search').focus() },
    { keys: ['Escape'], shown: ['Esc'], says: 'select nothing', act: () => app.select(null) },
    { keys: ['?'], says: 'this list', act: () => document.getElementById('help').showModal() },
  ];
}

const TAB_KEYS = { g: 'graph', b: 'components', p: 'pipelines', t: 'table' };

/** Listen for keys; those that are typed into something are not ours. */
export function listenForKeys(app, container) {
  const list = keysOf(app);
  const found = new Map(list.flatMap((entry) => (entry.keys || []).map((key) => [key, entry.act])));
  found.set('=', found.get('+'));
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (event.target.closest('input, textarea, select')) return;
    const atGraph = app.tab === 'graph' && (event.target === container || event.target === document.body);
    const isPlain = event.key !== 'Enter' && found.has(event.key); // Enter and arrows have a use elsewhere, too
    if (isPlain) found.get(event.key)(event.key);
    else if (atGraph && event.key.startsWith('Arrow')) selectNeighbour(app, event.key);
    else if (atGraph && event.key === 'Enter') found.get('Enter')();
    else return;
    event.preventDefault();
  });
  return list;
}

/** Select the next box in the direction of an arrow key. */
function selectNeighbour(app, direction) {
  const { diagram, viewport } = app;
  const { boxes } = visibleIn(diagram, viewport.view.scene, EVERYWHERE, Infinity);
  const here = app.selected === null ? null : viewport.rect(app.selected);
  const linked = [];
  if (here && (direction === 'ArrowDown' || direction === 'ArrowUp')) {
    const shown = new Map(boxes.map((rect) => [rect.id, rect]));
    const { boxes: lit } = viewport.lit();
    const isAhead = (rect) => (direction === 'ArrowDown' ? rect.y > here.y : rect.y < here.y);
    for (const id of lit) if (id !== app.selected && shown.has(id) && isAhead(shown.get(id))) linked.push(shown.get(id));
  }
  const next = here ? neighbourOf(direction, boxes, here, linked) : (boxes[0] || {}).id;
  if (!next) return;
  app.select(next);
  viewport.bringIntoView(viewport.rect(next));
}

/** Return the box to go to from *here*: along an edge if one leads that way, else the nearest. */
function neighbourOf(direction, boxes, here, linked) {
  const away = (rect) => ({ dx: rect.x - here.x, dy: rect.y - here.y });
  const isVertical = direction === 'ArrowDown' || direction === 'ArrowUp';
  const sign = direction === 'ArrowDown' || direction === 'ArrowRight' ? 1 : -1;
  const ahead = boxes.filter((rect) => rect.id !== here.id && sign * (isVertical ? away(rect).dy : away(rect).dx) > 8);
  const cost = (rect) => {
    const { dx, dy } = away(rect);
    return isVertical ? Math.abs(dy) + 2 * Math.abs(dx) : Math.abs(dx) + 4 * Math.abs(dy);
  };
  const best = (linked.length ? linked : ahead).sort((a, b) => cost(a) - cost(b))[0];
  return best ? best.id : null;
}
