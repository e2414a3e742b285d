import { EventEmitter } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { formatBytes, formatDuration, formatLoss, formatScale } from '../../src/cli/format.ts';
import { onInterrupt } from '../../src/cli/interrupt.ts';
import { evalLine, numericsLine, sampleLine, stepLine, summaryLine } from '../../src/cli/jsonLines.ts';
import { ProgressLine } from '../../src/cli/progress.ts';
import { planText, progressText, readingNote, summaryText } from '../../src/cli/runText.ts';
import { StepRate } from '../../src/cli/stepRate.ts';
import { show } from '../../src/cli/terminal.ts';
import { showReading } from '../../src/cli/texts.ts';
import { PRESETS } from '../../src/engine/config/presets.ts';
import type { MemoryBytes } from '../../src/engine/core/memoryCategories.ts';
import { MEMORY_CATEGORIES } from '../../src/engine/core/memoryCategories.ts';
import { createDataset } from '../../src/engine/data/dataset.ts';
import { loadGpt2 } from '../../src/engine/data/gpt2.ts';
import type { TokenizerChoice } from '../../src/engine/data/tokenizer.ts';
import type { RunSummary, StepMetrics } from '../../src/engine/train/metrics.ts';

const { config } = PRESETS.smoke;

const metrics: StepMetrics = {
  step: 12,
  loss: 2.5,
  lossScale: 65536,
  skipped: false,
  overflow: null,
  gradNorm: 0.75,
  lr: 1e-3,
  appliedSteps: 11,
  skippedSteps: 1,
  gpuMs: 160.5,
};

const memory = {
  ...Object.fromEntries(MEMORY_CATEGORIES.map((category) => [category, 0])),
  masterWeights: 2 ** 20,
  activationGradients: 2 ** 21,
  total: 3 * 2 ** 20,
} as MemoryBytes;

const summary: RunSummary = {
  adapter: 'a GPU',
  precision: 'fp16',
  storage: 'native',
  params: 1234,
  steps: 300,
  appliedSteps: 299,
  skippedSteps: 1,
  lossScale: 65536,
  firstLoss: 4.4,
  finalLoss: 2.2,
  valLoss: 2.3,
  tokensPerSec: 3000.4,
  startUpMs: 2150,
  msPerStep: 170.25,
  gpuMsPerStep: 160.5,
  gradientsFlushed: null,
  mfu: 0.25,
  memory,
  kernels: { matmul: 'subgroup' },
  changes: [{ step: 21, what: 'adapter', from: 'another', to: 'a GPU' }],
};

