/** `npm run test:e2e`: the page tests, on the software adapters of `npm run test:setup` or on this machine's own GPU. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const USAGE = `Runs the page tests on the built page.

  npm run test:e2e                     on the software adapters of \`npm run test:setup\` (Debian)
  npm run test:e2e -- --gpu            in this machine's own Chrome, on its own GPU (Linux, macOS, Windows)

Options of --gpu:
  --browser NAME       chrome, msedge, chromium, or the path of one; by default the first that has an adapter
  --headed             shows the window, for drivers that need a display
  --allow-software     accepts a software adapter, which is refused otherwise

Options of both:
  --no-build           tests the page as it was built last
  --help               prints this

All other arguments go to Playwright: file names, --grep, --reporter. PORT sets the port of the server (4173).
The command prints the browser, the adapter, and each spec that is not run with the reason.`;

/** The options, and the arguments for Playwright. @param {string[]} args */
export function parseArguments(args) {
  const options = {
    gpu: false,
    browser: null,
    headed: false,
    allowSoftware: false,
    build: true,
    help: false,
  };
  const rest = [];
  for (let i = 0; i < args.length; i++) {
    const [name, value] = args[i].split(/=(.*)/s);
    if (name === '--gpu') options.gpu = true;
    else if (name === '--headed') options.headed = true;
    else if (name === '--allow-software') options.allowSoftware = true;
    else if (name === '--no-build') options.build = false;
    else if (name === '--help' || name === '-h') options.help = true;
    else if (name === '--browser') options.browser = value ?? args[++i] ?? '';
    else rest.push(args[i]);
  }
  if (options.browser === '') throw new Error('--browser needs a name: chrome, msedge, chromium, or a path.');
  const needsGpu = {
    '--browser': options.browser !== null,
    '--headed': options.headed,
    '--allow-software': options.allowSoftware,
  };
  const stray = Object.keys(needsGpu).find((name) => needsGpu[name]);
  if (!options.gpu && stray)
    throw new Error(`${stray} needs --gpu: the software adapters have browsers of their own.`);
  return { options, rest };
}

function node(script, args, env = {}) {
  const command = [join(ROOT, 'node_modules', script), ...args];
  return (
    spawnSync(process.execPath, command, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } })
      .status ?? 1
  );
}

async function main(args) {
  const { options, rest } = parseArguments(args);
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  let env = {};
  if (options.gpu) {
    const { findBrowser } = await import('../e2e/gpu/browser.mjs');
    const launch = await findBrowser({ wanted: options.browser, ...options });
    env = {
      HALFSTEP_GPU_BROWSER: JSON.stringify(launch),
      HALFSTEP_ALLOW_SOFTWARE: options.allowSoftware ? '1' : '0',
    };
  }
  if (options.build) {
    for (const config of ['vite.config.ts', 'vite.harness.config.ts']) {
      const status = node('vite/bin/vite.js', ['build', '--config', config, '--logLevel', 'warn']);
      if (status !== 0) return status;
    }
  }
  return node('playwright/cli.js', ['test', ...rest], env);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.error(`error: ${error.message}`);
    process.exitCode = 2;
  }
}
