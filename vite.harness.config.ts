import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * Builds the page of the browsers' kernel tests into the built page's folder, though it is not part of the product.
 * Build it after the page.
 */
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
