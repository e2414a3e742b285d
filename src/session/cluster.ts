/** The files that are added to a model's folder so that its run can continue in PyTorch, on many GPUs. */
import {
  EngineError,
  exportedFamily,
  FIELDS,
  type FileToWrite,
  piecesOf,
  type RunDescription,
  type RunFile,
  rowOf,
  type TextStream,
  type TrainConfig,
  textFile,
} from '../engine/index.ts';
import { SessionError } from './errorReport.ts';

/** The files that continue a run. */
const PROGRAM = ['train_ddp.py', 'halfstep_model.py'];

/** What `train_ddp.py` continues, where that is not every value of a setting. */
const LIMITED = FIELDS.flatMap((field) => {
  const { option, inPyTorch } = rowOf(field);
  return inPyTorch ? [{ field, option, values: inPyTorch as readonly unknown[] }] : [];
});

/** @throws EngineError BAD_VALUE naming what the program cannot continue, or what no family of models has */
export function checkCluster({ config }: Pick<RunDescription, 'config'>): void {
  const wrong = LIMITED.filter(({ field, values }) => !values.includes(config[field]));
  if (wrong.length === 0) {
    exportedFamily(config);
    return;
  }
  const has = wrong.map(({ field, option }) => `${option} ${config[field]}`).join(' and ');
  const takes = wrong.map(({ option, values }) => `${option} ${values.join(', ')}`).join('; ');
  throw new EngineError(
    'BAD_VALUE',
    `train_ddp.py does not continue a run with ${has}.`,
    `It continues ${takes}. Take the run file${isExported(config) ? ' or the model' : ''} instead.`,
  );
}

function isExported(config: TrainConfig): boolean {
  try {
    exportedFamily(config);
    return true;
  } catch (cause) {
    if (cause instanceof EngineError) return false;
    throw cause;
  }
}

/**
 * @param text that the run is trained on; null where the page does not have it
 * @param folder the address under which the page serves its own files
 * @throws SessionError TEXT_UNAVAILABLE when the program cannot be loaded
 */
export async function clusterFiles(
  run: RunFile,
  text: TextStream | null,
  folder: string,
): Promise<FileToWrite[]> {
  return [
    textFile('README.txt', readme(run, text !== null)),
    ...(await Promise.all(PROGRAM.map(async (name) => textFile(name, await program(`${folder}${name}`))))),
    { name: 'run.safetensors', pieces: () => bytesOf(run) },
    ...(text ? [{ name: 'text.txt', pieces: () => text.open() }] : []),
  ];
}

/** The file as it is. */
export function bytesOf({ file: { source } }: Pick<RunFile, 'file'>): AsyncGenerator<Uint8Array> {
  return piecesOf(source);
}

async function program(address: string): Promise<string> {
  const response = await fetch(address).catch(() => null);
  if (response?.ok) return response.text();
  await response?.body?.cancel();
  throw new SessionError(
    'TEXT_UNAVAILABLE',
    `${address} could not be loaded.`,
    'Check the connection, and that the whole site is served.',
  );
}

function readme({ description: { config, text }, progress }: RunFile, hasText: boolean): string {
  return `A run of Halfstep in ${config.precision}, after step ${progress.attempted} of ${config.steps}.

It continues in PyTorch (1.13 or later, nothing else), on as many GPUs as torchrun is given:

  torchrun --nproc-per-node 8 train_ddp.py run.safetensors --data text.txt --steps ${config.steps} --out trained.safetensors

--steps is the total, and the end of the learning rate's schedule.
${hasText ? 'text.txt is its text.' : `Its text, "${text.name}", is not in this folder: put it there as text.txt, byte for byte.`}

run.safetensors also continues in Halfstep: dropped on the page, or with npm run train -- --resume run.safetensors.
model.safetensors, config.json, tokenizer.json and tokenizer_config.json are the model as Hugging Face's libraries read it.
`;
}
