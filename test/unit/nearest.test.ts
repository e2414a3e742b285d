/** Which of the names that exist is suggested for one that does not. */
import { describe, expect, test } from 'vitest';
import { MLP_KINDS, NORM_KINDS } from '../../src/engine/config/gptConfig.ts';
import { RECOMPUTE_LEVELS } from '../../src/engine/config/trainConfig.ts';
import { nearest, suggestion } from '../../src/engine/core/errors.ts';
import { TEXT_IDS } from '../../src/engine/data/builtins.ts';
import { OPTIMIZERS } from '../../src/engine/kernels/optimizers/table.ts';
import { OPTIM_STATES } from '../../src/engine/precision/optimStates.ts';
import { PRECISION_MODES } from '../../src/engine/precision/recipes.ts';

const SETTINGS = ['learningRate', 'layers', 'heads', 'width', 'context', 'batch', 'steps', 'seed', 'norm'];

describe('a slip of the finger, the beginning of a name, or another spelling of it', () => {
  test.each([
    ['gleu', MLP_KINDS, 'gelu'],
    ['relu', MLP_KINDS, 'relu2'],
    ['relu^2', MLP_KINDS, 'relu2'],
    ['layer_norm', NORM_KINDS, 'layernorm'],
    ['RMS', NORM_KINDS, 'rmsnorm'],
    ['rms-norm', NORM_KINDS, 'rmsnorm'],
    ['fp61', PRECISION_MODES, 'fp16'],
    ['FP16', PRECISION_MODES, 'fp16'],
    ['bf-16', PRECISION_MODES, 'bf16'],
    ['adam', OPTIMIZERS, 'adamw'],
    ['stableadam', OPTIMIZERS, 'stable-adamw'],
    ['fp9', OPTIM_STATES, 'fp8'],
    ['gelu_nl', RECOMPUTE_LEVELS, 'gelu-ln'],
    ['moby dik', TEXT_IDS, 'moby-dick'],
    ['learning_rate', SETTINGS, 'learningRate'],
    ['step', SETTINGS, 'steps'],
    ['contxt', SETTINGS, 'context'],
  ])('%s', (word, names, expected) => {
    expect(nearest(word, names)).toBe(expected);
    expect(suggestion(word, names)).toBe(`Did you mean "${expected}"?`);
  });
});

describe('nothing near, which is answered with all there is', () => {
  test.each([
    ['silu', MLP_KINDS],
    ['swish', MLP_KINDS],
    ['batchnorm', NORM_KINDS],
    ['none', NORM_KINDS],
    ['ternary', PRECISION_MODES],
    ['half', PRECISION_MODES],
    ['sgd', OPTIMIZERS],
    ['adafactor', OPTIMIZERS],
    ['int8', OPTIM_STATES],
    ['all', RECOMPUTE_LEVELS],
    ['full', RECOMPUTE_LEVELS],
    ['wikipedia', TEXT_IDS],
    ['depth', SETTINGS],
    ['dim', SETTINGS],
    ['', SETTINGS],
  ])('%s', (word, names) => {
    expect(nearest(word, names)).toBeUndefined();
    expect(suggestion(word, names)).toBe(`Choose one of: ${names.join(', ')}.`);
  });
});
