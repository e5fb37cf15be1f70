'use strict';
// The page: what is open, selected and hovered, and what keys, clicks and links do to it.

const read = (name) => JSON.parse(document.getElementById(`ptgraph-${name}`).textContent);
const get = (id) => document.getElementById(id);
const data = read('data');
const DARK = matchMedia('(prefers-color-scheme: dark)');
const CALM = matchMedia('(prefers-reduced-motion: reduce)');
const LISTED = 60; // results of a search that are shown

/** What the painter reads. */
const view = {
  data,
  picture: { rects: new Map(), frames: [], stubs: [], routes: [], notes: null },
  opened: new Set(data.opened),
  selected: null,
  hover: null,
  moved: false, // whether boxes stand elsewhere than when last drawn
  scale: 1,
  window: { left: 0, right: 0, top: 0, bottom: 0 },
  lit: () => lit || (lit = findLit()),
};
let lit = null;

const painter = new Painter(view);
const details = new Details(get('details'), data, (id) => reveal(id));
const search = new Search(data);
const container = get('graph');
const nodes = new vis.DataSet(read('nodes'));
const edges = new vis.DataSet(read('edges'));
const network = makeNetwork();

function makeNetwork() {
  const options = read('options');
  const own = { hover: false, selectable: false, dragNodes: false, keyboard: { enabled: false } };
  options.interaction = { ...options.interaction, ...own }; // we find out ourselves what is under the pointer
  const made = new vis.Network(container, { nodes, edges }, options);
  made.on('beforeDrawing', (ctx) => {
    const corner = made.DOMtoCanvas({ x: 0, y: 0 });
    const far = made.DOMtoCanvas({ x: container.clientWidth, y: container.clientHeight });
    view.scale = made.getScale();
    view.window = { left: corner.x, top: corner.y, right: far.x, bottom: far.y };
    if (view.moved) { // of a shape of our own, vis-network does not note that it moved, and might leave it out
      for (const node of Object.values(made.body.nodes)) node.updateBoundingBox(ctx);
      view.moved = false;
    }
    painter.before(ctx);
  });
  made.on('afterDrawing', (ctx) => painter.after(ctx));
  for (const inner of container.querySelectorAll('[tabindex]')) inner.tabIndex = -1; // the container has the focus
  return made;
}

/** vis-network asks this for every box in its view. */
function drawNode({ ctx, id }) {
  const rect = view.picture.rects.get(id);
  if (!rect) return {}; // about to be removed
  return { drawNode: () => painter.box(ctx, rect), nodeDimensions: { width: rect.width, height: rect.height } };
}

// ---- opening and closing

/** Lay out what is open now, and tell vis-network what has changed. */
function relayout() {
  const picture = arrange(data, view.opened, (id) => headerWidthOf(data.boxes[id]));
  picture.routes = routeEdges(data, picture, visibleEdges(data, picture.rects));
  tracePaths(picture);
  view.picture = picture;
  lit = null;
  const closed = [...picture.rects.values()].filter((rect) => rect.kind === 'box');
  exchange(edges, picture.routes.map((e) => ({ id: e.id, from: e.source, to: e.target, hidden: true })), () => false);
  exchange(nodes, closed.map(({ id, x, y, width }) => ({
    id, x, y, size: width / 2, shape: 'custom', ctxRenderer: drawNode,
  })), (a, b) => a.x !== b.x || a.y !== b.y);
  view.moved = true;
  showLevel();
}

/** Bring a DataSet to hold *wanted*, touching only what differs. */
function exchange(set, wanted, differs) {
  const keep = new Set(wanted.map((item) => item.id));
  const gone = set.getIds().filter((id) => !keep.has(id));
  const changed = wanted.filter((item) => {
    const now = set.get(item.id);
    return !now || differs(now, item);
  });
  if (gone.length) set.remove(gone);
  if (changed.length) set.update(changed);
}

function canOpen(id) {
  return Boolean(data.boxes[id]) && data.boxes[id].parts.length > 0 && id !== '/';
}

