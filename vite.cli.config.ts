import { defineConfig } from 'vite';

/** The command line as one Node program a command, with the shaders inside. Packages stay in node_modules. */
export default defineConfig({
  publicDir: false,
  build: {
    ssr: true,
    outDir: 'dist/cli',
    target: 'node20',
    sourcemap: true,
    rolldownOptions: {
      input: {
        bench: 'src/cli/bench.ts',
        compare: 'src/cli/compare.ts',
        plan: 'src/cli/plan.ts',
        sweep: 'src/cli/sweep.ts',
        train: 'src/cli/train.ts',
      },
    },
  },
});
