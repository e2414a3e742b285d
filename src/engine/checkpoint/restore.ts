import type { TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import type { Arena } from '../gpu/arena.ts';
import { bytesPerElement } from '../gpu/tensor.ts';
import { statesOf } from '../kernels/optimizers/rules.ts';
import { OPTIMIZERS } from '../kernels/optimizers/table.ts';
import { readStepState, type StepState } from '../kernels/stepState.ts';
import {
  AVERAGE_PREFIX,
  BEST_PREFIX,
  frozenNames,
  type StateEntry,
  stateEntries,
} from '../model/runState.ts';
import type { RunTensors } from '../model/tensors.ts';
import { type RunFile, readEntry } from './runFile.ts';

/**
 * Copies a saved run's tensors into the buffers of a new run, bit by bit. The file does not contain compute weights. Only
 * one tensor is in CPU memory at a time.
 * @throws EngineError WRONG_RUN when the file is a run of another optimizer or has other tensors, BAD_FILE when it is
 * damaged
 */
export async function restoreState(
  device: GPUDevice,
  arena: Arena,
  config: TrainConfig,
  tensors: RunTensors,
  run: RunFile,
): Promise<StepState> {
  checkOptimizer(config, run);
  checkFrozen(frozenNames(tensors), run);
  const entries = stateEntries(tensors);
  checkStates(entries, run);
  let step: StepState | undefined;
  for (const entry of entries) {
    if (entry.optional && !run.file.tensors.has(entry.name)) continue;
    const bytes = await readEntry(run, entry);
    if (entry.name === 'step_state') step = checkedState(bytes, run);
    let from = 0;
    for (const { tensor, offset, elements } of entry.slices) {
      const size = bytesPerElement(entry.type);
      const part = bytes.subarray(from, from + elements * size);
      device.queue.writeBuffer(arena.buffer(tensor), offset * size, part as Uint8Array<ArrayBuffer>);
      from += part.length;
    }
  }
  return step!;
}

/** @throws EngineError WRONG_RUN when the run was started with another optimizer or another format of its states */
export function checkOptimizer(
  { optimizer, optimState }: Pick<TrainConfig, 'optimizer' | 'optimState'>,
  { file, description: { config: saved } }: RunFile,
): void {
  if (optimizer === saved.optimizer && optimState === saved.optimState) return;
  throw new EngineError(
    'WRONG_RUN',
    `"${file.source.name}" is a run of ${saved.optimizer} with states in ${saved.optimState}; it cannot resume with ${optimizer} and states in ${optimState}.`,
    'A resumed run keeps its optimizer. To train its weights with another one, export them and start a new run from them.',
  );
}

/**
 * @param frozen names of the parameters that the resumed run does not train
 * @throws EngineError WRONG_RUN naming a parameter that is frozen in the file alone, or in the resumed run alone
 */
export function checkFrozen(
  frozen: readonly string[],
  { file, description: { frozen: saved } }: RunFile,
): void {
  if (!saved) return;
  const inFile = saved.find((name) => !frozen.includes(name));
  const here = frozen.find((name) => !saved.includes(name));
  if (inFile === undefined && here === undefined) return;
  throw new EngineError(
    'WRONG_RUN',
    `"${file.source.name}" is a run ${inFile === undefined ? `that trains ${here}, which is frozen here` : `in which ${inFile} is frozen; here it is trained, or does not exist`}.`,
    'Leave `frozen` out: the file names the parameters that are frozen.',
  );
}

const STATE_PREFIXES = new Set([
  AVERAGE_PREFIX,
  BEST_PREFIX,
  ...OPTIMIZERS.flatMap((optimizer) => statesOf(optimizer).map(({ filePrefix }) => filePrefix)),
]);

/**
 * Refuses a file with optimizer states, averaged or best weights that the run does not have: its description is that of another run.
 * @throws EngineError WRONG_RUN naming one of them
 */
export function checkStates(entries: readonly StateEntry[], { file }: RunFile): void {
  const known = new Set(entries.map(({ name }) => name));
  const isState = (name: string) => [...STATE_PREFIXES].some((prefix) => name.startsWith(prefix));
  const unexpected = [...file.tensors.keys()].find((name) => isState(name) && !known.has(name));
  if (unexpected === undefined) return;
  throw new EngineError(
    'WRONG_RUN',
    `"${file.source.name}" has the tensor ${unexpected}, which the run that it describes does not have.`,
    'Its metadata and tensors do not match. Use an earlier file of the same run.',
  );
}

/** Checks the step state against the metadata, which differ only if one of them was changed after saving. */
function checkedState(bytes: Uint8Array, { file, progress }: RunFile): StepState {
  const state = readStepState(bytes.slice().buffer);
  if (state.attempted === progress.attempted && state.applied === progress.applied) return state;
  throw new EngineError(
    'BAD_FILE',
    `The metadata of "${file.source.name}" say ${progress.attempted} steps, but its tensor step_state says ${state.attempted}.`,
    'Its metadata and tensors do not match. Use an earlier file of the same run.',
  );
}
