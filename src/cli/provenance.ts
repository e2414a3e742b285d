import type { AdapterReport } from '../engine/index.ts';

/** What a figure is worth nothing without. */
export function provenance(report: AdapterReport) {
  return {
    adapter: report.name,
    runtime: `Node ${process.versions.node} with Dawn, ${process.platform} ${process.arch}`,
    date: new Date().toISOString().slice(0, 10),
  };
}
