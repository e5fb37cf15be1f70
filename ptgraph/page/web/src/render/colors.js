// The colours of boxes: by category, by a number, by a kind, on light or dark paper.

const THEMES = {
  light: {
    paper: '#ffffff', text: '#1c2430', muted: '#4d5866', line: '#8b97a6', accent: '#0b57b0', tint: 0.35, ink: '#111820',
    low: '#e9f0f8', high: '#0a4a94', negative: '#b4531b', neutral: '#f3f4f6', edge: '#8a94a1',
    status: { added: ['#d8f0dd', '#1d7a3a'], removed: ['#fbdcd9', '#b3261e'], changed: ['#fdeec2', '#946200'], inside: ['#fff9e8', '#a98a3a'], same: ['#f5f6f8', '#8a94a1'] },
  },
  dark: {
    paper: '#14171c', text: '#eef1f5', muted: '#b3bdc9', line: '#77838f', accent: '#7db8ff', tint: 0.3, ink: '#0d1117',
    low: '#1d2733', high: '#8ec4ff', negative: '#f0a36c', neutral: '#22272f', edge: '#75808d',
    status: { added: ['#143823', '#62cf87'], removed: ['#471d1b', '#ff9c92'], changed: ['#42330c', '#f2c555'], inside: ['#2b2617', '#b8a264'], same: ['#20242b', '#75808d'] },
  },
};

export const SIGNS = { added: '+', removed: '−', changed: '~', inside: '·', same: '' };
const HUES = ['#51647d', '#c2660a', '#1f6fab', '#00795a', '#6b4ba3', '#9a7d0a', '#b8432f', '#a83a75'];

/** Mix two colours `#rrggbb`: *share* of the first. */
function mix(a, b, share) {
  const part = (color, k) => parseInt(color.slice(1 + 2 * k, 3 + 2 * k), 16);
  const channel = (k) => Math.round(part(a, k) * share + part(b, k) * (1 - share)).toString(16).padStart(2, '0');
  return `#${[0, 1, 2].map(channel).join('')}`;
}

function luminance(color) {
  const channel = (k) => {
    const v = parseInt(color.slice(1 + 2 * k, 3 + 2 * k), 16) / 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2);
}

function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

/** What boxes can be coloured by: {name, title, unit, of(diagram, id) → number, text, or null}. */
export function measuresOf(data) {
  const own = [
    { name: 'category', title: 'Category' },
    { name: 'params', title: 'Parameters', unit: '', of: (diagram, id) => total(diagram, id, 'params'), isLog: true },
    { name: 'flops', title: 'FLOPs', unit: '', of: (diagram, id) => total(diagram, id, 'flops'), isLog: true },
    { name: 'bytes', title: 'Activation bytes', unit: 'B', of: (diagram, id) => total(diagram, id, 'bytes'), isLog: true },
    { name: 'dtype', title: 'Data type', of: (diagram, id) => diagram.base(diagram.split(id).base).dtype || null },
  ];
  const theirs = data.overlays.map(({ name, values }) => ({
    name: `overlay ${name}`, title: name, unit: '', isOverlay: true, of: (diagram, id) => overlaid(diagram, id, values),
  }));
  const changes = data.comparison ? [{ name: 'changes', title: 'Changes', of: (diagram, id) => diagram.base(diagram.split(id).base).status }] : [];
  return [...changes, ...own, ...theirs];
}

/** A sum that is stored for all blocks of a fold; of one of them, its share. */
function total(diagram, id, what) {
  const box = diagram.base(diagram.split(id).base);
  return box.isFold && diagram.number(id) !== null ? box[what] / box.repeat : box[what];
}

