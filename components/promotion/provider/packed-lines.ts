import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";

/**
 * Lines for the state: it already holds them as the promotions' inputs, and one more copy of 31,000 would be 2.8 MB of it. Packed they are
 * 1.1 MB, most of it digests.
 */
export function packLines(text: string): string {
  return text === "" ? "" : gzipSync(text, { level: 9 }).toString("base64");
}

/** The lines again. Throws for what is not packed lines. */
export function unpackLines(packed: string): string {
  return packed === "" ? "" : gunzipSync(Buffer.from(packed, "base64")).toString("utf8");
}

/** What tells texts from others, for who compares them by eye: eight hex digits. */
export function fingerprint(...texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text).update("\0");
  return hash.digest("hex").slice(0, 8);
}
