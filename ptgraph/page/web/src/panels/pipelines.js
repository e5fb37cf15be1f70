// The diagrams that tell how the model works: its forward pass, a block, the attention mechanism, and how it is trained.

import { prose, summaryOf } from '../text/code.js';
import { el } from '../text/dom.js';

/** Return the pipelines that there are: {title, note, says, key, id}; *key* and *id* say what is drawn of each. */
export function pipelinesOf(app) {
  const model = app.models.get('model');
  if (!model) return [];
  const says = (id) => summaryOf((app.details().classes[classOf(app, model, id)] || {}).doc);
  const found = [{ title: 'Forward pass', note: 'from input to output', key: 'model', id: '/', says: says('/') }];
  const modules = model.ids().filter((id) => model.base(id).kind === 'module' && model.base(id).parts.length > 2);
  const block = modules.find((id) => model.base(id).isFold) || modules.find((id) => model.base(id).category === 'Layers & blocks');
  if (block) found.push({ title: 'A block', note: noteOf(model, block), key: 'model', id: block, says: says(block) });
  const attention = modules.filter((id) => model.base(id).category === 'Attention')
    .sort((a, b) => model.dataflow.leaves(b).length - model.dataflow.leaves(a).length)[0];
  if (attention) {
    found.push({ title: 'The attention mechanism', note: noteOf(model, attention), key: 'model', id: attention, says: says(attention) });
  }
  for (const [key, title] of [['pretrain', 'Pretraining'], ['grpo', 'GRPO fine-tuning']]) {
    const other = app.models.get(key);
    if (!other) continue;
    const { classes, documents } = app.details();
    const type = documents[key].components[''].type;
    found.push({ title, note: 'one recorded step, each stage with its code', key, id: '/', says: summaryOf((classes[type] || {}).doc) });
  }
  return found;
}

function classOf(app, model, id) {
  const part = app.details().documents[model.key].components[model.base(id).component];
  return part ? part.type : '';
}

function noteOf(model, id) {
  const { subtitle, one } = model.base(id);
  const count = model.folds(id).reduce((all, { repeat }) => all * repeat, 1);
  return count > 1 ? `one of ${count} · ${one === null ? subtitle : one}` : `${model.path(id)} · ${subtitle}`;
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
      ...pipelinesOf(app).map((diagram, k) => el('section', { class: 'pipeline', 'aria-labelledby': `pipeline-${k}` },
        el('header', {},
          el('h3', { id: `pipeline-${k}` }, diagram.title),
          el('p', { class: 'note' }, el('bdi', {}, diagram.note)),
          diagram.says ? el('p', {}, prose(diagram.says)) : null,
          el('p', {}, el('button', { type: 'button', class: 'link', onclick: () => this.follow(diagram) }, 'Follow it in the graph')),
          this.stages(diagram)),
        el('figure', { class: 'flow', tabindex: '0', role: 'group', 'aria-labelledby': `pipeline-${k}` },
          app.figure(diagram.id, diagram.key) || el('p', { class: 'note' }, 'Too many parts for a figure; the graph has them.')))),
    );
  }

  /** The parts of a diagram, in order: each leads to its code. */
  stages({ key, id }) {
    const model = this.app.models.get(key);
    const parts = model.base(id).parts.filter((part) => ['module', 'pattern'].includes(model.base(part).kind));
    if (!parts.length) return null;
    return el('ol', { class: 'stages' }, parts.slice(0, 40).map((part) => {
      const { title, subtitle, shape } = model.base(part);
      return el('li', {}, el('button', { type: 'button', class: 'link', onclick: () => this.app.reveal(part, key) }, el('bdi', {}, title)),
        el('span', { class: 'note' }, ` ${[subtitle, shape].filter(Boolean).join(' · ')}`));
    }));
  }

  follow({ key, id }) {
    this.app.open(key);
    if (id !== '/') this.app.expansion.dive(id);
    else this.app.expansion.leaveAll();
    this.app.show('graph');
  }
}