/** Open or close a box where it stands: its head stays where it is on the screen. */
function toggle(id, open = !view.opened.has(id)) {
  if (!canOpen(id) || view.opened.has(id) === open) return;
  const before = view.picture.rects.get(id);
  if (open) view.opened.add(id);
  else for (const inner of [...view.opened]) if (within(data, inner, id)) view.opened.delete(inner);
  if (!open && view.selected !== null && !isVisibleAfter(view.selected)) pick(id);
  relayout();
  const after = view.picture.rects.get(id);
  if (before && after) {
    const { x, y } = network.getViewPosition();
    const rise = after.y - after.height / 2 - (before.y - before.height / 2);
    network.moveTo({ position: { x: x + after.x - before.x, y: y + rise }, scale: network.getScale() });
    bringIntoView(after);
  }
  announce(id);
  network.redraw();
}

function isVisibleAfter(id) {
  return chainOf(data, id).slice(1).every((outer) => view.opened.has(outer));
}

function levelOf(depth) {
  const opened = new Set(['/']);
  let level = ['/'];
  for (let k = 1; k < depth && level.length; k += 1) {
    level = level.flatMap((id) => data.boxes[id].parts).filter((id) => data.boxes[id].parts.length);
    level.forEach((id) => opened.add(id));
  }
  return opened;
}

function openToLevel(depth) {
  view.opened = levelOf(depth);
  if (view.selected !== null && !isVisibleAfter(view.selected)) pick(null);
  relayout();
  fit(0.3);
  say(depth === Infinity ? 'Everything is open' : `Open to level ${depth}`);
}

function showLevel() {
  const same = (a, b) => a.size === b.size && [...a].every((id) => b.has(id));
  for (const button of document.querySelectorAll('[data-level]')) {
    button.setAttribute('aria-pressed', String(same(view.opened, levelOf(Number(button.dataset.level)))));
  }
}

// ---- the camera

function bounds() {
  const all = [...view.picture.rects.values(), ...view.picture.stubs];
  const left = Math.min(...all.map((r) => r.x - r.width / 2));
  const right = Math.max(...all.map((r) => r.x + r.width / 2));
  const top = Math.min(...all.map((r) => r.y - r.height / 2));
  const bottom = Math.max(...all.map((r) => r.y + r.height / 2));
  return { x: (left + right) / 2, y: (top + bottom) / 2, width: right - left, height: bottom - top };
}

function moveCamera(position, scale, animate = true) {
  unhover(); // something else is under the pointer now
  const animation = animate && !CALM.matches ? { duration: 260, easingFunction: 'easeInOutCubic' } : false;
  network.moveTo({ position, scale, animation });
}

/** Show everything; with a *least* scale, its top, large enough to read. */
function fit(least = 0, animate = false) {
  const all = bounds();
  const [width, height] = [container.clientWidth, container.clientHeight];
  const scale = Math.max(least, Math.min(1.2, (width - 56) / all.width, (height - 56) / all.height));
  const y = all.height * scale > height - 40 ? all.y - all.height / 2 + height / 2 / scale - 28 / scale : all.y;
  moveCamera({ x: all.x, y }, scale, animate);
}

/** Move as little as needed to see the whole of *rect*; if it is too large, look from further away. */
function bringIntoView(rect) {
  const [width, height] = [container.clientWidth - 48, container.clientHeight - 48];
  const scale = Math.max(0.5, Math.min(network.getScale(), width / rect.width, height / rect.height));
  const center = network.getViewPosition();
  const near = (at, middle, size, room) => {
    const slack = (room / scale - size) / 2;
    return slack < 0 ? null : Math.min(Math.max(at, middle - slack), middle + slack);
  };
  const x = near(center.x, rect.x, rect.width, width);
  const y = near(center.y, rect.y, rect.height, height);
  moveCamera({
    x: x === null ? rect.x : x,
    y: y === null ? rect.y - rect.height / 2 + height / scale / 2 : y, // too tall: begin at its head
  }, scale);
}

