import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The page of the browsers' kernel tests, beside the built product but no part of it. Build it after the product. */
export default defineConfig({
  root: here('e2e/harness'),
  base: './',
  publicDir: false,
  build: {
    target: 'es2023',
    outDir: here('dist/harness'),
    emptyOutDir: true,
    modulePreload: { polyfill: false },
  },
});
