/**
 * One pass through the model while it is built. Layers plan their tensors and emit their operations here, and push their
 * backward pass onto a tape, which exists only while the program is built. Building needs no device.
 */
import { RECOMPUTE_LEVELS } from '../config/trainConfig.ts';
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
import { levelScratch } from '../kernels/levels.ts';
import type { ModelKernels } from '../kernels/modelKernels.ts';
import { columnScratch } from '../kernels/quantize.ts';
import type { FormatId } from '../precision/formats.ts';
import {
  blockScale,
  contractedRows,
  hasTwoCopies,
  isQuantized,
  keepsSource,
  type Role,
  type RunRole,
  type SiteRole,
  type Storage,
  type SumsAlong,
  tensorScale,
  writtenFormat,
} from '../precision/storage.ts';
import type { ParameterPart } from './chunks.ts';
import { type CopyRounding, copyRounding, secondCopy } from './copyRounding.ts';
import { activation, EmissionList, type Emit, type Emitted, type Phase, type Stored } from './emission.ts';
import { levelPlace } from './levels.ts';
import type { ModelRun } from './modelRun.ts';
import type { Continuation, Lifetime, PassOptions } from './passOptions.ts';
import type { Place } from './place.ts';
import { quantize } from './quantize.ts';
import type { Site } from './site.ts';
import { Tape } from './tape.ts';
import type { Value } from './value.ts';

/** Scratch for sums and largest magnitudes that are found in two passes. */
export const PARTIALS = 'partial sums';

export class Pass {
  readonly run: ModelRun;
  readonly windows: number;
  /** Windows times context, or the tokens of {@link continuation}. */
  readonly rows: number;
  readonly found: Tensor;
  readonly trains: boolean;
  readonly calibrates: boolean;
  readonly continuation: Continuation | undefined;
  readonly #emissions = new EmissionList();
  readonly #tape = new Tape();
  #block: { readonly input: Operand; readonly last: boolean } | null = null;
  /** Tensors that still hold their values when the backward pass begins. */
  readonly #kept = new Set<Tensor>();

  constructor(run: ModelRun, { trains, windows, found, calibrates = false, continuation }: PassOptions) {
    this.run = run;
    this.trains = trains;
    this.windows = windows;
    this.continuation = continuation;
    this.rows = continuation?.rows ?? windows * run.gpt.context;
    this.found = found;
    this.calibrates = calibrates;
  }

  // --- operations

  /**
   * @param stores all named tensors of the model that the operations store. Recomputation skips an emission whose tensors are
   * all kept, so an omitted one would be lost
   */
  emit(emit: Emit, ...stores: Stored[]): void {
    if (!this.#tape.recomputes) {
      this.#emissions.add(emit, stores);
      return;
    }
    const isThere = stores.length > 0 && stores.every(({ operand }) => this.#kept.has(tensorOf(operand)));
    if (!isThere) this.#emissions.add(emit, []);
  }

  /**
   * Postpones `build` until the operations are made, so that planning is fast. `build` must not be the first to plan or store
   * a tensor, because the plan would then lack it.
   */
  later(build: () => void): void {
    this.#emissions.later(build);
  }

  /** Pushes a part of the backward pass onto the tape; the last part runs first. Does nothing in a pass that does not train. */
  onBackward(backward: () => void): void {
    if (this.trains) this.#tape.push(backward);
  }

  /** Runs the tape, which emits the backward pass. */
  backward(): void {
    this.phase = 'backward';
    this.#tape.run();
  }

  /** Makes the operations for an adapter, in their order. The plan must be complete. */
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
   * Builds one block. At recompute level `block` its forward pass is built again before its backward pass.
   * @param input the residual stream before the block
   * @param last true for the last block, whose tensors still hold their values when the backward pass begins
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
      this.onBackward(() => this.#tape.recompute(inBlock));
    }
    return out;
  }

  /** Returns a function that recomputes what the backward pass reads of a dropped operand; undefined if it was not dropped. */
  remakerOf({ saved, dropped }: Place, make: (place: Place) => void): (() => void) | undefined {
    return dropped ? () => this.#tape.recompute(() => make({ operand: saved, saved, dropped })) : undefined;
  }

  // --- tensors

  /** How the recipe stores a tensor of a role at a site. */
  storage(role: Role, { block }: Pick<Site, 'block'>): Storage {
    return this.run.recipe.storage(role, { block, blocks: this.run.gpt.layers });
  }

  /** The format in which kernels store a role at a site, before it is quantised where the recipe asks for it. */
  written(role: SiteRole, site: Site): FormatId {
    return writtenFormat(this.storage(role, site));
  }

  /** The format of a role that has one storage in the whole run. */
  format(role: RunRole): FormatId {
    return this.run.recipe.storage(role).format;
  }