function zoom(factor) {
  moveCamera(network.getViewPosition(), Math.min(4, Math.max(0.02, network.getScale() * factor)));
}

// ---- selecting

/** Select a box and show its details; null selects nothing. The picture is not moved. */
function pick(id) {
  view.selected = id;
  lit = null;
  details.show(id);
  colorChips();
  const hash = id === null ? '' : `#${hashOf(id)}`;
  if (decodeHash(location.hash) !== decodeHash(hash)) {
    history.replaceState(null, '', hash || location.pathname + location.search);
  }
  if (id !== null) announce(id);
  network.redraw();
}

/** Open what encloses a box, select it and bring it to the middle. */
function reveal(id) {
  if (id === '/') {
    pick(null);
    fit(0, true);
    return;
  }
  const closed = chainOf(data, id).slice(1).filter((outer) => !view.opened.has(outer));
  closed.forEach((outer) => view.opened.add(outer));
  if (closed.length) relayout();
  pick(id);
  const rect = view.picture.rects.get(id);
  if (rect.kind === 'frame') bringIntoView(rect);
  else moveCamera({ x: rect.x, y: rect.y }, Math.max(0.9, network.getScale()), !closed.length);
}

function announce(id) {
  const box = data.boxes[id];
  const state = !canOpen(id) ? '' : `${view.opened.has(id) ? 'open' : 'closed'}, ${plural(box.parts.length, 'part')}`;
  say([box.title, box.subtitle, state].filter(Boolean).join(', '));
}

function say(text) {
  get('live').textContent = text;
}

/** Find the edges, stubs and boxes that go with what is selected and hovered. */
function findLit() {
  const found = { edges: new Set(), stubs: new Set(), boxes: new Set() };
  const { picture, hover } = view;
  for (const id of [view.selected, hover && hover.kind !== 'stub' ? hover.id : null]) {
    if (id === null || !data.boxes[id]) continue;
    for (const edge of picture.routes) {
      if (within(data, edge.source, id) !== within(data, edge.target, id)) found.edges.add(edge.id);
    }
    for (const stub of picture.stubs) {
      if (within(data, stub.source, id) || stub.child === id) found.stubs.add(stub.id);
    }
  }
  if (hover && hover.kind === 'stub') {
    for (const stub of picture.stubs) if (stub.source === hover.source) found.stubs.add(stub.id);
    const shown = chainOf(data, hover.source).find((id) => picture.rects.has(id));
    if (shown) found.boxes.add(shown);
  } else if (hover) {
    found.boxes.add(hover.id);
  }
  return found;
}

// ---- the address: a component's path, or `run=` and `op=` with the id of a box that a path does not name

function hashOf(id) {
  const box = data.boxes[id];
  if (box.kind !== 'module') return `op=${encodeURIComponent(id)}`;
  return id === `/${box.component}` ? encodeURIComponent(box.component) : `run=${encodeURIComponent(id.slice(1))}`;
}