test('JSON lines have exactly the documented fields', () => {
  expect(stepLine(metrics)).toBe(
    '{"type":"step","step":12,"loss":2.5,"lossScale":65536,"skipped":false,"gradNorm":0.75,"lr":0.001}\n',
  );
  expect(JSON.parse(stepLine({ ...metrics, logZ: 7.5 }))).toMatchObject({ logZ: 7.5 });
  const stage = { stage: 2, stages: 4, mode: 'i4g6', forced: 0, cost: 0.02 };
  expect(JSON.parse(stepLine({ ...metrics, stage }))).toMatchObject({ stage: 'i4g6', cost: 0.02 });
  const ofBlocks = JSON.parse(
    stepLine({ ...metrics, stage: { mode: 'i6g8 i4g6', cost: 0.03 }, noise: [0.004, 0.05] }),
  );
  expect(ofBlocks).toMatchObject({ levels: ['i6g8', 'i4g6'], noise: [0.004, 0.05], cost: 0.03 });
  expect(ofBlocks).not.toHaveProperty('stage');
  expect(evalLine({ step: 100, valLoss: 2.25 })).toBe('{"type":"eval","step":100,"valLoss":2.25}\n');
  const tensor = {
    name: 'wte.weight',
    kind: 'weight',
    format: 'f16',
    saturated: 0,
    underflow: 0.5,
    amax: 2,
    kurtosis: 3,
    elements: 8,
  } as const;
  const frame = { step: 20, scale: 1024, rows: [], counts: new Uint32Array(), cost: null };
  expect(numericsLine({ ...frame, noise: [{ ...tensor, sqnr: 73.5 }] })).toBe(
    '{"type":"numerics","step":20,"lossScale":1024,"tensors":[{"name":"wte.weight","kind":"weight","format":"f16","sqnrDb":73.5,"saturated":0,"underflow":0.5,"amax":2,"kurtosis":3}],"exponents":[]}\n',
  );
  const updates = [{ name: 'wte.weight', rms: 1.25 }];
  expect(JSON.parse(numericsLine({ ...frame, noise: [], updates }))).toMatchObject({ updates });
  const counts = new Uint32Array(512);
  counts.set([7], 0); // exact zeros
  counts.set([3, 0, 5], 127 - 20);
  counts.set([1], 255);
  counts.set([64], 256);
  const gradient = { kind: 'activationGradient', layer: 1, format: 'f16', afterNarrowing: false } as const;
  const rows = [
    { ...gradient, name: 'h.1.attn gradient' },
    { ...gradient, name: 'logits gradient', layer: null },
  ];
  const known = { kind: 'activationGradient', format: 'f16' };
  expect(JSON.parse(numericsLine({ ...frame, rows, counts, noise: [] })).exponents).toEqual([
    { name: 'h.1.attn gradient', ...known, block: 1, zeros: 7, nonFinite: 1, lowest: -20, counts: [3, 0, 5] },
    { name: 'logits gradient', ...known, block: null, zeros: 64, nonFinite: 0, lowest: null, counts: [] },
  ]);
  expect(sampleLine(75, 'a\n"b')).toBe('{"type":"sample","step":75,"text":"a\\n\\"b"}\n');
  const alignment = [{ name: 'h.0.mlp.c_fc.weight', largest: 0.3, mean: 0.1, aligned: 0 }];
  const longRun = { alignment, atFloor: 0.25 };
  expect(JSON.parse(numericsLine({ ...frame, noise: [], longRun }))).toMatchObject(longRun);
  expect(JSON.parse(summaryLine(summary))).toEqual({ type: 'summary', ...summary });
  expect(summaryLine(summary)).toMatch(/^{"type":"summary","adapter":.*}\n$/);
});

test('numbers that are not finite are null in JSON', () => {
  const line = stepLine({ ...metrics, loss: Number.NaN, gradNorm: Number.POSITIVE_INFINITY });
  expect(JSON.parse(line)).toMatchObject({ loss: null, gradNorm: null });
});

test('numbers are formatted for people', () => {
  expect(formatLoss(1.23456)).toBe('1.2346');
  expect(formatLoss(null)).toBe('not finite');
  expect(formatBytes(3 * 2 ** 19)).toBe('1.5 MiB');
  expect([formatScale(1), formatScale(2 ** 30)]).toEqual(['2^0', '2^30']);
  expect([0, 59.4, 60, 3599, 7500].map(formatDuration)).toEqual([
    '0 s',
    '59 s',
    '1 min 0 s',
    '59 min 59 s',
    '2 h 5 min',
  ]);
});

test('the plan names adapter, text, model, mode and every part of the memory', () => {
  const dataset = createDataset('To be, or not to be. '.repeat(50), {
    name: 'Hamlet',
    tokenizer: 'char',
    context: 64,
  });
  const plan = planText({ adapter: 'a GPU', config, dataset, parameters: 123456, storage: 'packed', memory });
  expect(plan).toContain('a GPU');
  expect(plan).toContain('Hamlet: 945 training and 105 validation tokens, vocabulary 10');
  const filled = planText({
    ...{ adapter: 'a GPU', dataset, parameters: 1, storage: null, memory },
    config: { ...config, vocabulary: 50_257 },
  });
  expect(filled).toContain('vocabulary 10 padded to 50,257, checksum');
  expect(plan).toContain('123,456 parameters: 2 layers, 2 heads, width 64, context 64');
  expect(plan).toContain('300 of 512 tokens (batch 8)');
  expect(plan).toContain('Mixed f16, f16 packed');
  expect(plan).toContain('3.0 MiB: master weights 1.0, activation gradients 2.0');
});

