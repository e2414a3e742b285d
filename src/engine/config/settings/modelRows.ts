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
    help: 'channels: the numbers that stand for one token',
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
    help: 'the output matrix has parameters of its own; in GPT-2 it is the token embedding',
    titles: { off: 'tied', on: 'of its own' },
  }),
  tokenizer: name({
    planned: true,
    default: 'char' as TokenizerChoice,
    option: 'tokenizer',
    group: 'data',
    label: 'Tokenizer',
    help: "one token a character, a UTF-8 byte, or a piece of a word: bpe:N learns up to N tokens from the text, gpt2 has GPT-2's 50,257, gpt2-eot takes <|endoftext|> in the text as the one that ends a document",
    titles: {
      char: 'characters',
      byte: 'bytes',
      'bpe:1024': '1,024 pieces of words',
      'bpe:4096': '4,096 pieces of words',
      gpt2: "GPT-2's 50,257 pieces",
      'gpt2-eot': "GPT-2's, <|endoftext|> ends a document",
    },
    check: (choice) => mostTokens(choice as TokenizerChoice),
    inPyTorch: ['char', 'byte'],
  }),
  /** Least tokens of the vocabulary: a smaller tokenizer's is filled up with tokens that no text has. Null leaves it. */
  vocabulary: number({
    planned: true,
    ...SHAPE_RANGES.vocabulary,
    default: null,
    option: 'vocab',
    group: 'data',
    label: 'Vocabulary',
    unit: 'tokens',
    help: "least tokens of the vocabulary: a smaller tokenizer's is padded with tokens that no text has",
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
