// Stored lines: by which way an edge runs past other boxes. Each layout has the corners of its lines that are not straight;
// they are stretched with its boxes, and an edge through open boxes follows those of every scene that it is in.

const BESIDE = 12; // from the side of a box to where a line turns to its middle

/** Return the lines of a scope by what they join, `source>target`: parts by their ids, `@` and a value from outside. */
export function storedLines(stored, layout, parts, maps, flow) {
  const names = new Map(Object.entries(stored.entries || {}).map(([value, number]) => [number, value]));
  const found = new Map();
  for (const [source, target, ...numbers] of layout.lines || []) {
    const points = [];
    for (let k = 0; k < numbers.length; k += 2) {
      const [x, y] = flow === 'down' ? [numbers[k], numbers[k + 1]] : [numbers[k + 1], numbers[k]];
      points.push({ x: maps.x(x), y: maps.y(y) });
    }
    const to = target < 0 ? '' : parts[target].base;
    found.set(`${source < 0 ? `@${names.get(-1 - source)}` : parts[source].base}>${to}`, points);
    if (source < 0 && !found.has(`@>${to}`)) found.set(`@>${to}`, points); // of what the block before gives
  }
  return found;
}

/**
 * Return the stored lines that an edge follows, from its source to its target, in the coordinates of its scene: the corners
 * of each, with where it comes in from outside, and where it goes out. The last has its end, if that is at the side of a
 * sign. Those in a U are left out: see `linesInU`.
 */
export function linesAlong(scene, { from, to, leaf }) {
  const found = [];
  const add = ({ scene: at, dx, dy }, keys, begin, end) => {
    const line = !at.isU && at.lines && keys.map((key) => at.lines.get(key)).find(Boolean);
    if (line) found.push(line.slice(begin, end).map(({ x, y }) => ({ x: x + dx, y: y + dy })));
  };
  const ids = ({ item }) => item.base;
  const into = (step) => add(step, [`@${leaf}>${ids(step)}`, `@>${ids(step)}`], 0);
  const out = (step) => add(step, [`${ids(step)}>`], 1);
  const up = from.port ? [] : [...from.trail].reverse();
  const down = to.port ? [] : to.trail;
  up.slice(0, -1).forEach(out);
  if (from.port) into(down[0]);
  else if (to.port) out(up[up.length - 1]);
  else add({ scene, dx: 0, dy: 0 }, [`${ids(from.trail[0])}>${ids(to.trail[0])}`], 1);
  down.slice(1).forEach(into);
  return found;
}

/**
 * Return the lines of an edge in U scenes, which are complete, as {whole} or as {out, into}: from its source to the border
 * of the scene, and from the border to its target. Each is null where the edge has none. Both ends are moved onto the sides
 * of the boxes.
 */
export function linesInU(scene, { from, to, leaf }) {
  const ends = [from, to].map((end) => (end.port ? null : end.trail[end.trail.length - 1]));
  const [source, target] = ends.map((step) => (step && step.scene.isU ? step : null));
  const find = ({ scene: at, dx, dy }, keys) => {
    const line = keys.map((key) => at.lines.get(key)).find(Boolean);
    return line ? line.map(({ x, y }) => ({ x: x + dx, y: y + dy })) : null;
  };
  if (source && target && scene.isU) {
    const whole = find(source, [`${source.item.base}>${target.item.base}`]);
    return { whole: whole && toSide(toSide(whole, source.rect).reverse(), target.rect).reverse(), out: null, into: null };
  }
  const out = source && find(source, [`${source.item.base}>`]);
  const into = target && find(target, [`@${leaf}>${target.item.base}`, `@>${target.item.base}`]);
  return { whole: null, out: out && toSide(out, source.rect), into: into && toSide(into.reverse(), target.rect).reverse() };
}

/** Return a line with its first point on a side of the box that it begins at, from where it leads straight on. */
function toSide(line, box) {
  const [first, second] = line;
  const [axis, extent, other, across] = Math.abs(first.y - second.y) < 0.5 ? ['x', 'width', 'y', 'height'] : ['y', 'height', 'x', 'width'];
  const way = Math.sign(second[axis] - first[axis]);
  const start = { ...first, [axis]: box[axis] + (way * box[extent]) / 2 };
  if (Math.abs(first[other] - box[other]) <= box[across] / 2) return [start, ...line.slice(1)];
  const beside = { ...start, [axis]: start[axis] + way * BESIDE }; // the box is smaller now than where it was laid out
  return [{ ...start, [other]: box[other] }, { ...beside, [other]: box[other] }, beside, ...line.slice(1)];
}
