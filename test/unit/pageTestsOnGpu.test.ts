/** `npm run test:e2e -- --gpu`: its arguments, the options of the browser, and the specs that it leaves out. */
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hardwareOptions } from '../../e2e/gpu/browser.mjs';
import { leftOut } from '../../e2e/gpu/leftOut.mjs';
import { parseArguments } from '../../scripts/test-e2e.mjs';

const NONE = { gpu: false, browser: null, headed: false, allowSoftware: false, build: true, help: false };

describe('arguments', () => {
  test.each([
    [[], NONE, []],
    [['train.spec.ts', '--grep', 'loss'], NONE, ['train.spec.ts', '--grep', 'loss']],
    [
      ['--gpu', '--allow-software', 'train.spec.ts'],
      { ...NONE, gpu: true, allowSoftware: true },
      ['train.spec.ts'],
    ],
    [
      ['--gpu', '--browser', 'msedge', '--headed'],
      { ...NONE, gpu: true, browser: 'msedge', headed: true },
      [],
    ],
    [
      ['--gpu', '--browser=/opt/chrome', '--no-build'],
      { ...NONE, gpu: true, browser: '/opt/chrome', build: false },
      [],
    ],
  ] as const)('%j', (args, options, rest) => {
    expect(parseArguments([...args])).toEqual({ options, rest });
  });

  test.each(['--headed', '--allow-software', '--browser=chrome'])(
    '%s is refused without --gpu',
    (argument) => {
      expect(() => parseArguments([argument])).toThrow(`${argument.split('=')[0]} needs --gpu`);
    },
  );

  test('--browser without a name is refused', () => {
    expect(() => parseArguments(['--gpu', '--browser'])).toThrow('--browser needs a name');
  });
});

test('WebGPU is enabled by flags on Linux alone, and SwiftShader never takes the place of a GPU', () => {
  for (const platform of ['linux', 'darwin', 'win32'] as const) {
    const { channel, args, ignoreDefaultArgs } = hardwareOptions({ channel: 'chrome' }, platform);
    expect(channel).toBe('chrome');
    expect(args!.includes('--enable-unsafe-webgpu')).toBe(platform === 'linux');
    expect(ignoreDefaultArgs).toEqual(['--enable-unsafe-swiftshader']);
  }
});

test.each(['linux', 'darwin', 'win32'] as const)(
  'on %s, specs that are left out exist and have a reason',
  (platform) => {
    const specs = leftOut(platform);
    expect(specs.length).toBeGreaterThan(0);
    for (const { file, reason } of specs) {
      expect(existsSync(new URL(`../../e2e/${file}`, import.meta.url)), file).toBe(true);
      expect(reason.length).toBeGreaterThan(20);
    }
  },
);
