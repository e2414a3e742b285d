import { defineConfig } from 'vite';

/**
 * Builds the command line: one Node program for each command, with the shaders inside. Packages stay in node_modules.
 * In the mode `pack` all packages but Dawn, which is a binary, are bundled, and their licences are written beside.
 */
export default defineConfig(({ mode }) => ({
  publicDir: false,
  ...(mode === 'pack' && { ssr: { noExternal: true, external: ['webgpu'] } }),
  build: {
    license: mode === 'pack' && { fileName: 'LICENSES.md' },
    ssr: true,
    outDir: 'dist-tools/cli',
    target: 'node20',
    sourcemap: true,
    rolldownOptions: {
      input: {
        article: 'src/cli/article.ts',
        bench: 'src/cli/bench.ts',
        compare: 'src/cli/compare.ts',
        evaluate: 'src/cli/evaluate.ts',
        plan: 'src/cli/plan.ts',
        sample: 'src/cli/sample.ts',
        sweep: 'src/cli/sweep.ts',
        train: 'src/cli/train.ts',
      },
    },
  },
}));
