import { spawnSync } from 'node:child_process';

/** The commit of a checkout: short, with a mark where files have changed since; what git says where it is none. */
export function commitOf(checkout) {
  const { stdout, stderr } = git(checkout, 'describe', '--always', '--dirty');
  return stdout.trim() || stderr.trim();
}

/** {@link commitOf}, with the mark only where one of `paths` has changed. */
export function commitOfPaths(checkout, paths) {
  const commit = git(checkout, 'describe', '--always').stdout.trim();
  const changed = git(checkout, 'status', '--porcelain', '--', ...paths).stdout;
  return changed === '' ? commit : `${commit}-dirty`;
}

function git(checkout, ...args) {
  return spawnSync('git', args, { cwd: checkout, encoding: 'utf8' });
}
