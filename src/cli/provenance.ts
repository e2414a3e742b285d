import type { AdapterReport } from '../engine/index.ts';

/** The adapter, runtime and date that belong to every measurement. */
export function provenance(report: AdapterReport) {
  return {
    adapter: report.name,
    runtime: `Node ${process.versions.node} with Dawn, ${process.platform} ${process.arch}`,
    date: new Date().toISOString().slice(0, 10),
  };
}
