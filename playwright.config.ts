import { defineConfig } from 'playwright/test';
import { ELEMENT_MS, TEST_MS } from './e2e/limits.ts';
import { chromiumLavapipe, chromiumSwiftShader } from './e2e/software-gpu/environment.mjs';

const PORT = Number(process.env.PORT ?? 4173);

/**
 * End-to-end tests on the built page (`npx vite build` first), in Debian's Chromium on two software GPUs: `swiftshader`
 * lacks shader-f16 and represents machines that must pack f16; `lavapipe` has it.
 */
export default defineConfig({
  testDir: 'e2e',
  // A single test on a software GPU uses every core already, and compiles and computes slowly.
  workers: 1,
  timeout: TEST_MS,
  expect: { timeout: ELEMENT_MS },
  retries: 0,
  forbidOnly: !!process.env.CI,
  reporter: 'list',
  use: {
    baseURL: `http://127.0.0.1:${PORT}`,
    // Without its own limit, an action would wait silently until the end of its test.
    actionTimeout: ELEMENT_MS,
    navigationTimeout: ELEMENT_MS,
    trace: 'off', // on two cores, recording the page would cost more than the tests
    screenshot: 'only-on-failure',
  },
  projects: [
    {
      name: 'swiftshader',
      // Tests that depend on the adapter. The others run where a step takes a quarter of the time.
      testMatch: /(adapter|input|kernels|train)\.spec\.ts/,
      use: { browserName: 'chromium', launchOptions: chromiumSwiftShader() },
    },
    { name: 'lavapipe', use: { browserName: 'chromium', launchOptions: chromiumLavapipe() } },
  ],
  webServer: {
    command: `npx vite preview --host 127.0.0.1 --port ${PORT} --strictPort`,
    url: `http://127.0.0.1:${PORT}/`,
    timeout: ELEMENT_MS,
    reuseExistingServer: false,
  },
});
