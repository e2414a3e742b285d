/** Precision modes that a program defines: what is refused, and what a run file keeps of one. */
import { describe, expect, test } from 'vitest';
import { openRun } from '../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../src/engine/checkpoint/randomAccess.ts';
import { configure } from '../../src/engine/config/configure.ts';
import { PRESETS } from '../../src/engine/config/presets.ts';
import { scalingOf } from '../../src/engine/config/trainConfig.ts';
import { runTensors } from '../../src/engine/model/tensors.ts';
import { type CustomRecipe, customRecipeJson, defineMode } from '../../src/engine/precision/customModes.ts';
import { describeRecipe, type Quantization } from '../../src/engine/precision/description.ts';
import { isPrecisionMode, PRECISION_MODES, recipeOf } from '../../src/engine/precision/recipes.ts';
import { file } from './checkpoint/files.ts';
import { customRecipe, MIXTURES } from './customRecipes.ts';
import { described } from './described.ts';
import { thrownBy } from './thrownBy.ts';

const { config: SMOKE } = PRESETS.smoke;
const fp32 = described('fp32');

test('a mode is known from its definition on, and trains as its recipe says', () => {
  expect(isPrecisionMode('custom-narrow')).toBe(false);
  expect(thrownBy(() => recipeOf('custom-narrow'))).toMatchObject({
    code: 'UNKNOWN_MODE',
    hint: expect.stringContaining('defineMode'),
  });
  const roles = { ...fp32.roles, activation: 'bf16', residual: 'f16' } as const;
  const scaling = { kind: 'static', scale: 256 } as const;
  const mode = defineMode(customRecipe('narrow', { roles, scaling }));
  expect(mode).toBe('custom-narrow');
  expect(isPrecisionMode(mode)).toBe(true);
  expect(PRECISION_MODES).not.toContain(mode);
  const config = configure(SMOKE, { precision: mode });
  expect(scalingOf(config)).toEqual(scaling);
  const { planned, recipe } = runTensors(config, 65, { maxBindingBytes: 2 ** 27 });
  expect(describeRecipe(recipe)).toMatchObject({ id: mode, roles, scaling });
  const typeOf = (name: string) => planned.find(({ tensor }) => tensor.name === name)?.tensor.type;
  expect([typeOf('embedding'), typeOf('h.0.ln_1')]).toEqual(['f16', 'bf16']);
});

test('the recipe that was given may change afterwards, the mode does not', () => {
  const recipe = { ...customRecipe('kept'), roles: { ...fp32.roles } };
  defineMode(recipe);
  recipe.roles.activation = 'bf16';
  expect(recipeOf('custom-kept').storages.activation.format).toBe('f32');
});

test('the same recipe twice is one mode, in whatever order its fields are; another is refused', () => {
  const { roles, id, ...rest } = customRecipe('twice');
  defineMode({ id, roles, ...rest });
  const reversed = Object.fromEntries(Object.entries(roles).reverse()) as CustomRecipe['roles'];
  expect(defineMode({ ...rest, roles: reversed, id })).toBe(id);
  const error = thrownBy(() => defineMode({ ...rest, id, roles: { ...roles, weight: 'bf16' } }));
  expect(error).toMatchObject({ code: 'BAD_VALUE', message: expect.stringContaining('custom-twice') });
});

describe('a recipe that kernels cannot follow is refused by name', () => {
  const { roles } = fp32;
  const fp8 = described('fp8');
  const quantised = { roles: fp8.roles, quantization: fp8.quantization! };
  const cases: [string, Partial<Record<keyof CustomRecipe, unknown>>, RegExp][] = [
    ['a name of a later version', { id: 'fp4' }, /"fp4".*name/],
    ['a name for another purpose', { id: 'custom-a+rounding=rne' }, /cannot be the name/],
    ['no title', { title: '' }, /no title/],
    ['a role left out', { roles: { ...roles, weight: undefined } }, /weight in "undefined"/],
    ['a role that is none', { roles: { ...roles, bias: 'f32' } }, /role "bias"/],
    ['a format that is none', { roles: { ...roles, weight: 'f64' } }, /weight in "f64"/],
    ['8 bits without a scale', { roles: { ...roles, activation: 'e4m3fn' } }, /activation in "e4m3fn"/],
    ['sums in a simulated format', { roles: { ...roles, gradient: 'e5m7-rne' } }, /gradient in "e5m7-rne"/],
    [
      'random rounding of f32',
      { masterRounding: 'stochastic' },
      /masterRounding "stochastic" for a master in f32/,
    ],
    [
      'a wide copy of a narrow master',
      { roles: { ...roles, master: 'bf16' } },
      /weights in f32 and a master in bf16/,
    ],
    ['a scale that rounds', { scaling: { kind: 'static', scale: 1000 } }, /scale of mode .* is 1000/],
    ['no scaling', { scaling: { kind: 'adaptive' } }, /kind "adaptive"/],
    [
      'growth after half a step',
      { scaling: { kind: 'dynamic', initialScale: 1024, growthInterval: 0.5 } },
      /growthInterval 0.5/,
    ],
    ['quantised in f32', { ...quantised, roles }, /not those of mode fp8/],
    [
      'quantised to 16 bits',
      {
        ...quantised,
        quantization: { ...fp8.quantization, formats: { ...fp8.quantization!.formats, weight: 'f16' } },
      },
      /weight to "f16"/,
    ],
    [
      'settings of a run',
      { ...quantised, quantization: { ...fp8.quantization, head: true } },
      /activations "tensor" and quantization.head true/,
    ],
  ];
  test.each(cases)('%s', (_, given, message) => {
    const recipe = { ...customRecipe('refused'), ...given } as CustomRecipe;
    const error = thrownBy(() => defineMode(recipe));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toMatch(message);
    expect(error.hint).not.toBe('');
    expect(isPrecisionMode(recipe.id)).toBe(false);
  });
});

