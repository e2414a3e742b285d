/**
 * Fingerprint of what an adapter's arithmetic gives where WGSL leaves room: built-in functions, division, fused products,
 * and in how many parts its subgroups cut sums. Runs on adapters with one fingerprint have the same bits.
 */
import { checksum } from '../../../src/engine/data/checksum.ts';

const VALUES = 4096;

/** From 2^-12 to 2^4, close enough for every exponent to have some hundred mantissas. */
const WGSL = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = exp2(f32(id.x) / 256.0 - 12.0);
  let y = 1.0 + f32(id.x * 7919u % 4096u) / 3.0;
  out[2u * id.x] = vec4f(exp(-x), log(y), tanh(x), inverseSqrt(y));
  out[2u * id.x + 1u] = vec4f(x / y, sqrt(x), x * y + 0.1 * x, exp2(-x));
}`;

/** @returns 16 hex digits, and the smallest subgroup */
export async function arithmeticOf(device: GPUDevice): Promise<string> {
  const size = VALUES * 2 * 16;
  const out = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const readback = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const module = device.createShaderModule({ code: WGSL });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [{ binding: 0, resource: { buffer: out } }];
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(VALUES / 64);
  pass.end();
  encoder.copyBufferToBuffer(out, 0, readback, 0, size);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(GPUMapMode.READ);
  const words = new Uint32Array(readback.getMappedRange().slice(0));
  for (const buffer of [out, readback]) buffer.destroy();
  const subgroup = device.features.has('subgroups') ? device.adapterInfo.subgroupMinSize : 'none';
  return `${checksum(words)}, subgroups ${subgroup}`;
}
