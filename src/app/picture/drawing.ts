/** Pictures to share, drawn on this device: what is on one is data, and nothing of it is sent anywhere. */

export const IMAGE = { width: 1200, height: 630 } as const;
export const MARGIN = 56;
const FAMILY = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
export const COLORS = {
  ground: '#10141b',
  panel: '#1a212c',
  text: '#f2f5f9',
  muted: '#a9b4c4',
  marker: '#ffb454',
} as const;
/** Fonts differ in width by a fifth. */
const TITLE_SIZES = [46, 42, 38, 34];

/** A thing to draw. Positions are of the left end of a text's baseline, in pixels of the image. */
export type Drawing =
  | {
      readonly kind: 'box';
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly color: string;
    }
  | {
      readonly kind: 'text';
      readonly x: number;
      readonly y: number;
      readonly text: string;
      readonly font: string;
      readonly color: string;
    }
  | {
      readonly kind: 'line';
      readonly points: readonly (readonly [number, number])[];
      readonly color: string;
      readonly width: number;
      readonly dash: readonly number[];
    };

/** Width of a text in pixels in a CSS font. */
export type Measure = (text: string, font: string) => number;

const font = (size: number, weight = 400) => `${weight} ${size}px ${FAMILY}`;

/** Makes a text that is cut where it would be wider than `width`. */
export type Text = (
  x: number,
  y: number,
  content: string,
  size: number,
  color: string,
  width: number,
  weight?: number,
) => Drawing;

export function textIn(measure: Measure): Text {
  return (x, y, content, size, color, width, weight = 400) => ({
    ...{ kind: 'text', x, y, color, font: font(size, weight) },
    text: fitted(plain(content), width, (part) => measure(part, font(size, weight))),
  });
}

/** The ground, and the title with a sentence of at most two lines below it. */
export function heading(title: string, sentence: string | null, measure: Measure): Drawing[] {
  const text = textIn(measure);
  const wide = IMAGE.width - 2 * MARGIN;
  const lines = sentence ? wrapped(plain(sentence), wide, 2, (part) => measure(part, font(24))) : [];
  const size = TITLE_SIZES.find((one) => measure(plain(title), font(one, 700)) <= wide) ?? 32;
  return [
    { kind: 'box', x: 0, y: 0, width: IMAGE.width, height: IMAGE.height, color: COLORS.ground },
    text(MARGIN, 84, title, size, COLORS.text, wide, 700),
    ...lines.map((line, i) => text(MARGIN, 128 + 32 * i, line, 24, COLORS.muted, wide)),
  ];
}

/** Where the figures come from, and where to find more. */
export function footing(origin: string, url: string, measure: Measure): Drawing[] {
  const text = textIn(measure);
  const wide = IMAGE.width - 2 * MARGIN;
  return [
    text(MARGIN, 566, origin, 18, COLORS.muted, wide),
    text(MARGIN, 596, url, 20, COLORS.text, wide, 600),
  ];
}

/** Without characters that are no text of their own: controls, and marks that turn the direction of what follows. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}

/** The beginning of a text that fits, with an ellipsis where it was cut. */
export function fitted(text: string, width: number, measure: (text: string) => number): string {
  if (measure(text) <= width) return text;
  const characters = [...text];
  let [fits, tooLong] = [0, characters.length];
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (measure(`${characters.slice(0, middle).join('')}…`) <= width) fits = middle;
    else tooLong = middle;
  }
  return `${characters.slice(0, fits).join('').trimEnd()}…`;
}

/** A text in at most `most` lines; the last one takes the rest, to be cut where it does not fit. */
export function wrapped(
  text: string,
  width: number,
  most: number,
  measure: (text: string) => number,
): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line === undefined) lines.push(word);
    else if (lines.length === most || measure(`${line} ${word}`) <= width)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/**
 * Draws a picture as a PNG.
 * @throws Error when the browser provides no canvas or cannot encode the image
 */
export async function drawnImage(layOut: (measure: Measure) => readonly Drawing[]): Promise<Blob> {
  const canvas = document.createElement('canvas');
  canvas.width = IMAGE.width;
  canvas.height = IMAGE.height;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser provides no canvas to draw the image on.');
  const measure: Measure = (text, font) => {
    context.font = font;
    return context.measureText(text).width;
  };
  for (const drawing of layOut(measure)) draw(context, drawing);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('The image could not be encoded.'))),
      'image/png',
    );
  });
}

function draw(context: CanvasRenderingContext2D, drawing: Drawing): void {
  switch (drawing.kind) {
    case 'box':
      context.fillStyle = drawing.color;
      context.fillRect(drawing.x, drawing.y, drawing.width, drawing.height);
      break;
    case 'text':
      context.font = drawing.font;
      context.fillStyle = drawing.color;
      context.fillText(drawing.text, drawing.x, drawing.y);
      break;
    case 'line':
      context.strokeStyle = drawing.color;
      context.lineWidth = drawing.width;
      context.lineJoin = 'round';
      context.setLineDash([...drawing.dash]);
      context.beginPath();
      for (const [x, y] of drawing.points) context.lineTo(x, y);
      context.stroke();
      break;
  }
}
