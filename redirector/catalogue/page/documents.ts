/**
 * The catalogue's documents as the page reads them (components/catalogue/schema). These types omit members that the page does not use.
 */

/** `/catalog/index.json`. */
export interface CatalogueIndex {
  readonly projects: readonly IndexEntry[];
}

/** Summary of one project. */
export interface IndexEntry extends About {
  /** Path of its document, without the leading slash. */
  readonly document: string;
  readonly images: readonly ImageSummary[];
  readonly files?: FilesSummary | undefined;
}

/** A project's description of itself. */
interface About {
  readonly name: string;
  readonly description: string;
  /** A URL or a mail address. */
  readonly contact?: string | undefined;
}

/** Summary of one image. */
export interface ImageSummary {
  /** Pulled as `<host>/<repository>`. */
  readonly repository: string;
  readonly digests: number;
  readonly latest?: string | undefined;
}

/** Summary of a project's files. */
interface FilesSummary {
  /** Common prefix of their paths. */
  readonly prefix: string;
  readonly files: number;
  readonly releases: number;
  readonly latest?: string | undefined;
}

/** `/catalog/projects/<name>.json`. */
export interface ProjectDocument extends About {
  readonly images: readonly (ImageSummary & { readonly details: string })[];
  /** Newest first; of a large project the first of them. */
  readonly releases: readonly ReleaseSummary[];
  /** Paths of the documents that have the others, in their order. */
  readonly moreReleases?: readonly string[] | undefined;
  /** What was taken out of production on purpose, and why. */
  readonly withdrawn?: readonly Withdrawn[] | undefined;
  readonly staging?: PushTargets | undefined;
  readonly proof?: ProofSigner | undefined;
}

/** Who signs a verification summary of what is promoted: an identity, or a key. */
export interface ProofSigner {
  /** `verifier.id` of the summaries. */
  readonly verifier: string;
  /** The host in `resourceUri`, the names of what the summaries are about. */
  readonly host: string;
  /** `*` stands for any characters. */
  readonly identity?: string | undefined;
  readonly issuer?: string | undefined;
  /** PEM. */
  readonly key?: string | undefined;
  /** Each proof has an entry in a transparency log. */
  readonly logged: boolean;
  /** Users need the roots of a private Sigstore. */
  readonly privateRoots: boolean;
}

/** Where the people of a project push. */
export interface PushTargets {
  /** Images are pushed as `<images>/<image>:<tag>`. */
  readonly images?: string | undefined;
  /** Files are copied to `gs://<files>/<path>`. */
  readonly files?: string | undefined;
  /** URL of the repository whose manifests put what is staged into production. */
  readonly source: string;
}

/** Something that was taken out of production. */
export interface Withdrawn {
  /** `<repository>@<digest>`, `<repository>:<tag>`, or the path of a file. */
  readonly name: string;
  readonly reason: string;
}

/** Summary of one release. */
export interface ReleaseSummary {
  /** Empty for files without a folder. */
  readonly release: string;
  readonly files: number;
  readonly bytes: number;
  readonly details: string;
}

/** `/catalog/details/<sha256>.json` of a part of a large project's releases. */
export interface ReleasePart {
  readonly releases: readonly ReleaseSummary[];
}

/** `/catalog/details/<sha256>.json` of an image. */
export interface ImageDetails {
  readonly repository: string;
  /** Newest first. */
  readonly versions: readonly ImageVersion[];
}

/** One digest of an image. */
export interface ImageVersion {
  readonly digest: string;
  /** The tag that best names the version comes first. */
  readonly tags: readonly string[];
  readonly mediaType: string;
  /** Type of an artifact that is not a container image. */
  readonly artifactType?: string | undefined;
  readonly created?: string | undefined;
  readonly platforms: readonly Platform[];
  readonly signatures: readonly SignatureSummary[];
  readonly attestations: readonly AttestationSummary[];
  readonly sboms: readonly (AttachmentSummary & { readonly format: string })[];
  /** What the project's policy says; absent: nothing was verified. */
  readonly verification?: Verification | undefined;
}

/** What was verified of a version, and by which policy. */
interface Verification {
  /** URL. */
  readonly policy: string;
  readonly isSatisfied: boolean;
  readonly signers: readonly string[];
}

/** A platform for which a version can be pulled. */
interface Platform {
  readonly platform?: string | undefined;
  readonly digest: string;
  readonly bytes: number;
}

/** Something that is attached to a version. */
export interface AttachmentSummary {
  /** The platform's digest; absent if it is attached to the version itself. */
  readonly of?: string | undefined;
  /** How it is attached: by a tag, as a referrer, or in the index. */
  readonly attached?: "tag" | "referrer" | "index" | undefined;
}

/** An attestation. What it says is not verified. */
export interface AttestationSummary extends AttachmentSummary {
  readonly predicateType?: string | undefined;
  readonly identity?: string | undefined;
  readonly issuer?: string | undefined;
  /** URL of the repository that was built. */
  readonly source?: string | undefined;
  /** Of a verification summary: what it says is verified. */
  readonly levels?: readonly string[] | undefined;
}

/** A signature. Its identity is not verified. */
export interface SignatureSummary extends AttachmentSummary {
  readonly format: string;
  /** Has an entry in a transparency log. */
  readonly logged?: boolean | undefined;
  readonly identity?: string | undefined;
  readonly issuer?: string | undefined;
}

/** `/catalog/details/<sha256>.json` of a release. */
export interface ReleaseDetails {
  readonly release: string;
  readonly files: readonly ReleaseFile[];
}

/** One file. Its path is relative to the host. */
export interface ReleaseFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** `/catalog/recent.json`. */
export interface RecentDocument {
  /** Newest first. */
  readonly promotions: readonly RecentPromotion[];
}

/** What one run changed of one project: the first names of each kind, and how many there are. */
export interface RecentPromotion {
  /** In RFC 3339, UTC. */
  readonly time: string;
  readonly project: string;
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly counts: Readonly<Record<"added" | "changed" | "removed", number>>;
}

/** `/catalog/listing.json`. */
export interface ListingDocument {
  readonly listing: readonly ListingPart[];
  readonly platforms: readonly ListingPart[];
}

/** Some of the lines, gzipped. */
interface ListingPart {
  /** Its path below the host. */
  readonly part: string;
}
