/** The command line as on a machine without any Vulkan driver, although this one has some. */
import { spawnSync } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installedDrivers } from '../../src/cli/noAdapter.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/cli.mjs', import.meta.url));

/**
 * Nothing of this process's environment; the Vulkan loader looks for drivers where there are none, and heeds none of those
 * in folders that no variable moves.
 * @param home an empty folder
 */
function emptyEnv(home: string): Record<string, string> {
  return {
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    HOME: home,
    XDG_DATA_DIRS: home,
    XDG_CONFIG_DIRS: home,
    VK_LOADER_DRIVERS_DISABLE: installedDrivers()
      .map((path) => basename(path))
      .join(','),
  };
}

/** Runs a command; both outputs go through pipes of the shell, as they do where a person looks at them through `less`. */
export function onEmptyMachine(home: string, args: readonly string[]) {
  const command = '{ { "$@"; echo $? >&3; } 2>&1 >&4 | cat >&2; } 3>&1 4>"$OUTPUT"';
  const output = `${home}/output`;
  const { stdout, stderr, signal } = spawnSync(
    'sh',
    ['-c', command, 'sh', process.execPath, SCRIPT, ...args],
    { encoding: 'utf8', timeout: 110_000, env: { ...emptyEnv(home), OUTPUT: output } },
  );
  if (signal) throw new Error(`${args.join(' ')} did not end within 110 s; it said:\n${stderr}`);
  return { status: Number(stdout), output, stderr };
}
