/** Content that its digest names, as registries hold it: blobs and OCI manifests. */
import { createHash } from "node:crypto";

/** Bytes with the digest that names them. */
export interface DigestedContent {
  readonly mediaType: string;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  readonly bytes: Uint8Array;
}

/** What one piece of content says of another (OCI image spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: ImagePlatform;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The machine that an image runs on, in Go's words (OCI image spec, image-index.md). */
export interface ImagePlatform {
  readonly os: string;
  readonly architecture: string;
}

/** Names the bytes by their digest. */
export function content(mediaType: string, bytes: Uint8Array): DigestedContent {
  return { mediaType, digest: `sha256:${sha256Hex(bytes)}`, bytes };
}

/** Encodes a value as JSON: its keys keep the order they are written in, so that the digest is the same everywhere. */
export function jsonContent(mediaType: string, value: unknown): DigestedContent {
  return content(mediaType, new TextEncoder().encode(JSON.stringify(value)));
}

/** The descriptor of the content, in the key order that all tools write. */
export function descriptor({ mediaType, digest, bytes }: DigestedContent): Descriptor {
  return { mediaType, digest, size: bytes.length };
}

/** The sha256 of the bytes, 64 hex digits. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
