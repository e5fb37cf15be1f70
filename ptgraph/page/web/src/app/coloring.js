// What boxes are coloured by, in light or dark; the graph, the legend and all swatches follow.

import { showLegend } from '../render/legend.js';
import { measuresOf } from '../render/colors.js';
import { get } from '../text/dom.js';

export class Coloring {
  constructor(app, colours) {
    Object.assign(this, { app, colours, measures: measuresOf(app.data) });
    [colours.measure] = this.measures;
  }

  setTheme(name) {
    document.documentElement.dataset.theme = name;
    get('theme').setAttribute('aria-label', name === 'dark' ? 'Light colours' : 'Dark colours');
    this.colours.setTheme(name);
    this.colorChips();
    if (this.app.model) this.show();
  }

  colourBy(name) {
    const measure = this.measures.find((m) => m.name === name);
    if (!measure) return;
    this.colours.setMeasure(measure, this.app.model);
    get('colour').value = name;
    this.show();
    this.app.say(`Coloured by ${measure.title}`);
  }

  colourByNext() {
    const at = this.measures.findIndex((m) => m.name === this.colours.measure.name);
    this.colourBy(this.measures[(at + 1) % this.measures.length].name);
  }

  /** Take the range of the measure from another model. */
  measureIn(model) {
    this.colours.setMeasure(this.colours.measure, model);
  }

  /** Draw again what has colours. */
  show() {
    const { app } = this;
    showLegend(get('legend'), this.colours, app.model);
    app.stage.network.redraw();
    if (app.tab === 'pipelines') app.show('pipelines'); // its figures are coloured, too
  }

  /** Colour the swatches and chips; their categories are known only to the data. */
  colorChips(root = document) {
    for (const chip of root.querySelectorAll('[data-category]')) {
      const { fill, border } = this.colours.ofCategory(chip.dataset.category);
      chip.style.backgroundColor = fill;
      chip.style.borderColor = border;
    }
  }
}
