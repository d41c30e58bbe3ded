/** Content that is addressed by its digest, as in registries: blobs and OCI manifests. */
import { createHash } from "node:crypto";

/** Bytes with their digest. */
export interface DigestedContent {
  readonly mediaType: string;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  readonly bytes: Uint8Array;
}

/** A reference from one piece of content to another (OCI image spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: ImagePlatform;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The platform of an image, with Go's names (OCI image spec, image-index.md). */
export interface ImagePlatform {
  readonly os: string;
  readonly architecture: string;
}

/** Computes the digest of the bytes. */
export function content(mediaType: string, bytes: Uint8Array): DigestedContent {
  return { mediaType, digest: `sha256:${sha256Hex(bytes)}`, bytes };
}

/** Encodes a value as JSON. Keys keep their order, so that the digest is the same everywhere. */
export function jsonContent(mediaType: string, value: unknown): DigestedContent {
  return content(mediaType, new TextEncoder().encode(JSON.stringify(value)));
}

/** The descriptor of the content, in the usual order of keys. */
export function descriptor({ mediaType, digest, bytes }: DigestedContent): Descriptor {
  return { mediaType, digest, size: bytes.length };
}

/** The sha256 of the bytes, 64 hex digits. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
