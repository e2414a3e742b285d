/** A model trained on real subgroup matrices beside the same model trained by the plain kernel. */
import { expect } from 'vitest';
import { gptConfig } from '../../src/engine/config/trainConfig.ts';
import { batchAt } from '../../src/engine/data/batches.ts';
import { presetOf, type TrainConfig } from '../../src/engine/index.ts';
import { describeRecipe } from '../../src/engine/precision/description.ts';
import { type FormatId, formatInfo } from '../../src/engine/precision/formats.ts';
import { recipeOf } from '../../src/engine/precision/recipes.ts';
import { modelForward, type Parameters } from '../../src/engine/reference/model.ts';
import { modelBackward } from '../../src/engine/reference/modelBackward.ts';
import {
  datasetFor,
  letters,
  parametersOf,
  referenceBatch,
  relativeError,
  type StepResult,
  stateOf,
  takeSteps,
  withTrainer,
} from '../gpu/training/helper.ts';
import { afterStore } from '../gpu/training/storeBound.ts';
import { matrixDevice } from './matrixUnits.ts';

const STEPS = 40;
const TEXT = letters();
/** Far from overflow, so that the first step is taken. */
const LOSS_SCALE = 2 ** 10;
const KERNEL = 'register32';
const MATRICES = 'f16 8x8x8';
/** Of two losses after {@link STEPS} steps: what 40 steps make of other last digits. */
const FINAL_LOSS = 1e-4;

interface Trained {
  readonly initial: Parameters;
  readonly gradients: Parameters;
  readonly metrics: readonly StepResult[];
  readonly lossScale: number;
  readonly headRows: number;
}

/** @param matrices asks for matrix units, which software adapters do not take by themselves */
async function trained(config: TrainConfig, matrices: boolean): Promise<Trained> {
  const { features, dawn } = await matrixDevice();
  return withTrainer(
    { ...config, kernels: matrices ? 'matrix' : KERNEL },
    async (trainer) => {
      expect(trainer.kernels).toMatchObject(matrices ? { subgroupMatrix: MATRICES } : { matmul: KERNEL });
      const initial = await parametersOf(trainer, 'master');
      const first = await takeSteps(trainer, 1);
      const { scaleUsed: lossScale } = await stateOf(trainer);
      const gradients = await parametersOf(trainer, 'gradient');
      const metrics = [...first, ...(await takeSteps(trainer, STEPS - 1))];
      return { initial, gradients, metrics, lossScale, headRows: trainer.plan.tensors.headRows };
    },
    {
      ...{ text: TEXT, features, dawn },
    },
  );
}

/** How far two runs with the plan of `run` may be apart after their first forward and backward pass, relative. */
function boundOf(config: TrainConfig, { initial, lossScale, headRows }: Trained): number {
  const dataset = datasetFor(config, TEXT);
  const recipe = describeRecipe(recipeOf(config.precision));
  const longestSum = Math.max(4 * config.width, config.batch * config.context);
  let squares = 0;
  let counting = true;
  const model = {
    config: gptConfig(config, dataset.tokenizer.vocabulary),
    recipe,
    onStore: (role: string, values: Float64Array, format: FormatId) => {
      if (!counting || role === 'weight' || role === 'gradient') return;
      squares = afterStore(Math.sqrt(squares), values, format, longestSum);
    },
  };
  const batch = referenceBatch(batchAt(dataset.train, 0, config), config);
  const saved = modelForward(model, initial, batch);
  modelBackward(model, initial, batch, saved, { lossScale, headRows });
  counting = false;
  return Math.sqrt(squares);
}

/** Trains both and compares the first loss, every gradient of the first step and the last loss; prints errors beside bounds. */
export async function compareTraining(title: string, shape: Partial<TrainConfig>): Promise<void> {
  const config: TrainConfig = {
    ...presetOf('smoke').config,
    ...{ precision: 'fp16', lossScale: LOSS_SCALE, evalEvery: 0, sampleLength: 0, steps: STEPS },
    ...shape,
  };
  const [plain, matrices] = [await trained(config, false), await trained(config, true)];
  const bound = boundOf(config, plain);
  const { gradient } = describeRecipe(recipeOf(config.precision)).roles;
  const stored = gradient === 'f32' ? 0 : 2 ** -formatInfo(gradient).mantissaBits;
  const lossAt = (run: Trained, step: number) => run.metrics[step - 1]!.loss!;
  const [first, last] = [1, STEPS].map((step) => Math.abs(lossAt(matrices, step) - lossAt(plain, step)));
  const errors = [...plain.gradients].map(
    ([name, values]) => [name, relativeError(matrices.gradients.get(name)!, values)] as const,
  );
  const worst = errors.reduce((a, b) => (a[1] > b[1] ? a : b));
  console.log(
    `${title}: first loss ${lossAt(plain, 1)}, apart ${first!.toExponential(1)}; ` +
      `gradients apart up to ${worst[1].toExponential(1)} (${worst[0]}), bound ${bound.toExponential(1)}; ` +
      `loss at ${STEPS} ${lossAt(plain, STEPS)} and ${lossAt(matrices, STEPS)}, apart ${last!.toExponential(1)} of ${FINAL_LOSS}`,
  );
  expect(plain.metrics.concat(matrices.metrics).filter(({ skipped }) => skipped)).toEqual([]);
  expect(first! / lossAt(plain, 1)).toBeLessThan(bound);
  for (const [name, error] of errors) expect(error, name).toBeLessThan(bound + stored / 2);
  expect(worst[1], 'the same bits: was it another kernel at all?').toBeGreaterThan(0);
  expect(last!).toBeLessThan(FINAL_LOSS);
}
