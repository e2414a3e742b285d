import { useEffect, useRef, useState } from 'react';
import { useRun } from '../store/runStore.ts';
import { progressSentence } from './messages.ts';

/** Announcing every step would drown out everything else. */
const INTERVAL_MS = 10_000;

/** Announces the progress of the training to screen readers: politely, and at most every ten seconds. */
export function Announcer() {
  const status = useRun((state) => state.status);
  const [text, setText] = useState('');
  const lastSpoken = useRef(Number.NEGATIVE_INFINITY);

  useEffect(() => {
    if (status === 'idle') return;
    const speak = () => {
      lastSpoken.current = performance.now();
      setText(progressSentence(useRun.getState()));
    };
    const wait = Math.max(0, lastSpoken.current + INTERVAL_MS - performance.now());
    const first = setTimeout(speak, wait);
    const repeat = status === 'training' ? setInterval(speak, INTERVAL_MS) : undefined;
    return () => {
      clearTimeout(first);
      clearInterval(repeat);
    };
  }, [status]);

  return (
    <p className="visuallyHidden" role="status" aria-live="polite" data-testid="announcer">
      {text}
    </p>
  );
}
