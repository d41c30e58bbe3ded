import { createHash } from "node:crypto";

/** Bits of each of the hashes by which lines and keys are divided. */
export const bitsOfHash = 32;

/** The hash of a text, as binary digits. */
export function hashBits(text: string): string {
  const number = createHash("sha256").update(text).digest().readUInt32BE();
  return number.toString(2).padStart(bitsOfHash, "0");
}
