/**
 * One way through the model as it is built. Layers plan their tensors here, emit their operations, and leave their backward
 * pass on a tape, which exists only while the program is built. Building needs no device.
 */
import { RECOMPUTE_LEVELS, type RecomputeLevel } from '../config/trainConfig.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import {
  type BlockScales,
  blockScalesOf,
  type ElementType,
  isScaled,
  type Operand,
  slice,
  type Tensor,
  tensorOf,
} from '../gpu/tensor.ts';
import type { ModelKernels } from '../kernels/modelKernels.ts';
import type { FormatId } from '../precision/formats.ts';
import { roundsResidualGradient } from '../precision/recipe.ts';
import {
  blockScale,
  isQuantized,
  type Role,
  type RunRole,
  type SiteRole,
  type Storage,
  tensorScale,
  writtenFormat,
} from '../precision/storage.ts';
import type { ParameterPart } from './chunks.ts';
import { activation, EmissionList, type Emit, type Emitted, type Phase, type Stored } from './emission.ts';
import type { ModelRun } from './modelRun.ts';
import { quantize } from './quantize.ts';
import type { Site } from './site.ts';
import type { TensorPlan } from './tensorPlan.ts';
import type { GradientPlace, Value } from './value.ts';

export interface PassOptions {
  /** Whether layers leave a backward pass on the tape. */
  readonly trains: boolean;
  readonly windows: number;
  /** Where the first operation that overflows is noted. */
  readonly found: Tensor;
  /** Used to find the initial delayed scales: each tensor is stored at the scale that its own values ask for. */
  readonly calibrates?: boolean;
}

/**
 * How long a tensor of a block is kept for the backward pass: always, not beyond the forward pass, or only at
 * recompute levels below the named one.
 */
type Lifetime = 'kept' | 'forward' | Exclude<RecomputeLevel, 'none'>;

/** An operand that a layer stores. */
interface Place {
  readonly operand: Operand;
  /** The backward pass has to make it again, by itself. */
  readonly dropped: boolean;
}

export class Pass {
  readonly run: ModelRun;
  readonly windows: number;
  /** Windows times context. */
  readonly rows: number;
  readonly found: Tensor;
  readonly trains: boolean;
  readonly calibrates: boolean;
  readonly #emissions = new EmissionList();
  #tape: (() => void)[] = [];
  #block: { readonly input: Operand; readonly last: boolean } | null = null;
  /** True while a forward pass is built for the second time, to recompute what was dropped. */
  #recomputing = false;
  /** Tensors that are still there when the backward pass begins. */
  readonly #kept = new Set<Tensor>();

  constructor(run: ModelRun, { trains, windows, found, calibrates = false }: PassOptions) {
    this.run = run;
    this.trains = trains;
    this.windows = windows;
    this.rows = windows * run.gpt.context;
    this.found = found;
    this.calibrates = calibrates;
  }

  // --- operations

