// Search in all diagrams: by the names of boxes, their paths, classes, operators, shapes, settings and parameters.

import { TextIndex, fitsPattern, plainly } from './text_index.js';
import { pathsOf } from '../model/module_paths.js';

const RESULTS_FOUND = 500; // that are made at all
const sizes = (value) => (Array.isArray(value) ? value.join('×') : String(value));

/** Settings as they are searched: `kernel_size=3×3`. */
function settingTexts(settings) {
  const isSaid = (value) => value !== null && typeof value !== 'boolean' && !(Array.isArray(value) && value.length > 8);
  return Object.entries(settings).filter(([, value]) => isSaid(value))
    .map(([name, value]) => `${name}=${sizes(value)}`);
}

/** What an ONNX file says, as it is searched. */
function fileTexts(found = {}) {
  const { metadata = {}, opsets = {}, outputs = [], ...said } = found;
  return [...Object.entries({ ...metadata, ...opsets }).map((pair) => pair.join('=')), ...outputs, ...Object.values(said)].join('\n');
}

/** Finds boxes; all words must occur. `layers.*.q_proj` is a pattern, `layers.17.mlp` goes into a fold. */
export class Search {
  constructor(app) {
    Object.assign(this, { app, places: null, texts: null, total: 0 });
  }

  /** Note what there is to find; once, when it is first asked for. */
  index() {
    const { documents = {} } = this.app.texts();
    this.texts = new TextIndex();
    this.places = [];
    for (const diagram of this.app.diagrams.values()) {
      const words = { components: {}, ops: {}, ...documents[diagram.key] };
      for (const id of diagram.ids()) this.add(diagram, id, words);
      if ((words.components[''] || {}).said) this.add(diagram, diagram.root, words);
    }
  }

  add(diagram, id, { components, ops }) {
    const { plain } = diagram;
    const box = diagram.doc.boxes[id];
    const { title, kind = plain.kind, component = '', op = ops[id] ? id : null, category = plain.category } = box;
    const isModule = kind === 'module';
    const part = isModule ? components[component] : undefined;
    const path = isModule ? component : component ? `${component}.${title}` : title;
    const rest = [box.subtitle, category, box.shape, box.dtype];
    let names;
    let blocks = []; // the operations of equal blocks that this one stands for, as an ONNX file names them
    if (part) {
      rest.push(part.type);
      rest.push(...settingTexts(part.settings || {}), fileTexts(part.said));
      names = (part.parameters || []).map((p) => `${path}.${p.name}`);
      for (const p of part.parameters || []) rest.push(`${path}.${p.name} ${p.shape} ${p.dtype}`, fileTexts(p.said));
    }
    if (op !== null && ops[op]) {
      const { target, attributes, reads, said, others } = ops[op];
      rest.push(target, fileTexts(said));
      blocks = Object.entries(others || {}).map(([numbers, other]) => ({ numbers, text: plainly(fileTexts(other)) }));
      for (const { text } of blocks) rest.push(text);
      if (attributes) rest.push(...settingTexts(attributes));
      if (reads) for (const weight of reads) rest.push(`${weight.name} ${weight.shape}`);
    }
    this.places.push({ diagram, id, isModule, names: names && names.length ? names.map(plainly) : undefined, blocks });
    this.texts.add(title, path, rest.filter(Boolean).join('\n'));
  }

  /** Return the best entries for what was typed: {id, key, box, path, title, note, picks}; `total` counts all. */
  find(typed) {
    const words = plainly(typed).replace(/(\d)x(?=\d)/g, '$1×').split(/\s+/).filter(Boolean);
    this.total = 0;
    if (!words.length) return [];
    if (this.places === null) this.index();
    const inFold = words.length === 1 ? this.inFolds(typed.trim()) : [];
    const seen = new Set(inFold.map(({ k }) => k));
    const others = this.ranked(this.match(words), words[0], seen);
    this.total += inFold.length;
    return [...inFold, ...others.map((k) => ({ k, ...this.blockOf(k, words) }))].slice(0, RESULTS_FOUND).map((found) => this.entry(found));
  }

