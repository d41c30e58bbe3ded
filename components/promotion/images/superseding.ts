import type { Manifest } from "../oci/manifest.ts";
import type { AdmittedAttachment } from "./admitted-attachments.ts";

/**
 * Whether one attachment under a tag has all signatures of another, and more: cosign adds a signature by replacing what is under the tag. (A layer
 * and its annotations are one signature.)
 */
export function supersedes(one: Manifest, other: Manifest): boolean {
  const layers = signaturesOf(one);
  const before = signaturesOf(other);
  return layers.size > before.size && [...before].every((layer) => layers.has(layer));
}

/** One attachment for each tag, and each referrer once. The first on a tag counts, unless a later one {@link supersedes} it. */
export function onePerTag(admitted: readonly AdmittedAttachment[]): AdmittedAttachment[] {
  const chosen = new Map<string, AdmittedAttachment>();
  for (const attachment of admitted) {
    const key = attachment.tag ?? `${attachment.subject} ${attachment.digest}`;
    const known = chosen.get(key);
    if (known === undefined || supersedes(attachment.manifest, known.manifest)) chosen.set(key, attachment);
  }
  return [...chosen.values()];
}

function signaturesOf({ bytes }: Manifest): Set<string> {
  const { layers } = JSON.parse(bytes.toString("utf8")) as { layers?: { digest: string; annotations?: object }[] };
  return new Set(
    (layers ?? []).map(({ digest, annotations }) => {
      const sorted = Object.entries(annotations ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
      return JSON.stringify([digest, sorted]);
    }),
  );
}
