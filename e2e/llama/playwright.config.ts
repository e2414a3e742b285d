import { fileURLToPath } from 'node:url';
import { defineConfig } from 'playwright/test';
import base from '../../playwright.config.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** `npm run test:llama-page`: the configuration of the end-to-end tests on lavapipe, for a model that is not part of the project. */
export default defineConfig({
  ...base,
  testDir: '.',
  testMatch: 'llama.ts',
  outputDir: `${ROOT}/test-results`,
  projects: base.projects!.filter(({ name }) => name === 'lavapipe'),
  webServer: { ...base.webServer, cwd: ROOT } as NonNullable<typeof base.webServer>,
});
