/**
 * Kernel tests in a page, for browsers that Node cannot replace. Built by vite.harness.config.ts; not part of the
 * product.
 */
import {
  createDataset,
  createTrainer,
  type HalfStorage,
  openDevice,
  type PrecisionMode,
  presetOf,
  RunControl,
  runTraining,
} from '../../src/engine/index.ts';
import { type KernelFixture, makeKernelFixture } from '../../test/gpu/kernels/runKernel.ts';
import { checkVariants, type VariantCheck } from '../../test/gpu/kernels/runVariants.ts';
import { runSuite, type SuiteResult } from '../../test/gpu/kernels/suite.ts';
import { pairwiseVariants } from '../../test/gpu/kernels/variants.ts';

export interface TrainResult {
  readonly losses: readonly (number | null)[];
  readonly storage: string | null;
  readonly kernels: Readonly<Record<string, string>>;
  readonly msPerStep: number | null;
  readonly gpuMsPerStep: number | null;
}

/** The functions that tests call in the page. Each call takes minutes on a software GPU. */
export interface Harness {
  /** Features and subgroup size of the device. */
  adapter(): Promise<{ features: readonly string[]; lanes: number | null; name: string }>;
  /** @param needing restricts the variants to those that need this feature */
  variants(needing?: 'shader-f16'): Promise<VariantCheck>;
  /** @param storages of 16-bit floats; by default all that the adapter supports */
  kernels(storages?: readonly HalfStorage[]): Promise<SuiteResult>;
  train(precision: PrecisionMode): Promise<TrainResult>;
  /** Uncaptured GPU errors so far. */
  problems(): readonly string[];
}

declare global {
  interface Window {
    harness: Harness;
  }
}

const problems: string[] = [];
let opened: Promise<KernelFixture> | undefined;

/** One device and one kernel cache for the page, so that `kernels` uses what `variants` compiled. */
function fixture(): Promise<KernelFixture> {
  opened ??= openDevice(navigator.gpu).then(({ device, report }) => {
    device.onuncapturederror = ({ error }) => problems.push(error.message);
    device.lost.then(({ message }) => problems.push(`device lost: ${message}`));
    return makeKernelFixture(device, report);
  });
  return opened;
}

async function train(precision: PrecisionMode): Promise<TrainResult> {
  const { device, report } = await fixture();
  const config = {
    ...presetOf('smoke').config,
    ...{ layers: 1, context: 32, batch: 4, steps: 20, warmup: 2, evalEvery: 0, evalBatches: 1, precision },
  };
  const text = 'the quick brown fox jumps over the lazy dog. '.repeat(60);
  const dataset = createDataset(text, { name: 'fox', tokenizer: 'char', context: config.context });
  const trainer = await createTrainer(device, report, config, dataset);
  const losses: (number | null)[] = [];
  const events = {
    onStep: ({ loss }: { loss: number | null }) => losses.push(loss),
    onEval: () => undefined,
  };
  const { storage, kernels, msPerStep, gpuMsPerStep } = await runTraining(trainer, events, new RunControl());
  trainer.destroy();
  return { losses, storage, kernels, msPerStep, gpuMsPerStep };
}

window.harness = {
  adapter: async () => {
    const { report } = await fixture();
    return { features: report.features, lanes: report.subgroupSize?.min ?? null, name: report.name };
  },
  variants: async (needing) => {
    const here = await fixture();
    const { subgroupSize } = here.report;
    const variants = await pairwiseVariants(subgroupSize ? [null, subgroupSize.min] : [null]);
    if (!needing) return checkVariants(here, variants);
    // The other choices of these kernels run where the feature is missing.
    return checkVariants(
      here,
      variants.filter(({ features }) => features.includes(needing)),
      (choice) => /f16_native|half/.test(choice),
    );
  },
  kernels: async (storages) => runSuite(await fixture(), storages),
  train,
  problems: () => problems,
};
