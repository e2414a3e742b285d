import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { type Drawing, fitted, IMAGE, plain, wrapped } from '../../../src/app/picture/drawing.ts';
import { ARMS } from '../../../src/app/story/arms.ts';
import { layOutCard, shareImage } from '../../../src/app/story/shareImage.ts';
import type { VariantId } from '../../../src/engine/index.ts';
import type { ShareCard } from '../../../src/store/story/figures.ts';

const run = (mode: VariantId, losses: readonly number[]) => ({
  ...{ mode, figures: ['loss 2.480', '97.9 % of gradients lost'], sentence: 'the whale is' },
  curve: losses.map((loss, i) => ({ step: i + 1, loss })),
});
const CARD: ShareCard = {
  title: 'Half the bits.',
  sentence: 'Without loss scaling, 97.9 % of the gradients between layers became 0.',
  runs: [run('fp32', [4, 3, 2]), run('fp16', [4, 3, 2]), run('fp16-noscale', [4, 3.9, 3.8])],
  steps: 3,
  partingStep: 2,
  origin: 'Trained on 2026-11-30 on a GPU',
  url: 'https://example.test/#story',
  text: '',
};
/** As wide as a font of the size can be. */
const measure = (text: string, font: string) => [...text].length * 0.6 * Number(/(\d+)px/.exec(font)![1]);
const textsOf = (drawings: readonly Drawing[]) =>
  drawings.flatMap((drawing) => (drawing.kind === 'text' ? [drawing.text] : []));

/** Whether a thing is beyond an edge of the image. */
function isOutside(drawing: Drawing): boolean {
  const points =
    drawing.kind === 'line'
      ? drawing.points
      : [
          [drawing.x, drawing.y],
          drawing.kind === 'box'
            ? [drawing.x + drawing.width, drawing.y + drawing.height]
            : [drawing.x + measure(drawing.text, drawing.font), drawing.y],
        ];
  return !points.every(([x, y]) => x! >= 0 && x! <= IMAGE.width && y! >= 0 && y! <= IMAGE.height);
}

test('the image has the title, the verdict, every run with its figures, where it was trained, and the link', () => {
  const drawings = layOutCard(CARD, measure);
  const text = textsOf(drawings).join('\n');
  const { title, origin, url } = CARD;
  for (const part of [title, origin, url, 'they part at step 2', 'Loss over 3 steps'])
    expect(text).toContain(part);
  // By the names that the runs have on the page.
  CARD.runs.forEach(({ figures }, i) => {
    expect(text).toContain(`${ARMS[i]!.name}\n${figures.join(' · ')}`);
  });
  expect(textsOf(drawings).join(' ')).toContain(CARD.sentence);
  expect(drawings.filter(isOutside)).toEqual([]);
  const curves = drawings.filter((drawing) => drawing.kind === 'line' && drawing.points.length === 3);
  expect(curves).toHaveLength(3);
  // Lower losses are drawn lower.
  const ends = curves.map((curve) => (curve.kind === 'line' ? curve.points.at(-1)![1] : 0));
  expect(ends[0]).toBeGreaterThan(ends[2]!);
});

test('hostile names and texts are drawn as text, in their place', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.constantFrom(
      '‮gpj.exe',
      '<script>alert(1)</script>',
      'a\u0000b\nc',
      '\u{1F469}‍\u{1F680}'.repeat(80),
      '',
    ),
  );
  fc.assert(
    fc.property(
      hostile,
      hostile,
      fc.array(fc.double({ min: -1e300, max: 1e300, noNaN: true })),
      (a, b, losses) => {
        const runs = [{ ...run('fp16', losses), figures: [a, b], sentence: b }];
        const drawings = layOutCard({ ...CARD, runs, origin: a, sentence: b }, measure);
        expect(drawings.filter(isOutside)).toEqual([]);
        expect(textsOf(drawings).join('')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
      },
    ),
    { numRuns: 40, seed: 19 },
  );
  expect(textsOf(layOutCard({ ...CARD, origin: '<b>GPU</b>' }, measure))).toContain('<b>GPU</b>');
  expect(plain('a\u202eb\nc')).toBe('a b c');
});

test('texts are cut where they do not fit, and broken between words', () => {
  const width = (text: string) => text.length;
  expect(fitted('abcdef', 6, width)).toBe('abcdef');
  expect(fitted('abcdefg', 6, width)).toBe('abcde…');
  expect(fitted('abc', 0, width)).toBe('…');
  expect(wrapped('one two three four', 9, 2, width)).toEqual(['one two', 'three four']);
  expect(wrapped('one', 2, 2, width)).toEqual(['one']);
});

test('without a canvas, or when it cannot be encoded, the error says so', async () => {
  const canvas = {
    getContext: (): unknown => null,
    toBlob: (done: (blob: Blob | null) => void) => done(null),
  };
  vi.stubGlobal('document', { createElement: () => canvas });
  await expect(shareImage(CARD)).rejects.toThrow('no canvas');
  const context = new Proxy(
    {},
    { get: (_, name) => (name === 'measureText' ? () => ({ width: 1 }) : () => {}), set: () => true },
  );
  canvas.getContext = () => context;
  await expect(shareImage(CARD)).rejects.toThrow('could not be encoded');
  const png = new Blob(['png']);
  canvas.toBlob = (done) => done(png);
  expect(await shareImage(CARD)).toBe(png);
  vi.unstubAllGlobals();
});
