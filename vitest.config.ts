import { availableParallelism } from 'node:os';
import react from '@vitejs/plugin-react';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { ELEMENT_MS, TEST_MS, WAIT_MS } from './e2e/limits.ts';
import { COMPILE_QUICKLY, chromiumSwiftShader, lavapipeEnv } from './e2e/software-gpu/environment.mjs';

/** Runs the set-up only when a project needs it, so that unit tests work on any machine. */
function gpuEnv(): Record<string, string> {
  try {
    return { ...lavapipeEnv(), ...COMPILE_QUICKLY };
  } catch {
    return {}; // test/gpu/device.ts says what to do when there is no adapter
  }
}

/** Debian's Chromium, where it is installed; without it, the project's first test says what to install. */
function browser() {
  try {
    return playwright({ launchOptions: chromiumSwiftShader() });
  } catch {
    return playwright();
  }
}

// Each file runs in its own process, because the environment that selects the Vulkan driver must be set before it is
// loaded.
const oneAtATime = { pool: 'forks', fileParallelism: false, maxWorkers: 1 } as const;
// GPU tests spend most of their time in the compiler, which uses one core.
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
          // vitest would reserve an idle core for itself, half of a machine with two.
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
      // scripts/on-matrix-units.mjs starts these on a driver with real subgroup matrices, and sets their environment.
      {
        test: {
          name: 'matrix',
          include: ['test/matrix/*.test.ts'],
          testTimeout: TEST_MS,
          hookTimeout: TEST_MS,
          sequence: { groupOrder: 5 },
          ...twoAtATime,
        },
      },
      // Not part of `npm test`, because it takes minutes.
      {
        test: {
          name: 'matrix-long',
          include: ['test/matrix/long/*.test.ts'],
          testTimeout: TEST_MS,
          hookTimeout: TEST_MS,
          sequence: { groupOrder: 6 },
          ...oneAtATime,
        },
      },
      // scripts/test-llama-cpp.mjs starts these with llama.cpp, which is no dependency of the project.
      {
        test: {
          name: 'llama-cpp',
          include: ['test/llamaCpp/*.test.ts'],
          env: gpuEnv(),
          testTimeout: TEST_MS,
          hookTimeout: TEST_MS,
          sequence: { groupOrder: 7 },
          ...oneAtATime,
        },
      },
      // Tests the package as installed by npm, in Node and Chromium. Child processes inherit the environment.
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
      // Not part of `npm test`: the first needs a Python with transformers, the second a checkpoint that is not in the
      // repository (`npm run test:transformers`, `npm run test:checkpoint`).
      ...['transformers', 'checkpoint'].map((name, i) => ({
        test: {
          name,
          include: [`test/${name}/*.test.ts`],
          env: gpuEnv(),
          testTimeout: TEST_MS,
          hookTimeout: TEST_MS,
          sequence: { groupOrder: 7 + i },
          ...oneAtATime,
        },
      })),
      // Not part of `npm test`, because it writes and reads a file of 200 MB.
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
      // Parts of the page alone in a browser, with the figures of a recorded run.
      {
        plugins: [react()],
        test: {
          name: 'components',
          include: ['test/components/*.test.tsx'],
          browser: {
            enabled: true,
            headless: true,
            provider: browser(),
            instances: [{ browser: 'chromium' }],
            screenshotFailures: false,
          },
          expect: { poll: { timeout: ELEMENT_MS } },
          testTimeout: WAIT_MS,
          hookTimeout: WAIT_MS,
          sequence: { groupOrder: 9 },
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
