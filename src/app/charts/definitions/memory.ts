import { formatCount } from '../../format.ts';
import type { ChartDefinition } from '../chart.ts';
import { plainNumber } from './values.ts';

const MIB = 2 ** 20;

export const MEMORY: ChartDefinition = {
  id: 'memory',
  title: 'GPU memory (MiB)',
  quantity: 'GPU memory in MiB',
  column: 'gpu_memory_mib',
  shape: 'steps',
  smooths: false,
  logY: false,
  // A line along the edge would look cut off.
  yRange: (_, highest) => [0, 1.2 * highest],
  // All buffers are created before step 1, so the run's bytes are those of every step.
  series: (run, index) => {
    if (run.memoryBytes === undefined) return null;
    const { length } = run.log;
    return { index, run, length, values: new Float64Array(length).fill(run.memoryBytes / MIB) };
  },
  format: (mib) => `${mib < 10 ? mib.toFixed(2) : formatCount(mib)} MiB`,
  gap: 'unknown',
  tick: plainNumber,
  empty: () =>
    'The size of all buffers will appear here, as a flat line: a run allocates nothing after its start.',
  summary: ({ run: { title, memoryBytes = 0 } }) =>
    `${title}: ${(memoryBytes / MIB).toFixed(1)} MiB, the same at every step.`,
};
