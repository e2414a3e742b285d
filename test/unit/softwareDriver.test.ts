/** The software driver that npm installs: where it is unpacked, and why it may not be there. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Machine, softwareDriver, thisMachine } from '../../src/cli/softwareDriver.ts';

const FILES = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'];

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'halfstep-driver-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function machine(changes: Partial<Machine> = {}): Machine {
  return {
    ...({ platform: 'linux', arch: 'x64', archive: thisMachine().archive } as const),
    ...{ cache: join(root, 'project', '.cache'), fallback: join(root, 'own') },
    ...changes,
  };
}

async function folderOf(changes?: Partial<Machine>): Promise<string> {
  const driver = await softwareDriver(machine(changes));
  if ('unavailable' in driver) throw new Error(driver.unavailable);
  expect(readdirSync(driver.folder).sort()).toEqual(FILES);
  return driver.folder;
}

async function reasonFor(changes: Partial<Machine>): Promise<string> {
  const driver = await softwareDriver(machine(changes));
  return 'unavailable' in driver ? driver.unavailable : `it is in ${driver.folder}`;
}

test('it is unpacked once, into the project', async () => {
  const folder = await folderOf();
  expect(folder).toMatch(/project\/\.cache\/software-driver-\d+\.\d+\.\d+$/);
  const { ino } = statSync(join(folder, 'libvulkan.so.1'));
  expect(await folderOf({ archive: { ...machine().archive!, path: '/no/such.tar.br' } })).toBe(folder);
  expect(statSync(join(folder, 'libvulkan.so.1')).ino).toBe(ino);
  expect(readdirSync(join(folder, '..'))).toHaveLength(1);
});

test('two at once end with one whole folder', async () => {
  const folders = await Promise.all(Array.from({ length: 4 }, () => folderOf()));
  expect(new Set(folders).size).toBe(1);
  expect(readdirSync(join(folders[0]!, '..'))).toHaveLength(1);
});

test('what a killed process left counts for nothing, and goes once it is old', async () => {
  const { cache } = machine();
  for (const name of ['software-driver.aaaaaa', 'software-driver.bbbbbb']) {
    mkdirSync(join(cache, name), { recursive: true });
    writeFileSync(join(cache, name, 'libvulkan.so.1'), 'half of it');
  }
  utimesSync(join(cache, 'software-driver.aaaaaa'), 0, 0);
  await folderOf();
  expect(readdirSync(cache).filter((name) => name.startsWith('software-driver.'))).toEqual([
    'software-driver.bbbbbb',
  ]);
});

test('a folder that lacks a file is made anew', async () => {
  const folder = await folderOf();
  rmSync(join(folder, 'libvk_swiftshader.so'));
  expect(await folderOf()).toBe(folder);
});

test('where the project cannot be written, it is unpacked into a folder of the user alone', async () => {
  writeFileSync(join(root, 'project'), 'a file where a folder should be'); // root may write to read-only folders
  const folder = await folderOf();
  expect(folder).toContain('/own/software-driver-');
  expect(statSync(join(root, 'own')).mode & 0o077).toBe(0);
});

test('a folder outside the project that others may write to is not trusted, nor is a link', async () => {
  const cache = join(root, 'file', '.cache');
  writeFileSync(join(root, 'file'), '');
  mkdirSync(join(root, 'open'));
  chmodSync(join(root, 'open'), 0o777);
  expect(await reasonFor({ cache, fallback: join(root, 'open') })).toContain('open may be written by others');
  symlinkSync(join(root, 'open'), join(root, 'link'));
  expect(await reasonFor({ cache, fallback: join(root, 'link') })).toContain('link may be written by others');
  expect(existsSync(join(root, 'open', 'libvulkan.so.1'))).toBe(false);
});

test('why it is not there: another processor, another system, no package, a broken package', async () => {
  expect(await reasonFor({ arch: 'arm64' })).toMatch(/for Linux on x64, and this is linux on arm64$/);
  expect(await reasonFor({ platform: 'darwin' })).toContain('this is darwin on x64');
  expect(await reasonFor({ archive: null })).toContain('is not installed (in the repository, npm ci');
  const path = join(root, 'broken.tar.br');
  writeFileSync(path, 'no archive');
  expect(await reasonFor({ archive: { path, version: '1.0.0' } })).toMatch(
    /could not be unpacked \(.+; .+\)$/,
  );
  expect(readdirSync(machine().cache)).toEqual([]);
});

test('the package is installed with the others, in a version that accepts Node 20', () => {
  expect(thisMachine().archive).toMatchObject({ version: '143.0.4' });
});
