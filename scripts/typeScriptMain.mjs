import { createServer } from 'vite';

/**
 * Calls `main` of a TypeScript module with the arguments of the process, and exits. Vite's runnerImport closes its runner before
 * `main` is called, so that modules imported later, as Dawn is, could not be loaded.
 */
export async function runMain(path) {
  const server = await createServer({
    configFile: false,
    appType: 'custom',
    logLevel: 'error',
    optimizeDeps: { noDiscovery: true },
    server: { middlewareMode: true, watch: null, ws: false },
  });
  const { main } = await server.ssrLoadModule(path);
  await main(process.argv.slice(2));
  await server.close();
  process.exit(0);
}