  /** Plans a tensor for the backward pass: its own where it is kept, otherwise one that all blocks share. */
  save(
    site: Site,
    type: ElementType,
    elements: number,
    lifetime: Lifetime = 'block',
    blockScales?: BlockScales,
  ): Tensor {
    const kept = this.#isKept(lifetime);
    const { tensorPlan } = this.run;
    if (!kept) return tensorPlan.shared('activations', site.part, type, elements, blockScales);
    const tensor = tensorPlan.add('activations', site.name, type, elements, blockScales);
    this.#kept.add(tensor);
    return tensor;
  }

  /**
   * Plans an operand in a role that the recipe may quantise; see {@link save}.
   * @param at the site that names its tensor, if not `site`
   * @param given scales of rows or columns that the layer stores itself, beside the tensor's
   */
  place(
    site: Site,
    role: SiteRole,
    elements: number,
    lifetime: Lifetime = 'block',
    at = site,
    given?: BlockScales,
  ): Place {
    const storage = this.storage(role, site);
    const two = hasTwoCopies(storage);
    const width = elements / this.rows;
    const scalesAlong = (sums: SumsAlong) => blockScale(storage, width, sums);
    const savedElements = two ? contractedRows(storage, this.rows) * width : elements;
    const dropped = !this.#isKept(lifetime) && this.run.recompute !== 'block' && !this.#block?.last;
    if (keepsSource(storage)) {
      const source = this.save(at, writtenFormat(storage), elements, lifetime);
      return { operand: this.#forwardOperand(site, role, elements, storage), saved: source, dropped };
    }
    // The weight gradient sums over tokens, the forward pass along each of them.
    const own = given ?? scalesAlong(two ? 'columns' : 'rows');
    const tensor = this.save(at, storage.format, savedElements, lifetime, own);
    if (!isQuantized(storage)) return { operand: tensor, saved: tensor, dropped };
    const name = two ? secondCopy(site.name) : site.name;
    const saved = this.scaled(name, role, site, tensor, savedElements);
    if (!two) return { operand: saved, saved, dropped };
    return { operand: this.#forwardOperand(site, role, elements, storage), saved, dropped };
  }

  /** The copy that the next matmul reads, and nothing after that. All sites share its tensor. */
  #forwardOperand(site: Site, role: SiteRole, elements: number, storage: Storage): Operand {
    const scales = blockScale(storage, elements / this.rows, 'rows');
    const { tensorPlan } = this.run;
    const shared = tensorPlan.shared('activations', 'forward operand', storage.format, elements, scales);
    return this.scaled(site.name, role, site, shared, elements);
  }

  /**
   * Returns the operand that readers of a role read: a quantised copy of `inp`, which is emitted, or `inp` itself if the recipe
   * does not quantise the role.
   * @param at the site that names the tensor of the copy
   */
  copy(
    inp: Operand,
    site: Site,
    at: Site,
    role: SiteRole,
    elements: number,
    lifetime?: Lifetime,
  ): Pick<Value, 'operand' | 'saved' | 'remake'> {
    const storage = this.storage(role, site);
    if (!isQuantized(storage)) return { operand: inp };
    const place = keepsSource(storage)
      ? { operand: this.#forwardOperand(site, role, elements, storage), saved: inp, dropped: false }
      : this.place(site, role, elements, lifetime, at);
    const stored = { ...activation(site, place.operand), copy: true };
    const make = (place: Place) => this.#quantizeCopies(role, site, inp, place, elements, stored);
    make(place);
    const { operand, saved } = place;
    return { operand, saved, remake: this.remakerOf(place, make) };
  }

  /** Plans the tensor that holds the residual stream after a layer. */
  stream(site: Site, endsBlock: boolean): Tensor {
    const { recompute, gpt } = this.run;
    const type = this.format('residual');
    const elements = this.rows * gpt.width;
    const isCopied = recompute !== 'block' && isQuantized(this.storage('normInput', site));
    if (!isCopied) return this.save(site, type, elements, endsBlock ? 'kept' : 'block');
    // Norms keep quantised copies of their own, so the stream needs only two tensors: a block reads the first, fills the second
    // in its middle, and stores its output in the first again.
    return endsBlock ? tensorOf(this.#block!.input) : this.save(site, type, elements, 'forward');
  }

  /**
   * The first `elements` of `tensor`, with the tensor scale called `name` if the role has one.
   * @throws RangeError if the recipe asks for block scales and the tensor was planned without them
   */
  scaled(name: string, role: SiteRole, site: Site, tensor: Tensor, elements: number): Operand {
    const part = slice(tensor, 0, elements);
    const storage = this.storage(role, site);
    if (storage.levels) return { ...part, levels: levelPlace(this.run.recipe, storage.levels, site) };
    if (!tensorScale(storage)) {
      if (blockScalesOf(tensor)) return part;
      throw new RangeError(`${name} was planned without scales of rows or blocks`);
    }
    return { ...part, scale: this.run.scales!.scale(name, storage, role, site) };
  }

  /** The tensor that a kernel writes in the wider format and that is quantised from there. All roles and sites share it. */
  wide(role: SiteRole, site: Site, elements: number): Tensor {
    return this.run.tensorPlan.shared(
      'activations',
      'before quantisation',
      this.written(role, site),
      elements,
    );
  }

  /** Plans the tensor that keeps a block's keys and values between the passes over a window. */
  cache(site: Site, type: ElementType, elements: number): Tensor {
    return this.run.tensorPlan.add('activations', site.name, type, elements);
  }

  /** A scratch tensor of the backward pass, which all layers that use its name share. A pass without one plans no memory for it. */
  scratch(name: string, type: ElementType, elements: number, blockScales?: BlockScales): Tensor {
    if (!this.trains) return { name, type, elements, ...(blockScales && { blockScales }) };
    return this.run.tensorPlan.shared('activationGradients', name, type, elements, blockScales);
  }

  /** f32 scratch for the partial sums of two-pass reductions. */
  partials(elements: number): Tensor {
    return this.run.tensorPlan.shared('activationGradients', PARTIALS, 'f32', elements);
  }

  logits(name: string, type: ElementType, elements: number): Tensor {
    return this.run.tensorPlan.shared('logits', name, type, elements);
  }

  parts(site: Site): readonly ParameterPart[] {
    const parameter = this.run.parameters.get(site.name);
    if (!parameter) throw new RangeError(`There is no parameter ${site.name}`);
    return parameter.parts;
  }

  /** The only part of a parameter that is no vocabulary matrix, and is therefore never split. */
  part(site: Site): ParameterPart {
    return this.parts(site)[0]!;
  }

  // --- narrowing and quantising

  /** Emits the operations that make an operand: one kernel, or a kernel and quantise kernels for its copies if it has scales. */
  store(
    role: SiteRole,
    site: Site,
    place: Place,
    elements: number,
    kernel: (target: Target, kernels: ModelKernels, out: Operand) => Operation,
    ...stores: Stored[]
  ): void {
    const { operand, saved } = place;
    if (!isScaled(operand)) {
      this.emit((target, kernels) => kernel(target, kernels, operand), ...stores);
      return;
    }
    const wide = isScaled(saved) ? this.wide(role, site, elements) : saved;
    this.emit((target, kernels) => kernel(target, kernels, wide));
    this.#quantizeCopies(role, site, wide, place, elements, ...stores);
  }

  /**
   * Emits the operations that quantise `inp` into `out`, which has a tensor scale, or scales of blocks or columns.
   * @param elements of inp
   */
  quantize(
    label: string,
    inp: Operand,
    out: Operand,
    elements: number,
    rounding: CopyRounding,
    ...stores: Stored[]
  ): void {
    const { scales, levels, state } = this.run;
    const measures = this.trains && !this.#tape.recomputes;
    const scratch = columnScratch(out, elements) + levelScratch(out);
    const partials = scratch > 0 ? this.partials(scratch) : null;
    const args = { label, inp, out, elements, partials, levels, measures, state, ...rounding };
    this.emit((target, kernels) => quantize(target, kernels, scales, this.calibrates, args), ...stores);
  }

  /** The copies of an operand, each from `inp`. A second one is left out where the backward pass makes it, or there is none. */
  #quantizeCopies(
    role: SiteRole,
    site: Site,
    inp: Operand,
    place: Place,
    elements: number,
    ...stores: Stored[]
  ): void {
    const { operand, saved, dropped } = place;
    const storage = this.storage(role, site);
    // A dropped operand is made again as the one that the backward pass reads.
    const along = hasTwoCopies(storage) && saved === operand ? 'columns' : 'rows';
    const rounding = copyRounding(this, site.name, storage, along);
    this.quantize(site.name, inp, operand, elements, rounding, ...stores);
    const isRemade =
      this.run.recompute === 'block' && this.#block !== null && !this.#block.last && !this.#tape.recomputes;
    if (saved === operand || !isScaled(saved) || dropped || isRemade || !this.trains) return;
    this.quantize(site.name, inp, saved, elements, copyRounding(this, site.name, storage, 'columns'));
  }

  #isKept(lifetime: Lifetime): boolean {
    if (this.#block === null || lifetime === 'kept') return true;
    if (lifetime === 'forward') return false;
    return RECOMPUTE_LEVELS.indexOf(this.run.recompute) < RECOMPUTE_LEVELS.indexOf(lifetime);
  }
}
