import { EngineError } from '../core/errors.ts';
import type { Arena } from '../gpu/arena.ts';
import { bytesPerElement } from '../gpu/tensor.ts';
import { readStepState, type StepState } from '../kernels/stepState.ts';
import { FIRST_MOMENT, stateEntries } from '../model/runState.ts';
import type { RunTensors } from '../model/tensors.ts';
import { type RunFile, readEntry } from './runFile.ts';

/**
 * Writes a saved run's tensors into the buffers of a new one, byte by byte; compute weights are not among them. A tensor at
 * a time is in memory.
 * @throws EngineError WRONG_RUN when the file has other tensors than the run, BAD_FILE when it is damaged
 */
export async function restoreState(
  device: GPUDevice,
  arena: Arena,
  tensors: RunTensors,
  run: RunFile,
): Promise<StepState> {
  checkParameters(tensors, run);
  let step: StepState | undefined;
  for (const entry of stateEntries(tensors)) {
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

/** Moments of a parameter that the run does not have mean that its description is another's. */
export function checkParameters({ parameters }: Pick<RunTensors, 'parameters'>, { file }: RunFile): void {
  const names = [...file.tensors.keys()].filter((name) => name.startsWith(FIRST_MOMENT));
  const stranger = names.map((name) => name.slice(FIRST_MOMENT.length)).find((name) => !parameters.has(name));
  if (stranger === undefined) return;
  throw new EngineError(
    'WRONG_RUN',
    `"${file.source.name}" has ${stranger}, and a run as it describes has none.`,
    'Its metadata and its tensors do not belong together: take an earlier file of the same run.',
  );
}

/** The tensor and the metadata say the same, or somebody changed one of them. */
function checkedState(bytes: Uint8Array, { file, progress }: RunFile): StepState {
  const state = readStepState(bytes.slice().buffer);
  if (state.attempted === progress.attempted && state.applied === progress.applied) return state;
  throw new EngineError(
    'BAD_FILE',
    `"${file.source.name}" says that ${progress.attempted} steps were taken, and its state that it was ${state.attempted}.`,
    'Its metadata and its tensors do not belong together: take an earlier file of the same run.',
  );
}
