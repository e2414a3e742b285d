import { defineConfig, type Project } from 'playwright/test';
import { leftOut } from './e2e/gpu/leftOut.mjs';
import { ELEMENT_MS, TEST_MS } from './e2e/limits.ts';
import { chromiumLavapipe, chromiumSwiftShader } from './e2e/software-gpu/environment.mjs';

const PORT = Number(process.env.PORT ?? 4173);

/** Launch options of the machine's own browser as JSON, set by `npm run test:e2e -- --gpu`. */
const OWN_BROWSER = process.env.HALFSTEP_GPU_BROWSER;

/**
 * Debian's Chromium on two software adapters: `swiftshader` lacks shader-f16 and represents machines that must pack f16;
 * `lavapipe` has it.
 */
function softwareProjects(): Project[] {
  return [
    {
      name: 'swiftshader',
      // Tests that depend on the adapter. The others run where a step takes a quarter of the time.
      testMatch: /(adapter|input|kernels|storyLive|train)\.spec\.ts/,
      use: { browserName: 'chromium', launchOptions: chromiumSwiftShader() },
    },
    { name: 'lavapipe', use: { browserName: 'chromium', launchOptions: chromiumLavapipe() } },
  ];
}

/** The machine's own browser and adapter, whatever they are. */
function gpuProject(launchOptions: string): Project {
  return {
    name: 'gpu',
    testIgnore: leftOut(process.platform).map(({ file }) => `**/${file}`),
    use: { browserName: 'chromium', launchOptions: JSON.parse(launchOptions) },
  };
}

/** End-to-end tests on the built page: `npm run test:e2e` builds it first. */
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
    // It would answer requests that tests answer or watch; e2e/offline.spec.ts allows it.
    serviceWorkers: 'block',
    trace: 'off', // on two cores, recording the page would cost more than the tests
    screenshot: 'only-on-failure',
  },
  ...(OWN_BROWSER === undefined
    ? { projects: softwareProjects() }
    : { projects: [gpuProject(OWN_BROWSER)], globalSetup: './e2e/gpu/setup.ts' }),
  webServer: {
    command: `npx vite preview --host 127.0.0.1 --port ${PORT} --strictPort`,
    url: `http://127.0.0.1:${PORT}/`,
    timeout: ELEMENT_MS,
    reuseExistingServer: false,
  },
});
