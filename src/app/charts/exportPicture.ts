/** Exports a chart as an image with its title and legend, in the colours of the theme. */

export interface PictureLegend {
  readonly text: string;
  readonly color: string;
  readonly dash: string | undefined;
}

interface Picture {
  readonly title: string;
  readonly xLabel: string;
  readonly legend: readonly PictureLegend[];
}

const SVG = 'http://www.w3.org/2000/svg';
const PADDING = 16;
const LINE = 20;
/** For high-resolution screens and slides. */
const SCALE = 2;

/** Style properties that come from style sheets and tokens, which an image does not have. */
const COPIED = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-opacity',
  'stroke-width',
  'stroke-dasharray',
  'font-family',
  'font-size',
  'font-weight',
  'text-anchor',
] as const;

/** @param drawn the chart's svg element in the page, whose computed colours are used */
export function chartSvg(drawn: SVGSVGElement, picture: Picture): Blob {
  return new Blob([textOf(compose(drawn, picture).svg)], { type: 'image/svg+xml' });
}

/** @param drawn as for {@link chartSvg} */
export async function chartPng(drawn: SVGSVGElement, picture: Picture): Promise<Blob> {
  const { svg, width, height } = compose(drawn, picture);
  const image = new Image();
  // A data URL needs no clean-up, and it leaves the canvas readable in every browser.
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(textOf(svg))}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser provides no canvas to draw the image on.');
  context.scale(SCALE, SCALE);
  context.drawImage(image, 0, 0, width, height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The image could not be encoded.'))));
  });
}

function textOf(svg: SVGElement): string {
  return new XMLSerializer().serializeToString(svg);
}

function compose(drawn: SVGSVGElement, { title, xLabel, legend }: Picture) {
  const page = getComputedStyle(drawn);
  const token = (name: string) => resolveColor(drawn, `var(${name})`);
  const text = (content: string, x: number, y: number, attributes: Record<string, string> = {}) => {
    const node = make('text', { x, y, fill: token('--text'), 'font-size': 13, ...attributes });
    node.textContent = content;
    return node;
  };
  const head = PADDING + LINE * (legend.length + 1);
  const width = drawn.clientWidth + 2 * PADDING;
  const height = head + drawn.clientHeight + LINE + PADDING;
  const svg = make('svg', { xmlns: SVG, width, height, 'font-family': page.fontFamily });
  svg.append(make('rect', { width, height, fill: token('--surface') }));
  svg.append(text(title, PADDING, PADDING + 12, { 'font-size': '15', 'font-weight': '650' }));
  for (const [i, { text: name, color, dash }] of legend.entries()) {
    const y = PADDING + LINE * (i + 1) + 10;
    svg.append(
      make('line', {
        x1: PADDING,
        x2: PADDING + 26,
        y1: y,
        y2: y,
        stroke: resolveColor(drawn, color),
        'stroke-width': 2,
        'stroke-dasharray': dash ?? 'none',
      }),
      text(name, PADDING + 34, y + 4),
    );
  }
  const chart = make('svg', { x: PADDING, y: head, width: drawn.clientWidth, height: drawn.clientHeight });
  chart.append(...[...drawn.childNodes].map(withComputedStyle));
  svg.append(
    chart,
    text(xLabel, width - PADDING, head + drawn.clientHeight + 12, {
      'text-anchor': 'end',
      fill: token('--muted'),
    }),
  );
  return { svg, width, height };
}

function make(name: string, attributes: Record<string, string | number>): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}

function withComputedStyle(node: Node): Node {
  const copy = node.cloneNode(false);
  if (node instanceof SVGElement && copy instanceof SVGElement) {
    const style = getComputedStyle(node);
    for (const property of COPIED) copy.setAttribute(property, style.getPropertyValue(property));
  }
  for (const child of node.childNodes) copy.appendChild(withComputedStyle(child));
  return copy;
}

/** Resolves a colour token in the current theme. */
function resolveColor(near: Element, color: string): string {
  const probe = document.createElement('span');
  probe.style.color = color;
  near.parentElement?.append(probe);
  const { color: resolved } = getComputedStyle(probe);
  probe.remove();
  return resolved;
}
