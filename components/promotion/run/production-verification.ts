/** What is in production does not satisfy the policy that holds today. */
export interface Unverified {
  /** `image@sha256:...`, `path sha256:...`. */
  readonly line: string;
  /** What nothing proves; of a signature by somebody else, by whom. */
  readonly missing: readonly string[];
}

/** The result of a verification of one project's images or files. */
export interface ProductionVerification {
  /** Digests that were looked at. */
  readonly verified: number;
  readonly unverified: readonly Unverified[];
  /** What could not be read, a sentence each. */
  readonly failures: readonly string[];
}
