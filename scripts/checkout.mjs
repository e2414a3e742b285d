import { spawnSync } from 'node:child_process';

/** The commit of a checkout: short, with a mark where files have changed since; what git says where it is none. */
export function commitOf(checkout) {
  const { stdout, stderr } = spawnSync('git', ['describe', '--always', '--dirty'], {
    cwd: checkout,
    encoding: 'utf8',
  });
  return stdout.trim() || stderr.trim();
}
