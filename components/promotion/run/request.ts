/**
 * Requests and outcomes of a promotion: the types that the engine (`engine.ts`) and its callers (the provider plugin,
 * the audit, the repair) share. Plain data: all of it can be converted to JSON and back.
 *
 * Texts of lines are the manifests' canonical form, sorted, each line ending in a newline:
 * `image:tag sha256:<hex>`, `image@sha256:<hex>` for a digest without a tag, `path sha256:<hex>` for a file.
 */
import type { FailureKind } from "../http/failure-kind.ts";
import type { TrustPolicy } from "../trust/policy.ts";
import type { SigningSettings } from "../trust/signing-settings.ts";
import type { DeepShare } from "./deep-share.ts";

/** Endpoints of the object stores, where they differ from the clouds' own. */
export interface StorageSettings {
  /** The GCS JSON API, e.g. `http://127.0.0.1:5514/storage/v1/`. */
  readonly gcsEndpoint?: string | undefined;
  /** The S3 API, e.g. `http://127.0.0.1:5515`. */
  readonly s3Endpoint?: string | undefined;
  /** `true`: the bucket is part of the path, not of the host name. */
  readonly s3UsePathStyle?: boolean | undefined;
  /** The CDNs in front of buckets, from which is purged what a run replaces or removes; undefined: none. */
  readonly purges?: readonly CdnPurge[] | undefined;
}

/** A CDN that could not be purged. */
export interface FailedPurge {
  /** Its address, as clients have it. */
  readonly cdn: string;
  /** One line that says why, and what happens next. */
  readonly line: string;
}

/** A CDN in front of a bucket, and how it is told to forget what it keeps of it. */
export interface CdnPurge {
  readonly kind: "gcs" | "s3";
  readonly bucket: string;
  readonly region: string;
  /** Of a store with S3's interface that is not Amazon's: its API, and the names of its keys in the environment. */
  readonly endpoint?: string | undefined;
  readonly keys?: string | undefined;
  /** Where clients read the bucket, without a slash at the end. */
  readonly url: string;
  /** Whose API it is; `http`: the method PURGE at each object's URL. */
  readonly by: "cloudflare" | "google" | "http";
  /** URL of the API; not with `http`. */
  readonly api?: string | undefined;
  /** Name of the environment variable that holds its token; undefined: no token, at Google the deploying identity's. */
  readonly token?: string | undefined;
}

/** A registry repository that serves production images. */
export interface ImageMirror {
  readonly name: string;
  /** Registry URI without scheme: `<host>/<path>`, e.g. `us-central1-docker.pkg.dev/p/images`. */
  readonly repository: string;
}

/** An S3 bucket that holds image layers (`containers/images/<digest>`) for clients inside AWS. */
export interface LayerMirror {
  readonly name: string;
  readonly bucket: string;
  readonly region: string;
}

/** A bucket that serves production files. */
export interface FileMirror {
  readonly name: string;
  readonly kind: "gcs" | "s3";
  readonly bucket: string;
  readonly region: string;
}

/** Request: make one project's images in every mirror equal to `images`. */
export interface ImagesRequest {
  readonly project: string;
  /** The wanted lines. */
  readonly images: string;
  /** Production name of an image = `<mirror repository>/<prefix>/<image>`; of one that starts with `/`, without the prefix. */
  readonly prefix: string;
  /** Registry URI of the project's staging repository; empty: the project has none. */
  readonly staging: string;
  /**
   * Where images lie in staging under another name, a line `image source` each, both as in `images` and below `staging`; further destinations
   * of one image are such. Other images lie there under their own names. Absent: all do.
   */
  readonly sources?: string | undefined;
  /** Canonical mirror first. */
  readonly mirrors: readonly ImageMirror[];
  readonly layerMirrors: readonly LayerMirror[];
  /** The stack's other mirrors, in which the project is not placed: what it has there is removed; absent: there are none. */
  readonly unplaced?: readonly ImageMirror[] | undefined;
  readonly unplacedLayers?: readonly LayerMirror[] | undefined;
  /** Seconds between the unlisting of a project in mirrors that it leaves and its removal there: until redirectors know. Absent: none. */
  readonly departureSeconds?: number | undefined;
  /** The file mirrors that hold the catalogue, which is written afterwards. */
  readonly catalogue?: readonly FileMirror[] | undefined;
  /** Patterns (`*` matches anything) of the tags that may move to another digest. */
  readonly mutableTags: readonly string[];
  /** Largest share (0..1) of the project that one run may remove. */
  readonly removalShare: number;
  /** What may be attached to its images beyond signatures, attestations and SBOMs; undefined: nothing, and the default size. */
  readonly attachments?: AttachmentSettings | undefined;
  /** What is removed on purpose, beyond that share: lines that begin with `image@sha256:<hex>` or `image:tag`. */
  readonly withdrawn?: string | undefined;
  /** A new mirror that lacks more lines than this which production has had before is left to `artifacts fill`; undefined: none is. */
  readonly fillAbove?: number | undefined;
  /** Name of the bucket in Cloud Storage with the orders of the fills, which are told there what is withdrawn; undefined: there are none. */
  readonly fillBucket?: string | undefined;
  /** What must be proven of a digest before it is promoted; undefined: nothing. */
  readonly trust?: TrustSettings | undefined;
  /** What the last run required, where that was something else: what this run promotes must satisfy it too. */
  readonly formerTrust?: TrustSettings | undefined;
  /** How the run signs what it promotes; undefined: not at all. */
  readonly signing?: SigningSettings | undefined;
  readonly storage: StorageSettings;
}

