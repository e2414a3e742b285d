/** Draws the card of the story as an image, on this device. */
import type { ShareCard, SharedRun } from '../../store/story/figures.ts';

export const IMAGE = { width: 1200, height: 630 } as const;

const MARGIN = 56;
const FAMILY = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const COLORS = { ground: '#10141b', panel: '#1a212c', text: '#f2f5f9', muted: '#a9b4c4', marker: '#ffb454' };
/** Reference, saved, broken, in the colours of the page's dark theme; told apart by dashes too. */
const RUNS = [
  { color: '#aab2bf', dash: [] },
  { color: '#86b4ff', dash: [10, 6] },
  { color: '#ff8d82', dash: [3, 5] },
] as const;
const CHART = { left: MARGIN, top: 196, width: 520, height: 300 } as const;
const CARDS = { left: 616, top: 196, width: IMAGE.width - MARGIN - 616, height: 92, gap: 12 } as const;

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

/** What to draw, in order, and nothing beyond the image's edges. */
export function layOutCard(card: ShareCard, measure: Measure): Drawing[] {
  const text = (
    x: number,
    y: number,
    content: string,
    size: number,
    color: string,
    width: number,
    weight = 400,
  ): Drawing => ({
    ...{ kind: 'text', x, y, color, font: font(size, weight) },
    text: fitted(plain(content), width, (part) => measure(part, font(size, weight))),
  });
  const wide = IMAGE.width - 2 * MARGIN;
  const sentence = card.sentence
    ? wrapped(plain(card.sentence), wide, 2, (part) => measure(part, font(24)))
    : [];
  const titleSize = TITLE_SIZES.find((size) => measure(plain(card.title), font(size, 700)) <= wide) ?? 32;
  return [
    { kind: 'box', x: 0, y: 0, width: IMAGE.width, height: IMAGE.height, color: COLORS.ground },
    text(MARGIN, 84, card.title, titleSize, COLORS.text, wide, 700),
    ...sentence.map((line, i) => text(MARGIN, 128 + 32 * i, line, 24, COLORS.muted, wide)),
    ...chart(card, text),
    ...card.runs.flatMap((run, i) => runCard(run, i, text)),
    text(MARGIN, 566, card.origin, 18, COLORS.muted, wide),
    text(MARGIN, 596, card.url, 20, COLORS.text, wide, 600),
  ];
}

type Text = (
  x: number,
  y: number,
  content: string,
  size: number,
  color: string,
  width: number,
  weight?: number,
) => Drawing;

function chart({ runs, steps, partingStep }: ShareCard, text: Text): Drawing[] {
  const { left, top, width, height } = CHART;
  const losses = runs.flatMap(({ curve }) => curve.map(({ loss }) => loss));
  const box: Drawing = { kind: 'box', x: left, y: top, width, height, color: COLORS.panel };
  if (losses.length === 0 || steps === 0) return [box];
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const inner = { left: left + 20, top: top + 44, width: width - 40, height: height - 64 };
  const x = (step: number) => inner.left + (inner.width * Math.min(step, steps)) / steps;
  const y = (loss: number) => inner.top + (inner.height * (high - loss)) / Math.max(1e-9, high - low);
  const marker: Drawing[] =
    partingStep === null
      ? []
      : [
          {
            ...{ kind: 'line', color: COLORS.marker, width: 2, dash: [6, 4] },
            points: [
              [x(partingStep), inner.top],
              [x(partingStep), inner.top + inner.height],
            ],
          },
          text(
            x(partingStep) + 8,
            inner.top + 14,
            `they part at step ${partingStep}`,
            16,
            COLORS.marker,
            inner.width / 2,
          ),
        ];
  return [
    box,
    text(left + 20, top + 30, `Loss over ${steps} steps`, 18, COLORS.muted, width - 40),
    ...marker,
    ...runs.map(({ curve }, i): Drawing => {
      const { color, dash } = RUNS[i % RUNS.length]!;
      return {
        kind: 'line',
        points: curve.map(({ step, loss }) => [x(step), y(loss)]),
        color,
        width: 3,
        dash,
      };
    }),
  ];
}

function runCard({ title, figures, sentence }: SharedRun, index: number, text: Text): Drawing[] {
  const { left, width, height, gap } = CARDS;
  const top = CARDS.top + index * (height + gap);
  const { color, dash } = RUNS[index % RUNS.length]!;
  const [x, inner] = [left + 60, width - 76];
  return [
    { kind: 'box', x: left, y: top, width, height, color: COLORS.panel },
    {
      ...{ kind: 'line', color, width: 4, dash },
      points: [
        [left + 14, top + 24],
        [left + 46, top + 24],
      ],
    },
    text(x, top + 31, title, 20, COLORS.text, inner, 600),
    text(x, top + 56, figures.join(' · '), 17, COLORS.text, inner),
    ...(sentence === null ? [] : [text(x, top + 80, `“${sentence}”`, 16, COLORS.muted, inner)]),
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

/** @throws Error when the browser provides no canvas or cannot encode the image */
export async function shareImage(card: ShareCard): Promise<Blob> {
  const canvas = document.createElement('canvas');
  canvas.width = IMAGE.width;
  canvas.height = IMAGE.height;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser provides no canvas to draw the image on.');
  const measure: Measure = (text, font) => {
    context.font = font;
    return context.measureText(text).width;
  };
  for (const drawing of layOutCard(card, measure)) draw(context, drawing);
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
