/**
 * Compiles WGSL for a GPU that is not there. compiler.ts starts it with the environment that makes RADV's null device the
 * adapter (layer.ts), sends jobs and gets answers:
 *
 *   -> { kind: 'adapter' }                        <- { kind: 'adapter', adapter: { info, features, limits } }
 *   -> { kind: 'compile', code, entryPoint }      <- { kind: 'compiled', listing: { statistics, assembly, spirv } }
 *                                                 <- { kind: 'failed', message }
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);
const listings = process.env.HALFSTEP_LISTINGS;

const MATRIX = 'chromium-experimental-subgroup-matrix';
const FEATURES = ['shader-f16', 'subgroups', 'subgroup-size-control', MATRIX];
/** The limits that decide what WGSL may ask for. */
const LIMITS = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxStorageBuffersPerShaderStage',
];

async function open() {
  const gpu = create(['backend=vulkan', 'enable-dawn-features=allow_unsafe_apis']);
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error('Dawn finds no adapter on the null device of RADV');
  const device = await adapter.requestDevice({
    requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  });
  // Dawn aborts where an instance is collected before its objects.
  return { gpu, adapter, device };
}

function described({ adapter: { info }, device }) {
  const { vendor, architecture, description, subgroupMinSize, subgroupMaxSize } = info;
  const subgroupMatrixConfigs = Array.from(info.subgroupMatrixConfigs ?? [], (config) => ({
    ...{ componentType: config.componentType, resultComponentType: config.resultComponentType },
    ...{ M: config.M, N: config.N, K: config.K },
  }));
  const limits = Object.fromEntries(LIMITS.map((name) => [name, device.limits[name]]));
  return {
    info: { vendor, architecture, description, subgroupMinSize, subgroupMaxSize, subgroupMatrixConfigs },
    features: [...device.features],
    limits,
  };
}

async function compiled({ device }, { code, entryPoint }) {
  device.pushErrorScope('internal');
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint } });
  for (let scope = 0; scope < 2; scope++) {
    const error = await device.popErrorScope();
    if (error) throw new Error(error.message);
  }
  return newestListing();
}

/** What the layer wrote last. Files are removed once read, so that a driver that wrote nothing is noticed. */
function newestListing() {
  const numbers = readdirSync(listings)
    .filter((name) => name.endsWith('.asm'))
    .map((name) => Number.parseInt(name, 10));
  if (numbers.length === 0) throw new Error('the driver wrote no listing');
  const path = join(listings, String(Math.max(...numbers)));
  const listing = {
    statistics: readFileSync(`${path}.stats`, 'utf8'),
    assembly: readFileSync(`${path}.asm`, 'utf8'),
    spirv: existsSync(`${path}.spv`) ? readFileSync(`${path}.spv`).toString('base64') : '',
  };
  for (const name of readdirSync(listings)) rmSync(join(listings, name));
  return listing;
}

let opened;
process.on('message', async (job) => {
  try {
    opened ??= await open();
    process.send(
      job.kind === 'adapter'
        ? { kind: 'adapter', adapter: described(opened) }
        : { kind: 'compiled', listing: await compiled(opened, job) },
    );
  } catch (error) {
    process.send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
});
// Dawn's threads would keep the process alive.
process.on('disconnect', () => process.exit(0));