  /**
   * @param stores all named tensors of the model that the operations store. Recomputation skips an emission whose tensors are
   * all kept, so an omitted one would be lost
   */
  emit(emit: Emit, ...stores: Stored[]): void {
    if (!this.#recomputing) {
      this.#emissions.add(emit, stores);
      return;
    }
    const isThere = stores.length > 0 && stores.every(({ operand }) => this.#kept.has(tensorOf(operand)));
    if (!isThere) this.#emissions.add(emit, []);
  }

  /**
   * Postpones `build` until the operations are asked for, so that a plan is quick. It must not plan a tensor or store one for
   * the first time: the plan would lack both.
   */
  later(build: () => void): void {
    this.#emissions.later(build);
  }

  /** Leaves a part of the backward pass on the tape: the last left runs first. Does nothing in a pass that does not train. */
  onBackward(backward: () => void): void {
    if (this.trains) this.#tape.push(backward);
  }

  /** Runs the tape. */
  backward(): void {
    this.phase = 'backward';
    for (const part of this.#tape.toReversed()) part();
    this.#tape = [];
  }

  /** The operations on an adapter, in their order. The plan must be complete. */
  build(target: Target, kernels: ModelKernels): Emitted[] {
    return this.#emissions.build(target, kernels);
  }

  /** Every named tensor that the pass stores, in order, excluding what {@link later} adds. */
  get stores(): readonly Stored[] {
    return this.#emissions.stores;
  }

  /** The phase of the micro-batch that the following operations belong to. */
  set phase(phase: Phase) {
    this.#emissions.phase = phase;
  }

  // --- blocks and recomputation

  /**
   * One block. At recompute level `block` its forward pass is built once more before its backward pass.
   * @param input where the residual stream lies before it
   * @param last true for the last block, whose tensors still exist when the backward pass begins
   */
  block<T>(input: Operand, last: boolean, build: () => T): T {
    const inBlock = (): T => {
      this.#block = { input, last };
      try {
        return build();
      } finally {
        this.#block = null;
      }
    };
    const out = inBlock();
    if (this.run.recompute === 'block' && !last) {
      this.onBackward(() => {
        const tape = this.#tape;
        this.#tape = [];
        this.#recompute(inBlock);
        this.#tape = tape;
      });
    }
    return out;
  }

  /** A function that recomputes a dropped operand; undefined where it still exists. */
  remakerOf({ dropped }: Place, make: () => void): (() => void) | undefined {
    return dropped ? () => this.#recompute(make) : undefined;
  }

  #recompute(make: () => void): void {
    this.#recomputing = true;
    try {
      make();
    } finally {
      this.#recomputing = false;
    }
  }

  // --- tensors

  /** How the recipe stores a tensor of a role at a site. */
  storage(role: Role, { block }: Pick<Site, 'block'>): Storage {
    return this.run.recipe.storage(role, { block, blocks: this.run.gpt.layers });
  }

  /** The format in which kernels store a role at a site, which may be quantised afterwards. */
  written(role: SiteRole, site: Site): FormatId {
    return writtenFormat(this.storage(role, site));
  }

  /** The format of a role that the whole run shares. */
  format(role: RunRole): FormatId {
    return this.run.recipe.storage(role).format;
  }

  /** A tensor for the backward pass: of its own where it is kept, else one that all blocks share. */
  save(
    site: Site,
    type: ElementType,
    elements: number,
    lifetime: Lifetime = 'block',
    blockScales?: BlockScales,
  ): Tensor {
    const kept = this.#isKept(lifetime);
    if (!kept) return this.#share('activations', site.part, type, elements, blockScales);
    const tensor = this.run.tensorPlan.add('activations', site.name, type, elements, blockScales);
    this.#kept.add(tensor);
    return tensor;
  }

  /**
   * An operand in a role that the recipe may quantise; see {@link save}.
   * @param at where its tensor lies, if not at the site itself
   */
  place(site: Site, role: SiteRole, elements: number, lifetime: Lifetime = 'block', at = site): Place {
    const storage = this.storage(role, site);
    const blockScales = blockScale(storage, elements / this.rows);
    const tensor = this.save(at, storage.format, elements, lifetime, blockScales);
    const dropped = !this.#isKept(lifetime) && this.run.recompute !== 'block' && !this.#block?.last;
    if (!isQuantized(storage)) return { operand: tensor, dropped };
    return { operand: this.scaled(site.name, role, site, tensor, elements), dropped };
  }

  /**
   * What readers of a quantised role read: a copy of `inp`, which is emitted, or `inp` itself if the mode makes none.
   * @param at where the copy lies
   */
  copy(
    inp: Operand,
    site: Site,
    at: Site,
    role: SiteRole,
    elements: number,
    lifetime?: Lifetime,
  ): Pick<Value, 'operand' | 'remake'> {
    if (!isQuantized(this.storage(role, site))) return { operand: inp };
    const place = this.place(site, role, elements, lifetime, at);
    const stored = { ...activation(site, place.operand), copy: true };
    const make = () => this.quantize(site.name, inp, place.operand, elements, stored);
    make();
    return { operand: place.operand, remake: this.remakerOf(place, make) };
  }

  /** Where the residual stream lies after a layer. */
  stream(site: Site, endsBlock: boolean): Tensor {
    const { recompute, gpt } = this.run;
    const type = this.format('residual');
    const elements = this.rows * gpt.width;
    const isCopied = recompute !== 'block' && isQuantized(this.storage('normInput', site));
    if (!isCopied) return this.save(site, type, elements, endsBlock ? 'kept' : 'block');
    // Norms keep copies of their own, so that two places are enough: a block reads one, fills the other, and its output goes back into the first.
    return endsBlock ? tensorOf(this.#block!.input) : this.save(site, type, elements, 'forward');
  }

  /**
   * The first `elements` of `tensor`, with the scale called `name` where blocks of the tensor have none.
   * @throws RangeError where the recipe asks for scales of blocks, and the tensor was planned without
   */
  scaled(name: string, role: SiteRole, site: Site, tensor: Tensor, elements: number): Operand {
    const part = slice(tensor, 0, elements);
    if (blockScalesOf(tensor)) return part;
    const storage = this.storage(role, site);
    if (!tensorScale(storage)) throw new RangeError(`${name} has no place for scales of rows or blocks`);
    return { ...part, scale: this.run.scales!.scale(name, storage, role, site) };
  }

  /** The tensor that a kernel writes before it is quantised. */
  wide(role: SiteRole, site: Site, elements: number): Tensor {
    return this.#share('activations', 'before quantisation', this.written(role, site), elements);
  }

  /** Scratch of the backward pass, which all layers share by its name. */
  scratch(name: string, type: ElementType, elements: number, blockScales?: BlockScales): Tensor {
    return this.#share('activationGradients', name, type, elements, blockScales);
  }

  /** f32 scratch for sums in two passes. */
  partials(elements: number): Tensor {
    return this.scratch('partial sums', 'f32', elements);
  }

  logits(name: string, type: ElementType, elements: number): Tensor {
    return this.#share('logits', name, type, elements);
  }

  /**
   * Where the gradient of the residual stream is collected, in the form read by the layer that produced the value.
   * @param earlier of another value of the stream: all share one tensor, since additions pass it on as it is
   */
  residualGradient(site: Site, earlier?: GradientPlace): GradientPlace {
    const { recipe, gpt } = this.run;
    const elements = this.rows * gpt.width;
    // No matmul reads that of the embedding. It is rounded as in the first block, so that overflow shows there too.
    const reader = { block: site.block ?? 0, blocks: gpt.layers };
    const rounded = roundsResidualGradient(recipe, reader)
      ? this.scratch('residual gradient operand', this.storage('outputGradient', reader).format, elements)
      : undefined;
    const tensor = this.scratch('residual gradient', this.format('residualGradient'), elements);
    return { site, tensor, rounded, collected: earlier?.collected ?? { written: false } };
  }

  /** What the matmuls of a layer's backward pass read of its output gradient: a quantised copy, which is emitted, or a rounded one. */
  outputGradient(site: Site, { tensor: inp, rounded }: GradientPlace, elements: number): Operand {
    const storage = this.storage('outputGradient', site);
    if (!isQuantized(storage)) return rounded ?? inp;
    const name = `${site.name} dY`;
    const blockScales = blockScale(storage, elements / this.rows);
    const tensor = this.scratch('output gradient operand', storage.format, elements, blockScales);
    const operand = this.scaled(name, 'outputGradient', site, tensor, elements);
    const { block } = site;
    const stored = { name, kind: 'activationGradient', block, operand, slot: 'out', copy: true } as const;
    this.quantize(`${site.name} output gradient`, inp, operand, elements, stored);
    return operand;
  }

  /** Whether the next writer of the gradient must add: the first stores, later ones add. Call it when that writer is emitted. */
  accumulates({ collected }: GradientPlace): boolean {
    const { written } = collected;
    collected.written = true;
    return written;
  }

  parts(site: Site): readonly ParameterPart[] {
    const parameter = this.run.parameters.get(site.name);
    if (!parameter) throw new RangeError(`There is no parameter ${site.name}`);
    return parameter.parts;
  }

  /** A parameter other than a vocabulary matrix, so it is never split. */
  part(site: Site): ParameterPart {
    return this.parts(site)[0]!;
  }

  // --- narrowing and quantising

  /** Emits what makes `out`: one kernel, or if `out` has a scale, a kernel and a quantiser. */
  store(
    role: SiteRole,
    site: Site,
    out: Operand,
    elements: number,
    kernel: (target: Target, kernels: ModelKernels, out: Operand) => Operation,
    ...stores: Stored[]
  ): void {
    if (!isScaled(out)) {
      this.emit((target, kernels) => kernel(target, kernels, out), ...stores);
      return;
    }
    const wide = this.wide(role, site, elements);
    this.emit((target, kernels) => kernel(target, kernels, wide));
    this.quantize(site.name, wide, out, elements, ...stores);
  }

  /** Emits what makes `out`, which has a scale or those of blocks, from `inp`: the copy that other kernels read. */
  quantize(label: string, inp: Operand, out: Operand, elements: number, ...stores: Stored[]): void {
    const { scales } = this.run;
    this.emit(
      (target, kernels) => quantize(target, kernels, scales, this.calibrates, { label, inp, out, elements }),
      ...stores,
    );
  }

  #isKept(lifetime: Lifetime): boolean {
    if (this.#block === null || lifetime === 'kept') return true;
    if (lifetime === 'forward') return false;
    return RECOMPUTE_LEVELS.indexOf(this.run.recompute) < RECOMPUTE_LEVELS.indexOf(lifetime);
  }

  #share(...asked: Parameters<TensorPlan['shared']>): Tensor {
    return this.run.tensorPlan.shared(...asked);
  }
}
