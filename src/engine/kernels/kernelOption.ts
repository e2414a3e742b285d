/** What the setting `kernels` asks for: families of kernels by name, where no measurement is to choose. */
import { EngineError, suggestion } from '../core/errors.ts';
import {
  ATTENTION_KERNELS,
  type AttentionKernel,
  MATMUL_KERNELS,
  type MatmulKernel,
} from '../gpu/operation.ts';

export const AUTO_KERNELS = 'auto';
const SEPARATOR = '+';

/** What users read about each family. */
export const MATMUL_TITLES: Readonly<Record<MatmulKernel, string>> = {
  register8: 'register tiles of 8 rows',
  register16: 'register tiles of 16 rows',
  register32: 'register tiles of 32 rows',
  'register16-unshared': 'register tiles of 16 rows, without sharing between lanes',
  tiled: 'tiles in shared memory',
  tiled64: 'tiles of 64 x 64 in shared memory',
  tiled128: 'tiles of 128 x 128 in shared memory',
};

export const ATTENTION_TITLES: Readonly<Record<AttentionKernel, string>> = {
  register: 'one key at a time',
  uniform: 'several keys at a time',
};

/** As the setting calls a family of attention: its own name is one of matmuls' too. */
export const attentionOption = (name: AttentionKernel): string => `attention-${name}`;

const PACKED_TITLES = {
  packed: 'products of 8-bit integers four at a time',
  'no-packed': 'products of 8-bit integers one by one',
} as const;

const MATRIX_TITLES = { matrix: 'matrix units', 'no-matrix': 'no matrix units' } as const;

/** Every name that the setting takes. Names of different parts may be joined by a plus. */
export const KERNEL_TITLES: Readonly<Record<string, string>> = {
  [AUTO_KERNELS]: 'the fastest on this adapter',
  ...MATMUL_TITLES,
  ...MATRIX_TITLES,
  ...PACKED_TITLES,
  ...Object.fromEntries(
    ATTENTION_KERNELS.map((name) => [attentionOption(name), `attention, ${ATTENTION_TITLES[name]}`]),
  ),
};

/** The families that are asked for; what is absent is chosen. */
export interface AskedKernels {
  readonly matmul?: MatmulKernel;
  readonly attention?: AttentionKernel;
  /** Whether matrix units are used. */
  readonly matrix?: boolean;
  /** Whether products of 8-bit integers are formed four at a time. */
  readonly packed?: boolean;
}

const PART_WORDS: Readonly<Record<keyof AskedKernels, string>> = {
  matmul: 'matmul kernels',
  attention: 'attention kernels',
  matrix: 'answers about matrix units',
  packed: 'answers about packed products',
};

/** @throws EngineError BAD_VALUE for a name that there is not, or for two of one kind */
export function readKernels(text: string): AskedKernels {
  if (text === AUTO_KERNELS) return {};
  let asked: AskedKernels = {};
  for (const name of text.split(SEPARATOR)) {
    const named = familyOf(name);
    const part = Object.keys(named)[0] as keyof AskedKernels;
    if (part in asked) {
      throw new EngineError(
        'BAD_VALUE',
        `kernels is "${text}": two ${PART_WORDS[part]}.`,
        'Name one of them.',
      );
    }
    asked = { ...asked, ...named };
  }
  return asked;
}

function familyOf(name: string): AskedKernels {
  if (Object.hasOwn(MATRIX_TITLES, name)) return { matrix: name === 'matrix' };
  if (Object.hasOwn(PACKED_TITLES, name)) return { packed: name === 'packed' };
  const matmul = MATMUL_KERNELS.find((kernel) => kernel === name);
  if (matmul) return { matmul };
  const attention = ATTENTION_KERNELS.find((kernel) => attentionOption(kernel) === name);
  if (attention) return { attention };
  throw new EngineError(
    'BAD_VALUE',
    `kernels has "${name}", which is no family of kernels.`,
    suggestion(name, Object.keys(KERNEL_TITLES)),
  );
}
