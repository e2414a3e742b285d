import { expect, test } from 'vitest';
import { type SlotFile, Slots } from '../../../src/session/storage/slots.ts';

class Killed extends Error {}

/** Two files of a disk on which only so many operations happen before the power goes. */
class Disk {
  contents: [Uint8Array, Uint8Array] = [new Uint8Array(), new Uint8Array()];
  operations = 0;
  dieAfter = Number.POSITIVE_INFINITY;
  /** Bytes that one file may have. */
  quota = Number.POSITIVE_INFINITY;

  files(): [SlotFile, SlotFile] {
    return [this.#file(0), this.#file(1)];
  }

  #file(index: 0 | 1): SlotFile {
    const step = (): boolean => ++this.operations <= this.dieAfter;
    return {
      size: () => this.contents[index].length,
      read: (into, at) => {
        const part = this.contents[index].subarray(at, at + into.length);
        into.set(part);
        return part.length;
      },
      write: (from, at) => {
        const whole = step();
        // The last write before the end gets half of its bytes onto the disk.
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
  const save = slots.newest();
  return save && new TextDecoder().decode(await save.source.read(0, save.source.size));
}

const textOf = (save: number): string => `save ${save} `.repeat(5 + (save % 3));

test('the newest save comes back, on a new visit too', async () => {
  const disk = new Disk();
  const slots = new Slots(disk.files());
  expect(slots.newest()).toBeNull();
  for (const save of [1, 2, 3]) {
    await slots.save(pieces(textOf(save)));
    expect(await contentOf(slots)).toBe(textOf(save));
    expect(await contentOf(new Slots(disk.files()))).toBe(textOf(save));
  }
  slots.clear();
  expect(new Slots(disk.files()).newest()).toBeNull();
});

test('killed at any operation, the save before or the new one is there, whole', async () => {
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

test('a large save lets others have the thread while it is written', async () => {
  const file = (): SlotFile => ({
    size: () => 0,
    read: () => 0,
    write: (from) => from.length,
    truncate: () => {},
    flush: () => {},
  });
  let turns = 0;
  const timer = setInterval(() => turns++);
  async function* one(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(2 ** 26);
  }
  await new Slots([file(), file()]).save(one());
  clearInterval(timer);
  expect(turns).toBeGreaterThan(0);
});

test('a full disk leaves the newest save as it is, and the next save may succeed', async () => {
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

test('every changed byte of a save is noticed: the one before is taken', async () => {
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
