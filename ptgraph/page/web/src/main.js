// The page: its parts, put together. The model is drawn first; its text is read when there is time.

import { App, get } from './app/app.js';
import { runId } from './model/box_id.js';
import { Comparison } from './panels/changes.js';
import { Components } from './panels/components.js';
import { Hover } from './render/tooltip.js';
import { Minimap } from './render/minimap.js';
import { Details } from './panels/details.js';
import { Pipelines, diagramsOf } from './panels/pipelines.js';
import { SearchBox } from './search/search_box.js';
import { listenForPrints, savePng, saveSvg } from './render/image_export.js';
import { Table } from './panels/table.js';
import { el, plural, short } from './text/text.js';
import { labelsOf, knobsOf } from './layout/metrics.js';
import { endId, walk } from './layout/scenes.js';
import { EVERYWHERE, collect } from './layout/visibility.js';

const DARK = matchMedia('(prefers-color-scheme: dark)');

const app = new App();
const details = new Details(get('details'), app);
const minimap = new Minimap(get('minimap'), app.stage);
const hover = new Hover(get('tip'), app.stage, app);
app.onHover = (found, at) => hover.show(found, at);
app.onDraw = () => minimap.update();
app.panels = {
  graph: {},
  components: new Components(get('components'), app),
  ...(app.data.comparison ? {} : { pipelines: new Pipelines(get('pipelines'), app) }),
  table: new Table(get('table'), app),
};
if (app.data.comparison) app.panels.changes = new Comparison(get('changes'), app);
const changes = app.data.comparison ? new Comparison(get('details'), app) : null;
app.onSelect = (id) => {
  if (document.body.classList.contains('no-pane')) return;
  get('details').classList.remove('comparison');
  if (changes && id === null) changes.render();
  else details.show(id);
  app.colorChips(get('details'));
};

function showHeader() {
  const { name, documents } = app.data;
  const { totals, attempts, origin } = documents[0];
  get('name').textContent = name;
  const { comparison } = app.data;
  const became = (of, text) => of.map(short).filter((v, k, all) => !k || v !== all[0]).join(' → ') + text;
  const counts = comparison ? [
    became(comparison.summary.params, ' parameters'), became(comparison.summary.flops, ' FLOPs'),
    plural(comparison.changes.length, 'change'),
  ] : [
    totals.total_params ? `${short(totals.total_params)} parameters` : '',
    totals.flops ? `${short(totals.flops)} FLOPs` : '',
    totals.ops ? plural(totals.ops, 'operation') : '',
  ].filter(Boolean);
  const reasons = attempts.map(([tried, why]) => `${tried}: ${why}`).join('\n');
  get('totals').replaceChildren(
    ...counts.map((text) => el('span', {}, text)),
    el('span', {}, el('span', { title: reasons || null, class: reasons ? 'noted' : null }, origin)),
  );
}

function showTools() {
  for (const button of document.querySelectorAll('[data-level]')) {
    const depth = Number(button.dataset.level);
    button.addEventListener('click', () => app.openToLevel(depth));
  }
  get('colour').replaceChildren(...app.measures.map(({ name, title }) => el('option', { value: name }, title)));
  get('colour').addEventListener('change', () => app.colourBy(get('colour').value));
  for (const button of document.querySelectorAll('[data-tab-button]')) {
    const tab = button.dataset.tabButton;
    button.hidden = !app.panels[tab];
    button.addEventListener('click', () => {
      if (tab === 'graph') {
        app.address(app.selected === null ? '' : location.hash.slice(1).replace(/^(tab|class)=.*/, ''));
      }
      app.show(tab);
    });
  }
  const act = {
    fit: () => app.stage.fit(0, true),
    closer: () => app.stage.zoom(1.25),
    further: () => app.stage.zoom(0.8),
    flow: () => app.turn(),
    svg: () => saveSvg(app.view, app.data.name),
    png: () => savePng(app.view, app.data.name),
    print: () => window.print(),
    keys: () => get('help').showModal(),
    theme: () => app.setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'),
    pane: () => {
      const isHidden = document.body.classList.toggle('no-pane');
      get('pane').setAttribute('aria-expanded', String(!isHidden));
      if (!isHidden) app.onSelect(app.selected);
    },
  };
  for (const [id, does] of Object.entries(act)) get(id).addEventListener('click', does);
  const rows = app.listenForKeys(get('graph')).map(({ keys = [], shown = keys, says }) => el('tr', {},
    el('th', { scope: 'row' }, shown.map((key) => [el('kbd', {}, key), ' '])), el('td', {}, says)));
  get('key-list').replaceChildren(...rows);
  DARK.addEventListener('change', () => app.setTheme(DARK.matches ? 'dark' : 'light'));
  window.addEventListener('hashchange', () => app.followAddress());
  listenForPrints(app, get('print-figure'));
}

/** For tests and scripts: what is drawn, in the coordinates of the canvas, and the ways to change it. */
const shown = () => collect(app.model, app.view.scene, EVERYWHERE, Infinity);
window.ptgraph = {
  app,
  network: app.stage.network,
  runId,
  open: (id) => app.toggle(id, true),
  close: (id) => app.toggle(id, false),
  openToLevel: (depth) => app.openToLevel(depth),
  openEverything: () => app.openEverything(),
  select: (id) => (id === null ? app.select(null) : app.reveal(id)),
  moveTo: ({ x, y, scale }) => app.stage.network.moveTo({ position: { x, y }, scale, animation: false }),
  counts: () => ({ boxes: shown().boxes.length, drawn: app.view.shown.boxes.length, held: app.view.held.size }),
  visible: () => shown().boxes.map((rect) => {
    const box = app.model.box(rect.id);
    return { ...rect, kind: box.kind, label: labelsOf(box, rect), knob: knobsOf(box, rect)[0] || null };
  }),
  frames: () => shown().frames.map(({ scene, ...rect }) => ({ ...rect, head: scene.head, knobs: knobsOf(app.model.box(rect.id), rect) })),
  stubs: () => shown().stubs,
  ports: () => shown().ports,
  edges: () => {
    const found = [];
    walk(app.model, app.view.scene, ({ scene, around, dx, dy }) => found.push(...scene.edges.map((edge) => ({
      source: endId(app.model, scene, around, edge.from),
      target: endId(app.model, scene, around, edge.to),
      labels: edge.labels,
      points: edge.points.map(({ x, y }) => ({ x: x + dx, y: y + dy })),
    }))));
    return found;
  },
  toScreen: (point) => {
    const corner = get('graph').getBoundingClientRect();
    const { x, y } = app.stage.network.canvasToDOM(point);
    return { x: x + corner.left, y: y + corner.top };
  },
  diagrams: () => diagramsOf(app),
};

showHeader();
app.setTheme(DARK.matches ? 'dark' : 'light');
showTools();
app.load(app.models.keys().next().value);
app.show('graph');
new SearchBox(get('search'), get('results'), app); // it listens from now on
app.followAddress();
requestAnimationFrame(() => setTimeout(() => app.onSelect(app.selected)));