/** A policy, and what its verification rests on. */
export interface TrustSettings extends TrustPolicy {
  /** File of a Sigstore trusted root, below the program's folder; "": the roots of Sigstore's public instance. */
  readonly trustedRoot: string;
}

/** What a project admits as attachments of its images. */
export interface AttachmentSettings {
  /** Artifact types of OCI referrers. */
  readonly artifactTypes: readonly string[];
  /** Bytes that one attachment may have. */
  readonly bytes: number;
}

/** Request: make one project's files in every mirror equal to `files`. */
export interface FilesRequest {
  readonly project: string;
  /** The wanted lines. */
  readonly files: string;
  /** Key of a production file = `binaries/<prefix>/<path>`. */
  readonly prefix: string;
  /** The project's staging bucket (GCS), as `<bucket>` or `<bucket>/<folder>`; empty: the project has none. */
  readonly staging: string;
  /** Canonical mirror first. */
  readonly mirrors: readonly FileMirror[];
  /** The stack's other mirrors, in which the project is not placed: what it has there is removed; absent: there are none. */
  readonly unplaced?: readonly FileMirror[] | undefined;
  /** Seconds between the unlisting of a project in mirrors that it leaves and its removal there: until redirectors know. Absent: none. */
  readonly departureSeconds?: number | undefined;
  /** Patterns (`*` matches anything) of the paths that may get other content; undefined: none. */
  readonly mutableFiles?: readonly string[] | undefined;
  /** Largest share (0..1) of the project that one run may remove. */
  readonly removalShare: number;
  /** What is removed on purpose, beyond that share: lines that begin with a path. */
  readonly withdrawn?: string | undefined;
  /** A new mirror that lacks more lines than this which production has had before is left to `artifacts fill`; undefined: none is. */
  readonly fillAbove?: number | undefined;
  /** Name of the bucket in Cloud Storage with the orders of the fills, which are told there what is withdrawn; undefined: there are none. */
  readonly fillBucket?: string | undefined;
  /** What must be proven of a file before it is promoted; undefined: nothing. */
  readonly trust?: TrustSettings | undefined;
  /** What the last run required, where that was something else: what this run promotes must satisfy it too. */
  readonly formerTrust?: TrustSettings | undefined;
  /** How the run signs what it promotes; undefined: not at all. */
  readonly signing?: SigningSettings | undefined;
  readonly storage: StorageSettings;
}

/**
 * Where a mirror differs from the wanted lines: one text per mirror, each line marked `+ ` (wanted, but missing
 * there) or `- ` (there, but not wanted) or `~ ` (incomplete: an image lacks something that it lists or that is
 * attached to it, a file the promotion's proof). A mirror that is not named has exactly the wanted lines.
 */
export type Differences = Readonly<Record<string, string>>;

/**
 * The last-known state: what the last run knew when it ended. `request.images` must be the text that this run was
 * *asked for*, not one that a refresh has changed: the rule that tags do not move compares with it, so that a tag
 * which someone else moved in a mirror, recorded in `incomplete`, may be moved back.
 */
