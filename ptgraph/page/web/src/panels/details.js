// The details of the selected box, or of the model: what it is, what it holds, what it does, and its code.

import { codeOf, docOf, methodsOf, locationOf, qualified, sourceOf } from '../text/code.js';
import { breakable, codeText, el, facts, listOf, onDemand, section, table } from '../text/dom.js';
import { bytesText, full, plural, python, shapeText, short } from '../text/format.js';
import { costsOf, fileFactsOf, flowOf, parametersOf, settingsOf, usesOf, withShare } from './facts.js';

/** Say whether a class is used in one place alone, which need not be said there. */
const isOnly = (uses = []) => uses.length < 1 || (uses.length === 1 && uses[0][1] === 1);

/** All the code of some classes in one dialog. */
function showCode(title, classes) {
  const dialog = el('dialog', { class: 'code-of', 'aria-labelledby': 'code-title' },
    el('header', {}, el('h2', { id: 'code-title' }, title),
      el('p', { class: 'note' }, `${plural(classes.length, 'class')}`.replace('classs', 'classes')),
      el('form', { method: 'dialog' }, el('button', { class: 'quiet' }, 'Close'))),
    el('div', { class: 'all-code' }, classes.map((about, k) => {
      const made = onDemand([el('strong', {}, about.name), ' ', locationOf(about)], () => codeOf(about.tokens));
      made.open = k < 8;
      return made;
    })));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Copy text; where the browser has no clipboard for a page like this, by a selection. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = el('textarea', { class: 'unseen', readonly: true });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand('copy');
    field.remove();
  }
}

const outputOf = (shape, dtype) => (shape ? [el('span', { class: 'shape' }, shape), dtype ? ` ${dtype}` : ''] : '');

/** The pane beside the graph. */
export class Details {
  constructor(root, app) {
    Object.assign(this, { root, app, shown: undefined });
  }

  /** Show a box; without one, the model. */
  show(id) {
    const { diagram } = this.app;
    const at = id === null || id === undefined ? diagram.root : id;
    const focused = this.root.contains(document.activeElement) ? document.activeElement.dataset.act : undefined;
    const isSame = this.shown === `${diagram.key}\n${at}`;
    const top = isSame ? this.root.scrollTop : 0;
    this.shown = `${diagram.key}\n${at}`;
    this.root.replaceChildren(...this.content(at, diagram.box(at)).flat(Infinity).filter(Boolean));
    this.root.scrollTop = top;
    if (focused) [...this.root.querySelectorAll('[data-act]')].find((item) => item.dataset.act === focused)?.focus();
    this.app.coloring.colorChips(this.root);
  }

  content(id, box) {
    const { app } = this;
    const { diagram } = app;
    const isRoot = id === diagram.root;
    const isModule = box.kind === 'module';
    const component = isModule ? diagram.component(id) : undefined;
    const about = isModule ? diagram.classOf(id) : undefined;
    const op = box.kind === 'group' ? undefined : diagram.op(id);
    const total = diagram.doc.totals.total_params;
    const rename = (name) => diagram.rename(id, name);
    return [
      this.trail(id),
      this.head(id, box, about),
      this.folds(id, box),
      this.actions(id, box, about),
      this.overlays(id),
      about ? docOf(about.doc) : null,
      isRoot ? this.totals() : this.statistics(box, component || {}),
      !isRoot && diagram.canOpen(id) ? section('Flow', flowOf(app, id, `What flows inside ${box.title}`)) : null,
      component ? settingsOf(Object.entries(component.settings || {})) : null,
      component ? parametersOf(component.parameters, total, rename) : null,
      op ? this.operation(op, rename) : null,
      fileFactsOf(isRoot ? component && component.said : op && diagram.inFile(id)),
      isRoot ? null : section('Reads', this.boxes(diagram.dataflow.reads(id))),
      isRoot ? null : section('Feeds', this.boxes(diagram.dataflow.feeds(id))),
      section('Inside', this.boxes(diagram.parts(id).map((part) => this.named(part)))),
      about && !isOnly(about.uses) ? usesOf(app, about.uses) : null,
      about ? methodsOf(about) : null,
      about ? sourceOf(about) : null,
    ];
  }

  named(id) {
    const { title, subtitle, shape } = this.app.diagram.box(id);
    return { id, title, shape: subtitle || shape };
  }

  link(id, text, note) {
    return [el('button', { type: 'button', class: 'link', onclick: () => this.app.reveal(id) }, el('bdi', {}, text)),
      note ? el('span', { class: 'note' }, ` ${note}`) : null];
  }

  boxes(found) {
    return listOf(found, ({ id, title, shape }) => this.link(id, title, shape));
  }