/** The number that a user gave for a box; of a closed fold, the mean of its blocks. */
function overlaid(diagram, id, values) {
  if (diagram.key !== 'model') return null;
  const { base } = diagram.split(id);
  const box = diagram.base(base);
  const get = (name) => (Object.hasOwn(values, name) ? values[name] : null);
  const ofBlock = (at) => {
    const shown = diagram.folds(at).map(({ picked }) => picked);
    const place = shown.some(Boolean) ? diagram.join(base, shown) : base;
    return (box.kind === 'module' ? get(diagram.path(at)) : null) ?? get(place);
  };
  const isOne = !box.isFold || diagram.number(id) !== null || (diagram.opened.has(id) && !diagram.unfolded.has(id));
  if (isOne) return ofBlock(id);
  const all = diagram.blocks(id).map(ofBlock);
  const known = all.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

/** The colours of boxes: by a theme, and by one of the measures. */
export class Colors {
  constructor(styles) {
    this.styles = styles;
    this.measure = { name: 'category' };
    this.setTheme('light');
  }

  setTheme(name) {
    this.name = name;
    this.theme = THEMES[name];
    const ofStyle = (style) => {
      const isDark = name === 'dark';
      const fill = isDark ? mix(style.border, this.theme.paper, 0.28) : style.fill;
      const border = isDark ? mix(style.border, '#ffffff', 0.62) : style.border;
      return this.whole(fill, border, mix(fill, this.theme.paper, this.theme.tint));
    };
    this.palette = Object.fromEntries(Object.entries(this.styles).map(([category, style]) => [category, ofStyle(style)]));
  }

  whole(fill, border, frame) {
    const text = contrast(fill, this.theme.text) >= 7 ? this.theme.text
      : [this.theme.ink, '#ffffff', this.theme.text].sort((a, b) => contrast(fill, b) - contrast(fill, a))[0];
    const muted = contrast(fill, this.theme.muted) >= 4.5 ? this.theme.muted : text;
    return { fill, border, frame, edge: mix(border, this.theme.paper, 0.6), text, muted };
  }

  /** Colour by *measure* from now on; the range is over all boxes of *diagram*. */
  setMeasure(measure, diagram) {
    this.measure = measure;
    this.range = null;
    this.kinds = [];
    if (!measure.of || measure.name === 'changes') return;
    const seen = [];
    for (const id of diagram.ids()) {
      const ids = measure.isOverlay && diagram.base(id).folds ? spots(diagram, id) : [id];
      for (const at of ids) {
        const value = measure.of(diagram, at);
        if (value !== null && value !== '' && value !== undefined && !(measure.isLog && value <= 0)) seen.push(value);
      }
    }
    if (measure.name === 'dtype') this.kinds = [...new Set(seen)].sort();
    else if (seen.length) this.range = seen.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
  }

  /** Where a number stands in its range: from 0 to 1, or from -1 if the range has both signs. */
  level(value) {
    const [low, high] = this.range;
    if (this.measure.isLog) return high > low ? Math.log(value / low) / Math.log(high / low) : 1;
    if (low < 0 && high > 0) return value / Math.max(-low, high);
    return high > low ? (value - low) / (high - low) : 1;
  }

  shade(level) {
    const { low, high, negative } = this.theme;
    const fill = mix(level < 0 ? negative : high, low, Math.abs(level) ** 0.9);
    return this.whole(fill, mix(level < 0 ? negative : high, this.theme.edge, 0.5), this.theme.paper);
  }

  ofCategory(category) {
    return this.palette[category] || this.palette.Other;
  }

  ofKind(kind) {
    const border = HUES[this.kinds.indexOf(kind) % HUES.length];
    const isDark = this.name === 'dark';
    return this.whole(mix(border, this.theme.paper, isDark ? 0.4 : 0.22), isDark ? mix(border, '#ffffff', 0.6) : border, this.theme.paper);
  }

  ofStatus(status) {
    const [fill, border] = this.theme.status[status] || this.theme.status.same;
    return this.whole(fill, border, mix(fill, this.theme.paper, 0.4));
  }

  /** The colours of a box as it shows. */
  of(diagram, id) {
    const box = diagram.base(diagram.split(id).base);
    const { measure } = this;
    if (measure.name === 'category') return this.ofCategory(box.category);
    const value = measure.of(diagram, id);
    if (measure.name === 'changes') return this.ofStatus(value);
    const frame = mix(this.theme.neutral, this.theme.paper, 0.5);
    const unknown = value === null || value === '' || value === undefined;
    if (unknown || (measure.name !== 'dtype' && (!this.range || (measure.isLog && value <= 0)))) {
      return { ...this.whole(this.theme.paper, this.theme.edge, frame), frame };
    }
    return { ...(measure.name === 'dtype' ? this.ofKind(value) : this.shade(this.level(value))), frame };
  }
}

/** The ids of a box in every block of the folds around it. */
function spots(diagram, id) {
  const box = diagram.base(id);
  let found = [[]];
  for (let at = id; at !== null; at = diagram.base(at).parent) {
    const { isFold, repeat } = diagram.base(at);
    if (isFold) found = found.flatMap((rest) => Array.from({ length: repeat }, (_, k) => [k, ...rest]));
  }
  return found.map((numbers) => diagram.join(box.id, numbers));
}
