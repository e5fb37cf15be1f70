// The pipelines: figures of the forward pass, a block, the attention mechanism, and the steps of training.

import { prose, summaryOf } from '../text/code.js';
import { el } from '../text/dom.js';

/** Return the pipelines that there are: {title, note, says, key, id}; *key* and *id* say what is drawn of each. */
export function pipelinesOf(app) {
  const diagram = app.diagrams.get('model');
  if (!diagram) return [];
  const says = (id) => summaryOf((app.texts().classes[classOf(app, diagram, id)] || {}).doc);
  const found = [{ title: 'Forward pass', note: 'from input to output', key: 'model', id: '/', says: says('/') }];
  const modules = diagram.ids().filter((id) => diagram.base(id).kind === 'module' && diagram.base(id).parts.length > 2);
  const block = modules.find((id) => diagram.base(id).isFold) || modules.find((id) => diagram.base(id).category === 'Layers & blocks');
  if (block) found.push({ title: 'A block', note: noteOf(diagram, block), key: 'model', id: block, says: says(block) });
  const attention = modules.filter((id) => diagram.base(id).category === 'Attention')
    .sort((a, b) => diagram.dataflow.leaves(b).length - diagram.dataflow.leaves(a).length)[0];
  if (attention) {
    found.push({ title: 'The attention mechanism', note: noteOf(diagram, attention), key: 'model', id: attention, says: says(attention) });
  }
  for (const [key, title] of [['pretrain', 'Pretraining'], ['grpo', 'GRPO fine-tuning']]) {
    const other = app.diagrams.get(key);
    if (!other) continue;
    const { classes, documents } = app.texts();
    const type = documents[key].components[''].type;
    found.push({ title, note: 'one recorded step, each stage with its code', key, id: '/', says: summaryOf((classes[type] || {}).doc) });
  }
  return found;
}

function classOf(app, diagram, id) {
  const part = app.texts().documents[diagram.key].components[diagram.base(id).component];
  return part ? part.type : '';
}

function noteOf(diagram, id) {
  const { subtitle, one } = diagram.base(id);
  const count = diagram.folds(id).reduce((all, { repeat }) => all * repeat, 1);
  return count > 1 ? `one of ${count} · ${one === null ? subtitle : one}` : `${diagram.path(id)} · ${subtitle}`;
}

export class Pipelines {
  constructor(root, app) {
    Object.assign(this, { root, app });
  }

  render() {
    const { app } = this;
    this.root.replaceChildren(
      el('h2', {}, 'Pipelines'),
      el('p', { class: 'lead' }, 'How it works, and how it is trained: each diagram is drawn from what ran.'),
      ...pipelinesOf(app).map((pipeline, k) => el('section', { class: 'pipeline', 'aria-labelledby': `pipeline-${k}` },
        el('header', {},
          el('h3', { id: `pipeline-${k}` }, pipeline.title),
          el('p', { class: 'note' }, el('bdi', {}, pipeline.note)),
          pipeline.says ? el('p', {}, prose(pipeline.says)) : null,
          el('p', {}, el('button', { type: 'button', class: 'link', onclick: () => this.follow(pipeline) }, 'Follow it in the graph')),
          this.stages(pipeline)),
        el('figure', { class: 'flow', tabindex: '0', role: 'group', 'aria-labelledby': `pipeline-${k}` },
          app.figure(pipeline.id, pipeline.key) || el('p', { class: 'note' }, 'Too many parts for a figure; the graph has them.')))),
    );
  }

  /** The parts of a diagram, in order: each leads to its code. */
  stages({ key, id }) {
    const diagram = this.app.diagrams.get(key);
    const parts = diagram.base(id).parts.filter((part) => ['module', 'pattern'].includes(diagram.base(part).kind));
    if (!parts.length) return null;
    return el('ol', { class: 'stages' }, parts.slice(0, 40).map((part) => {
      const { title, subtitle, shape } = diagram.base(part);
      return el('li', {}, el('button', { type: 'button', class: 'link', onclick: () => this.app.reveal(part, key) }, el('bdi', {}, title)),
        el('span', { class: 'note' }, ` ${[subtitle, shape].filter(Boolean).join(' · ')}`));
    }));
  }

  follow({ key, id }) {
    this.app.showDiagram(key);
    if (id !== '/') this.app.expansion.dive(id);
    else this.app.expansion.leaveAll();
    this.app.showTab('graph');
  }
}
