/** The end of the name of the promotion's own proof of a file, beside the file. */
const proofSuffix = ".promotion.sigstore.json";

/** Where the proof of a file is. */
export function proofPath(path: string): string {
  return `${path}${proofSuffix}`;
}

/** The file that a proof is about; undefined: it is no name of a proof. */
export function provenPath(path: string): string | undefined {
  return path.length > proofSuffix.length && path.endsWith(proofSuffix)
    ? path.slice(0, -proofSuffix.length)
    : undefined;
}

/** Whether a file gets a proof: bundles are proofs themselves. */
export function isProvable(path: string): boolean {
  return !path.endsWith(".sigstore.json");
}
