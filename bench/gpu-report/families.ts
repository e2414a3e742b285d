/** The AMD GPUs that the report compiles for, and the model of a SIMD of each. Docs: docs/kernels.md. */

export const FAMILIES = ['navi31', 'navi21', 'vega20'] as const;
/** As Mesa calls it in RADV_FORCE_FAMILY. */
export type Family = (typeof FAMILIES)[number];

/** What one SIMD does in a clock, all of its waves together. */
export interface Simd {
  readonly title: string;
  /** Lanes that compute at once: an instruction of a wave takes as many passes as it needs. */
  readonly lanes: number;
  /** Whether some instructions of waves of 64 take one pass instead of two. */
  readonly dualIssue: boolean;
  /** f32 FMAs at the peak. */
  readonly peakFma: number;
  /** Bytes between the SIMD and shared memory: its share of what a compute unit moves. */
  readonly ldsBytes: number;
  /** Bytes between the SIMD and the first cache: its share of what a compute unit moves. */
  readonly cacheBytes: number;
  /** Clocks between two scalar instructions. */
  readonly scalarClocks: number;
  /** Whether exponentials and the like have a unit of their own, which works beside the others. */
  readonly transcendentalBeside: boolean;
  /** Cycles of a 16x16x16 product of matrices; 0 where there are no matrix units. */
  readonly matrixCycles: number;
}

/** RDNA: two SIMDs a compute unit, which moves 128 B a clock to shared memory and 128 B from its cache. */
const RDNA = {
  ...{ lanes: 32, ldsBytes: 64, cacheBytes: 64, scalarClocks: 1, transcendentalBeside: true },
} as const;

export const SIMDS: Readonly<Record<Family, Simd>> = {
  navi31: { title: 'RDNA 3', ...RDNA, dualIssue: true, peakFma: 64, matrixCycles: 32 },
  navi21: { title: 'RDNA 2', ...RDNA, dualIssue: false, peakFma: 32, matrixCycles: 0 },
  /** GCN: four SIMDs a compute unit, which moves 128 B a clock to shared memory and 64 B from its cache. */
  vega20: {
    title: 'GCN 5',
    ...{ lanes: 16, dualIssue: false, peakFma: 16, ldsBytes: 32, cacheBytes: 16 },
    ...{ scalarClocks: 4, transcendentalBeside: false, matrixCycles: 0 },
  },
};
