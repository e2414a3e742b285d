/** Specs that `npm run test:e2e -- --gpu` does not run, each with the reason, which the command prints. */

/** @param {NodeJS.Platform} platform */
export function leftOut(platform) {
  const everywhere = [
    {
      file: 'interchange.spec.ts',
      reason:
        'it requires equal bits from the page and the command line, which contain different versions of Dawn',
    },
  ];
  const needsProc = {
    file: 'killed.spec.ts',
    reason: `it finds the processes of the browser in /proc, which ${platform} does not have`,
  };
  return platform === 'linux' ? everywhere : [...everywhere, needsProc];
}