function decodeHash(hash) {
  try {
    return decodeURIComponent(hash.replace(/^#/, ''));
  } catch {
    return ''; // a broken escape names nothing
  }
}

/** Return the box that an address names; a block that was folded is shown by the one that stands for it. */
function boxOf(name) {
  const has = (id) => Object.hasOwn(data.boxes, id);
  if (name.startsWith('op=') && has(name.slice(3))) return name.slice(3);
  if (name.startsWith('run=') && has(`/${name.slice(4)}`)) return `/${name.slice(4)}`;
  if (has(`/${name}`)) return `/${name}`;
  for (const [id, box] of Object.entries(data.boxes)) {
    if (box.kind === 'module' && box.component === name) return id;
    const [, head, first] = (box.repeat > 1 && /^(.*?)(\d+)$/.exec(box.component)) || [];
    if (first === undefined || !name.startsWith(head)) continue;
    const number = parseInt(name.slice(head.length), 10);
    if (number > Number(first) && number < Number(first) + box.repeat) {
      return boxOf(box.component + name.slice(head.length + String(number).length));
    }
  }
  return null;
}

function followHash() {
  const name = decodeHash(location.hash);
  const id = name ? boxOf(name) : null;
  if (id !== null && id !== view.selected) reveal(id);
}

// ---- the pointer

function contains(rect, { x, y }) {
  return Math.abs(x - rect.x) <= rect.width / 2 && Math.abs(y - rect.y) <= rect.height / 2;
}

function onKnob(rect, { x, y }) {
  const knob = knobOf(rect);
  return canOpen(rect.id) && Math.hypot(x - knob.x, y - knob.y) <= knob.radius + 3;
}

/** Return what is at a point of the canvas: {kind, id, part}, or null. */
function hit(point) {
  const boxes = [...view.picture.rects.values()].filter((rect) => rect.kind === 'box');
  const knob = boxes.find((rect) => onKnob(rect, point));
  if (knob) return { kind: 'box', id: knob.id, part: 'knob' };
  const box = boxes.find((rect) => contains(rect, point));
  if (box) return { kind: 'box', id: box.id, part: 'body' };
  const stub = view.picture.stubs.find((rect) => contains(rect, point));
  if (stub) return { kind: 'stub', id: stub.id, source: stub.source, part: 'body' };
  const frame = [...view.picture.frames].reverse().find((rect) => contains(rect, point));
  if (!frame) return null;
  const isHeader = point.y < frame.y - frame.height / 2 + HEADER;
  return { kind: 'frame', id: frame.id, part: onKnob(frame, point) ? 'knob' : isHeader ? 'header' : 'body' };
}

function unhover() {
  view.hover = null;
  lit = null;
}

let toggled = 0; // when: the second click of a double click must not undo the first

function onClick({ pointer }) {
  if (performance.now() - toggled < 400) return;
  container.focus({ preventScroll: true });
  const found = hit(pointer.canvas);
  if (!found) pick(null);
  else if (found.kind === 'stub') reveal(found.source);
  else if (found.part === 'knob' || found.part === 'header') {
    toggled = performance.now();
    toggle(found.id);
  } else pick(found.id);
}

function onDoubleClick({ pointer }) {
  if (performance.now() - toggled < 600) return;
  const found = hit(pointer.canvas);
  if (found && found.kind === 'box') toggle(found.id, true);
}

function onMove(event) {
  const corner = container.getBoundingClientRect();
  const found = hit(network.DOMtoCanvas({ x: event.clientX - corner.left, y: event.clientY - corner.top }));
  const key = (h) => (h ? `${h.id}\n${h.part}` : '');
  if (key(found) === key(view.hover)) return;
  view.hover = found && found.kind === 'frame' && found.part === 'body' ? null : found;
  lit = null;
  container.style.cursor = found && !(found.kind === 'frame' && found.part === 'body') ? 'pointer' : '';
  network.redraw();
}

// ---- keys

/** Return the box to go to from the selected one: along an edge if one leads that way, else the nearest. */
function neighbour(direction) {
  const { rects, routes } = view.picture;
  const all = [...rects.values()].filter((rect) => rect.kind === 'box');
  const here = rects.get(view.selected);
  if (!here) return all.length ? all[0].id : null;
  const away = (rect) => ({ dx: rect.x - here.x, dy: rect.y - here.y });
  const vertical = direction === 'ArrowDown' || direction === 'ArrowUp';
  const sign = direction === 'ArrowDown' || direction === 'ArrowRight' ? 1 : -1;
  const linked = routes.filter((e) => vertical && (sign > 0 ? e.source : e.target) === here.id)
    .map((e) => rects.get(sign > 0 ? e.target : e.source));
  const ahead = all.filter((rect) => rect.id !== here.id && sign * (vertical ? away(rect).dy : away(rect).dx) > 8);
  const cost = (rect) => {
    const { dx, dy } = away(rect);
    return vertical ? Math.abs(dy) + 2 * Math.abs(dx) : Math.abs(dx) + 4 * Math.abs(dy);
  };
  const best = (linked.length ? linked : ahead).sort((a, b) => cost(a) - cost(b))[0];
  return best ? best.id : null;
}

const KEYS = {
  f: () => fit(0, true),
  '/': () => get('search').focus(),
  '+': () => zoom(1.25),
  '=': () => zoom(1.25),
  '-': () => zoom(0.8),
  1: () => openToLevel(1),
  2: () => openToLevel(2),
  3: () => openToLevel(3),
  4: () => openToLevel(4),
  a: () => openToLevel(Infinity),
  '?': () => get('help').showModal(),
  Escape: () => pick(null),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || get('help').open) return;
  if (event.target.closest('input, textarea, select')) return;
  const atGraph = event.target === container || event.target === document.body;
  if (atGraph && event.key.startsWith('Arrow')) {
    const next = neighbour(event.key);
    if (next !== null) {
      pick(next);
      bringIntoView(view.picture.rects.get(next));
    }
  } else if (atGraph && event.key === 'Enter' && view.selected !== null) toggle(view.selected);
  else if (Object.hasOwn(KEYS, event.key)) KEYS[event.key]();
  else return;
  event.preventDefault();
}

// ---- the search box

const results = { found: [], at: 0 };

function showResults() {
  const input = get('search');
  results.found = search.find(input.value);
  results.at = 0;
  const listed = results.found.slice(0, LISTED).map(({ id, box, path, shape }, k) => el('li', {
    role: 'option', id: `result-${k}`, onpointerdown: (event) => event.preventDefault(), onclick: () => choose(k),
  }, el('span', { class: 'swatch', 'data-category': box.category }), el('bdi', { class: 'name' }, box.title),
  el('span', { class: 'note' }, [box.subtitle, shape].filter(Boolean).join(' · ')),
  path && path !== box.title ? el('code', {}, path) : null));
  const more = results.found.length - listed.length;
  const none = listed.length ? '' : 'Nothing has that in its name, path, class, operator or shape.';
  const tail = more > 0 ? `and ${full(more)} more` : none;
  get('results').replaceChildren(...listed, ...(tail ? [el('li', { class: 'note', role: 'presentation' }, tail)] : []));
  const isOpen = Boolean(input.value.trim());
  get('results').hidden = !isOpen;
  input.setAttribute('aria-expanded', String(isOpen));
  colorChips();
  markResult();
}

function markResult() {
  const options = [...get('results').querySelectorAll('[role=option]')];
  options.forEach((option, k) => option.setAttribute('aria-selected', String(k === results.at)));
  const current = options[results.at];
  if (current && !get('results').hidden) {
    current.scrollIntoView({ block: 'nearest' });
    get('search').setAttribute('aria-activedescendant', current.id);
  } else get('search').removeAttribute('aria-activedescendant');
}

function choose(k) {
  const entry = results.found[k];
  const named = entry ? entry.id : boxOf(get('search').value.trim());
  if (named === null) return;
  closeResults();
  reveal(named);
  container.focus({ preventScroll: true });
}

function closeResults() {
  get('results').hidden = true;
  get('search').setAttribute('aria-expanded', 'false');
  get('search').removeAttribute('aria-activedescendant');
}

function onSearchKey(event) {
  const count = Math.min(results.found.length, LISTED);
  if (event.key === 'Enter') choose(results.at);
  else if (event.key === 'ArrowDown' && count) results.at = (results.at + 1) % count;
  else if (event.key === 'ArrowUp' && count) results.at = (results.at + count - 1) % count;
  else if (event.key === 'Escape') {
    event.target.value = '';
    closeResults();
    container.focus({ preventScroll: true });
  } else return;
  event.preventDefault();
  if (event.key.startsWith('Arrow')) markResult();
}

// ---- what surrounds the graph

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  get('theme').setAttribute('aria-label', name === 'dark' ? 'Light colours' : 'Dark colours');
  painter.setTheme(name);
  colorChips();
  network.redraw();
}

