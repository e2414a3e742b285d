/** Texts of the device panel. */
import {
  type FormatId,
  formatInfo,
  formatsOf,
  type PrecisionMode,
  recipeOf,
  SUBGROUP_MATRIX,
} from '../../../engine/index.ts';
import type { AdapterReport, BenchmarkResult, HalfStorage } from '../../../session/protocol.ts';

/** Features that Halfstep uses if they are available. Other features are listed by name only. */
export const FEATURE_WORDS: Readonly<Record<string, string>> = {
  'shader-f16': 'native half precision',
  subgroups: 'lanes exchange values without going through memory',
  'subgroup-size-control': 'kernels ask for one size of subgroups where there are several',
  'timestamp-query': 'exact GPU time',
  [SUBGROUP_MATRIX]: 'matrix units, used where they pass a self-test and are faster',
  'core-features-and-limits': 'the core features of WebGPU',
};

export interface ModeSupport {
  readonly kind: 'native' | 'packed' | 'simulated';
  readonly why: string;
}

/** How an adapter stores the numbers of a mode; the least native of its formats decides. */
export function modeSupport(
  mode: PrecisionMode,
  adapter: Pick<AdapterReport, 'half' | 'features'>,
): ModeSupport {
  const all = formatsOf(recipeOf(mode)).map((format) => formatSupport(format, adapter));
  return (
    all.find(({ kind }) => kind === 'simulated') ??
    all.find(({ kind }) => kind === 'packed') ??
    all.find(({ why }) => why !== F32.why) ??
    F32
  );
}

const F32: ModeSupport = { kind: 'native', why: 'WebGPU computes in f32' };

function formatSupport(
  format: FormatId,
  { half, features }: Pick<AdapterReport, 'half' | 'features'>,
): ModeSupport {
  if (format === 'f32') return F32;
  const { bytes } = formatInfo(format);
  if (!format.startsWith('f16')) {
    return bytes === 4
      ? { kind: 'simulated', why: `WebGPU has no ${format}: values are rounded to it and stored in 4 bytes` }
      : {
          kind: 'packed',
          why: `WebGPU has no ${format}: values are stored ${4 / bytes} per word and widened to f32 to compute`,
        };
  }
  if (half === 'native') return { kind: 'native', why: 'this adapter has shader-f16' };
  return features.includes('shader-f16')
    ? { kind: 'packed', why: 'two values per word, which software adapters read faster' }
    : { kind: 'packed', why: 'two values per word: this adapter lacks shader-f16' };
}

/** "12.3 TFLOP/s", "850 MFLOP/s": three digits at every scale. */
export function formatRate(perSecond: number, unit: 'FLOP/s' | 'B/s'): string {
  const prefixes = ['', 'k', 'M', 'G', 'T', 'P'];
  const power = Math.min(prefixes.length - 1, Math.max(0, Math.floor(Math.log10(perSecond) / 3)));
  const value = perSecond / 1000 ** power;
  return `${value < 100 ? value.toPrecision(3) : Math.round(value)} ${prefixes[power]}${unit}`;
}

/** `register16, subgroup matrix f16 16x16x16`, or why the matrix units are not used. */
export function kernelWords({ matmul, subgroupMatrix }: BenchmarkResult['kernels']): string {
  return subgroupMatrix === undefined ? matmul : `${matmul}, subgroup matrix ${subgroupMatrix}`;
}

/** "32 lanes, as kernels ask", or why no kernel uses subgroups; empty without them. */
export function subgroupWords(subgroup: AdapterReport['subgroup']): string {
  if (!subgroup) return '';
  const { size, asked, note } = subgroup;
  return size === null ? `not used: ${note}` : `${size} lanes${asked ? ', as kernels ask' : ''}`;
}

export function halfWords(half: HalfStorage): string {
  return half === 'native' ? 'native f16' : 'packed f16';
}
