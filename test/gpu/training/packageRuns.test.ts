/** Saved runs through the package's API: they are complete, and refused with a named reason where they do not fit. */
import { expect, test } from 'vitest';
import { reportOf, type TrainConfig, type Trainer } from '../../../src/engine/index.ts';
import { exportModel, openRun, resumeTrainer, saveRun } from '../../../src/package/runs.ts';
import type { DeviceContext } from '../device.ts';
import { datasetFor, letters, parametersOf, takeSteps, withTrainer } from './helper.ts';

const STEPS = 3;
const OTHERS = { precision: 'fp16', steps: 6 } as const satisfies Partial<TrainConfig>;

async function resumed(
  { device, config, dataset }: Trainer,
  { adapter }: DeviceContext,
  file: Blob,
  { steps, text }: { readonly steps?: number; readonly text?: string } = {},
): Promise<Trainer> {
  const own = text === undefined ? dataset : datasetFor(config, text);
  return resumeTrainer(device, reportOf(adapter, device), await openRun(file), own, { steps });
}

test('a run that is saved and resumed matches an uninterrupted run bit by bit', () =>
  withTrainer(OTHERS, async (trainer, context) => {
    await takeSteps(trainer, STEPS);
    const file = await saveRun(trainer);
    const { description, progress } = await openRun(file, 'mine.safetensors');
    expect(description.config).toEqual(trainer.config);
    expect(description.firstLoss).toBe(trainer.firstLoss);
    expect(progress.attempted).toBe(STEPS);
    const again = await resumed(trainer, context, file);
    try {
      expect(again.submittedSteps).toBe(STEPS);
      expect(again.kernels).toEqual(trainer.kernels);
      expect(await takeSteps(again, STEPS)).toEqual(await takeSteps(trainer, STEPS));
      expect(await parametersOf(again, 'master')).toEqual(await parametersOf(trainer, 'master'));
    } finally {
      again.destroy();
    }
  }));

test('settings that do not fit a file are refused before any GPU work', () =>
  withTrainer(OTHERS, async (trainer, context) => {
    await takeSteps(trainer, STEPS);
    const file = await saveRun(trainer);
    await expect(resumed(trainer, context, file, { steps: STEPS - 1 })).rejects.toMatchObject({
      code: 'WRONG_RUN',
      message: expect.stringMatching(/steps is 2.*has taken 3/),
    });
    await expect(resumed(trainer, context, file, { text: `${letters()}0` })).rejects.toMatchObject({
      code: 'WRONG_RUN',
      message: expect.stringContaining('checksum'),
    });
    const cut = openRun(file.slice(0, file.size - 4), 'cut.safetensors');
    await expect(cut).rejects.toMatchObject({
      code: 'BAD_FILE',
      message: expect.stringContaining('cut.safetensors'),
    });
  }));

test('a step during a save would mix two states in a file, so it is refused', () =>
  withTrainer(OTHERS, async (trainer) => {
    await takeSteps(trainer, 1);
    const { device } = trainer;
    const createBuffer = device.createBuffer.bind(device);
    // The first of the buffers for readback.
    device.createBuffer = (descriptor) => {
      device.createBuffer = createBuffer;
      trainer.step();
      return createBuffer(descriptor);
    };
    await expect(saveRun(trainer)).rejects.toMatchObject({
      code: 'SAVE_FAILED',
      message: expect.stringMatching(/at step 1 when saving began.*at step 2/),
    });
    expect((await saveRun(trainer)).size).toBeGreaterThan(0);
  }));

test('an exported model has the master weights, to the bit', () =>
  withTrainer(OTHERS, async (trainer) => {
    await takeSteps(trainer, 1);
    const files = await exportModel(trainer);
    expect(files.map(({ name }) => name).sort()).toEqual(
      ['README.md', 'config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].sort(),
    );
    const weights = files.find(({ name }) => name === 'model.safetensors')!;
    const bytes = Buffer.from(await weights.arrayBuffer());
    const end = 8 + Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.toString('utf8', 8, end));
    const [from, to] = header['transformer.ln_f.weight'].data_offsets;
    const written = new Float32Array(
      bytes.buffer.slice(bytes.byteOffset + end + from, bytes.byteOffset + end + to),
    );
    expect(Float64Array.from(written)).toEqual((await parametersOf(trainer, 'master')).get('ln_f.weight'));
  }));