  trail(id) {
    const { diagram } = this.app;
    if (id === diagram.root) return null;
    const outer = [diagram.root, ...diagram.chain(id).slice(1).reverse()];
    const title = (at) => (at === diagram.root ? diagram.title : diagram.box(at).title);
    return el('nav', { 'aria-label': 'Enclosing modules' },
      el('ol', { class: 'trail' }, outer.map((at) => el('li', {}, this.link(at, title(at))))));
  }

  head(id, box, about) {
    const { diagram } = this.app;
    const path = box.kind === 'module' ? diagram.path(id) : '';
    return el('header', { class: 'head' },
      el('p', { class: 'kind' }, el('span', { class: 'chip', 'data-category': box.category }, box.category)),
      el('h2', {}, el('bdi', {}, id === diagram.root ? diagram.title : box.title)),
      path && path !== box.title ? el('p', { class: 'path' }, el('code', {}, breakable(path))) : null,
      about ? el('p', { class: 'class' }, qualified(about)) : null);
  }

  /** The folds that a box is, or is in, each with a way to pick one of its blocks. */
  folds(id, box) {
    const all = this.app.diagram.folds(id);
    if (!all.length) return null;
    const what = box.kind === 'pattern' ? `repetitions of a pattern of ${this.partsOf(box)}`
      : box.carries.length ? 'equal blocks in a row' : 'equal blocks side by side';
    const says = box.repeat > 1 ? `Stands for ${full(box.repeat)} ${what}.` : box.of > 1 ? `One of ${full(box.of)} ${what}.` : '';
    return el('div', { class: 'folds' }, says ? el('p', {}, says) : null, all.map((fold, k) => this.picker(fold, k)));
  }

  /** How many parts a pattern has in each period: blocks, or also operations. */
  partsOf({ parts, period }) {
    const isOp = (part) => this.app.diagram.base(this.app.diagram.split(part).base).kind === 'op';
    return parts.some(isOp) ? `${full(parts.length)} parts` : `${full(period)} blocks`;
  }

  picker({ id, repeat, runs, period, picked }, k) {
    const { app } = this;
    const paths = runs.map((path) => app.diagram.rename(app.diagram.parent(id), path));
    const numbers = paths.map((path) => (/(?:^|\.)(\d{1,9})$/.exec(path) || [])[1]);
    const first = Number(numbers[0]);
    const isNumbered = period === 1 && numbers.every((number, at) => Number(number) === first + at);
    const base = isNumbered ? first : 1;
    const prefix = isNumbered ? paths[0].replace(/\d+$/, '') : period === 1 ? 'block ' : 'repetition ';
    const pick = (number) => app.expansion.pick(id, Math.max(0, Math.min(repeat - 1, number)));
    const input = el('input', {
      type: 'number', min: base, max: base + repeat - 1, step: 1, value: base + picked, 'data-act': `pick ${id}`,
      onchange: (event) => Number.isInteger(event.target.valueAsNumber) && pick(event.target.valueAsNumber - base),
    });
    const step = (text, label, to, act) => el('button', {
      type: 'button', 'aria-label': label, 'data-act': `${act} ${id}`, 'aria-disabled': String(to < 0 || to >= repeat),
      onclick: () => to >= 0 && to < repeat && pick(to),
    }, text);
    return el('div', { class: 'picker' },
      el('label', {}, el('span', {}, k ? '' : 'Showing ', el('code', {}, prefix)), input),
      step('‹', 'The block before', picked - 1, 'back'), step('›', 'The block after', picked + 1, 'on'),
      el('span', { class: 'note' }, `of ${full(base)}–${full(base + repeat - 1)}`));
  }

  actions(id, box, about) {
    const { app } = this;
    const { diagram } = app;
    const button = (act, text, onclick) => el('button', { type: 'button', 'data-act': act, onclick }, text);
    const canOpen = diagram.canOpen(id);
    const isFold = canOpen && box.isFold && !box.isBlock;
    const all = diagram.unfolded.has(id) ? 'Show one' : `Show all ${full(box.of || box.repeat)}`;
    const isOpen = diagram.opened.has(id);
    const copied = async ({ currentTarget }) => {
      await copyText(location.href);
      currentTarget.textContent = 'Copied';
    };
    return el('div', { class: 'actions' },
      canOpen ? button('toggle', isOpen ? 'Close' : 'Open', ({ currentTarget }) => {
        app.expansion.toggle(id);
        currentTarget.textContent = diagram.opened.has(id) ? 'Close' : 'Open';
      }) : null,
      canOpen ? button('dive', 'Go inside', () => app.expansion.dive(id)) : null,
      isFold ? button('unfold', all, () => app.expansion.unfold(id)) : null,
      about && about.tokens && about.tokens.length
        ? button('code', 'All of its code', () => showCode(`The code of ${box.title}`, this.classesIn(id)))
        : null,
      button('copy', 'Copy link', copied));
  }

