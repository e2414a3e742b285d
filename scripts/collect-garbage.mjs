/** For `node --import`: runs the collector all the time, so that what a program leaves to it shows within milliseconds. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose_gc');
setInterval(runInNewContext('gc'), 20).unref();
