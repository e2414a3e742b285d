import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Collects everything that can be, at once: on a busy machine the collector comes late by itself. */
export const collectGarbage = runInNewContext('gc') as () => void;
