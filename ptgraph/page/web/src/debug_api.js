// What tests and scripts ask of the page and do with it, as `window.ptgraph`.
//
// A box goes by its id. Rectangles are {x, y, width, height} around their middle, in the coordinates of the canvas. What
// comes back is plain data, but for `network`.

import { runId, splitId } from './model/box_id.js';
import { knobsOf, labelsOf } from './layout/metrics.js';
import { endId, walk } from './layout/scenes.js';
import { EVERYWHERE, visibleIn } from './layout/visibility.js';
import { pipelinesOf } from './panels/pipelines.js';
import { get } from './text/dom.js';

export function debugApi(app) {
  const { address, coloring, expansion, viewport } = app;
  const shown = () => visibleIn(app.diagram, app.view.scene, EVERYWHERE, Infinity);
  return {
    network: viewport.network, // of vis-network, which draws the boxes that can be read

    // ---- ids

    ids: () => app.diagram.ids(), // of the diagram that shows, its folds closed
    has: (id) => app.diagram.has(id),
    runId, // of a call of a module: `layers.0`, `layers.0#2`
    splitId: (id, stored) => splitId(id, (base) => stored.includes(base)), // {base, numbers}, where *stored* are the boxes
    box: (id) => {
      const { diagram } = app;
      const { title, subtitle, kind } = diagram.box(id);
      const component = diagram.component(id);
      const { measure } = coloring.colors;
      return {
        ...diagram.split(id), // base, numbers
        title, subtitle, kind,
        path: diagram.path(id), // of the module that it is or belongs to
        component: component ? component.path : null, // the path of the module that the text of the page tells of
        canOpen: diagram.canOpen(id),
        value: measure.of ? measure.of(diagram, id) : null, // of what boxes are coloured by
        fill: coloring.colors.of(diagram, id).fill,
      };
    },

    // ---- what is open, selected, chosen

    diagram: () => app.diagram.key, // model, pretrain or grpo
    home: () => app.diagram.home, // the box whose inside shows, or `/`
    flow: () => viewport.flow, // down or right
    selected: () => app.selected,
    lit: () => Object.fromEntries(Object.entries(viewport.lit()).map(([kind, keys]) => [kind, [...keys].sort()])),
    measures: () => coloring.measures.map(({ name, title }) => ({ name, title })),
    range: () => coloring.colors.range, // [least, most] of what boxes are coloured by
    pipelines: () => pipelinesOf(app), // [{title, key, id, …}]

    // ---- what is drawn, whether or not the window shows it

    visible: () => shown().boxes.map((rect) => { // closed boxes
      const box = app.diagram.box(rect.id);
      return { ...rect, kind: box.kind, label: labelsOf(box, rect), knob: knobsOf(box, rect)[0] || null };
    }),
    frames: () => shown().frames.map(({ scene, ...rect }) => ( // open boxes
      { ...rect, head: scene.head, knobs: knobsOf(app.diagram.box(rect.id), rect) })),
    stubs: () => shown().stubs,
    ports: () => shown().ports,
    edges: () => {
      const found = [];
      walk(app.diagram, app.view.scene, ({ scene, around, dx, dy }) => found.push(...scene.edges.map((edge) => ({
        source: endId(app.diagram, scene, around, edge.from),
        target: endId(app.diagram, scene, around, edge.to),
        labels: edge.labels,
        points: edge.points.map(({ x, y }) => ({ x: x + dx, y: y + dy })),
      }))));
      return found;
    },
    counts: () => ({ boxes: shown().boxes.length, drawn: app.view.shown.boxes.length, held: app.view.held.size }),
    isSettled: () => viewport.isSettled(), // the window shows what is open now, and vis-network has the boxes that it should
    toScreen: (point) => {
      const corner = get('graph').getBoundingClientRect();
      const { x, y } = viewport.network.canvasToDOM(point);
      return { x: x + corner.left, y: y + corner.top };
    },

    // ---- what one can do

    open: (id) => expansion.toggle(id, true),
    close: (id) => expansion.toggle(id, false),
    openToLevel: (depth) => expansion.openToLevel(depth),
    openEverything: () => expansion.openEverything(), // and all blocks of every fold
    pick: (fold, number) => expansion.pick(fold, number),
    unfold: (id) => expansion.unfold(id),
    dive: (id) => expansion.dive(id),
    select: (id) => (id === null ? app.select(null) : app.reveal(id)),
    reveal: (id, key) => app.reveal(id, key),
    showDiagram: (key) => app.showDiagram(key),
    showTab: (tab) => app.showTab(tab),
    follow: (hash) => { // as if the address were changed to this one
      location.hash = hash;
      address.follow();
    },
    colorBy: (name) => coloring.colorBy(name),
    fit: () => viewport.fit(),
    moveTo: ({ x, y, scale }) => viewport.network.moveTo({ position: { x, y }, scale, animation: false }),
  };
}
