import { defineConfig } from 'vite';

/**
 * Builds the engine as the package `halfstep`: ES modules for Node and browsers, with the shaders and all libraries but
 * `wesl` inside, and their licences beside. scripts/build-package.mjs adds the types.
 */
export default defineConfig({
  publicDir: false,
  build: {
    license: { fileName: 'LICENSES.md' },
    outDir: 'dist-package',
    target: 'es2023',
    minify: false,
    sourcemap: false,
    modulePreload: false,
    lib: {
      entry: { index: 'src/package/index.ts', node: 'src/package/node.ts' },
      formats: ['es'],
    },
    rolldownOptions: { external: [/^wesl(\/|$)/, 'webgpu', /^node:/] },
  },
});
