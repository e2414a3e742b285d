import { afterEach, describe, expect, test, vi } from 'vitest';
import { type SlotFile, Slots } from '../../../src/session/storage/slots.ts';

class Killed extends Error {}

afterEach(() => vi.restoreAllMocks());

/** On a clock that advances by a second at every reading, all work takes long, even on a fast machine. */
function leapingClock(): void {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => {
    now += 1000;
    return now;
  });
}

/** Two files on a disk that fails after a given number of operations. */
class Disk {
  contents: [Uint8Array, Uint8Array] = [new Uint8Array(), new Uint8Array()];
  operations = 0;
  dieAfter = Number.POSITIVE_INFINITY;
  /** Largest size of a file in bytes. */
  quota = Number.POSITIVE_INFINITY;
  /** "file from-to" of every read. */
  reads: string[] = [];

  files(): [SlotFile, SlotFile] {
    return [this.#file(0), this.#file(1)];
  }

  #file(index: 0 | 1): SlotFile {
    const step = (): boolean => ++this.operations <= this.dieAfter;
    return {
      size: () => this.contents[index].length,
      read: (into, at) => {
        const part = this.contents[index].subarray(at, at + into.length);
        this.reads.push(`${'ab'[index]} ${at}-${at + part.length}`);
        into.set(part);
        return part.length;
      },
      write: (from, at) => {
        const whole = step();
        // The last write before the failure writes half of its bytes.
        const taken = Math.min(whole ? from.length : from.length >> 1, this.quota - at);
        const old = this.contents[index];
        const grown = new Uint8Array(Math.max(old.length, at + taken));
        grown.set(old);
        grown.set(from.subarray(0, taken), at);
        this.contents[index] = grown;
        if (!whole) throw new Killed();
        return taken;
      },
      truncate: (size) => {
        if (!step()) throw new Killed();
        this.contents[index] = this.contents[index].slice(0, size);
      },
      flush: () => {
        if (!step()) throw new Killed();
      },
    };
  }
}

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  for (const part of text.match(/.{1,5}/g) ?? []) yield new TextEncoder().encode(part);
}

async function contentOf(slots: Slots): Promise<string | null> {
  const save = await slots.newest();
  return save && new TextDecoder().decode(await save.source.read(0, save.source.size));
}

const textOf = (save: number): string => `save ${save} `.repeat(5 + (save % 3));

test('the newest save is returned, also in a new visit', async () => {
  const disk = new Disk();
  const slots = new Slots(disk.files());
  expect(await slots.newest()).toBeNull();
  for (const save of [1, 2, 3]) {
    await slots.save(pieces(textOf(save)));
    expect(await contentOf(slots)).toBe(textOf(save));
    expect(await contentOf(new Slots(disk.files()))).toBe(textOf(save));
  }
  slots.clear();
  expect(await new Slots(disk.files()).newest()).toBeNull();
});

test('after a kill at any operation, the previous or the new save is complete', async () => {
  const kinds = new Set<string>();
  for (let dieAfter = 0; ; dieAfter++) {
    const disk = new Disk();
    const slots = new Slots(disk.files());
    await slots.save(pieces(textOf(1)));
    await slots.save(pieces(textOf(2)));
    disk.operations = 0;
    disk.dieAfter = dieAfter;
    const finished = await slots.save(pieces(textOf(3))).then(
      () => true,
      () => false,
    );
    const found = await contentOf(new Slots(disk.files()));
    expect([textOf(2), textOf(3)]).toContain(found);
    kinds.add(found!);
    if (finished) break;
  }
  expect(kinds.size).toBe(2);
});

test('writing a large save yields the thread to other work', async () => {
  const file = (): SlotFile => ({
    size: () => 0,
    read: () => 0,
    write: (from) => from.length,
    truncate: () => {},
    flush: () => {},
  });
  leapingClock();
  let turns = 0;
  const timer = setInterval(() => turns++);
  async function* one(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(2 ** 24);
  }
  await new Slots([file(), file()]).save(one());
  clearInterval(timer);
  expect(turns).toBeGreaterThan(0);
});

test('a full disk leaves the newest save unchanged, and the next save may succeed', async () => {
  const disk = new Disk();
  const slots = new Slots(disk.files());
  await slots.save(pieces(textOf(1)));
  disk.quota = 50;
  await expect(slots.save(pieces(textOf(2)))).rejects.toMatchObject({ name: 'QuotaExceededError' });
  expect(await contentOf(slots)).toBe(textOf(1));
  expect(await contentOf(new Slots(disk.files()))).toBe(textOf(1));
  disk.quota = Number.POSITIVE_INFINITY;
  await slots.save(pieces(textOf(3)));
  expect(await contentOf(new Slots(disk.files()))).toBe(textOf(3));
});

