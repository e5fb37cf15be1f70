// The page: its parts, put together. The graph is drawn first; the texts are parsed after that.

import { debugApi } from './debug_api.js';
import { App } from './app/app.js';
import { listenForKeys } from './app/keyboard.js';
import { Changes } from './panels/changes.js';
import { Components } from './panels/components.js';
import { Details } from './panels/details.js';
import { Pipelines } from './panels/pipelines.js';
import { Table } from './panels/table.js';
import { listenForPrints, savePng, saveSvg } from './render/image_export.js';
import { Minimap } from './render/minimap.js';
import { Tooltip } from './render/tooltip.js';
import { SearchBox } from './search/search_box.js';
import { el, get } from './text/dom.js';
import { plural, short } from './text/format.js';

const DARK = matchMedia('(prefers-color-scheme: dark)');

const app = new App();
const details = new Details(get('details'), app);
const minimap = new Minimap(get('minimap'), app.viewport);
const tooltip = new Tooltip(get('tip'), app.viewport, app);
app.onHover = (found, at) => tooltip.show(found, at);
app.onDraw = () => minimap.update();
app.panels = {
  graph: {},
  components: new Components(get('components'), app),
  ...(app.data.comparison ? {} : { pipelines: new Pipelines(get('pipelines'), app) }),
  table: new Table(get('table'), app),
};
if (app.data.comparison) app.panels.changes = new Changes(get('changes'), app);
const changes = app.data.comparison ? new Changes(get('details'), app) : null;
app.onSelect = (id) => {
  if (document.body.classList.contains('no-pane')) return;
  get('details').classList.remove('comparison');
  if (changes && id === null) changes.render();
  else details.show(id);
  app.coloring.colorChips(get('details'));
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
    button.addEventListener('click', () => app.expansion.openToLevel(depth));
  }
  get('colour').replaceChildren(...app.coloring.measures.map(({ name, title }) => el('option', { value: name }, title)));
  get('colour').addEventListener('change', () => app.coloring.colorBy(get('colour').value));
  for (const button of document.querySelectorAll('[data-tab-button]')) {
    const tab = button.dataset.tabButton;
    button.hidden = !app.panels[tab];
    button.addEventListener('click', () => {
      if (tab === 'graph') {
        app.address.write(app.selected === null ? '' : location.hash.slice(1).replace(/^(tab|class)=.*/, ''));
      }
      app.showTab(tab);
    });
  }
  const act = {
    fit: () => app.viewport.fit(0, true),
    closer: () => app.viewport.zoom(1.25),
    further: () => app.viewport.zoom(0.8),
    flow: () => app.turn(),
    svg: () => saveSvg(app.view, app.data.name),
    png: () => savePng(app.view, app.data.name),
    print: () => window.print(),
    keys: () => get('help').showModal(),
    theme: () => app.coloring.setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'),
    pane: () => {
      const isHidden = document.body.classList.toggle('no-pane');
      get('pane').setAttribute('aria-expanded', String(!isHidden));
      if (!isHidden) app.onSelect(app.selected);
    },
  };
  for (const [id, does] of Object.entries(act)) get(id).addEventListener('click', does);
  const rows = listenForKeys(app, get('graph')).map(({ keys = [], shown = keys, says }) => el('tr', {},
    el('th', { scope: 'row' }, shown.map((key) => [el('kbd', {}, key), ' '])), el('td', {}, says)));
  get('key-list').replaceChildren(...rows);
  DARK.addEventListener('change', () => app.coloring.setTheme(DARK.matches ? 'dark' : 'light'));
  window.addEventListener('hashchange', () => app.address.follow());
  listenForPrints(app, get('print-figure'));
}

showHeader();
app.coloring.setTheme(DARK.matches ? 'dark' : 'light');
showTools();
app.load(app.diagrams.keys().next().value);
app.showTab('graph');
new SearchBox(get('search'), get('results'), app); // it listens from now on
app.address.follow();
window.ptgraph = debugApi(app);
requestAnimationFrame(() => setTimeout(() => app.onSelect(app.selected)));
