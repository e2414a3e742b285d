/** The technical terms of the story's first screen, each explained where it stands. A test holds the screen against them. */

export interface Word {
  /** As the page has it; also found in the plural. */
  readonly term: string;
  readonly means: string;
  /** Other forms of the word on the screen. */
  readonly also?: readonly string[];
}

/** Explained under the cards. */
export const WORDS: readonly Word[] = [
  {
    term: 'Loss',
    means:
      'how surprised the model is by the next letter of the text. Lower is better; at the start it knows nothing.',
  },
  {
    term: 'Gradient',
    means:
      'a small number that says how to change one number of the model. Lost: too small for 16 bits, so it becomes 0.',
  },
  {
    term: 'Loss scale',
    also: ['scaling'],
    means:
      'what the loss is multiplied by, so that gradients become large enough to be kept. It is divided out again.',
  },
  {
    term: 'Skipped step',
    means:
      'a change that was thrown away because a gradient had become too large. The scale is then made half as large.',
  },
  { term: 'Batch size', means: 'how many pieces of the text the model reads before each change.' },
  { term: 'Tokens/s', means: 'letters read in a second, on the device that trained it.' },
  {
    term: 'FP32 and f16',
    means: 'numbers of 32 and of 16 bits. 16 bits take half the room.',
  },
  {
    term: 'GPU',
    means: 'the part of a machine that makes its pictures. It does many small pieces of work at once.',
  },
];
