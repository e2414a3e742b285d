import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Runs the garbage collector immediately, because on a busy machine it runs late by itself. */
export const collectGarbage = runInNewContext('gc') as () => void;
