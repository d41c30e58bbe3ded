import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";

/**
 * Packs lines for the state: 31,000 lines are 2.8 MB, packed 1.1 MB, most of it digests.
 */
export function packLines(text: string): string {
  return text === "" ? "" : gzipSync(text, { level: 9 }).toString("base64");
}

/** Unpacks the lines. Throws if the text is not packed lines. */
export function unpackLines(packed: string): string {
  return packed === "" ? "" : gunzipSync(Buffer.from(packed, "base64")).toString("utf8");
}

/** A short hash of a text, for people to compare: eight hex digits. */
export function fingerprint(...texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text).update("\0");
  return hash.digest("hex").slice(0, 8);
}
