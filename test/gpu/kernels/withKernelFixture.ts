/** A fresh device and an empty kernel cache for each test in Node. */
import { reportOf } from '../../../src/engine/gpu/device.ts';
import { type DeviceOptions, withDevice } from '../device.ts';
import { type Comparison, report } from './bounds.ts';
import { type KernelFixture, makeKernelFixture } from './runKernel.ts';

export function withKernelFixture<T>(
  body: (fixture: KernelFixture) => Promise<T>,
  options?: DeviceOptions,
): Promise<T> {
  return withDevice(
    (device, { adapter }) => body(makeKernelFixture(device, reportOf(adapter, device))),
    options,
  );
}

/** Prints the worst errors beside their bounds and fails when one is outside. */
export function expectWithin(title: string, comparisons: readonly Comparison[]): void {
  if (comparisons.length === 0) throw new Error(`${title}: nothing was compared`);
  console.log(report(title, comparisons));
}