test('a note reports `<|endoftext|>` read as ordinary text, and the option that changes this', async () => {
  await loadGpt2();
  const noteOf = (tokenizer: TokenizerChoice, text = 'To be.<|endoftext|>') =>
    readingNote(createDataset(text.repeat(50), { name: 'Hamlet', tokenizer, context: 16 }));
  expect(noteOf('gpt2')).toBe(
    'Note       the text has <|endoftext|> 50 times, each read as 7 ordinary tokens; --tokenizer gpt2-eot reads it as token 50256, the end of a document',
  );
  expect(noteOf('char')).toContain('each read as 13 ordinary tokens');
  expect([noteOf('gpt2-eot'), noteOf('gpt2', 'To be, or not to be.')]).toEqual([null, null]);
  const dataset = createDataset('To be.<|endoftext|>'.repeat(50), {
    name: 'H',
    tokenizer: 'gpt2',
    context: 16,
  });
  expect(planText({ adapter: '', config, dataset, parameters: 1, storage: null, memory })).toContain(
    noteOf('gpt2'),
  );
  const reading = { ...dataset.reading, endMarks: 0, unlearned: 5 * 2 ** 20 };
  expect(readingNote({ ...dataset, reading })).toBe(
    'Note       pieces of words were learned from the first 8.0 MiB of distinct words; 5.0 MiB of the text, in words beyond these, were not used',
  );
});

test('reading a text for more than a second shows a progress line', () => {
  let now = 0;
  const written: string[] = [];
  const screen = { isTTY: true, columns: 80, write: (text: string) => written.push(text) };
  const show = showReading(new ProgressLine(screen as unknown as NodeJS.WriteStream, () => now), () => now);
  show({ stage: 'reading', bytes: 65_536, size: 50e6 });
  expect(written).toEqual([]);
  for (now = 1000; now < 4000; now += 1000) {
    if (now === 1000) show({ stage: 'reading', bytes: 25e6, size: 50e6 });
    if (now === 2000) show({ stage: 'learning', pairs: 1200, of: 3840 });
    if (now === 3000) show({ stage: 'tokenizing', bytes: 1e6, size: null });
  }
  expect(written.map((text) => text.replace('\r\x1b[K', ''))).toEqual([
    'Reading the text 25.0/50.0 MB',
    'Learning byte pairs 1,200/3,840',
    'Tokenizing the text 1.0 MB',
  ]);
});

test('the progress line has step, loss, tokens/s, scale, skips and ETA', () => {
  expect(progressText(metrics, config, 2)).toBe(
    'step 12/300  loss 2.5000  scale 2^16  skips 1  1,024 tokens/s  ETA 2 min 24 s',
  );
  expect(progressText(metrics, config, null)).toContain('measuring speed');
  const skipped = { ...metrics, loss: null, skipped: true, overflow: 'h.0.mlp.c_fc.weight' };
  expect(progressText(skipped, config, 2)).toMatch(
    /loss not finite .*skipped: h\.0\.mlp\.c_fc\.weight overflowed$/,
  );
});

test('the summary reports the results, and that a run was stopped', () => {
  expect(summaryText(summary, config)).toContain('300 (299 applied, 1 skipped)');
  expect(summaryText(summary, config)).toContain(
    '4.4000 at the first step, 2.2000 at the last, 2.3000 in validation',
  );
  expect(summaryText(summary, config)).toContain(
    '3,000 tokens/s, 170.3 ms per step, 25.0 % of the measured f32 peak',
  );
  expect(summaryText(summary, config)).toContain('Start      2.1 s until the first loss');
  const short = { ...summary, steps: 4, tokensPerSec: null, msPerStep: null, mfu: null };
  expect(summaryText(short, config)).toContain('4 of 300, stopped early');
  expect(summaryText(short, config)).toContain('too few steps to measure');
  expect(summaryText(short, config)).not.toContain('peak');
  expect(summaryText({ ...summary, mfu: null }, config)).toContain(
    'per step, share of the f32 peak unknown, because the peak could not be measured\n',
  );
  expect(summaryText({ ...short, steps: 0 }, config)).toContain('Loss       2.3000 in validation (nats)');
});

describe('the live rate', () => {
  test('leaves out the first five steps, waits for five more, and looks back on the last fifty', () => {
    const rate = new StepRate();
    for (let step = 1; step <= 10; step++) rate.record(step, 1000 * step);
    expect(rate.stepsPerSecond).toBeNull();
    rate.record(11, 8500);
    expect(rate.stepsPerSecond).toBe(2);
    for (let step = 12; step <= 110; step++) rate.record(step, 10_000 + 100 * step);
    expect(rate.stepsPerSecond).toBeCloseTo(10, 9);
  });

  test('of a resumed run is not that of its first steps, whose figures arrive together', () => {
    const rate = new StepRate();
    // Ten steps were left of 300: four figures come at once, then four, then two.
    for (let i = 0; i < 10; i++) {
      rate.record(291 + i, 500 * Math.floor(i / 4) + i / 100);
      expect(rate.stepsPerSecond, `after step ${291 + i}`).toBeNull();
    }
  });
});

