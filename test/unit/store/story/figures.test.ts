/** The figures of the story, with the recording of the page as the fixture. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { firstDivergence } from '../../../../src/engine/experiments/divergence.ts';
import { bandsOf, flushedShare, frameLosses, isScaledOperand } from '../../../../src/engine/inspect/bands.ts';
import type { NumericsFrame } from '../../../../src/engine/inspect/frame.ts';
import type { ErrorReport, RunSummary } from '../../../../src/session/protocol.ts';
import { readRecording } from '../../../../src/store/recording.ts';
import type { StoryArm, StoryArms } from '../../../../src/store/story/figures.ts';
import { row } from '../../numericsRow.ts';

vi.stubGlobal('document', { hidden: false, addEventListener: () => {} });
const figures = await import('../../../../src/store/story/figures.ts');
const { causalVerdict, gradientHistogram, lostByLayer, partingStep, shareCard, storyArms, storyCards } =
  figures;
const { Replay } = await import('../../../../src/store/story/replay.ts');

const json = JSON.parse(
  readFileSync(new URL('../../../../public/recorded-run.json', import.meta.url), 'utf8'),
);
const recording = readRecording(json);
let arms: StoryArms;
beforeAll(() => {
  new Replay(recording).advance(1);
  arms = storyArms();
});
const summaryOf = (run: number) => recording.runs[run]!.summary;

describe('cards', () => {
  test('have the figures of the recorded runs', () => {
    const cards = storyCards(arms);
    expect(cards.map(({ mode }) => mode)).toEqual(['fp32', 'fp16', 'fp16-noscale']);
    for (const [i, card] of cards.entries()) {
      expect(card).toMatchObject({
        ...{ step: 300, batch: 8, skipped: summaryOf(i).skippedSteps, failed: null },
        ...{ loss: recording.runs[i]!.loss[299], valLoss: summaryOf(i).valLoss },
        tokensPerSec: summaryOf(i).tokensPerSec,
      });
      const text = recording.runs[i]!.samples.at(-1)!.text.replace(/\s+/g, ' ').trim();
      expect(text.startsWith(card.sentence!.replace('…', ''))).toBe(true);
    }
    expect(cards.map(({ lossScale }) => lossScale)).toEqual([null, summaryOf(1).lossScale, null]);
  });

  test('say how much is lost: nothing in FP32, little with scaling, most without', () => {
    const [full, scaled, unscaled] = storyCards(arms).map(({ lostShare }) => lostShare!);
    expect(full).toBe(0);
    expect(scaled).toBeLessThan(0.001);
    expect(unscaled).toBeGreaterThan(0.9);
  });

  test('show what a model is writing, and no figures before the first step', () => {
    new Replay(recording);
    const [before] = storyCards(storyArms());
    expect(before).toMatchObject({ step: null, loss: null, lostShare: null, sentence: null });
    const writing = { ...arms.scaled!, writing: 'The  whale\nis' };
    expect(storyCards({ ...arms, scaled: writing })[1]!.sentence).toBe('The whale is');
    new Replay(recording).advance(1);
  });
});

describe('the marker', () => {
  test('is where the runs diverge, and names the gradient of which most is lost', () => {
    const { reference, unscaled } = arms;
    const curve = ({ log }: StoryArm) => ({
      steps: log.columns.step.subarray(0, log.length),
      losses: log.columns.loss.subarray(0, log.length),
    });
    const parting = partingStep(arms)!;
    expect(parting.step).toBe(firstDivergence(curve(reference!), curve(unscaled!)));
    expect(parting.tensor).toMatch(/attn/);
  });

  test('stays where it is while the runs go on', () => {
    const atEnd = partingStep(arms);
    for (const share of [0.2, 0.55, 0.9]) {
      new Replay(recording).advance(share);
      expect(partingStep(storyArms()), `${share} of the run`).toEqual(atEnd);
    }
    new Replay(recording).advance(1);
  });

  test('is further on where f16 with scaling differs from FP32 too, and absent where nothing parts', () => {
    const noisy = shifted(arms.scaled!, (step) => (step > 30 ? 0.3 : 0));
    expect(partingStep({ ...arms, scaled: noisy })!.step).toBeGreaterThan(partingStep(arms)!.step);
    expect(partingStep({ ...arms, unscaled: { ...arms.scaled!, run: arms.unscaled!.run } })).toBeNull();
    expect(partingStep({ ...arms, reference: null })).toBeNull();
  });
});

/** An arm whose losses differ by `by` nats. */
function shifted(arm: StoryArm, by: (step: number) => number): StoryArm {
  const loss = arm.log.columns.loss.map((value, i) => value + by(i + 1));
  return { ...arm, log: { length: arm.log.length, columns: { ...arm.log.columns, loss } } };
}

