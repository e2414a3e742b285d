export interface AdapterProbe {
  vendor: string;
  architecture: string;
  features: string[];
  subgroupMinSize: number;
  subgroupMaxSize: number;
  /** [0, 1, 2, 3] times 3, computed by a kernel. */
  tripled: number[];
  /** 2048 + 1 computed in f16; 0 without shader-f16. */
  f16Sum: number;
}

/**
 * Probes WebGPU in the page in which it is evaluated; null without an adapter. The browser tests send its source text
 * into the page, so it must not use anything from outside its own body.
 */
export async function probeAdapter(): Promise<AdapterProbe | null> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) return null;
  const f16 = adapter.features.has('shader-f16');
  const device = await adapter.requestDevice({ requiredFeatures: f16 ? ['shader-f16'] : [] });
  device.pushErrorScope('validation');

  const add = f16 ? 'data[4] = f32(f16(data[4]) + 1.0h);' : 'data[4] = 0.0;';
  const code = `${f16 ? 'enable f16;' : ''}
    @group(0) @binding(0) var<storage, read_write> data: array<f32>;
    @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) {
      data[i] = data[i] * 3.0;
      if (i == 0u) { ${add} }
    }`;
  const input = new Float32Array([0, 1, 2, 3, 2048, 0, 0, 0]);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const data = device.createBuffer({ size: input.byteLength, usage });
  const copy = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const read = device.createBuffer({ size: input.byteLength, usage: copy });
  device.queue.writeBuffer(data, 0, input);
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const layout = pipeline.getBindGroupLayout(0);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: data } }] }),
  );
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(data, 0, read, 0, input.byteLength);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const output = Array.from(new Float32Array(read.getMappedRange()));

  const error = await device.popErrorScope();
  device.destroy();
  if (error) throw new Error(error.message);
  return {
    vendor: adapter.info.vendor,
    architecture: adapter.info.architecture,
    features: [...adapter.features].sort(),
    subgroupMinSize: adapter.info.subgroupMinSize,
    subgroupMaxSize: adapter.info.subgroupMaxSize,
    tripled: output.slice(0, 4),
    f16Sum: output[4] ?? Number.NaN,
  };
}
