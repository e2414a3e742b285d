import type { SessionCommand, Settled } from './protocol.ts';
import { Session } from './session.ts';

const session = new Session((event) => self.postMessage(event));
self.addEventListener('message', async ({ data }: MessageEvent<SessionCommand>) => {
  try {
    await session.handle(data);
  } finally {
    self.postMessage({ type: 'settled' } satisfies Settled);
  }
});
