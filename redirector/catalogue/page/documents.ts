/**
 * The documents of the catalogue as the page reads them: what others who build on it read too (components/catalogue/schema). Members that
 * the page has no use for are left out here; members that it does not know are ignored.
 */

/** `/catalog/index.json`. */
export interface CatalogueIndex {
  readonly projects: readonly IndexEntry[];
}

/** One project, in short. */
export interface IndexEntry extends About {
  /** Where its document is, without the leading slash. */
  readonly document: string;
  readonly images: readonly ImageSummary[];
  readonly files?: FilesSummary | undefined;
}

/** What a project says of itself. */
export interface About {
  readonly name: string;
  readonly description: string;
  /** A URL or a mail address. */
  readonly contact?: string | undefined;
}

/** One image, in short. */
export interface ImageSummary {
  /** Pulled as `<host>/<repository>`. */
  readonly repository: string;
  readonly digests: number;
  readonly latest?: string | undefined;
}

/** A project's files, in short. */
export interface FilesSummary {
  /** What their paths begin with. */
  readonly prefix: string;
  readonly files: number;
  readonly releases: number;
  readonly latest?: string | undefined;
}

/** `/catalog/projects/<name>.json`. */
export interface ProjectDocument extends About {
  readonly images: readonly (ImageSummary & { readonly details: string })[];
  /** Newest first. */
  readonly releases: readonly ReleaseSummary[];
}

/** One release, in short. */
export interface ReleaseSummary {
  /** Empty: files in no folder. */
  readonly release: string;
  readonly files: number;
  readonly bytes: number;
  readonly details: string;
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
  /** The one that best names the version first. */
  readonly tags: readonly string[];
  readonly mediaType: string;
  /** Of what is no container image. */
  readonly artifactType?: string | undefined;
  readonly created?: string | undefined;
  readonly platforms: readonly Platform[];
  readonly signatures: readonly SignatureSummary[];
  readonly attestations: readonly (AttachmentSummary & { readonly predicateType?: string | undefined })[];
  readonly sboms: readonly (AttachmentSummary & { readonly format: string })[];
}

/** One of the things that a version can be pulled as. */
export interface Platform {
  readonly platform?: string | undefined;
  readonly digest: string;
  readonly bytes: number;
}

/** Something that is said of a version. */
export interface AttachmentSummary {
  /** A platform's digest; absent: the version itself. */
  readonly of?: string | undefined;
  /** By a tag, as a referrer, or in the index. */
  readonly attached?: "tag" | "referrer" | "index" | undefined;
}

/** A signature; whom it names is not verified. */
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

/** One file; its path is below the host. */
export interface ReleaseFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}