  /** The block that the words are of, where they are in none of what is stored of the first. */
  blockOf(k, words) {
    const { diagram, id, blocks } = this.places[k];
    const found = blocks.find(({ text }) => words.every((word) => text.includes(word)));
    if (!found || words.every((word) => plainly(fileTexts(diagram.op(id).said)).includes(word))) return {};
    const numbers = found.numbers.split('.');
    return { picks: diagram.folds(id).map((fold, at) => [diagram.split(fold.id).base, Number(numbers[at])]) };
  }

  /** Return for each place where the first word is in it, or -1 where any word is not. */
  match(words) {
    const [first, ...others] = words.map((word) => this.places && this.test(word));
    for (const other of others) for (let k = 0; k < first.length; k += 1) if (other[k] < 0) first[k] = -1;
    return first;
  }

  test(word) {
    if (!/[*?]/.test(word)) return this.texts.find(word);
    const pieces = word.split(/[*?]+/).filter(Boolean); // all must occur: the fast way to leave out most
    const found = pieces.length ? this.match(pieces) : new Int32Array(this.places.length);
    const pattern = `*${word}`;
    for (let k = 0; k < found.length; k += 1) {
      const { names = [] } = this.places[k];
      const fits = (text) => fitsPattern(pattern, text);
      if (found[k] >= 0 && !fits(this.texts.pathOf(k)) && !names.some(fits)) found[k] = -1;
    }
    return found;
  }

  /** The best first: by how the word fits, the diagram that shows before others, modules before operations. */
  ranked(found, word, seen) {
    const rows = Array.from({ length: 20 }, () => []);
    for (let k = 0; k < found.length; k += 1) {
      if (found[k] < 0 || seen.has(k)) continue;
      this.total += 1;
      const { diagram, isModule } = this.places[k];
      const among = (diagram === this.app.diagram ? 0 : 2) + (isModule ? 0 : 1);
      const row = rows[4 * this.texts.rank(k, found[k], word.length) + among];
      if (row.length < RESULTS_FOUND) row.push(k);
    }
    return rows.flat().slice(0, RESULTS_FOUND);
  }

  entry({ k, picks, path, title }) {
    const { diagram, id } = this.places[k];
    const box = diagram.base(id);
    const { component, kind, shape } = box;
    const subtitle = title && box.one !== null ? box.one : box.subtitle;
    const own = kind === 'module' ? component : [component, box.title].filter(Boolean).join('.');
    const place = diagram.key === 'model' ? '' : diagram.title;
    const note = [place, subtitle, shape].filter(Boolean).join(' · ');
    return { id, key: diagram.key, box, path: path || own, title: title || box.title, note, ...(picks ? { picks } : {}) };
  }

  /** What a path with the number of a folded block leads to, that block picked. */
  inFolds(typed) {
    const found = [];
    for (const diagram of this.app.diagrams.values()) {
      for (const { written, first, path, picks } of pathsOf(diagram).readings(typed)) {
        const rest = plainly(written.slice(first.length));
        const at = this.test(plainly(rest === '.' ? `${first}.` : written));
        const low = plainly(first);
        const named = [];
        for (let k = 0; k < at.length; k += 1) {
          if (at[k] < 0 || this.places[k].diagram !== diagram) continue;
          const own = this.texts.pathOf(k);
          if (own !== low && !own.startsWith(`${low}.`)) continue;
          const box = diagram.base(this.places[k].id);
          const isNamed = own === low && (box.isFold || diagram.isMember(box.id));
          const name = isNamed ? { title: diagram.relative(path, box.parent) } : {};
          named.push({ k, picks, path: path + this.entry({ k }).path.slice(first.length), ...name });
        }
        found.push(...named.sort((a, b) => a.path.length - b.path.length));
      }
    }
    return found;
  }
}
