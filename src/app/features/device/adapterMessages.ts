/** Sentences about how the adapter computes and stores the run. */
import {
  ATTENTION_TITLES,
  MATMUL_TITLES,
  NOT_USED,
  type PrecisionMode,
  recipeOf,
  storesHalves,
  type TrainConfig,
} from '../../../engine/index.ts';
import type { AdapterReport, HalfStorage, RunFacts } from '../../../session/protocol.ts';

/** Says which kernels compute a run: "Matmuls use tiles in shared memory; attention takes several keys at a time." */
export function kernelSentence({
  matmul = '',
  attention,
  subgroupMatrix,
  note,
}: RunFacts['kernels']): string {
  const matrices =
    subgroupMatrix === undefined
      ? ''
      : subgroupMatrix.startsWith(NOT_USED)
        ? ` Matrix units are ${subgroupMatrix}.`
        : ` Matrix units multiply where they fit (${subgroupMatrix}).`;
  const families = [
    `Matmuls use ${nameIn(MATMUL_TITLES, matmul)}`,
    ...(attention === undefined ? [] : [`attention takes ${nameIn(ATTENTION_TITLES, attention)}`]),
  ];
  return `${families.join('; ')}.${matrices}${note === undefined ? '' : ` ${note}.`}`;
}

function nameIn(titles: Readonly<Record<string, string>>, name: string): string {
  return titles[name] ?? name;
}

export function usesHalf(mode: PrecisionMode): boolean {
  return storesHalves(recipeOf(mode));
}

/**
 * How 16-bit floats are stored, and why. `storage` is what the run reports; before a run, the adapter and the setting
 * decide.
 */
export function storageSentence(
  adapter: AdapterReport,
  config: Pick<TrainConfig, 'precision' | 'half'>,
  storage: HalfStorage | null | undefined,
): string {
  if (!usesHalf(config.precision)) return 'This mode stores nothing in f16.';
  const offered = adapter.features.includes('shader-f16');
  const held = storage ?? (config.half === 'auto' ? adapter.half : config.half);
  if (held === 'native') {
    return offered
      ? 'f16 is native: this adapter has shader-f16.'
      : 'Native f16 was requested, but this adapter lacks shader-f16.';
  }
  if (!offered)
    return 'f16 is packed, two values per word, because this adapter lacks shader-f16. The rounding is the same.';
  if (config.half === 'packed') return 'f16 is packed, two values per word, as requested.';
  return 'f16 is packed, two values per word, which software adapters read faster. The rounding is the same.';
}
