/** What a page of the comparison offers to the program that measures it (run.mjs). */
import type { TrainConfig } from '../../src/engine/index.ts';
import { makeTask, type Task } from './task.ts';

/** One model in training. */
export interface Learner {
  /** Queues the next step. Waits only as far as the implementation must. */
  step(tokens: Uint32Array, targets: Uint32Array): void | Promise<void>;
  /** Waits for every step queued; the last one's loss in nats. */
  finish(): Promise<number>;
}

export interface Stretch {
  readonly milliseconds: number;
  /** Of the last step. */
  readonly loss: number;
}

export interface PeerPage {
  /** Builds the model; the adapter in words. */
  open(config: TrainConfig): Promise<string>;
  /** Takes so many steps more, timed up to one final sync. */
  train(steps: number): Promise<Stretch>;
}

declare global {
  interface Window {
    peer: PeerPage;
  }
}

/** Puts the page's one implementation in place. */
export function offer(makeLearner: (task: Task) => Promise<Learner>): void {
  let trained = 0;
  let opened: { task: Task; learner: Learner } | undefined;
  window.peer = {
    async open(config) {
      const text = await (await fetch('texts/moby-dick.txt')).text();
      const task = makeTask(config, text);
      opened = { task, learner: await makeLearner(task) };
      return adapterName();
    },
    async train(steps) {
      const { task, learner } = opened!;
      const start = performance.now();
      for (let i = 0; i < steps; i++) {
        const { tokens, targets } = task.batch(trained++);
        await learner.step(tokens, targets);
      }
      const loss = await learner.finish();
      return { milliseconds: performance.now() - start, loss };
    },
  };
}

async function adapterName(): Promise<string> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  const { vendor, architecture, device, description } = adapter!.info;
  return [vendor, architecture, device, description].filter((part) => part !== '').join(' ');
}
