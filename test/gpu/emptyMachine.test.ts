/** Where no driver is installed, every command runs on the one from npm, and says so in a note. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LIMIT_MS, onEmptyMachine } from './emptyMachine.ts';

// Longer than the limit of the commands, which name themselves; sweep runs two.
vi.setConfig({ testTimeout: 2 * LIMIT_MS + 60_000 });

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'halfstep-empty-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const DRIVER = /^note: no GPU driver was found, so this runs on SwiftShader.*fifteen times.*$/;
const PRESET = /^note: a software renderer is slow, so preset "smoke" is used; --preset starter .*$/;

test('train without options trains the smallest preset; standard error has two notes, and nothing of Dawn', () => {
  const { status, output, stderr } = onEmptyMachine(home, ['train', '--steps', '12', '--json']);
  expect(status, stderr).toBe(0);
  const lines = stderr.trim().split('\n');
  expect(lines[0]).toMatch(DRIVER);
  expect(lines[1]).toMatch(PRESET);
  expect(stderr).not.toMatch(/warning|error|libvulkan|vkCreateInstance/i);

  const events = readFileSync(output, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const steps = events.filter(({ type }) => type === 'step');
  expect(steps).toHaveLength(12);
  expect(steps.at(-1).loss).toBeLessThan(steps[0].loss);
  const summary = events.at(-1);
  expect(summary).toMatchObject({ type: 'summary', adapter: expect.stringContaining('swiftshader') });
  expect(summary.params).toBe(109_312);
  // A peak kernel that is compiled to loads and stores made this 1.46.
  expect(summary.mfu).toBeGreaterThan(0);
  expect(summary.mfu).toBeLessThan(0.5);
});

test('compare does, and the preset that is given stays', () => {
  const args = ['compare', '--preset', 'smoke', '--modes', 'fp32,fp16', '--steps', '2'];
  const { status, output, stderr } = onEmptyMachine(home, args);
  expect(status, stderr).toBe(0);
  expect(stderr).toMatch(/SwiftShader/);
  expect(stderr).not.toContain('so preset');
  expect(stderr).not.toMatch(/warning|vkCreateInstance/i);
  expect(readFileSync(output, 'utf8')).toMatch(/swiftshader/);
});

test('sweep does, and continues its file', () => {
  const file = join(home, 'sweep.json');
  const args = ['sweep', '--modes', 'fp16', '--lrs', '1e-3', '--steps', '1', '--json', file];
  const first = onEmptyMachine(home, args);
  expect(first.status, first.stderr).toBe(0);
  expect(first.stderr).toContain('so preset "smoke" is used');
  expect(JSON.parse(readFileSync(file, 'utf8')).settings).toMatchObject({ layers: 2, width: 64 });
  const second = onEmptyMachine(home, args);
  expect(second.status, second.stderr).toBe(0);
  expect(second.stderr).toContain('1 of 1 cells are already finished.');
});

test('wrong use is reported before a driver is looked for', () => {
  const { status, output, stderr } = onEmptyMachine(home, ['train', '--data', '/no/such/file']);
  expect(status).toBe(2);
  expect(existsSync(output)).toBe(true);
  expect(stderr).not.toContain('note:');
  expect(stderr).toContain('/no/such/file');
});
