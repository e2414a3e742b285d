/** For `node --import`: runs the garbage collector constantly, so that resources left to it are noticed within milliseconds. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose_gc');
setInterval(runInNewContext('gc'), 20).unref();