test('every mode of the table can be defined under another name, but for those that name places', () => {
  const PLACED: readonly string[] = [
    ...['bf16-last-fp32', 'mxfp8', 'fp8-block', 'mxfp4', 'nvfp4'],
    ...['int8', 'int8-m', 'int8-q', 'int8-all'],
  ];
  for (const mode of PLACED) {
    expect(
      thrownBy(() => defineMode({ ...describeRecipe(recipeOf(mode)), id: 'custom-placed' })),
    ).toMatchObject({
      code: 'BAD_VALUE',
      message: expect.stringContaining('names places'),
      hint: expect.stringContaining('no sites'),
    });
  }
  for (const mode of [...PRECISION_MODES, 'e4m3', 'e8m7'].filter((id) => !PLACED.includes(id))) {
    const recipe = describeRecipe(recipeOf(mode));
    defineMode({ ...recipe, id: `custom-as-${mode}` });
    expect({ ...describeRecipe(recipeOf(`custom-as-${mode}`)), id: mode }).toEqual(recipe);
    expect({ ...recipeOf(`custom-as-${mode}`), id: mode }).toEqual({
      ...recipeOf(mode),
      ...{ inPyTorch: false, revision: 1 },
    });
  }
});

describe('the scale of quantised operands', () => {
  const withScale = (name: string, scale: object, scaling: object = { kind: 'current' }) => {
    const { quantization, ...rest } = describeRecipe(recipeOf('fp8'));
    const own = { ...quantization!, scale, scaling } as unknown as Quantization;
    return { ...rest, quantization: own, id: `custom-scale-${name}` as const };
  };

  test.each([
    ['contraction', 'pow2'],
    ['contraction', 'f32'],
    ['tensor', 'f32'],
    [{ block: 16 }, 'e4m3'],
    [{ block: 32 }, 'e8m0'],
  ] as const)('per %j as %s is taken, and described as it was given', (per, as) => {
    const given = withScale(`${JSON.stringify(per).replace(/\W/g, '')}-${as}`, { per, as });
    const mode = defineMode(given);
    expect(describeRecipe(recipeOf(mode)).quantization).toEqual(given.quantization);
    const { scales } = recipeOf(mode).storage('weight', { block: 0, blocks: 1 });
    const own = { per, as, when: 'current' };
    expect(scales).toEqual(as === 'e4m3' ? [{ per: 'tensor', as: 'f32', when: 'current' }, own] : [own]);
  });

  test.each([
    ['row', 'pow2', undefined, /has a scale per "row"/],
    [{ block: 24 }, 'f32', undefined, /has a scale per {"block":24}/],
    ['tensor', 'e4m3', undefined, /has scales as "e4m3" per "tensor"/],
    ['contraction', 'e5m2', undefined, /has scales as "e5m2"/],
    [
      'contraction',
      'pow2',
      { kind: 'delayed', historyLength: 16, algorithm: 'max', margin: 0 },
      /has delayed scales as "pow2" per "contraction"/,
    ],
  ] as const)('per %j as %s, scaling %j, is refused', (per, as, scaling, message) => {
    const error = thrownBy(() => defineMode(withScale('refused', { per, as }, scaling)));
    expect(error).toMatchObject({ code: 'BAD_VALUE', message: expect.stringMatching(message) });
  });
});

describe('a run file', () => {
  const run = (precision: string, recipe: string | null) => ({
    ...{ version: 1, config: { ...SMOKE, precision }, storage: null, kernels: { matmul: 'register8' } },
    ...{ adapter: 'a GPU', text: { name: 'text.txt', checksum: 'ff', builtin: null } },
    ...{ tokenizer: { kind: 'char', characters: 'abc' }, firstLoss: null, savedAt: 0 },
    ...{ ...(recipe !== null && { recipe }), progress: { attempted: 2, applied: 2, skipped: 0 } },
  });
  const open = async (precision: string, recipe: string | null) => {
    const { progress, ...rest } = run(precision, recipe);
    const whole = { ...rest, progress: { ...progress, lossScale: 1, growthTracker: 0, nextMicroBatch: 2 } };
    return openRun(bytesSource('run.safetensors', await file([], { halfstep: JSON.stringify(whole) })));
  };

  test('is opened by a program that has defined the same recipe', async () => {
    const mode = defineMode(MIXTURES[0]!);
    const { description } = await open(mode, customRecipeJson(mode));
    expect(description).toMatchObject({ config: { precision: mode }, recipe: customRecipeJson(mode) });
  });

  test('of a mode that nobody has defined is refused', async () => {
    await expect(open('custom-nobodys', '{}')).rejects.toMatchObject({
      code: 'UNKNOWN_MODE',
      message: expect.stringContaining('custom-nobodys'),
    });
  });

  test('of another recipe is refused, with its own', async () => {
    const mode = defineMode(customRecipe('changed'));
    const saved = customRecipeJson(mode)!.replace('"weight":"f32"', '"weight":"bf16"');
    await expect(open(mode, saved)).rejects.toMatchObject({
      code: 'WRONG_RUN',
      hint: expect.stringContaining('"weight":"bf16"'),
    });
    await expect(open(mode, null)).rejects.toMatchObject({ code: 'WRONG_RUN' });
    await expect(open('fp32', saved)).rejects.toMatchObject({ code: 'WRONG_RUN' });
  });

  test('of a mode of the table has no recipe, as before', async () => {
    const { description } = await open('fp16', null);
    expect(description).not.toHaveProperty('recipe');
  });
});
