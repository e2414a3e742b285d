/**
 * Parts of SVG drawings. Every shape has a colour of its own, for readers of the file, and a class, with which the pages
 * of the documentation give it the colour of their theme (build/docs/drawings.css).
 */

const COLOURS = {
  text: 'fill="#57606a"',
  muted: 'fill="#768390"',
  line: 'stroke="#768390"',
  grid: 'stroke="#8b949e" stroke-opacity="0.35"',
  box: 'fill="none" stroke="#768390"',
  zone: 'fill="#d1242f" fill-opacity="0.12"',
  bad: 'fill="#d1242f"',
  'fill-0': 'fill="#316dca"',
  'fill-1': 'fill="#c8641b"',
  'fill-2': 'fill="#2a8a68"',
  'stroke-0': 'stroke="#316dca" fill="none"',
  'stroke-1': 'stroke="#c8641b" fill="none"',
  'stroke-2': 'stroke="#2a8a68" fill="none"',
};

export const round = (value) => Number(value.toFixed(1));

function paint(classes) {
  const attributes = classes.split(' ').map((one) => {
    if (!COLOURS[one]) throw new Error(`no colour is named ${one}`);
    return COLOURS[one];
  });
  return `class="${classes}" ${attributes.join(' ')}`;
}

export function rect(classes, x, y, width, height, more = '') {
  return `<rect ${paint(classes)} x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"${more && ` ${more}`}/>`;
}

export function line(classes, x1, y1, x2, y2, more = '') {
  return `<line ${paint(classes)} x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"${more && ` ${more}`}/>`;
}

export function path(classes, d, more = '') {
  return `<path ${paint(classes)} d="${d}"${more && ` ${more}`}/>`;
}

/** @param anchor start, middle or end */
export function text(classes, x, y, words, anchor = 'start', more = '') {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text ${paint(classes)} x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${more && ` ${more}`}>${escaped}</text>`;
}

/** A power of two as readers write it: 2 and a raised exponent. */
export function power(exponent) {
  const raised = { '-': '⁻', 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶', 7: '⁷', 8: '⁸', 9: '⁹' };
  return `2${[...String(exponent)].map((digit) => raised[digit]).join('')}`;
}

export function drawing(width, height, parts) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="14">
${parts.join('\n')}
</svg>
`;
}
