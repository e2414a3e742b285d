/** Tests the software driver that npm installs: where it is unpacked, and why it may be unavailable. */
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

test('two processes at the same time give one complete folder', async () => {
  const folders = await Promise.all(Array.from({ length: 4 }, () => folderOf()));
  expect(new Set(folders).size).toBe(1);
  expect(readdirSync(join(folders[0]!, '..'))).toHaveLength(1);
});

test('a partial folder of a killed process is ignored, and removed once it is old', async () => {
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

test('a folder that lacks a file is replaced', async () => {
  const folder = await folderOf();
  rmSync(join(folder, 'libvk_swiftshader.so'));
  expect(await folderOf()).toBe(folder);
});

test('if the project is not writable, it is unpacked into a private folder of the user', async () => {
  writeFileSync(join(root, 'project'), 'a file where a folder should be'); // root can write to read-only folders
  const folder = await folderOf();
  expect(folder).toContain('/own/software-driver-');
  expect(statSync(join(root, 'own')).mode & 0o077).toBe(0);
});

test('a folder outside the project that others can write to is not trusted, nor is a link to one', async () => {
  const cache = join(root, 'file', '.cache');
  writeFileSync(join(root, 'file'), '');
  mkdirSync(join(root, 'open'));
  chmodSync(join(root, 'open'), 0o777);
  expect(await reasonFor({ cache, fallback: join(root, 'open') })).toContain(
    'open is writable by other users',
  );
  symlinkSync(join(root, 'open'), join(root, 'link'));
  expect(await reasonFor({ cache, fallback: join(root, 'link') })).toContain(
    'link is writable by other users',
  );
  expect(existsSync(join(root, 'open', 'libvulkan.so.1'))).toBe(false);
});

test('it is unavailable on another processor or system, without the package, and with a broken package', async () => {
  expect(await reasonFor({ arch: 'arm64' })).toMatch(/for Linux on x64, but this is linux on arm64$/);
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