/** Colour the swatches and chips; their categories are known only to the data. */
function colorChips() {
  for (const chip of document.querySelectorAll('[data-category]')) {
    const { fill, border } = painter.colors({ category: chip.dataset.category });
    chip.style.backgroundColor = fill;
    chip.style.borderColor = border;
  }
}

function showHeader() {
  const { totals, attempts } = data;
  get('name').textContent = data.name;
  const counts = [
    totals.total_params ? `${short(totals.total_params)} parameters` : '',
    totals.flops ? `${short(totals.flops)} FLOPs` : '',
    plural(totals.ops, 'operation'),
  ].filter(Boolean);
  const reasons = attempts.map(([name, why]) => `${name}: ${why}`).join('\n');
  get('totals').replaceChildren(
    ...counts.map((text) => el('span', {}, text)),
    el('span', {}, el('span', { title: reasons || null, class: reasons ? 'noted' : null }, `traced by ${data.tracer}`)),
  );
  for (const button of document.querySelectorAll('[data-level]')) {
    const depth = Number(button.dataset.level);
    button.hidden = depth !== Infinity && levelOf(depth).size === levelOf(Infinity).size;
    button.addEventListener('click', () => openToLevel(depth));
  }
}

function showLegend() {
  const used = new Set(Object.entries(data.boxes).filter(([id]) => id !== '/').map(([, box]) => box.category));
  const known = Object.keys(data.styles).filter((name) => used.has(name) && !['Input', 'Output'].includes(name));
  const swatch = (name) => el('span', { class: 'swatch', 'data-category': name });
  get('legend').replaceChildren(...known.map((name) => el('li', {}, swatch(name), name)));
}

