/** Settings that choose among the weights of a run by its validation loss: rows of the table in table.ts. */
import { flag, number } from './row.ts';

const training = { group: 'training' } as const;

export const SELECTION_ROWS = {
  /** Keeps the weights of the lowest validation loss beside the last ones. Changes memory, and not one bit of the training. */
  keepBest: flag({
    planned: true,
    ...training,
    default: false,
    given: true,
    option: 'keep-best',
    label: 'Best checkpoint',
    help: 'keeps a copy of the weights that had the lowest validation loss, which can be sampled and exported instead of the last ones',
    titles: { off: 'not kept', on: 'kept' },
    inPyTorch: [false],
  }),
  /** Evaluations in a row without a new lowest validation loss after which the run ends; 0 never ends it. */
  earlyStop: number({
    planned: true,
    ...training,
    default: 0,
    low: 0,
    high: 100_000,
    option: 'early-stop',
    label: 'Early stop',
    unit: 'evaluations',
    help: 'ends the run after so many evaluations in a row without a new lowest validation loss; 0 takes all steps',
    resumable: true,
    inPyTorch: [0],
  }),
};
