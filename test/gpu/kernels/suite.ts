/** The kernels against the f64 oracles on whatever adapter there is: what the pages of the browser tests run. */
import type { MatmulKernel } from '../../../src/engine/gpu/operation.ts';
import { FORMATS, type FormatId, type HalfStorage } from '../../../src/engine/precision/formats.ts';
import { attentionShapes, checkAttention } from './attentionCase.ts';
import { type Comparison, report } from './bounds.ts';
import { checkColumnSum, checkEmbedding, checkSplitTokenGradient } from './embeddingCase.ts';
import { type CodeCheck, checkDecoder, checkEncoder, SIMULATED } from './encodeCase.ts';
import { checkProducts, type IntegerForm, integerTarget } from './integerCase.ts';
import { checkLayernorm } from './layernormCase.ts';
import { checkCrossEntropy, checkLossSum } from './lossCase.ts';
import { awkwardShapes, checkMatmul, kindsFor } from './matmulCase.ts';
import { rolesOf, type StoredMode, storedModes } from './modes.ts';
import { checkAdamw, checkGradientNorm } from './optimizerCase.ts';
import { checkQueryKey } from './queryKeyCase.ts';
import { type KernelFixture, matmulKernels, storagesOf, subgroupChoices, targetOf } from './runKernel.ts';
import { checkScaler, SCALER_CASES } from './scalerCase.ts';

export interface SuiteResult {
  /** One line a case. */
  readonly lines: readonly string[];
  readonly failures: readonly string[];
  readonly seconds: number;
}

/** The modes whose kernels differ most; every variant is at least dispatched by variants.ts. */
const MODES = ['fp32', 'fp16', 'bf16'];
/** Small enough for a browser's slow round trips, long enough to grow, back off and reach both ends. */
const SCALER_STEPS = 300;

