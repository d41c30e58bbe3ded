import { hash } from "node:crypto";
import { digestPattern } from "../text/oci-grammar.ts";

/** A digest as manifests here and registries write it: `sha256:` and 64 lower-case hex digits (OCI image spec, "Digests"). */
export type Digest = string;

/** Whether a text is a {@link Digest}. Other algorithms are not accepted: no registry here would store them. */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

/** The digest of some bytes. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${hash("sha256", bytes, "hex")}`;
}