  /** The classes of a box and of all in it, in the order of first use, each once. */
  classesIn(id) {
    const { diagram } = this.app;
    const { classes, documents } = this.app.texts();
    const { components } = documents[diagram.key];
    const found = new Set();
    const stack = [diagram.split(id).base];
    while (stack.length) {
      const { kind, component = '', parts = [] } = diagram.doc.boxes[stack.pop()];
      const part = kind === 'module' ? components[component] : undefined;
      if (part && classes[part.type] && classes[part.type].tokens.length) found.add(classes[part.type]);
      for (let k = parts.length - 1; k >= 0; k -= 1) stack.push(parts[k]);
    }
    return [...found];
  }

  /** The reader's own numbers. */
  overlays(id) {
    const { diagram, coloring: { measures } } = this.app;
    const known = measures.filter((measure) => measure.isOverlay).map(({ title, of }) => [title, of(diagram, id)])
      .filter(([, value]) => typeof value === 'number')
      .map(([title, value]) => [title, value.toLocaleString('en', { maximumSignificantDigits: 6 })]);
    return section('Your numbers', facts(known));
  }

  totals() {
    const { totals, origin, attempts } = this.app.diagram.doc;
    const tried = attempts.length
      ? onDemand(`${plural(attempts.length, 'other way')} tried first`, () => el('ul', { class: 'attempts' },
        attempts.map(([name, why]) => el('li', {}, el('strong', {}, name), ` ${why}`))))
      : null;
    return section('Statistics', facts([
      ['Parameters', totals.total_params ? full(totals.total_params) : ''],
      ['Trainable', !totals.total_params ? '' : totals.trainable_params === totals.total_params ? 'all'
        : withShare(full(totals.trainable_params), totals.trainable_params, totals.total_params)],
      ['Unused', totals.unused_params ? full(totals.unused_params) : ''],
      ['Buffers', totals.buffer_elements ? plural(totals.buffer_elements, 'element') : ''],
      ['FLOPs', totals.flops ? `${short(totals.flops)} in a forward pass` : ''],
      ['Activations', totals.activation_bytes ? bytesText(totals.activation_bytes) : ''],
      ['Not counted', totals.uncounted_ops ? `${plural(totals.uncounted_ops, 'operation')}, or not in full` : ''],
      ['Operations', full(totals.ops)],
      ['Modules', full(totals.components)],
      ['Origin', origin],
    ]), tried);
  }

  /** What a box costs; of a fold, what one block costs too. */
  statistics(box, part) {
    const { totals } = this.app.diagram.doc;
    const { params, flops, bytes } = costsOf(box, part);
    const trainable = part.trainable_params || 0;
    const one = box.each || part;
    const isPartly = part.total_params && trainable !== part.total_params;
    const cost = (all, whole, each, say) => (all ? [withShare(say(all), all, whole),
      box.repeat > 1 && each && each !== all ? el('span', { class: 'note under' }, `${say(each)} in each`) : null] : '');
    return section('Statistics', facts([
      ['Parameters', cost(params, totals.total_params, one.total_params, full)
        || (box.kind === 'module' && totals.total_params ? 'none' : '')],
      ['of its own', part.own_params && part.own_params !== part.total_params ? full(part.own_params) : ''],
      ['Trainable', !isPartly ? '' : trainable ? full(trainable) : 'none: frozen'],
      ['Buffers', part.own_buffers ? plural(part.own_buffers, 'element') : ''],
      ['FLOPs', cost(flops, totals.flops, one.flops, short)],
      ['Activations', cost(bytes, totals.activation_bytes, one.activation_bytes, bytesText)],
      ['Calls', part.calls > 1 ? full(part.calls) : ''],
      ['Output', box.kind === 'module' ? outputOf(box.shape, box.dtype) : ''],
    ]));
  }

  operation(op, rename) {
    const settings = Object.entries(op.attributes || {})
      .map(([name, value]) => [codeText(name), codeText(python(value))]);
    const reads = (op.reads || []).map((weight) => [codeText(rename(weight.name)), weight.shape]);
    return section('Operation',
      facts([
        [op.kind === 'op' ? 'Operator' : 'Name', el('code', {}, breakable(op.target))],
        ['Output', outputOf(shapeText(op.shape), op.dtype)],
        ['Code', locationOf(op)],
      ]),
      table(['Argument', 'Value'], settings, 'Arguments of the operation'),
      table(['Weight', 'Shape'], reads, 'Weights that the operation reads'));
  }
}