/** @param storages those of halves to test; where only native ones are, so are only the kernels that hold halves */
export async function runSuite(
  fixture: KernelFixture,
  storages: readonly HalfStorage[] = storagesOf(fixture),
): Promise<SuiteResult> {
  const start = performance.now();
  const lines: string[] = [];
  const failures: string[] = [];
  for (const [title, check] of cases(fixture, storages)) {
    try {
      lines.push(await check(title));
    } catch (error) {
      failures.push(`${title}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { lines, failures, seconds: (performance.now() - start) / 1000 };
}

type Case = readonly [title: string, check: (title: string) => Promise<string>];

function cases(fixture: KernelFixture, storages: readonly HalfStorage[]): Case[] {
  const modes = storedModes(storages).filter(
    ({ recipe, half }) => MODES.includes(recipe.id) && storages.includes(half),
  );
  const halves = storages.at(0)!;
  const compared = (title: string, check: () => Promise<Comparison[]>): Case => [
    title,
    async () => report(title, await check()),
  ];
  return [
    ...storages.flatMap((half) =>
      (Object.keys(FORMATS) as FormatId[]).map((format) => codesCase(fixture, format, half)),
    ),
    ...SIMULATED.map((format) => codesCase(fixture, format, 'packed')),
    ...subgroupChoices(fixture).flatMap((subgroups, i) =>
      modesOfForm(i, modes).flatMap((mode) => rowCases(fixture, mode, subgroups, compared)),
    ),
    ...matmulForms(fixture).flatMap((form, i) =>
      modesOfForm(i, modes).map((mode) => matmulCase(fixture, mode, form, compared)),
    ),
    ...integerCases(fixture),
    ...modes.map((mode) =>
      compared(`adamw ${mode.title}`, () =>
        checkAdamw(fixture, targetOf(fixture, mode.half, false), mode.recipe),
      ),
    ),
    ...modes.map((mode) =>
      compared(`embedding ${mode.title}`, () =>
        checkEmbedding(fixture, targetOf(fixture, mode.half, false), mode.recipe),
      ),
    ),
    compared('token gradient in segments', () =>
      checkSplitTokenGradient(
        fixture,
        { ...targetOf(fixture, halves, false), splitSums: true },
        'f32',
        'f32',
      ),
    ),
    compared('column sum f16', () => checkColumnSum(fixture, targetOf(fixture, halves, false), 'f16', 'f32')),
    compared('gradient norm f16', () => checkGradientNorm(fixture, targetOf(fixture, halves, false), 'f16')),
    compared('RoPE f32', () =>
      checkQueryKey(fixture, targetOf(fixture, halves, false), { format: 'f32', headSize: 64 }),
    ),
    compared('RoPE and QK-norm f16', () =>
      checkQueryKey(fixture, targetOf(fixture, halves, false), { format: 'f16', headSize: 32, norm: true }),
    ),
    compared('loss sum', () => checkLossSum(fixture)),
    ...SCALER_CASES.map(
      (options): Case => [
        `scaler from ${options.initialScale}`,
        async (title) => {
          const { differences, applied, skipped, low, high } = await checkScaler(
            fixture,
            options,
            SCALER_STEPS,
            5,
          );
          if (differences.length > 0) throw new Error(differences.join('; '));
          return `${title}: ${applied} applied, ${skipped} skipped, scale from ${low} to ${high}`;
        },
      ],
    ),
  ];
}

function codesCase(fixture: KernelFixture, format: FormatId, half: HalfStorage): Case {
  const target = targetOf(fixture, half, false);
  return [
    `codes of ${format} ${half}`,
    async (title) =>
      `${title}: encode ${codes(await checkEncoder(fixture, target, format))}, decode ${codes(await checkDecoder(fixture, target, format))}`,
  ];
}

type Compared = (title: string, check: () => Promise<Comparison[]>) => Case;

function rowCases(
  fixture: KernelFixture,
  { title, recipe, half }: StoredMode,
  subgroups: boolean,
  compared: Compared,
): Case[] {
  const target = targetOf(fixture, half, subgroups);
  const how = `${title}${subgroups ? ', subgroups' : ''}`;
  const { attention, outputGradient } = rolesOf(recipe);
  return [
    compared(`layer norm ${how}`, () => checkLayernorm(fixture, target, recipe)),
    compared(`cross entropy ${how}`, () => checkCrossEntropy(fixture, target, outputGradient)),
    compared(`attention ${how}`, () =>
      checkAttention(fixture, target, { format: attention }, attentionShapes(32)),
    ),
  ];
}

/** The adapter's first form of a kernel in every mode; the others, which share its preludes, in one that stores halves. */
function modesOfForm(index: number, modes: readonly StoredMode[]): readonly StoredMode[] {
  return index === 0 ? modes : modes.filter(({ recipe }) => recipe.id === 'fp16').slice(0, 1);
}

interface MatmulForm {
  readonly kernel: MatmulKernel;
  readonly subgroups: boolean;
}

function matmulForms(fixture: KernelFixture): MatmulForm[] {
  const lanes = fixture.report.subgroupSize?.min ?? null;
  return (lanes === null ? [null] : [lanes, null]).flatMap((size) =>
    matmulKernels(size).map((kernel) => ({ kernel, subgroups: size !== null })),
  );
}

function matmulCase(
  fixture: KernelFixture,
  { title, recipe, half }: StoredMode,
  { kernel, subgroups }: MatmulForm,
  compared: Compared,
): Case {
  return compared(`matmul ${kernel} ${title}${subgroups ? ', subgroups' : ''}`, async () => {
    const target = targetOf(fixture, half, subgroups, kernel);
    const comparisons: Comparison[] = [];
    for (const kind of kindsFor(kernel)) {
      comparisons.push(...(await checkMatmul(fixture, target, recipe, kind, awkwardShapes(kind.layout))));
    }
    return comparisons;
  });
}

/** The products of 8-bit integers in the adapter's first form, and four at a time. */
function integerCases(fixture: KernelFixture): Case[] {
  const forms: { kernel: IntegerForm; subgroups: boolean }[] = matmulForms(fixture).slice(0, 1);
  if (fixture.report.packedProducts) forms.push({ kernel: 'packed', subgroups: false });
  return forms.map(({ kernel, subgroups }) => [
    `products of 8-bit integers, ${kernel}${subgroups ? ', subgroups' : ''}`,
    async (title) => {
      const { results } = await checkProducts(fixture, integerTarget(fixture, kernel, subgroups));
      return `${title}: ${results} exact`;
    },
  ]);
}

function codes({ codes: count, wrong, flushed }: CodeCheck): string {
  if (wrong.length > 0) throw new Error(wrong.join('; '));
  return `${count} right${flushed > 0 ? ` (${flushed} subnormals flushed, as WGSL allows)` : ''}`;
}
