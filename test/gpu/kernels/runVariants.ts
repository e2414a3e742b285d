/** Puts shader variants before a device's compiler: the text of all, and whole pipelines of as many as there is time for. */
import { Arena } from '../../../src/engine/gpu/arena.ts';
import { PACKED_PRODUCTS } from '../../../src/engine/gpu/device.ts';
import { tensorsOf } from '../../../src/engine/gpu/operation.ts';
import { Program } from '../../../src/engine/gpu/program.ts';
import type { KernelFixture } from './runKernel.ts';
import { choicesOf, coverOf } from './variantCover.ts';
import type { KnownVariant } from './variants.ts';

export interface VariantRun {
  readonly ran: number;
  /** Names of the variants whose features the device lacks. */
  readonly cannotRun: readonly string[];
  readonly failures: readonly string[];
  readonly seconds: number;
}

/** Waiting for the GPU takes Firefox 100 ms, so several variants share a wait. */
const CHUNK = 16;

/** Compiles and dispatches, on zeroed tensors, every variant whose features the device has. */
export async function runVariants(
  fixture: KernelFixture,
  variants: readonly KnownVariant[],
): Promise<VariantRun> {
  const start = performance.now();
  const { runnable, cannotRun } = split(fixture, variants);
  const failures: string[] = [];
  for (let first = 0; first < runnable.length; first += CHUNK) {
    const chunk = runnable.slice(first, first + CHUNK);
    const problems = await runTogether(fixture, chunk);
    // What only fails in company, or names no kernel, is run again alone.
    if (problems.length > 0) {
      for (const variant of chunk) failures.push(...(await runTogether(fixture, [variant])));
      if (failures.length === 0) failures.push(...problems);
    }
  }
  return {
    ran: runnable.length,
    cannotRun,
    failures,
    seconds: (performance.now() - start) / 1000,
  };
}

export interface VariantCheck extends VariantRun {
  /** Variants whose text the compiler has read. */
  readonly read: number;
}

/**
 * For compilers that take a second a kernel: has them read the variants, which finds what is not WGSL to them, and
 * runs a cover of the variants, which makes them translate each kernel in each format and condition. Of heads it takes the
 * narrowest, since LLVM needs 20 s for the unrolled loops of a wide one, which differ in nothing but their length.
 * @param isCovered choices that the variants which run must have, where others are run on another adapter
 */
export async function checkVariants(
  fixture: KernelFixture,
  variants: readonly KnownVariant[],
  isCovered: (choice: string) => boolean = () => true,
): Promise<VariantCheck> {
  const start = performance.now();
  const { runnable, cannotRun } = split(fixture, variants);
  const unread = await readAll(fixture.device, runnable);
  const { ran, failures } = await runVariants(
    fixture,
    coverOf(runnable.toSorted(byHead), ({ dispatch }) =>
      choicesOf(dispatch).filter((choice) => !choice.includes(HEAD) && isCovered(choice)),
    ),
  );
  return {
    read: runnable.length,
    ran,
    cannotRun,
    failures: [...unread, ...failures],
    seconds: (performance.now() - start) / 1000,
  };
}

/** A language feature belongs to the browser; Dawn in Node, which has no navigator.gpu, has all of them. */
function hasFeature({ features }: GPUDevice, feature: KnownVariant['features'][number]): boolean {
  if (feature !== PACKED_PRODUCTS) return features.has(feature);
  return globalThis.navigator?.gpu?.wgslLanguageFeatures.has(feature) ?? true;
}

const HEAD = ' HEAD4=';

/** Where variants add as much to a cover, the first is taken. */
function byHead(one: KnownVariant, other: KnownVariant): number {
  return widthOf(one) - widthOf(other);
}

function widthOf({ dispatch }: KnownVariant): number {
  return dispatch.variant.constants.HEAD4 ?? 0;
}

function split({ device }: KernelFixture, variants: readonly KnownVariant[]) {
  const canRun = ({ features }: KnownVariant) => features.every((feature) => hasFeature(device, feature));
  return {
    runnable: variants.filter(canRun),
    cannotRun: variants.filter((variant) => !canRun(variant)).map(({ key }) => key),
  };
}

/** Makes the shader modules; what the compiler says of those it refuses. */
async function readAll(device: GPUDevice, variants: readonly KnownVariant[]): Promise<string[]> {
  const problems = await Promise.all(
    variants.map(async ({ key, code }) => {
      device.pushErrorScope('validation');
      device.createShaderModule({ label: key, code });
      const error = await device.popErrorScope();
      return error ? [`${key}: ${error.message}`] : [];
    }),
  );
  return problems.flat();
}

/** What went wrong, with the name of the first variant. */
async function runTogether(
  { device, pipelines }: KernelFixture,
  variants: readonly KnownVariant[],
): Promise<string[]> {
  const problems: string[] = [];
  const dispatches = variants.map(({ dispatch }) => dispatch);
  const name = variants[0]!.key;
  device.pushErrorScope('internal');
  device.pushErrorScope('validation');
  try {
    await pipelines.getAll(dispatches.map(({ variant }) => variant));
    const arena = await Arena.allocate(device, tensorsOf(dispatches));
    const program = await Program.compile(device, pipelines, arena, name, dispatches);
    program.submit(Number.POSITIVE_INFINITY);
    await device.queue.onSubmittedWorkDone();
    program.destroy();
    arena.destroy();
  } catch (error) {
    problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
  for (let scope = 0; scope < 2; scope++) {
    const error = await device.popErrorScope();
    if (error) problems.push(`${name}: ${error.message}`);
  }
  return problems;
}
