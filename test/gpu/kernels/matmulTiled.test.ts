/** The kernels that share tiles in workgroup memory, in a file of their own, so that both halves run at once. */
import { testEveryMatmul } from './everyMatmul.ts';
import { fewModes } from './modes.ts';

testEveryMatmul([
  { kernel: 'tiled64', subgroups: false, title: 'tiled, 64', modes: fewModes() },
  // Another tile of this kernel is tested in more.
  { kernel: 'tiled128', subgroups: false, title: 'tiled, 128', modes: fewModes().slice(0, 1) },
]);
