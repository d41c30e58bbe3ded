import { SourceError } from "../blobs/blob-copy.ts";
import { LayerTarget } from "../blobs/layer-target.ts";
import { UnreachableError } from "../http/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { isDenied } from "../oci/errors.ts";
import type { Remote } from "../oci/remote.ts";
import type { Repository } from "../oci/repository.ts";
import type { FailureSeverity } from "../run/circuit-breaker.ts";
import { MirrorRun } from "../run/mirror-run.ts";
import type { Bucket } from "../storage/bucket.ts";
import { severityInBucket } from "../storage/severity.ts";
import type { LastKnownState } from "./last-known-state.ts";
import { LayerReferences } from "./layer-references.ts";
import { addImage, type ImagesBuilder, tagsOf } from "./lines.ts";
import { ImageLookup } from "./lookup.ts";
import { PresentImages } from "./present-images.ts";
import type { StoreParts } from "./store-parts.ts";

/** A mirror of images, or of their layers, in a run: what it held before, and what it holds by now. */
export abstract class ImagesMirrorRun extends MirrorRun {
  readonly lastKnown: LastKnownState;
  readonly achieved: PresentImages;
  /** The present digests that lack something. */
  readonly incomplete: ImagesBuilder = new Map();

  constructor(name: string, lastKnown: LastKnownState, severityOf: (error: unknown) => FailureSeverity) {
    super(name, (error) => (error instanceof SourceError ? "unrelated" : severityOf(error)));
    this.lastKnown = lastKnown;
    this.achieved = new PresentImages(lastKnown.present);
  }

  /** Whether a digest is there by now, with all that belongs to it. */
  isComplete(image: string, digest: Digest): boolean {
    return this.achieved.has(image, digest) && !this.incomplete.get(image)?.has(digest);
  }

  /** A digest may be there without all that belongs to it: the next run looks again, or removes it. */
  begun(image: string, digest: Digest): void {
    this.achieved.add(image, digest);
    addImage(this.incomplete, image, digest);
  }

  /** What was begun is complete now. */
  completed(image: string, digest: Digest): void {
    this.incomplete.get(image)?.delete(digest);
  }
}

/** An image mirror in a run. */
export class ImageMirrorRun extends ImagesMirrorRun {
  readonly #remote: (image: string) => Remote;
  readonly #remotes = new Map<string, Remote>();
  readonly #lookups = new Map<string, ImageLookup>();
  readonly #expected: ReadonlyMap<string, number>;
  /** Blobs that this run has copied or is copying, and to which repository of the mirror. */
  readonly blobs = new Map<Digest, { readonly repository: Repository; readonly failure: Promise<unknown> }>();
  /** Of a bucket: what it needs beyond a registry's interface. */
  readonly store: StoreParts | undefined;
  readonly #made = new Map<string, Promise<void>>();
  /** The tags of its last known state. */
  readonly #tags = new Map<string, ReadonlyMap<string, Digest>>();

  constructor(
    name: string,
    lastKnown: LastKnownState,
    remote: (image: string) => Remote,
    expected: ReadonlyMap<string, number>,
    store?: StoreParts,
  ) {
    super(name, lastKnown, store ? severityInBucket : severityInRegistry);
    this.store = store;
    this.#remote = remote;
    this.#expected = expected;
  }

  /** Stores a blob from memory; in one repository once, whoever needs it. */
  once({ name }: Repository, digest: Digest, store: () => Promise<void>): Promise<void> {
    const key = `${name} ${digest}`;
    const stored = this.#made.get(key) ?? store();
    this.#made.set(key, stored);
    return stored;
  }

  /** The image's repository. */
  remote(image: string): Remote {
    const known = this.#remotes.get(image) ?? this.#remote(image);
    this.#remotes.set(image, known);
    return known;
  }

  lookup(image: string): ImageLookup {
    const known = this.#lookups.get(image) ?? new ImageLookup(this.remote(image), this.#expected.get(image) ?? 1);
    this.#lookups.set(image, known);
    return known;
  }

  lastKnownTag(image: string, tag: string): Digest | undefined {
    const known = this.#tags.get(image) ?? tagsOf(this.lastKnown.present.get(image));
    this.#tags.set(image, known);
    return known.get(tag);
  }
}

/** An S3 mirror of layers in a run. */
export class LayerMirrorRun extends ImagesMirrorRun {
  readonly target: LayerTarget;
  readonly references: LayerReferences;
  /** Layers that this run has copied or is copying. */
  readonly blobs = new Map<Digest, { readonly failure: Promise<unknown> }>();

  constructor(name: string, lastKnown: LastKnownState, bucket: Bucket, signal: AbortSignal) {
    super(name, lastKnown, severityInBucket);
    this.target = new LayerTarget(name, bucket, signal);
    this.references = new LayerReferences(bucket, signal);
  }
}

/** A registry that cannot be reached, or denies access, does so for every image. */
function severityInRegistry(error: unknown): FailureSeverity {
  return error instanceof UnreachableError || isDenied(error) ? "fatal" : "unrelated";
}