/** A frame of one block at loss scale 1; each tensor has ten values. */
function frameOf(tensors: readonly { name: string; exponent: number; zeros?: number }[]): NumericsFrame {
  const counts = new Uint32Array(tensors.length * 256);
  for (const [i, { exponent, zeros = 0 }] of tensors.entries()) {
    counts[i * 256] = zeros;
    counts[i * 256 + 127 + exponent] = 10 - zeros;
  }
  const rows = tensors.map(({ name }) => row('activationGradient', name, 'f16', false));
  return { step: 5, scale: 1, rows, counts, noise: [], cost: null };
}

describe('the histogram', () => {
  const frame = frameOf([
    { name: 'h.0.attn gradient', exponent: -30, zeros: 5 },
    { name: 'logits gradient', exponent: -20 },
  ]);

  test('moves with the handle, from the zone that f16 cannot hold to the one that overflows', () => {
    const at = (scale: number) => {
      const { bins, lostShare, overflow } = gradientHistogram(frame, scale);
      return {
        lostShare,
        overflow,
        zones: bins.flatMap(({ share, zone }) => (share > 0 ? [[zone, share]] : [])),
      };
    };
    expect(at(0)).toEqual({
      lostShare: 5 / 15,
      overflow: 0,
      zones: [
        ['flushed', 5 / 15],
        ['subnormal', 10 / 15],
      ],
    });
    expect(at(8)).toEqual({
      lostShare: 0,
      overflow: 0,
      zones: [
        ['subnormal', 5 / 15],
        ['normal', 10 / 15],
      ],
    });
    expect(at(40)).toMatchObject({
      lostShare: 0,
      overflow: 10,
      zones: [
        ['normal', 5 / 15],
        ['overflow', 10 / 15],
      ],
    });
    expect(gradientHistogram(frame, 0).zeroShare).toBe(5 / 20);
    // In f16 without subnormals the red zone reaches to 2^-14.
    expect(gradientHistogram(frame, 0, 'f16-flush').lostShare).toBe(1);
  });

  test('has every value in a bin, and agrees with the what-if of the numerics panel', () => {
    for (const arm of [arms.scaled!, arms.unscaled!]) {
      for (const scale of [0, 5, 16, 24]) {
        const { bins, lostShare } = gradientHistogram(arm.frame!, scale);
        expect(bins.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
        const format = arm === arms.scaled ? 'f16' : 'f16-flush';
        const losses = frameLosses(arm.frame!, scale, bandsOf(format), isScaledOperand);
        expect(lostShare).toBe(flushedShare(losses));
        // Up to the ends of the axis, where outer values are gathered, the zones say the same.
        const flushed = bins.reduce((sum, { share, zone }) => sum + (zone === 'flushed' ? share : 0), 0);
        expect(flushed).toBeCloseTo(lostShare!, 9);
      }
    }
  });

  test('is drawn for each part of the model, and a part without any gradient is no part that lost nothing', () => {
    const parts = lostByLayer(frame, 0);
    expect(parts).toEqual([
      { layer: 0, part: 'attn', title: 'Attention', share: 1, zeroShare: 1 },
      { layer: null, part: 'logits gradient', title: 'Head', share: 0, zeroShare: 0 },
    ]);
    const dead = lostByLayer(frameOf([{ name: 'h.0.mlp.c_fc gradient', exponent: 0, zeros: 10 }]), 0);
    expect(dead).toEqual([{ layer: 0, part: 'mlp', title: 'MLP', share: null, zeroShare: 1 }]);
    const places = lostByLayer(arms.unscaled!.frame!, 0).map(({ layer, part }) => `${layer} ${part}`);
    expect(new Set(places).size).toBe(places.length);
    expect(places).toContain('1 attn');
  });
});

describe('the verdict', () => {
  const ended = (arm: StoryArm, valLoss: number | null, error: ErrorReport | null = null): StoryArm => ({
    ...arm,
    run: {
      ...arm.run,
      ...(error
        ? { stage: 'failed', error, summary: null }
        : { stage: 'ended', error, summary: { ...arm.run.summary, valLoss } as RunSummary }),
    },
  });
  const of = (base: number, scaled: number, unscaled: StoryArm) =>
    causalVerdict({
      reference: ended(arms.reference!, base),
      scaled: ended(arms.scaled!, scaled),
      unscaled,
    })!;

  test('names the cause in the figures of the runs', () => {
    const { kind, text, short } = causalVerdict(arms)!;
    expect(kind).toBe('saved');
    const percent = (100 * storyCards(arms)[2]!.lostShare!).toFixed(1);
    const gap = (summaryOf(2).valLoss! - summaryOf(0).valLoss!).toFixed(3);
    expect(text).toContain(
      `Without loss scaling, ${percent} % of the gradients between layers became 0 at step 300`,
    );
    expect(text).toContain("16 of 28 parameter tensors got none at all, among them attention's queries");
    expect(text).toContain(`The loss ended ${gap} nats above FP32's. Multiplying the loss by 2¹⁷`);
    expect(text).toContain("within 0.001 nats of FP32's.");
    expect(short).toBe(
      `Without loss scaling, ${percent} % of gradients became 0: the loss ended ${gap} nats above FP32's. With the loss multiplied by 2¹⁷, it ended within 0.001 nats of FP32's.`,
    );
  });

  test('is given only when all runs have ended', () => {
    expect(causalVerdict({ ...arms, scaled: null })).toBeNull();
    const training = { stage: 'training', summary: null, error: null } as const;
    const running = { ...arms.scaled!, run: { ...arms.scaled!.run, ...training } };
    expect(causalVerdict({ ...arms, scaled: running })).toBeNull();
  });

  test('says what is true where the figures do not tell that story', () => {
    const { unscaled, scaled } = arms;
    const equal = of(2.5, 2.5, ended(unscaled!, 2.51));
    expect(equal.kind).toBe('equal');
    expect(equal.text).toContain('0.010 nats above');
    expect(of(2.5, 2.5, ended({ ...unscaled!, frame: scaled!.frame }, 3.2))).toMatchObject({
      kind: 'unexplained',
      text: expect.stringContaining('too few to explain it. The loss ended 0.700 nats above'),
    });
    expect(of(2.5, 2.5, ended({ ...unscaled!, frame: null }, 3.2))).toMatchObject({
      kind: 'unexplained',
      text: expect.stringContaining('no gradient was counted, so the cause is not known'),
    });
    expect(of(2.5, 2.9, ended(unscaled!, 3.2))).toMatchObject({
      kind: 'partly',
      text: expect.stringContaining('but the loss still ended 0.400 nats above'),
    });
    const error = { code: 'TOO_MANY_SKIPS', message: 'Ten steps were skipped.', hint: '' } as const;
    expect(of(2.5, 2.5, ended(unscaled!, null, error)).text).toContain('broke down: Ten steps were skipped.');
    expect(of(2.5, 2.5, ended(unscaled!, null)).text).toContain('its loss is not finite');
    const stopped = { ...arms, reference: ended(arms.reference!, null) };
    expect(causalVerdict(stopped)).toMatchObject({ kind: 'stopped' });
  });
});

test('the card that is shared has the figures of the cards, the verdict and a link without settings', () => {
  const card = shareCard(
    arms,
    'Recorded elsewhere',
    'https://example.test/sub/?preset=smoke&autostart=1#train',
  );
  expect(card.url).toBe('https://example.test/sub/#story');
  expect(card.sentence).toBe(causalVerdict(arms)!.short);
  expect(card.text).toContain(card.sentence);
  expect(card.partingStep).toBe(partingStep(arms)!.step);
  expect(card.runs.map(({ figures: [loss] }) => loss)).toEqual(
    [0, 1, 2].map((i) => `loss ${summaryOf(i).valLoss!.toFixed(3)}`),
  );
  for (const [i, { curve }] of card.runs.entries()) {
    expect(curve.length).toBeLessThanOrEqual(200);
    expect(curve[0]).toEqual({ step: 1, loss: recording.runs[i]!.loss[0] });
    expect(curve.at(-1)).toEqual({ step: 300, loss: recording.runs[i]!.loss[299] });
  }
});
