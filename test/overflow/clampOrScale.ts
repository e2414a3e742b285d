/** One step with gradients that are too large for f16, and fifty steps after it, for each policy of `--overflow`. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openAdapter } from '../../src/cli/adapter.ts';
import { presetOf } from '../../src/engine/config/presets.ts';
import { createDataset, createTrainer, type TrainConfig, type Trainer } from '../../src/engine/index.ts';

/** Steps before the bad one, and after it. */
const BEFORE = 75;
const AFTER = 50;
const SCALE = 2 ** 10;
/** By how much the gradients of the bad step are larger than those of its batch: many are then beyond f16. */
const JUMP = 2 ** 16;

const ARMS = {
  'no bad step': { overflow: 'skip', precision: 'fp16-static' },
  skip: { overflow: 'skip', precision: 'fp16-static' },
  clamp: { overflow: 'clamp', precision: 'fp16-static' },
  zero: { overflow: 'zero', precision: 'fp16-static' },
  'f32 gradients': { precision: 'fp32' },
} satisfies Record<string, Partial<TrainConfig>>;

/** The bench of docs/choosing.md, which is past its warm-up before the bad step. */
function configOf(arm: Partial<TrainConfig>, clip: number): TrainConfig {
  const scaled = arm.precision === 'fp16-static' ? { lossScale: SCALE } : {};
  return {
    ...presetOf('starter').config,
    ...{ layers: 4, heads: 4, width: 128, context: 64, batch: 12, beta2: 0.99, learningRate: 1e-3 },
    ...{ minLearningRate: 1e-4, tokenizer: 'char', warmup: 50, steps: 500, evalEvery: 0, seed: 1337 },
    ...{ growthInterval: null, clip, ...scaled, ...arm },
  };
}

async function weightsOf(trainer: Trainer): Promise<Float32Array[]> {
  const weights: Float32Array[] = [];
  for (const { parts } of trainer.plan.tensors.parameters.values())
    for (const { master } of parts) {
      const all = new Float32Array(await trainer.read(master.tensor));
      weights.push(all.slice(master.offset, master.offset + master.elements));
    }
  return weights;
}

/** |a - b| / |b| over all weights. */
function moved(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let [difference, norm] = [0, 0];
  for (const [t, values] of b.entries())
    for (const [i, value] of values.entries()) {
      difference += (a[t]![i]! - value) ** 2;
      norm += value ** 2;
    }
  return Math.sqrt(difference / norm);
}

async function take(trainer: Trainer, count: number) {
  for (let step = 0; step < count; step++) {
    await trainer.waitForRoom();
    trainer.step();
  }
  await trainer.drain();
  return trainer.takeMetrics();
}

/** The loss is multiplied by a larger scale than gradients are divided by, as if the batch had such gradients. */
function plant(trainer: Trainer, scale: number, jump: number): void {
  const state = trainer.arena.buffer(trainer.plan.tensors.state);
  trainer.device.queue.writeBuffer(state, 0, new Float32Array([scale * jump, 1 / scale]));
}

async function train(text: string, arm: Partial<TrainConfig>, jump: number, clip: number) {
  const config = configOf(arm, clip);
  const dataset = createDataset(text, { name: 'text', tokenizer: 'char', context: config.context });
  const { device, report } = await openAdapter();
  const trainer = await createTrainer(device, report, config, dataset);
  const scale = config.lossScale ?? 1;
  await take(trainer, BEFORE - 1);
  const first = await weightsOf(trainer);
  await take(trainer, 1);
  const before = await weightsOf(trainer);
  plant(trainer, scale, jump);
  const [bad] = await take(trainer, 1);
  plant(trainer, scale, 1);
  const after = await weightsOf(trainer);
  const losses = (await take(trainer, AFTER)).map(({ loss }) => loss ?? Number.NaN);
  const last = losses.slice(-10);
  device.destroy();
  return {
    adapter: report.name,
    skipped: bad!.skipped,
    usual: moved(before, first),
    moved: moved(after, before),
    highest: Math.max(...losses),
    end: last.reduce((sum, loss) => sum + loss, 0) / last.length,
  };
}

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { data: { type: 'string' } } });
  if (values.data === undefined) throw new Error('a text is missing: give --data FILE');
  const text = readFileSync(values.data, 'utf8');
  const head = [
    'arm',
    'weights moved',
    'by the step before',
    'highest loss after',
    'loss 41 to 50 steps later',
  ];
  process.stdout.write(`| ${head.join(' | ')} |\n| --- | --- | --- | --- | --- |\n`);
  // Clipping of the norm divides a step whose gradients are all too large by as much.
  for (const clip of [1, 0])
    for (const [name, arm] of Object.entries(ARMS)) {
      const planted = name !== 'no bad step';
      const { adapter, skipped, usual, moved, highest, end } = await train(
        text,
        arm,
        planted ? JUMP : 1,
        clip,
      );
      const title = `${name}${skipped ? ' (skipped)' : ''}, --clip ${clip}`;
      const share = (value: number) => `${(100 * value).toPrecision(3)} %`;
      process.stdout.write(
        `| ${[title, share(moved), share(usual), highest.toFixed(4), end.toFixed(4)].join(' | ')} |\n`,
      );
      process.stderr.write(`${adapter}\n`);
    }
}
