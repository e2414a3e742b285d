/** Settings of the model and of its tokens: rows of the table in table.ts. */
import { mostTokens, type TokenizerChoice } from '../../data/tokenizer.ts';
import { GPT2_KINDS, MLPS, NORMS, SHAPE_RANGES } from '../gptConfig.ts';
import { choice, flag, name, number, summariesOf, titlesOf } from './row.ts';

const dimension = { group: 'model', code: 'BAD_SHAPE', planned: true } as const;

export const MODEL_ROWS = {
  layers: number({
    ...dimension,
    ...SHAPE_RANGES.layers,
    default: 4,
    option: 'layers',
    label: 'Layers',
    unit: 'blocks',
    help: 'transformer blocks, one after the other',
  }),
  heads: number({
    ...dimension,
    ...SHAPE_RANGES.heads,
    default: 4,
    option: 'heads',
    label: 'Heads',
    unit: 'a layer',
    help: 'attention heads; width / heads must be a multiple of 4',
  }),
  width: number({
    ...dimension,
    ...SHAPE_RANGES.width,
    default: 128,
    option: 'width',
    label: 'Width',
    unit: 'channels',
    help: 'channels per token',
  }),
  context: number({
    ...dimension,
    ...SHAPE_RANGES.context,
    default: 128,
    option: 'ctx',
    label: 'Context',
    unit: 'tokens',
    help: 'tokens in a window: how far back the model sees',
  }),
  norm: choice({
    planned: true,
    default: GPT2_KINDS.norm,
    option: 'norm',
    group: 'model',
    label: 'Norm',
    help: `before attention, MLP and head: ${summariesOf(NORMS)}`,
    titles: titlesOf(NORMS),
    inPyTorch: [GPT2_KINDS.norm],
  }),
  /** The activation function of the MLP. */
  mlp: choice({
    planned: true,
    default: GPT2_KINDS.mlp,
    option: 'mlp',
    group: 'model',
    label: 'MLP activation',
    help: `between the two layers of the MLP: ${summariesOf(MLPS)}`,
    titles: titlesOf(MLPS),
    inPyTorch: [GPT2_KINDS.mlp],
  }),
  /** The LM head shares the token embedding, as in GPT-2. */
  tied: flag({
    planned: true,
    default: true,
    given: false,
    option: 'untied',
    group: 'model',
    label: 'Output matrix',
    help: 'uses a separate output matrix; GPT-2 uses the token embedding',
    titles: { off: 'tied', on: 'untied' },
  }),
  tokenizer: name({
    planned: true,
    default: 'char' as TokenizerChoice,
    option: 'tokenizer',
    group: 'data',
    label: 'Tokenizer',
    help: "one token per character, per UTF-8 byte, or BPE: bpe:N learns up to N tokens from the text, gpt2 has GPT-2's 50,257, gpt2-eot reads <|endoftext|> in the text as the token that ends a document",
    titles: {
      char: 'characters',
      byte: 'bytes',
      'bpe:1024': 'BPE, 1,024 tokens',
      'bpe:4096': 'BPE, 4,096 tokens',
      gpt2: "GPT-2's 50,257 tokens",
      'gpt2-eot': "GPT-2's, <|endoftext|> ends a document",
    },
    check: (choice) => mostTokens(choice as TokenizerChoice),
    inPyTorch: ['char', 'byte'],
  }),
  /** Minimum vocabulary size; a smaller tokenizer's is padded with unused tokens. Null takes the tokenizer's. */
  vocabulary: number({
    planned: true,
    ...SHAPE_RANGES.vocabulary,
    default: null,
    option: 'vocab',
    group: 'data',
    label: 'Vocabulary',
    unit: 'tokens',
    help: "minimum vocabulary size; a smaller tokenizer's is padded with unused tokens",
    standard: "the tokenizer's",
  }),
  order: choice({
    default: 'random',
    option: 'order',
    group: 'data',
    label: 'Order',
    help: 'where the windows of a batch start: at seeded random places, or one after the other',
    titles: { random: 'at random places', sequential: 'one after the other' },
  }),
};