export interface Previous<Request> {
  readonly request: Request;
  readonly incomplete: Differences;
  /** What the last run was asked for, where `request` names mirrors that it did not have. */
  readonly before?: Request | undefined;
  /** Whether something is left to a fill: until that has brought it, the project leaves no mirror. */
  readonly isFilling?: boolean | undefined;
  /** Of images: what is attached to them ({@link Outcome.attached}); undefined: nobody has recorded that. */
  readonly attached?: string | undefined;
}

/** The progress of a run. Counts only this run's work, not what is already in place. */
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

/** Options of a run. */
export interface Context {
  /** When aborted, the run stops at once and throws the signal's reason, or returns what it did as its outcome. */
  readonly signal: AbortSignal;
  /** Called often; the receiver throttles. */
  report(progress: Progress): void;
  /** Called once the run is planned, before it changes anything. Its failure is the run's. */
  beforeChanges?(): Promise<void>;
  /**
   * Called once, after all additions and before the first removal, so that the catalogue can unlist items even if the
   * run is killed. Best effort: it must not throw or take long.
   */
  beforeRemoval?(): Promise<void>;
  /**
   * Given by a deployment, which may have made mirrors just now: their grants take minutes to hold, and the run waits. Told what is waited for.
   */
  readonly awaitGrants?: ((line: string) => void) | undefined;
  /** Of an inventory of images: the digests of which it asks for every blob too; undefined: of none. */
  readonly deep?: DeepShare | undefined;
  /** Of an inventory of images: what is attached to them by the record ("" = nothing is recorded); undefined: it is not compared. */
  readonly attached?: string | undefined;
}

/** What a run did. A run throws only if it cannot start (invalid request, removal guard). */
export interface Outcome {
  readonly incomplete: Differences;
  /** One line each, naming project, image and digest (or path), mirror and cause. Empty if all mirrors are as wanted. */
  readonly failures: readonly string[];
  /** What the failures say of a later run, together; absent: there is none. */
  readonly failureKind?: FailureKind;
  /** One line: what was copied, tagged, removed. */
  readonly summary: string;
  /** Of images: what is attached to each digest, one line each (images/attachment-record.ts). The next run needs it to know what is lost or stray. */
  readonly attached?: string;
  /** What did not succeed beside the mirrors: CDNs that still keep what was replaced. Absent: none. */
  readonly unpurged?: readonly FailedPurge[];
  /** Of images: the digests that it brought to some mirror, or brought attachments of. */
  readonly copied?: ReadonlySet<string>;
}

/** What a run would do, found without writing anything. */
export interface Preview {
  /** The plan, one line a step. */
  readonly lines: readonly string[];
  /** What production gains and loses attached to images, one line each: `+ signature sha256:... of app:v1`, `- SBOM sha256:... of app@sha256:...`. */
  readonly attachments?: readonly string[];
  /** Of each new digest, who signed it, what built it from what, and what the trust policy misses, one line each. */
  readonly trust?: readonly string[];
  /** Reasons for which the run would fail. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** What the mirrors actually contain. */
export interface Inventory {
  /** The wanted lines, without those missing in some mirror, with those that some mirror has in addition. */
  readonly text: string;
  readonly incomplete: Differences;
  /** What explains the differences to people, one line each: signatures that staging has and mirrors lack. */
  readonly notes?: readonly string[];
  /** Mirrors that could not be read, one line each; they are left out of `text` and `incomplete`. */
  readonly failures: readonly string[];
  /** What the failures say of a later inventory, together; absent: there is none. */
  readonly failureKind?: FailureKind;
  /** Of images, where the context has a record: that record, with what was found attached to digests that it did not know. */
  readonly attached?: string;
}

/** What a run would do. No writes. */
export type PreviewRun<Request> = (
  request: Request,
  previous: Previous<Request> | undefined,
  context: Context,
) => Promise<Preview>;

/**
 * Changes the mirrors to what the request says. With `previous`, asks the mirrors only about differences from it.
 * Without, adopts what is there, copies what is missing and removes nothing.
 */
export type PromoteRun<Request> = (
  request: Request,
  previous: Previous<Request> | undefined,
  context: Context,
) => Promise<Outcome>;

/** What all mirrors contain. No writes. */
export type InventoryRun<Request> = (request: Request, context: Context) => Promise<Inventory>;

/**
 * Removes the project from production. `request` and `incomplete` are those of the last run. The removal guard stops
 * it unless `removalShare` is 1.
 */
export type RemoveRun<Request> = (previous: Previous<Request>, context: Context) => Promise<Outcome>;