test('every changed byte of a save is detected, and the previous save is used', async () => {
  const disk = new Disk();
  const slots = new Slots(disk.files());
  await slots.save(pieces(textOf(1)));
  await slots.save(pieces(textOf(2)));
  const [, second] = disk.contents;
  for (let at = 0; at < second.length; at++) {
    second[at]! ^= 0x10;
    expect(await contentOf(new Slots(disk.files()))).toBe(textOf(1));
    second[at]! ^= 0x10;
  }
  expect(await contentOf(new Slots(disk.files()))).toBe(textOf(2));
});

/** A disk with saves `textOf(1)` in file a and `textOf(2)` in file b, of which `damaged` have a changed byte. */
async function twoSaves(...damaged: readonly (0 | 1)[]): Promise<Disk> {
  const disk = new Disk();
  const slots = new Slots(disk.files());
  await slots.save(pieces(textOf(1)));
  await slots.save(pieces(textOf(2)));
  for (const index of damaged) disk.contents[index][50]! ^= 1;
  disk.reads = [];
  return disk;
}

test('of two saves only the newest is read, and only on request', async () => {
  const disk = await twoSaves();
  const slots = new Slots(disk.files());
  expect(disk.reads).toEqual([]);
  expect((await slots.newest())?.number).toBe(2);
  expect(disk.reads).toEqual(['a 0-36', 'b 0-36', `b 36-${disk.contents[1].length}`]);
  await slots.newest();
  expect(disk.reads).toHaveLength(3);
});

test('the previous save is read if the newest is damaged, and none is offered if both are', async () => {
  const disk = await twoSaves(1);
  const slots = new Slots(disk.files());
  expect((await slots.newest())?.number).toBe(1);
  const reads = ['a 0-36', 'b 0-36', `b 36-${disk.contents[1].length}`, `a 36-${disk.contents[0].length}`];
  expect(disk.reads).toEqual(reads);

  const broken = await twoSaves(0, 1);
  const neither = new Slots(broken.files());
  expect(await neither.newest()).toBeNull();
  expect(broken.reads).toEqual(reads);
  await neither.save(pieces(textOf(3)));
  expect(await contentOf(new Slots(broken.files()))).toBe(textOf(3));
});

test('a save without a prior check never overwrites the only complete one', async () => {
  const disk = await twoSaves(1);
  disk.operations = 0;
  disk.dieAfter = 2;
  await expect(new Slots(disk.files()).save(pieces(textOf(3)))).rejects.toThrow(Killed);
  expect(await contentOf(new Slots(disk.files()))).toBe(textOf(1));
});

test('an unreadable file is tried again', async () => {
  const disk = await twoSaves();
  const [first, second] = disk.files();
  const read = vi.spyOn(second, 'read').mockImplementationOnce(() => {
    throw new DOMException('a bad sector', 'InvalidStateError');
  });
  const slots = new Slots([first, second]);
  await expect(slots.newest()).rejects.toThrow('a bad sector');
  expect((await slots.newest())?.number).toBe(2);
  expect(read).toHaveBeenCalledTimes(3);
});

describe('while a large save is checked', () => {
  const LARGE = 2 ** 24;

  async function largeSave(): Promise<Disk> {
    const disk = new Disk();
    async function* one(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(LARGE);
    }
    await new Slots(disk.files()).save(one());
    return disk;
  }

  test('the thread is yielded to other work', async () => {
    const slots = new Slots((await largeSave()).files());
    leapingClock();
    let turns = 0;
    const timer = setInterval(() => turns++);
    expect((await slots.newest())?.source.size).toBe(LARGE);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });

  test('a new save waits for the result', async () => {
    const disk = await largeSave();
    const slots = new Slots(disk.files());
    const checked = slots.newest();
    const saved = slots.save(pieces(textOf(2)));
    expect((await checked)?.number).toBe(1);
    await saved;
    expect(disk.contents[0]).toHaveLength(LARGE + 36);
    expect(await contentOf(new Slots(disk.files()))).toBe(textOf(2));
  });

  test('deleted saves are not offered', async () => {
    const slots = new Slots((await largeSave()).files());
    const checked = slots.newest();
    slots.clear();
    expect(await checked).toBeNull();
    expect(await slots.newest()).toBeNull();
  });
});
