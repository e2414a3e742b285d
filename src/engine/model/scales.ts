/** The table of a run's tensor scales: one record for each tensor that the mode quantises with a single scale. */
import type { Scale, Tensor } from '../gpu/tensor.ts';
import { SCALE_WORDS } from '../kernels/quantize.ts';
import { largestFinite } from '../precision/formats.ts';
import { largestBits } from '../precision/quantization.ts';
import { type DelayedScaling, type SiteRole, type Storage, tensorScale } from '../precision/storage.ts';
import type { Site } from './site.ts';
import type { TensorPlan } from './tensorPlan.ts';

/** The record of one scale. Its index and tensor are known once all records are. */
interface ScaleRecord extends Scale {
  readonly name: string;
  readonly role: SiteRole;
  /** f32 bits of the largest magnitude that fits the format at scale 1. */
  readonly largest: number;
  readonly block: number | null;
  record: number;
  tensor: Tensor;
}

interface ScaleTensors {
  readonly scales: Tensor;
  readonly amax: Tensor;
  readonly history: Tensor | undefined;
}

/** Stands for the tensor of the records until their number is known. */
const UNPLANNED: Tensor = { name: 'unplanned scales', type: 'u32', elements: 0 };

export class ScaleTable {
  /** Null where all scales are current. */
  readonly delayed: DelayedScaling | null;
  #records: ScaleRecord[] = [];
  readonly #byName = new Map<string, ScaleRecord>();
  #tensors: ScaleTensors | undefined;
  #activationRecords = 0;

  constructor(delayed: DelayedScaling | null) {
    this.delayed = delayed;
  }

  /**
   * Returns the scale called `name`. The first call adds its record.
   * @throws RangeError if it is current where the run's scales are delayed, or the reverse. Scales of weights are always current
   */
  scale(name: string, storage: Storage, role: SiteRole, { block }: Pick<Site, 'block'>): Scale {
    const known = this.#byName.get(name);
    if (known) return known;
    if (this.#tensors) throw new RangeError(`There is no scale ${name}`);
    const scale = tensorScale(storage)!;
    const isDelayed = scale.when !== 'current';
    if (isDelayed !== (this.delayed !== null && role !== 'weight')) {
      throw new RangeError(
        `The scale ${name} is ${isDelayed ? 'delayed' : 'current'}, and others of the run are not`,
      );
    }
    const as: Scale['as'] = scale.as === 'f32' ? 'f32' : 'pow2';
    const record = { name, role, as, largest: largestUnder(storage), block, record: 0, tensor: UNPLANNED };
    this.#byName.set(name, record);
    this.#records.push(record);
    return record;
  }

  /**
   * Numbers the records and plans their tensors. The order is: each block, with the tensors of the forward pass before the
   * gradients; then the head; then the weights. Saved runs rely on it.
   */
  complete(plan: TensorPlan): void {
    const others = this.#records;
    const isWeight = ({ role }: ScaleRecord) => role === 'weight';
    const place = ({ block, role }: ScaleRecord) => [
      block ?? Number.POSITIVE_INFINITY,
      role === 'outputGradient' ? 1 : 0,
    ];
    const activations = others
      .filter((record) => !isWeight(record))
      .sort((a, b) => {
        const [blockA, roleA] = place(a) as [number, number];
        const [blockB, roleB] = place(b) as [number, number];
        return blockA === blockB ? roleA - roleB : blockA - blockB;
      });
    // Record 0 is a scale of 1, for operands without a scale.
    const all = [...activations, ...others.filter(isWeight)];
    this.#records = [{ ...all[0]!, name: '1' }, ...all];
    this.#activationRecords = 1 + activations.length;
    const count = this.#records.length;
    this.#tensors = {
      scales: plan.add('state', 'scales of 8-bit tensors', 'u32', count * SCALE_WORDS),
      amax: plan.add('state', 'largest magnitudes', 'u32', count),
      history:
        this.delayed !== null
          ? plan.add(
              'state',
              'largest magnitudes of earlier steps',
              'u32',
              this.#activationRecords * this.delayed.historyLength,
            )
          : undefined,
    };
    for (const [index, record] of this.#records.entries()) {
      record.record = index;
      record.tensor = this.#tensors.scales;
    }
  }

  /** Names in the order of the records. Records whose scale may be delayed come first. */
  get names(): readonly string[] {
    return this.#records.map(({ name }) => name);
  }

  /** Number of records whose scale may be delayed: all but those of weights. */
  get activationRecords(): number {
    return this.#activationRecords;
  }

  /** (records, 4) u32: scale, inverse, largest value of the format, unused. */
  get scales(): Tensor {
    return this.#planned.scales;
  }

  /** (records) u32: f32 bits of the largest magnitude that was stored with each scale. */
  get amax(): Tensor {
    return this.#planned.amax;
  }

  /** (activationRecords, historyLength) u32: `amax` of earlier steps. Undefined without delayed scaling. */
  get history(): Tensor | undefined {
    return this.#planned.history;
  }

  /** The records before step 1: a scale of 1, and the largest finite value of the tensor's format. */
  initialValues(): Uint32Array<ArrayBuffer> {
    const words = new Uint32Array(this.#records.length * SCALE_WORDS);
    const one = 0x3f800000;
    for (const [index, { largest }] of this.#records.entries()) {
      words.set([one, one, largest, 0], index * SCALE_WORDS);
    }
    return words;
  }

  get #planned(): ScaleTensors {
    if (!this.#tensors) throw new RangeError('The scales are asked for before all are known');
    return this.#tensors;
  }
}

/** f32 bits of the largest magnitude under a scale of the tensor, which scales in E4M3 multiply where blocks have such. */
function largestUnder({ format, scales }: Storage): number {
  if (!scales?.some(({ as }) => as === 'e4m3')) return largestBits(format);
  const largest = largestFinite('e4m3fn') * largestFinite(format);
  return new Uint32Array(new Float32Array([largest]).buffer)[0]!;
}
