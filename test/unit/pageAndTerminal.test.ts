/** Links of the page accept the options of the command line under the same names. */
import { describe, expect, test } from 'vitest';
import { parseCommand } from '../../src/cli/options.ts';
import { OPTIONS } from '../../src/cli/optionTable.ts';
import { rowOf } from '../../src/engine/config/settings/table.ts';
import { readAddress } from '../../src/store/address.ts';
import { configsOf, DEFAULT_SETTINGS } from '../../src/store/settings.ts';

/** Options for files and terminal output, and for actions that are buttons in the page. */
const NO_SETTINGS = [
  ...['init', 'data', 'export', 'export-dtype', 'final-weights', 'save', 'save-every', 'resume'],
  ...['numerics-every', 'json', 'help'],
];
const shared = OPTIONS.filter(({ name }) => !NO_SETTINGS.includes(name));

/** A value, and a mode that accepts it if not all do. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  preset: ['smoke', 'small'],
  text: ['sotu', 'copy'],
  precision: ['bf16', 'e5m2'],
  rounding: ['rne'],
  'precision-schedule': ['pfq', 'noise'],
  'noise-threshold': ['0.05'],
  master: ['kahan'],
  tokenizer: ['char', 'byte', 'bpe:1024', 'bpe:300', 'gpt2'],
  'loss-scale': ['2^10', '1024'],
  intermediate: ['256'],
  'norm-epsilon': ['1e-6'],
  'z-loss': ['1e-4'],
  'rope-scaling': ['llama3:32:1:4:8192'],
  'kv-heads': ['2'],
  'head-size': ['64'],
  'amax-history': ['8'],
  'scale-margin': ['2'],
  'keep-bf16': ['2'],
  heal: ['0.18'],
  vocab: ['50304'],
  kernels: ['tiled', 'matrix+attention-uniform'],
  'micro-batch': ['8'],
  heads: ['2'],
  width: ['256'],
  beta1: ['0.8'],
  dropout: ['0.1'],
  'ema-decay': ['0.999'],
  beta2: ['0.95'],
  epsilon: ['1e-6'],
  lr: ['1e-3', '+.002', '5.e-4'],
  'min-lr': ['1e-6'],
  'muon-lr': ['0.01'],
  'muon-momentum': ['0.9'],
};
const MUON_OPTIONS = ['muon-lr', 'muon-momentum', 'muon-coefficients', 'muon-scale'] as const;
/** What a setting has an effect beside. */
const BESIDE: Readonly<Record<string, readonly [string, string]>> = {
  'smooth-swiglu': ['mlp', 'swiglu'],
  'noise-threshold': ['precision-schedule', 'noise'],
  'rope-base': ['position', 'rope'],
  'rope-scaling': ['position', 'rope'],
  ...Object.fromEntries(MUON_OPTIONS.map((option) => [option, ['optimizer', 'muon']])),
};
const MODES: Readonly<Record<string, string>> = {
  ...{ rounding: 'e5m2', 'amax-history': 'fp8-delayed', 'amax-algo': 'fp8-delayed' },
  ...{
    'precision-schedule': 'i8g8',
    'noise-threshold': 'i8g8',
    'integer-range': 'i4g6',
    overflow: 'fp16-static',
  },
  ...{ 'scale-margin': 'fp8-delayed', 'quantize-head': 'fp8', 'quantize-activations': 'fp8' },
  ...{ 'quantize-attention': 'fp8-row' },
  ...{
    'scale-rule': 'mxfp8',
    'fp4-rht': 'nvfp4',
    'fp4-2d': 'nvfp4',
    'fp4-sr': 'nvfp4',
    'keep-bf16': 'nvfp4',
    heal: 'mxfp4',
  },
  ...{ 'smooth-swiglu': 'fp8', master: 'fp16-pure', 'loss-scaling': 'fp16-pure' },
};

describe.each(shared)('--$name', (option) => {
  const { name } = option;
  const row = option.kind === 'setting' ? rowOf(option.field) : null;
  const isFlag = row?.kind === 'flag';
  const values =
    EXAMPLES[name] ?? (isFlag ? ['1'] : row?.kind === 'choice' ? Object.keys(row.titles) : ['7']);
  test.each(values)('%s', (value) => {
    const mode = MODES[name] ?? 'fp16';
    const [other, otherValue] = BESIDE[name] ?? [];
    const beside = other === undefined ? [] : [`--${other}`, otherValue!];
    const given = [...beside, ...(isFlag ? [`--${name}`] : [`--${name}`, value])];
    const precision = name === 'precision' ? [] : ['--precision', mode];
    const command = parseCommand(['--preset', 'starter', ...precision, ...given]);
    const query = `${name === 'precision' ? '' : `precision=${mode}&`}${other === undefined ? '' : `${other}=${otherValue}&`}`;
    const address = readAddress(`?${query}${name}=${encodeURIComponent(value)}`, DEFAULT_SETTINGS);
    expect(address.problems).toEqual([]);
    const [config] = configsOf({ ...DEFAULT_SETTINGS, ...address.settings });
    expect(command.kind === 'train' && command.config).toEqual(config);
  });
});