function togglePane() {
  const isHidden = document.body.classList.toggle('no-pane');
  get('pane').setAttribute('aria-expanded', String(!isHidden));
}

function listen() {
  network.on('click', onClick);
  network.on('doubleClick', onDoubleClick);
  container.addEventListener('pointermove', onMove);
  container.addEventListener('pointerleave', () => {
    unhover();
    network.redraw();
  });
  document.addEventListener('keydown', onKey);
  get('search').addEventListener('input', showResults);
  get('search').addEventListener('focus', showResults);
  get('search').addEventListener('blur', closeResults);
  get('search').addEventListener('keydown', onSearchKey);
  get('fit').addEventListener('click', () => fit(0, true));
  get('closer').addEventListener('click', () => zoom(1.25));
  get('further').addEventListener('click', () => zoom(0.8));
  get('keys').addEventListener('click', () => get('help').showModal());
  get('pane').addEventListener('click', togglePane);
  const other = () => (document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
  get('theme').addEventListener('click', () => setTheme(other()));
  DARK.addEventListener('change', () => setTheme(DARK.matches ? 'dark' : 'light'));
  window.addEventListener('hashchange', followHash);
}

/** For tests: what is drawn, in the coordinates of the canvas. */
window.ptgraph = {
  open: (id) => toggle(id, true),
  close: (id) => toggle(id, false),
  openToLevel,
  select: (id) => (id === null ? pick(null) : reveal(id)),
  visible: () => [...view.picture.rects.values()].filter((rect) => rect.kind === 'box').map((rect) => {
    const box = data.boxes[rect.id];
    return { ...rect, kind: box.kind, label: labelsOf(box, rect), knob: canOpen(rect.id) ? knobOf(rect) : null };
  }),
  frames: () => view.picture.frames.map((rect) => ({ ...rect, knob: knobOf(rect) })),
  stubs: () => view.picture.stubs.map((rect) => ({ ...rect })),
  edges: () => view.picture.routes.map(({ source, target, labels, points }) => ({ source, target, labels, points })),
  toScreen: (point) => {
    const corner = container.getBoundingClientRect();
    const { x, y } = network.canvasToDOM(point);
    return { x: x + corner.left, y: y + corner.top };
  },
  state: view,
  network,
};

showHeader();
showLegend();
setTheme(DARK.matches ? 'dark' : 'light');
relayout();
listen();
fit(0.5);
details.show(null);
colorChips();
followHash();
