/**
 * Requests and outcomes of a promotion: the types that the engine (`engine.ts`) and its callers (the provider plugin, the audit, a repair by
 * hand) share. Plain data: everything in a request and in an outcome survives JSON.
 *
 * Texts of lines are the manifests' canonical form, sorted, each line ending in a newline:
 * `image:tag sha256:<hex>`, `image@sha256:<hex>` for a digest without a tag, `path sha256:<hex>` for a file.
 */

/** Where the object stores are, when they are not where the clouds have them. */
export interface StorageSettings {
  /** The GCS JSON API, e.g. `http://127.0.0.1:5514/storage/v1/`. */
  readonly gcsEndpoint?: string | undefined;
  /** The S3 API, e.g. `http://127.0.0.1:5515`. */
  readonly s3Endpoint?: string | undefined;
  /** `true`: the bucket is in the path, not in the host name. */
  readonly s3UsePathStyle?: boolean | undefined;
}

/** One place that serves production images. */
export interface ImageMirror {
  readonly name: string;
  /** Registry URI without scheme: `<host>/<path>`, e.g. `us-central1-docker.pkg.dev/p/images`. */
  readonly repository: string;
}

/** One S3 bucket that holds image layers (`containers/images/<digest>`) for clients inside AWS. */
export interface LayerMirror {
  readonly name: string;
  readonly bucket: string;
  readonly region: string;
}

/** One place that serves production files. */
export interface FileMirror {
  readonly name: string;
  readonly kind: "gcs" | "s3";
  readonly bucket: string;
  readonly region: string;
}

/** Bring one project's images to what `images` says, in every mirror. */
export interface ImagesRequest {
  readonly project: string;
  /** The wanted lines. */
  readonly images: string;
  /** Production name of an image = `<mirror repository>/<prefix>/<image>`. */
  readonly prefix: string;
  /** Registry URI of the project's staging repository; empty: the project has none. */
  readonly staging: string;
  /** Canonical mirror first. */
  readonly mirrors: readonly ImageMirror[];
  readonly layerMirrors: readonly LayerMirror[];
  /** Patterns (`*` matches anything) of the tags that may move to another digest. */
  readonly mutableTags: readonly string[];
  /** Largest share (0..1) of the project that one run may remove. */
  readonly removalShare: number;
  readonly storage: StorageSettings;
}

/** Bring one project's files to what `files` says, in every mirror. */
export interface FilesRequest {
  readonly project: string;
  /** The wanted lines. */
  readonly files: string;
  /** Key of a production file = `binaries/<prefix>/<path>`. */
  readonly prefix: string;
  /** Name of the project's staging bucket (GCS); empty: the project has none. */
  readonly staging: string;
  /** Canonical mirror first. */
  readonly mirrors: readonly FileMirror[];
  /** Largest share (0..1) of the project that one run may remove. */
  readonly removalShare: number;
  readonly storage: StorageSettings;
}

/**
 * Where a mirror differs from the wanted lines: one text per mirror, each line marked `+ ` (wanted, but missing there) or
 * `- ` (there, but not wanted) or, of images, `~ ` (incomplete: it lacks something that it lists or that is attached to it). A mirror that
 * is not named holds exactly what is wanted.
 */
export type Differences = Readonly<Record<string, string>>;

/**
 * What the last run knew when it ended. `request.images` must be the text which that run was *asked for* (not a text that a
 * refresh has changed): the rule that tags do not move compares against it, so that a tag which someone else moved in a
 * mirror, recorded in `incomplete`, may be put back.
 */
export interface Previous<Request> {
  readonly request: Request;
  readonly incomplete: Differences;
}

/** How far a run is. Counts are of this run's work only: what is already in place is not in them. */
export interface Progress {
  /** Images' digests or files, each counted once for every mirror that needs it. */
  readonly done: number;
  readonly total: number;
  readonly failed: number;
  /** Bytes received by mirrors so far. */
  readonly bytes: number;
  readonly mirrors: readonly MirrorProgress[];
}

/** One mirror's part of a {@link Progress}. */
export interface MirrorProgress {
  readonly name: string;
  readonly done: number;
  readonly total: number;
  readonly failed: number;
  readonly bytes: number;
}

/** What a run is given besides its request. */
export interface Context {
  /** Aborted: the run stops within a moment and throws the signal's reason, or returns what it did as its outcome. */
  readonly signal: AbortSignal;
  /** Called often; the receiver throttles. */
  report(progress: Progress): void;
  /**
   * Called once, after all additions and before the first removal, so that the catalogue can unlist items even if the run is killed. Best
   * effort: it does not throw, and does not take long.
   */
  beforeRemoval?(): Promise<void>;
}

/** What a run did. A run throws only when it could not begin (a bad request, the removal guard). */
export interface Outcome {
  readonly incomplete: Differences;
  /** One line each, naming project, image and digest (or path), mirror and cause. Empty: all is as wanted, everywhere. */
  readonly failures: readonly string[];
  /** One line: what was copied, tagged, removed. */
  readonly summary: string;
}

/** What a run would do, found without writing anything. */
export interface Preview {
  /** The plan, one line a step. */
  readonly lines: readonly string[];
  /** The run would fail for these reasons. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** What the mirrors really hold. */
export interface Inventory {
  /** The wanted lines, less those missing in some mirror, plus those that some mirror has beyond them. */
  readonly text: string;
  readonly incomplete: Differences;
  /** Mirrors that could not be read, one line each; they are left out of `text` and `incomplete`. */
  readonly failures: readonly string[];
}

/** What a run would do. No writes. */
export type PreviewRun<Request> = (
  request: Request,
  previous: Previous<Request> | undefined,
  context: Context,
) => Promise<Preview>;

/**
 * Brings the mirrors to what the request says. With `previous`, asks the mirrors only about what differs from it; without, adopts what is
 * there, copies what is missing and removes nothing.
 */
export type PromoteRun<Request> = (
  request: Request,
  previous: Previous<Request> | undefined,
  context: Context,
) => Promise<Outcome>;

/** What all mirrors hold. No writes. */
export type InventoryRun<Request> = (request: Request, context: Context) => Promise<Inventory>;

/**
 * The project leaves production. `request` is the last run's, so is `incomplete`. Stops at the removal guard unless `removalShare` is 1.
 */
export type RemoveRun<Request> = (previous: Previous<Request>, context: Context) => Promise<Outcome>;
