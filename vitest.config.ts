import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { TEST_MS, WAIT_MS } from './e2e/limits.ts';
import { COMPILE_QUICKLY, lavapipeEnv } from './e2e/software-gpu/environment.mjs';

/** Waits for set-up until the project that needs it is run, so that unit tests work on any machine. */
function gpuEnv(): Record<string, string> {
  try {
    return { ...lavapipeEnv(), ...COMPILE_QUICKLY };
  } catch {
    return {}; // test/gpu/device.ts says what to do when there is no adapter
  }
}

// Files run in processes of their own: the environment that picks the Vulkan driver must be there when it is loaded.
const oneAtATime = { pool: 'forks', fileParallelism: false, maxWorkers: 1 } as const;
// Most of a GPU test's time is the compiler's, which uses one core.
const twoAtATime = { pool: 'forks', fileParallelism: true, maxWorkers: 2 } as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: WAIT_MS,
          hookTimeout: WAIT_MS,
          // vitest would leave a core to itself, which waits: of two that is half the machine.
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'gpu',
          include: ['test/gpu/**/*.test.ts'],
          env: gpuEnv(),
          testTimeout: TEST_MS,
          hookTimeout: TEST_MS,
          sequence: { groupOrder: 1 },
          ...twoAtATime,
        },
      },
      // The package as npm installs it, in Node and Chromium. What it starts inherits the environment.
      {
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          env: gpuEnv(),
          testTimeout: WAIT_MS,
          hookTimeout: WAIT_MS,
          sequence: { groupOrder: 4 },
          ...oneAtATime,
        },
      },
      // Not part of `npm test`: a file of 200 MB is written and read.
      {
        test: {
          name: 'large',
          include: ['test/large/**/*.test.ts'],
          testTimeout: WAIT_MS,
          hookTimeout: WAIT_MS,
          sequence: { groupOrder: 3 },
          ...oneAtATime,
        },
      },
      {
        test: {
          name: 'firefox',
          include: ['test/firefox/**/*.test.ts'],
          testTimeout: TEST_MS,
          hookTimeout: WAIT_MS,
          sequence: { groupOrder: 2 },
          ...oneAtATime,
        },
      },
    ],
  },
});
