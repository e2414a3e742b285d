/** Formats that kernels store element by element. Those of half a byte have scales of blocks: fourBits.test.ts. */
import { FORMATS, type FormatId, formatInfo } from '../../../src/engine/precision/formats.ts';

export const WHOLE_FORMATS = (Object.keys(FORMATS) as FormatId[]).filter((id) => formatInfo(id).bytes >= 1);