/** A screen that records its output, and a clock that tests advance. */
function fakeScreen(isTTY: boolean, columns = 20) {
  const written: string[] = [];
  const clock = { now: 0 };
  const screen = { isTTY, columns, write: (text: string) => written.push(text) };
  return { written, clock, screen, line: new ProgressLine(screen, () => clock.now) };
}

test('on a terminal the progress line is rewritten in place, cut to fit, ten times a second', () => {
  const { written, clock, line } = fakeScreen(true);
  line.update(() => 'step 1');
  clock.now = 99;
  line.update(() => 'left out');
  line.update(() => 'a last line that is longer than the screen', true);
  line.print('an evaluation');
  line.finish();
  line.finish();
  const cut = 'a last line that is';
  expect(written).toEqual(['\r\x1b[Kstep 1', `\r\x1b[K${cut}`, `\r\x1b[Kan evaluation\n${cut}`, '\n']);
});

test('elsewhere a separate line is written every ten seconds', () => {
  const { written, clock, line } = fakeScreen(false);
  line.update(() => 'step 1');
  clock.now = 9_999;
  line.update(() => 'left out');
  line.print('an evaluation');
  clock.now = 10_000;
  line.update(() => 'step 2, however long it is');
  line.finish();
  expect(written).toEqual(['step 1\n', 'an evaluation\n', 'step 2, however long it is\n']);
});

test('the first interrupt stops, an echo of it does nothing, a later one kills', () => {
  const signals = new EventEmitter();
  const calls: string[] = [];
  const clock = { now: 0 };
  onInterrupt(signals, { stop: () => calls.push('stop'), kill: () => calls.push('kill') }, () => clock.now);
  signals.emit('SIGINT');
  clock.now = 5;
  signals.emit('SIGINT'); // npm's copy of the terminal's
  expect(calls).toEqual(['stop']);
  clock.now = 2000;
  signals.emit('SIGINT');
  expect(calls).toEqual(['stop', 'kill']);
});

test('SIGTERM stops like Ctrl-C', () => {
  const signals = new EventEmitter();
  const calls: string[] = [];
  onInterrupt(signals, { stop: () => calls.push('stop'), kill: () => calls.push('kill') });
  signals.emit('SIGTERM');
  expect(calls).toEqual(['stop']);
});

describe('control sequences in names', () => {
  const NAME = 'a\x1b[2J\x07\r\x7f\x9b1m.txt';
  const SEEN = 'a\\u001b[2J\\u0007\\u000d\\u007f\\u009b1m.txt';

  test('are shown as text, and line breaks, tabs and letters are kept', () => {
    const { written, screen } = fakeScreen(false);
    show(`Text\t${NAME}\r\nÜ 漢 🜁\n`, screen);
    expect(written).toEqual([`Text\t${SEEN}\r\nÜ 漢 🜁\n`]);
  });

  test.each([true, false])('are shown as text in progress lines too (terminal: %s)', (isTTY) => {
    const { written, line } = fakeScreen(isTTY, 80);
    line.update(() => NAME);
    line.print(NAME);
    const own = written.join('').replaceAll('\r\x1b[K', '');
    expect(own).toBe(isTTY ? `${SEEN}${SEEN}\n${SEEN}` : `${SEEN}\n${SEEN}\n`);
  });

  test('keep their value in JSON lines', () => {
    const { written, screen } = fakeScreen(false);
    show(summaryLine({ ...summary, adapter: NAME }), screen);
    expect(written.join('')).toMatch(/^[^\p{Cc}]*\n$/u);
    expect(JSON.parse(written.join(''))).toEqual({ type: 'summary', ...summary, adapter: NAME });
  });

  test('cannot be written by any code outside the two files that escape them', () => {
    const folder = fileURLToPath(new URL('../../src/cli', import.meta.url));
    const writing = readdirSync(folder).filter((file) =>
      /\.write\(|console\./.test(readFileSync(join(folder, file), 'utf8')),
    );
    expect(writing).toEqual(['progress.ts', 'terminal.ts']);
  });
});
