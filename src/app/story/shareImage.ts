/** What the image of the story shows. */
import type { ShareCard, SharedRun } from '../../store/story/figures.ts';
import {
  COLORS,
  type Drawing,
  drawnImage,
  footing,
  heading,
  IMAGE,
  MARGIN,
  type Measure,
  type Text,
  textIn,
} from '../picture/drawing.ts';
import { armOf } from './arms.ts';

/** Reference, saved, broken, in the colours of the page's dark theme; told apart by dashes too. */
const RUNS = [
  { color: '#aab2bf', dash: [] },
  { color: '#86b4ff', dash: [10, 6] },
  { color: '#ff8d82', dash: [3, 5] },
] as const;
const CHART = { left: MARGIN, top: 196, width: 520, height: 300 } as const;
const CARDS = { left: 616, top: 196, width: IMAGE.width - MARGIN - 616, height: 92, gap: 12 } as const;

/** What to draw, in order, and nothing beyond the image's edges. */
export function layOutCard(card: ShareCard, measure: Measure): Drawing[] {
  const text = textIn(measure);
  return [
    ...heading(card.title, card.sentence, measure),
    ...chart(card, text),
    ...card.runs.flatMap((run, i) => runCard(run, i, text)),
    ...footing(card.origin, card.url, measure),
  ];
}

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

function runCard({ mode, figures, sentence }: SharedRun, index: number, text: Text): Drawing[] {
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
    text(x, top + 31, armOf(mode).name, 20, COLORS.text, inner, 600),
    text(x, top + 56, figures.join(' · '), 17, COLORS.text, inner),
    ...(sentence === null ? [] : [text(x, top + 80, `“${sentence}”`, 16, COLORS.muted, inner)]),
  ];
}

/** @throws Error when the browser provides no canvas or cannot encode the image */
export function shareImage(card: ShareCard): Promise<Blob> {
  return drawnImage((measure) => layOutCard(card, measure));
}
