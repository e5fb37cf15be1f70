// Stretching: the stored places of a scope are for closed parts; where parts are open, a monotone map of each axis makes
// room for them, so that nothing overlaps and what stood in line still does.

/** Return the monotone map that gives each interval {from, to} at least its `size`, and gaps their `gap`-fold. */
function stretch(intervals, gap = 1) {
  if (!intervals.length) return (v) => v * gap;
  const cuts = [...new Set(intervals.flatMap((i) => [i.from, i.to]))].sort((a, b) => a - b);
  const mapped = [cuts[0] * gap];
  const begins = [...intervals].sort((a, b) => a.from - b.from);
  let active = [];
  let next = 0;
  for (let k = 1; k < cuts.length; k += 1) {
    while (next < begins.length && begins[next].from <= cuts[k - 1]) active.push(begins[next++]);
    active = active.filter((i) => i.to > cuts[k - 1]);
    const slope = active.length ? Math.max(...active.map((i) => i.size / (i.to - i.from))) : gap;
    mapped.push(mapped[k - 1] + slope * (cuts[k] - cuts[k - 1]));
  }
  const last = cuts.length - 1;
  return (v) => {
    if (v <= cuts[0]) return mapped[0] + (v - cuts[0]) * gap;
    if (v >= cuts[last]) return mapped[last] + (v - cuts[last]) * gap;
    let [low, high] = [0, last];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (cuts[middle] <= v) low = middle;
      else high = middle;
    }
    return mapped[low] + ((v - cuts[low]) * (mapped[high] - mapped[low])) / (cuts[high] - cuts[low]);
  };
}

/**
 * Give items their `x` and `y`, by where they are stored (`at`), what they need now (`width`, `height`), and the
 * `anchor` of each, from its upper left corner: anchors that stood in line still do. Return the maps of both axes.
 */
export function placeItems(items, flow) {
  const isRight = flow === 'right';
  const halves = (axis, extent) => items.filter((item) => isRight || item.scene).flatMap((item) => {
    const [middle, half] = [item.at[axis], item.at[extent] / 2];
    const least = isRight ? 0 : half;
    return [
      { from: middle - half, to: middle, size: Math.max(item.anchor[axis], least) },
      { from: middle, to: middle + half, size: Math.max(item[extent] - item.anchor[axis], least) },
    ];
  });
  const maps = { x: stretch(halves('x', 'width'), isRight ? 2 : 1), y: stretch(halves('y', 'height')) };
  for (const [axis, extent] of [['x', 'width'], ['y', 'height']]) {
    const map = maps[axis];
    for (const item of items) {
      const [middle, half, before, after] = [item.at[axis], item.at[extent] / 2, item.anchor[axis], item[extent] - item.anchor[axis]];
      const [from, to] = [map(middle - half) + before, map(middle + half) - after]; // within what is its own stretch
      item[axis] = Math.min(Math.max(map(middle), from), Math.max(from, to)) - before + item[extent] / 2;
    }
  }
  return maps;
}
