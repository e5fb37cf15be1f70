// Sizes that the layout and the painter share, and the widths of text, all in pixels at scale 1.

export const HEADER = 28; // the strip of a frame that holds its title
export const PADDING = 18; // between a frame and its parts
const FONT = 'Arial, Arimo, "Liberation Sans", Helvetica, sans-serif';
export const TITLE = `600 13px ${FONT}`;
export const SUBTITLE = `11px ${FONT}`;
export const FRAME_TITLE = `600 12px ${FONT}`;
export const SHAPE = `10px ${FONT}`;
const KNOB = 7.5;

/** Measures and shortens text; measuring is slow, so every answer is kept. */
class TextMetrics {
  constructor() {
    this.context = document.createElement('canvas').getContext('2d');
    this.widths = new Map();
    this.cuts = new Map();
  }

  width(text, font) {
    const key = `${font}\n${text}`;
    if (!this.widths.has(key)) {
      this.context.font = font;
      this.widths.set(key, this.context.measureText(text).width);
    }
    return this.widths.get(key);
  }

  fit(text, font, room) {
    const key = `${font}\n${room}\n${text}`;
    if (!this.cuts.has(key)) this.cuts.set(key, this.cut(printable(text), font, room));
    return this.cuts.get(key);
  }

  cut(text, font, room) {
    if (this.width(text, font) <= room) return text;
    const letters = [...text];
    let [low, high] = [0, letters.length];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.width(`${letters.slice(0, middle).join('')}…`, font) <= room) low = middle;
      else high = middle - 1;
    }
    return `${letters.slice(0, low).join('')}…`;
  }
}

/** Replace what would turn the direction of writing or draw nothing: a name of the model may hold anything. */
export function printable(text) {
  return text.replace(/[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu, '\ufffd');
}

export const textMetrics = new TextMetrics();

/** What a box says, cut to its room, with the widths as drawn. */
export function labelsOf(box, rect) {
  const room = rect.width - (box.sign ? 6 : 16);
  if (box.sign) return { title: box.sign, subtitle: '', room, titleWidth: textMetrics.width(box.sign, TITLE), subtitleWidth: 0 };
  const title = textMetrics.fit(box.title, TITLE, room);
  const subtitle = textMetrics.fit(box.subtitle, SUBTITLE, room);
  return { title, subtitle, room, titleWidth: textMetrics.width(title, TITLE), subtitleWidth: textMetrics.width(subtitle, SUBTITLE) };
}

/** What the head of a frame says: its title and, after it, a note. */
export function headOf(box) {
  const place = box.of && !box.isBlock ? `${box.place + 1} of ${box.of}` : '';
  return { title: box.title, note: [place, box.subtitle].filter(Boolean).join(' · ') };
}

/** The width that the head of a frame needs, without its knobs. */
export function headWidth(box) {
  const { title, note } = headOf(box);
  const wide = textMetrics.width(printable(title), FRAME_TITLE);
  return Math.min(260, wide) + Math.min(240, textMetrics.width(printable(note), SUBTITLE)) + 24;
}

/** The knobs of a box: {name, x, y, radius}. A closed one opens; a frame closes, and a fold goes through its blocks. */
export function knobsOf(box, rect) {
  if (!box.parts.length) return [];
  if (!rect.isFrame) return [{ name: 'open', x: rect.x + rect.width / 2, y: rect.y, radius: KNOB }];
  const names = box.isFold && !box.isBlock ? ['close', 'unfold', ...(box.of ? ['next', 'previous'] : [])] : ['close'];
  const [right, y] = [rect.x + rect.width / 2 - 18, rect.y - rect.height / 2 + HEADER / 2 + 2];
  return names.map((name, k) => ({ name, x: right - 20 * k, y, radius: KNOB }));
}

/** The width that the knobs of a frame need. */
export function knobsWidth(box) {
  return 12 + 20 * (box.isFold && !box.isBlock ? (box.of ? 4 : 2) : 1);
}

/** The widths that a layout asks for: of the `head` and the `knobs` of a frame, by its id, and of a `port`, by its text. */
export function widthsOf(diagram) {
  return {
    head: (id) => {
      const box = diagram.box(id);
      return headWidth(box) + knobsWidth(box) + (box.isFold || diagram.isMember(box.base) ? 24 : 0);
    },
    knobs: (id) => knobsWidth(diagram.box(id)),
    port: (text) => Math.min(200, Math.max(28, Math.round(textMetrics.width(text, SUBTITLE)) + 16)),
  };
}
