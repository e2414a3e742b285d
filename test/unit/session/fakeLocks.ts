/** Locks like the browser's: one holder per name, others in order of arrival. */
export class FakeLocks {
  readonly #queues = new Map<string, (() => void)[]>();

  async request(name: string, { signal }: { signal?: AbortSignal }, use: () => Promise<void>): Promise<void> {
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    await new Promise<void>((resolve, reject) => {
      if (queue.push(resolve) === 1) resolve();
      signal?.addEventListener('abort', () => {
        if (queue.indexOf(resolve) <= 0) return;
        queue.splice(queue.indexOf(resolve), 1);
        reject(signal.reason);
      });
    });
    await use();
    queue.shift();
    queue[0]?.();
  }

  async query(): Promise<{ held: { name: string }[] }> {
    return { held: [...this.#queues].flatMap(([name, { length }]) => (length > 0 ? [{ name }] : [])) };
  }
}
