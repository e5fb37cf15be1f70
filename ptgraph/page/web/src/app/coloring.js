// The colours of the page: the theme, light or dark, and the measure that boxes are coloured by.

import { showLegend } from '../render/legend.js';
import { measuresOf } from '../render/colors.js';
import { get } from '../text/dom.js';

export class Coloring {
  constructor(app, colors) {
    Object.assign(this, { app, colors, measures: measuresOf(app.data) });
    [colors.measure] = this.measures;
  }

  setTheme(name) {
    document.documentElement.dataset.theme = name;
    get('theme').setAttribute('aria-label', name === 'dark' ? 'Light colours' : 'Dark colours');
    this.colors.setTheme(name);
    this.colorChips();
    if (this.app.diagram) this.show();
  }

  colorBy(name) {
    const measure = this.measures.find((m) => m.name === name);
    if (!measure) return;
    this.colors.setMeasure(measure, this.app.diagram);
    get('colour').value = name;
    this.show();
    this.app.say(`Coloured by ${measure.title}`);
  }

  colorByNext() {
    const at = this.measures.findIndex((m) => m.name === this.colors.measure.name);
    this.colorBy(this.measures[(at + 1) % this.measures.length].name);
  }

  /** Take the range of the measure from *diagram*. */
  measureIn(diagram) {
    this.colors.setMeasure(this.colors.measure, diagram);
  }

  /** Draw the graph, the legend and the figures again. */
  show() {
    const { app } = this;
    showLegend(get('legend'), this.colors, app.diagram);
    app.viewport.network.redraw();
    if (app.tab === 'pipelines') app.showTab('pipelines'); // its figures are coloured, too
  }

  /** Colour the swatches and chips; their categories are known only to the data. */
  colorChips(root = document) {
    for (const chip of root.querySelectorAll('[data-category]')) {
      const { fill, border } = this.colors.ofCategory(chip.dataset.category);
      chip.style.backgroundColor = fill;
      chip.style.borderColor = border;
    }
  }
}
