/** The kernels to compile: of a preset's training step for each target, or of WGSL files. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import {
  type AdapterReport,
  EngineError,
  type PrecisionMode,
  type StepKernel,
  stepKernels,
  type Target,
  type TrainConfig,
} from '../../src/engine/index.ts';
import type { Kernel } from './rows.ts';
import { targetName } from './targets.ts';

/** Of GPT-2's tokenizer. The kernels do not depend on it, but how many slices the head takes does. */
const VOCABULARY = 50_257;

/** The group of a step's kernels. */
export function groupName(title: string, precision: PrecisionMode): string {
  return `${title} ${precision}`;
}

/** Every variant that a step dispatches on one of the targets, once. */
export async function kernelsOfStep(
  config: TrainConfig,
  targets: readonly Target[],
  limits: AdapterReport['limits'],
): Promise<Kernel[]> {
  const found = new Map<string, StepKernel>();
  const targetsOf = new Map<string, string[]>();
  for (const target of targets) {
    for (const kernel of await stepKernels(target, config, VOCABULARY, limits)) {
      if (!found.has(kernel.key)) found.set(kernel.key, kernel);
      targetsOf.set(kernel.key, [...(targetsOf.get(kernel.key) ?? []), targetName(target)]);
    }
  }
  return [...found.values()].map((kernel) => ({
    ...{ key: kernel.key, kernel: kernel.kernel, code: kernel.code, entryPoint: kernel.entryPoint },
    ...{ dispatches: kernel.dispatches, flops: kernel.flops, bytes: kernel.bytes },
    traits: traitsOf(kernel),
    targets: targetsOf.get(kernel.key)!,
  }));
}

function traitsOf({ slots, conditions, constants }: StepKernel): string[] {
  const pairs = (record: Readonly<Record<string, unknown>>): string[] =>
    Object.entries(record).map(([name, value]) => `${name}=${value}`);
  const set = Object.keys(conditions).filter((name) => conditions[name]);
  return [...set, ...pairs(constants), ...pairs(slots)];
}

/** A kernel for each entry point of a file. @throws EngineError BAD_VALUE where the file cannot be read or has none */
export function kernelsOfFile(path: string): Kernel[] {
  let code: string;
  try {
    code = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new EngineError(
      'BAD_VALUE',
      `--wgsl cannot be read: ${String(cause)}`,
      'Give the path of a WGSL file.',
      {
        cause,
      },
    );
  }
  const kernels = kernelsOfCode(basename(path, '.wgsl'), code);
  if (kernels.length > 0) return kernels;
  throw new EngineError(
    'BAD_VALUE',
    `${path} has no compute entry point.`,
    'Give WGSL with a function marked @compute.',
  );
}

export function kernelsOfCode(name: string, code: string): Kernel[] {
  const entryPoints = [...code.matchAll(/@compute\b[^{;]*?\bfn\s+(\w+)/g)].map(
    ([, entryPoint]) => entryPoint!,
  );
  return entryPoints.map((entryPoint) => {
    const kernel = entryPoints.length > 1 ? `${name}:${entryPoint}` : name;
    return {
      ...{ key: kernel, kernel, traits: [], targets: [], code, entryPoint },
      dispatches: null,
      flops: 0,
      bytes: 0,
    };
  });
}
