/** The artifacts that a project pushes to its staging area. */
import type { DigestedContent } from "./content.ts";

/** The artifacts of one project. */
export interface DemoProject {
  readonly name: string;
  readonly images: readonly DemoImage[];
  readonly files: readonly DemoFile[];
}

/** One image repository. */
export interface DemoImage {
  readonly name: string;
  readonly blobs: readonly DigestedContent[];
  /** In the order to push them: each manifest comes after those that it refers to. */
  readonly manifests: readonly DemoManifest[];
  /** The images that clients pull. The committed manifest has only those that are `promoted`. */
  readonly releases: readonly {
    readonly digest: string;
    readonly tags: readonly string[];
    readonly promoted: boolean;
  }[];
}

/** An OCI manifest or index and its tags. */
export interface DemoManifest {
  readonly content: DigestedContent;
  readonly tags: readonly string[];
  /** Set for a referrer: the digest that it refers to, and its type. */
  readonly refersTo?: { readonly subject: string; readonly artifactType: string };
}

/** One release file. */
export interface DemoFile {
  /** Path below the project's prefix. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** 64 hex digits. */
  readonly sha256: string;
  readonly contentType: string;
  /** Whether the committed manifest has it. */
  readonly promoted: boolean;
}
