/** Downloads a model's files from an address that the visitor typed. */
import { blobSource, checkModelConfig, isShardIndex, shardCount, shardNames } from '../engine/index.ts';
import { SessionError } from './errorReport.ts';
import { MODEL, PartialFile, type PartialFileOptions } from './partialFile.ts';
import type { FileProgress, SessionCommand } from './protocol.ts';
import { nameOf, readAddress } from './request.ts';

/** The files of a model, as they are opened. */
export type ModelFiles = Omit<Extract<SessionCommand, { type: 'openFile' }>, 'type' | 'id'>;

/** Largest JSON file that is read. */
const MOST_JSON = 32 * 2 ** 20;

/** Where a model's files are. */
interface ModelAddress {
  /** Ends in a slash. */
  readonly folder: URL;
  /** The file of weights or the index that the address names; null for a folder. */
  readonly file: URL | null;
}

/**
 * Finds the folder of a model: the address itself, or that of a file in it. A model's page on huggingface.co stands for
 * its files.
 * @throws SessionError MODEL_UNAVAILABLE when it is no http or https address
 */
export function modelAddress(address: string): ModelAddress {
  const url = readAddress(address, MODEL);
  if (url.hostname === 'huggingface.co') url.pathname = filesOnHub(url.pathname);
  const name = nameOf(url);
  const whole = (/\.(safetensors|gguf)$/i.test(name) && shardCount(name) === 1) || isShardIndex(name);
  if (whole) return { folder: new URL('.', url), file: url };
  // A shard or a companion file stands for its folder.
  const inside = /(^|\.(safetensors|json|md|bin))$/i.test(url.pathname.split('/').at(-1)!);
  return { folder: new URL(inside ? '.' : `${url.pathname}/`, url), file: null };
}

/** "/owner/name" and "/owner/name/tree/REVISION" are pages; the files are at "/owner/name/resolve/REVISION/". */
function filesOnHub(path: string): string {
  const [owner, name, kind = 'tree', revision = 'main', ...rest] = path.split('/').filter(Boolean);
  if (name === undefined || !['tree', 'blob', 'resolve'].includes(kind)) return path;
  return `/${[owner, name, 'resolve', revision, ...rest].join('/')}`;
}

/** Keeps what has arrived between attempts: a broken or cancelled download continues where the server has HTTP ranges. */
export class ModelDownload {
  readonly address: string;
  readonly #at: ModelAddress;
  readonly #files = new Map<string, PartialFile>();

  /** @throws SessionError MODEL_UNAVAILABLE when it is no http or https address */
  constructor(address: string) {
    this.address = address;
    this.#at = modelAddress(address);
  }

  /**
   * Downloads what is missing. A configuration that is not computed here is refused before the weights are requested.
   * @throws the signal's reason when it is aborted; SessionError MODEL_UNAVAILABLE naming a file and why it could not be
   * loaded; EngineError as `checkModelConfig` and `shardNames`
   */
  async load(signal: AbortSignal, onProgress: (progress: FileProgress) => void): Promise<ModelFiles> {
    const { folder, file } = this.#at;
    const get = (url: URL, options?: PartialFileOptions, [part, parts] = [1, 1]): Promise<File | null> => {
      const partial = this.#files.get(url.href) ?? new PartialFile(url, options);
      this.#files.set(url.href, partial);
      const report = () => {
        const { name, bytes, size, resumable } = partial;
        onProgress({ name, bytes, size, part, parts, resumable });
      };
      report();
      return partial.load(signal, report);
    };
    const json = (name: string) => get(new URL(name, folder), { json: true, most: MOST_JSON });

    if (file && /\.gguf$/i.test(nameOf(file))) {
      return {
        file: await needed(get(file), file),
        config: null,
        tokenizer: null,
        generation: null,
        shards: [],
      };
    }
    const config = await json('config.json');
    if (config) await checkModelConfig(blobSource('config.json', config), folder.href);
    const tokenizer = await json('tokenizer.json');
    const beside = { config, tokenizer, generation: await json('generation_config.json') };
    if (file && !isShardIndex(nameOf(file))) {
      return { file: await needed(get(file), file), ...beside, shards: [] };
    }
    const whole = file ? null : await get(new URL('model.safetensors', folder));
    if (whole) return { file: whole, ...beside, shards: [] };
    const index = file
      ? await needed(get(file, { json: true, most: MOST_JSON }), file)
      : await json('model.safetensors.index.json');
    if (!index) throw nothingThere(folder);
    const names = await shardNames(blobSource(index.name, index));
    const shards: File[] = [];
    for (const [i, name] of names.entries()) {
      const url = new URL(encodeURIComponent(name), folder);
      shards.push(await needed(get(url, {}, [i + 1, names.length]), url));
    }
    return { file: index, ...beside, shards };
  }
}

async function needed(loading: Promise<File | null>, url: URL): Promise<File> {
  const file = await loading;
  if (file) return file;
  throw new SessionError(
    MODEL.code,
    `The server has no "${nameOf(url)}" at ${url.href}.`,
    'Open the address in a new tab to check it.',
  );
}

function nothingThere(folder: URL): SessionError {
  return new SessionError(
    MODEL.code,
    `There is no model.safetensors and no model.safetensors.index.json at ${folder.href}.`,
    'Enter the address of the folder that has them, or of a .safetensors or .gguf file.',
  );
}
