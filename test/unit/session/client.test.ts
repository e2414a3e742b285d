import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SessionClient } from '../../../src/session/client.ts';
import type { SessionEvent, Settled } from '../../../src/session/protocol.ts';

// Tests the page's side alone: what happens to the worker when the page is left and shown again.

class FakeWorker extends EventTarget {
  static newest: FakeWorker;
  readonly postMessage = vi.fn();
  readonly terminate = vi.fn();

  constructor() {
    super();
    FakeWorker.newest = this;
  }

  post(data: SessionEvent | Settled): void {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }
}

const reload = vi.fn();
const events: SessionEvent[] = [];
let page: EventTarget;
let client: SessionClient;

beforeEach(() => {
  page = new EventTarget();
  vi.stubGlobal('Worker', FakeWorker);
  vi.stubGlobal('document', new EventTarget());
  vi.stubGlobal('location', { reload });
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  events.length = 0;
  client = new SessionClient((event) => events.push(event));
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.clearAllMocks();
});

test('a page that is left while its worker may hold the storage terminates it, and reloads when it is shown again', () => {
  client.send({ type: 'open' });
  page.dispatchEvent(new Event('pageshow')); // the first one, which every page gets
  expect(reload).not.toHaveBeenCalled();
  FakeWorker.newest.post({ type: 'savedRuns', stored: [], unreadable: [] });
  page.dispatchEvent(new Event('pagehide'));
  expect(FakeWorker.newest.terminate).toHaveBeenCalledOnce();
  page.dispatchEvent(new Event('pageshow'));
  expect(reload).toHaveBeenCalledOnce();
});

test('a page whose worker has released the storage continues as it was', () => {
  client.send({ type: 'open' });
  client.send({ type: 'save' });
  FakeWorker.newest.post({ type: 'savedRuns', stored: [], unreadable: [] });
  FakeWorker.newest.post({ type: 'settled' });
  FakeWorker.newest.post({ type: 'settled' });
  page.dispatchEvent(new Event('pagehide'));
  page.dispatchEvent(new Event('pageshow'));
  expect(FakeWorker.newest.terminate).not.toHaveBeenCalled();
  expect(reload).not.toHaveBeenCalled();
  expect(events).toEqual([{ type: 'savedRuns', stored: [], unreadable: [] }]);
});
