import { fileURLToPath } from 'node:url';
import { defineConfig } from 'playwright/test';
import base from '../../playwright.config.ts';
import { TEST_MS } from '../limits.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * `npm run soak`: the configuration of the end-to-end tests on lavapipe, with time for SOAK_MINUTES and the last run.
 */
export default defineConfig({
  ...base,
  testDir: '.',
  testMatch: 'soak.ts',
  outputDir: `${ROOT}/test-results`,
  timeout: Number(process.env.SOAK_MINUTES ?? 1) * 60_000 + TEST_MS,
  projects: base.projects!.filter(({ name }) => name === 'lavapipe'),
  webServer: { ...base.webServer, cwd: ROOT } as NonNullable<typeof base.webServer>,
});
