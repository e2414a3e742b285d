import { describe, expect, test } from 'vitest';
import { type DeviceContext, withDevice } from './device.ts';

const DOUBLE_F16 = `
enable f16;
@group(0) @binding(0) var<storage, read_write> data: array<vec4h>;
@compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) {
  data[id.x] = data[id.x] * 2.0h;
}`;

const SUBGROUP_SUM = `
enable subgroups;
@group(0) @binding(0) var<storage, read_write> data: array<u32>;
@compute @workgroup_size(32)
fn main(@builtin(local_invocation_index) index: u32, @builtin(subgroup_size) size: u32) {
  data[index] = subgroupAdd(1u) * 1000u + size;
}`;

/** Runs `code` over one storage buffer, in place. */
async function runInPlace(
  device: GPUDevice,
  code: string,
  input: Uint8Array<ArrayBuffer>,
): Promise<ArrayBuffer> {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const data = device.createBuffer({ size: input.byteLength, usage });
  const read = device.createBuffer({
    size: input.byteLength,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  device.queue.writeBuffer(data, 0, input);
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer: data } }],
    }),
  );
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(data, 0, read, 0, input.byteLength);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  return read.getMappedRange().slice(0);
}

describe('the software adapter', () => {
  test('has shader-f16, subgroups and timestamp-query', () =>
    withDevice((device) => {
      expect([...device.features]).toEqual(
        expect.arrayContaining(['shader-f16', 'subgroups', 'timestamp-query']),
      );
    }));

  test('computes in f16', () =>
    withDevice(async (device) => {
      // 1, 1.5, -2, 65504 / 2 as binary16
      const halves = new Uint16Array([0x3c00, 0x3e00, 0xc000, 0x77ff]);
      const input = new Uint8Array(32);
      input.set(new Uint8Array(halves.buffer));
      const output = await runInPlace(device, DOUBLE_F16, input);
      expect([...new Uint16Array(output, 0, 4)]).toEqual([0x4000, 0x4200, 0xc400, 0x7bff]);
    }));

  test('adds over subgroups of the size it reports', () =>
    withDevice(async (device, { adapter }) => {
      const output = new Uint32Array(await runInPlace(device, SUBGROUP_SUM, new Uint8Array(128)));
      const size = output[0]! % 1000;
      expect(size).toBeGreaterThanOrEqual(adapter.info.subgroupMinSize);
      expect(size).toBeLessThanOrEqual(adapter.info.subgroupMaxSize);
      expect([...output]).toEqual(new Array(32).fill(size * 1000 + size));
    }));
});

describe('withDevice', () => {
  test('gives the limits of the adapter, or those asked for', async () => {
    await withDevice((device, { adapter }) => {
      expect(device.limits.maxStorageBufferBindingSize).toBe(adapter.limits.maxStorageBufferBindingSize);
      expect(device.limits.maxComputeWorkgroupStorageSize).toBe(
        adapter.limits.maxComputeWorkgroupStorageSize,
      );
    });
    await withDevice((device) => expect(device.limits.maxComputeWorkgroupStorageSize).toBe(16384), {
      limits: {},
    });
  });

  test('leaves features out', () =>
    withDevice(
      (device) => {
        expect(device.features.has('shader-f16')).toBe(false);
        expect(device.features.has('subgroups')).toBe(false);
      },
      { features: [] },
    ));

  test('fails on a validation error', async () => {
    const invalid = withDevice((device) => {
      device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
    });
    await expect(invalid).rejects.toThrow(/validation error/);
  });

  test('fails on a shader that does not compile', async () => {
    const invalid = withDevice((device) => {
      device.createShaderModule({ code: 'fn main( {' });
    });
    await expect(invalid).rejects.toThrow(/validation error/);
  });

  test('leaves alone an error that the body caught', () =>
    withDevice(async (device) => {
      device.pushErrorScope('validation');
      device.createShaderModule({ code: 'fn main( {' });
      expect(await device.popErrorScope()).not.toBeNull();
    }));

  test('passes on the error of the body, with the first error of the GPU', async () => {
    const plain = withDevice(() => {
      throw new Error('the body');
    });
    await expect(plain).rejects.toThrow(/^the body$/);
    const both = withDevice((device) => {
      device.createShaderModule({ code: 'fn main( {' });
      throw new Error('the body');
    });
    await expect(both).rejects.toMatchObject({
      message: expect.stringMatching(/^validation error/),
      cause: { message: 'the body' },
    });
  });

  test('fails when the body loses the device', async () => {
    await expect(withDevice((device) => device.destroy())).rejects.toThrow(/device lost \(destroyed\)/);
  });

  test('records buffers and destroys those that are left', async () => {
    let kept: DeviceContext | undefined;
    await withDevice((device, context) => {
      kept = context;
      const first = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE });
      const second = device.createBuffer({ size: 32, usage: GPUBufferUsage.STORAGE });
      expect([...context.buffers]).toEqual([first, second]);
      first.destroy();
      expect([...context.buffers]).toEqual([second]);
    });
    expect(kept?.buffers.size).toBe(0);
  });

  test('returns the result of the body', async () => {
    expect(await withDevice(() => 7)).toBe(7);
  });
});
