/** Tests what the command line reports when there is no GPU: the reason, the fix, and what it uses instead. */
import { describe, expect, test } from 'vitest';
import { chosenDrivers, explainNoAdapter, mesaCommand, softwareNote } from '../../src/cli/noAdapter.ts';

const LAVAPIPE = '/usr/share/vulkan/icd.d/lvp_icd.json';
const DEBIAN_12 = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n';
const facts = {
  ...({ platform: 'linux', chosen: null, drivers: [] } as const),
  ...{ unavailable: null, osRelease: DEBIAN_12 },
};

describe('no adapter: the reason and the exact fix', () => {
  test('no driver is installed, and the one from npm cannot be used', () => {
    const none = explainNoAdapter({ ...facts, unavailable: 'the package is not installed' });
    expect(none.code).toBe('NO_ADAPTER');
    expect(none.isUsage).toBe(false);
    expect(none.message).toMatch(/no Vulkan driver is installed \(.*\); the package is not installed\.$/);
    expect(none.hint).toContain('apt-get install -t bookworm-backports mesa-vulkan-drivers');
  });

  test('the user chose drivers that do not exist, with either variable', () => {
    for (const variable of ['VK_ICD_FILENAMES', 'VK_DRIVER_FILES'] as const) {
      const chosen = { variable, paths: '/no/such_icd.json' };
      const wrong = explainNoAdapter({ ...facts, chosen, drivers: [LAVAPIPE] });
      expect(wrong.message).toContain(`${variable} names /no/such_icd.json, which does not exist`);
      expect(wrong.hint).toContain(LAVAPIPE);
      expect(explainNoAdapter({ ...facts, chosen }).hint).toContain('Unset it');
    }
  });

  test('drivers are installed, but none works', () => {
    const drivers = ['/usr/share/vulkan/icd.d/intel_icd.json', LAVAPIPE];
    const useless = explainNoAdapter({ ...facts, drivers, unavailable: 'it is read-only here' });
    expect(useless.message).toMatch(/none of the Vulkan drivers works .*; it is read-only here\.$/);
    expect(useless.hint).toContain(`VK_ICD_FILENAMES=${LAVAPIPE}`);
    expect(useless.hint).toContain('/dev/dri');
  });

  test('other operating systems', () => {
    expect(explainNoAdapter({ ...facts, platform: 'darwin' }).hint).toContain('Update the graphics driver');
  });
});

test('drivers count as chosen when a variable names any; the newer variable takes precedence', () => {
  expect(chosenDrivers({})).toBeNull();
  expect(chosenDrivers({ VK_ICD_FILENAMES: '' })).toBeNull();
  expect(chosenDrivers({ VK_ICD_FILENAMES: '/a.json', VK_DRIVER_FILES: '/b.json' })).toEqual({
    variable: 'VK_DRIVER_FILES',
    paths: '/b.json',
  });
});

test.each([
  [DEBIAN_12, 'bookworm-backports'],
  ['ID=debian\nVERSION_ID="13"\n', 'apt-get install mesa-vulkan-drivers'],
  ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'apt-get install mesa-vulkan-drivers'],
  ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', 'dnf install'],
  ['ID=opensuse-leap\nID_LIKE="suse opensuse"\n', 'zypper install'],
  ['ID=constructor\n', 'most distributions'],
  ['', 'most distributions'],
])('the command that installs Mesa follows from os-release (%j)', (release, command) => {
  expect(mesaCommand(release)).toContain(command);
  expect(softwareNote(release)).toContain(command);
});

test('the note on the driver from npm is one line', () => {
  expect(softwareNote(DEBIAN_12)).toMatch(/^note: [^\n]*SwiftShader[^\n]*fifteen times as fast[^\n]*\n$/);
});
