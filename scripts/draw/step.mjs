/** One training step of mixed f16, with the places where numbers change their format. */
import { drawing, path, rect, text } from './svg.mjs';

const [WIDTH, HEIGHT, BOX, TALL] = [760, 366, 158, 92];
const COLUMNS = [8, 204, 400, 594];
const ROWS = [34, 186];

/** @param format f32 or f16, which is the colour of the box */
function box(column, row, format, [title, ...lines]) {
  const [x, y] = [COLUMNS[column], ROWS[row]];
  const colour = format === 'f32' ? 0 : 1;
  return [
    rect('box', x, y, BOX, TALL, 'rx="8"'),
    rect(`fill-${colour}`, x, y, 6, TALL, 'rx="3"'),
    text('text', x + 18, y + 26, title, 'start', 'font-weight="600"'),
    ...lines.map((words, i) => text('muted', x + 18, y + 49 + 19 * i, words, 'start', 'font-size="13"')),
  ].join('\n');
}

/** An arrow along a path whose last part points to `dx`, `dy`. */
function arrow(d, x, y, dx, dy) {
  const [back, side] = [8, 5];
  const [bx, by] = [x - dx * back, y - dy * back];
  const head = `M${x} ${y}L${bx - dy * side} ${by + dx * side}M${x} ${y}L${bx + dy * side} ${by - dx * side}`;
  return path('line', `${d}${head}`, 'fill="none" stroke-width="1.75" stroke-linecap="round"');
}

export function drawStep() {
  const middle = (row) => ROWS[row] + TALL / 2;
  const right = (column) => COLUMNS[column] + BOX;
  const across = [0, 1, 2].map((column) =>
    arrow(`M${right(column)} ${middle(0)}H${COLUMNS[column + 1]}`, COLUMNS[column + 1], middle(0), 1, 0),
  );
  const back = [3, 2, 1].map((column) =>
    arrow(`M${COLUMNS[column]} ${middle(1)}H${right(column - 1)}`, right(column - 1), middle(1), -1, 0),
  );
  const [loss, master] = [COLUMNS[3] + BOX / 2, COLUMNS[0] + BOX / 2];
  const check = COLUMNS[1] + BOX / 2;
  return drawing(WIDTH, HEIGHT, [
    rect('fill-0', COLUMNS[0], 6, 18, 10, 'rx="3"'),
    text('text', COLUMNS[0] + 26, 16, 'f32', 'start', 'font-size="13"'),
    rect('fill-1', COLUMNS[0] + 66, 6, 18, 10, 'rx="3"'),
    text('text', COLUMNS[0] + 92, 16, 'f16', 'start', 'font-size="13"'),
    box(0, 0, 'f32', ['Master weights', 'the model itself']),
    box(1, 0, 'f16', ['Weights', 'rounded once a step']),
    box(2, 0, 'f16', ['Forward', 'operands in f16,', 'sums in f32']),
    box(3, 0, 'f32', ['Loss', 'softmax in f32']),
    box(3, 1, 'f32', ['Times the scale', 'a power of two:', 'nothing is rounded']),
    box(2, 1, 'f16', ['Backward', 'gradients in f16,', 'sums in f32']),
    box(1, 1, 'f32', ['Check, divide', 'an infinity or NaN?', 'divide by the scale']),
    box(0, 1, 'f32', ['AdamW', 'moments and', 'update in f32']),
    ...across,
    arrow(`M${loss} ${ROWS[0] + TALL}V${ROWS[1]}`, loss, ROWS[1], 0, 1),
    ...back,
    arrow(`M${master} ${ROWS[1]}V${ROWS[0] + TALL}`, master, ROWS[0] + TALL, 0, -1),
    arrow(`M${check} ${ROWS[1] + TALL}V${ROWS[1] + TALL + 34}`, check, ROWS[1] + TALL + 34, 0, 1),
    text('bad', check, ROWS[1] + TALL + 54, 'an infinity or NaN: skip the step, halve the scale', 'middle'),
  ]);
}
