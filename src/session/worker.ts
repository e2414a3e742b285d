import type { SessionCommand } from './protocol.ts';
import { Session } from './session.ts';

const session = new Session((event) => self.postMessage(event));
self.addEventListener('message', (message: MessageEvent<SessionCommand>) => session.handle(message.data));
