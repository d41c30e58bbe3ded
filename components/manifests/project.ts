import type { DeclaredTrust } from "../stack/trust-format.ts";
import type { ReleaseBuilds } from "./release-builds.ts";
import type { Share } from "./shares.ts";

/** One project, as declared in its folder `manifests/<name>/`. */
export interface Project {
  readonly name: string;
  readonly description: string;
  readonly contact?: string;
  /**
   * Group: the mail address of the project's owners. Repositories: those at GitHub whose release builds may push to staging.
   */
  readonly owners: { readonly group: string; readonly repositories: readonly ReleaseBuilds[] };
  /** GitHub users and teams (`organization/team`) that approve changes of its folder; if empty, the stack's approvers do. */
  readonly approvers: readonly string[];
  /** Which staging areas it gets, and after how many days their content expires. */
  readonly staging: {
    readonly images: boolean;
    readonly files: boolean;
    /** The folder of the bucket that files are staged in; absent: its root. */
    readonly filesFolder?: string;
    readonly retentionDays: number;
    /** The project whose staging area is this one's too; absent: it has its own. */
    readonly project?: string;
    /** Projects that may publish from its staging area; absent: none. */
    readonly sharedWith?: readonly string[];
  };
  /** Where its images appear: `<prefix>/<image>`; "" is the root. */
  readonly imagePrefix: string;
  /** All prefixes that each of its images appears below, that one first. */
  readonly imagePrefixes: readonly string[];
  /** Where its files appear: `binaries/<prefix>/<path>`. */
  readonly filePrefix: string;
  /** Names below its prefixes that other projects may publish. */
  readonly shares: readonly Share[];
  /** Tags that may move, `*` standing for any run of characters. */
  readonly mutableTags: readonly string[];
  /** Files that may get other content, `*` standing for any run of characters, slashes too; undefined: none. */
  readonly mutableFiles?: readonly string[];
  /** The groups of regions whose mirrors have it; undefined: all mirrors do. */
  readonly regions?: readonly string[];
  /** What must be proven of its images before they are promoted; undefined: what the stack asks for. */
  readonly trust?: DeclaredTrust;
  /** What may be attached to its images beside signatures, attestations and SBOMs, and how large; undefined: the default. */
  readonly attachments?: { readonly artifactTypes: readonly string[]; readonly megabytes: number };
  /** The share (0 to 1) of the project's artifacts in production that one run may remove. */
  readonly removalShare: number;
  /** What was removed on purpose, and may not be promoted while it is listed. */
  readonly withdrawn: readonly Withdrawal[];
  /** Sorted by name; digests as they stand in the file. */
  readonly images: readonly Image[];
  /** Sorted by name. */
  readonly files: readonly File[];
}

/** Something that was removed from production on purpose: a digest, a tag or a file. */
export type Withdrawal = (
  | { readonly image: string; readonly digest: string }
  | { readonly image: string; readonly tag: string }
  | { readonly file: string }
) & {
  /** Why, on one line. */
  readonly reason: string;
  /** A CVE's id or a URL. */
  readonly reference?: string;
};

/** The project in whose staging area a project's artifacts lie. */
export function stagingProject({ name, staging }: Pick<Project, "name" | "staging">): string {
  return staging.project ?? name;
}

/**
 * Whether a project's images are promoted. A project without images (not yet, or no longer) still has a promotion, of
 * nothing.
 */
export function promotesImages({ images, staging }: Project): boolean {
  return images.length > 0 || staging.images;
}

/** The same for its files. */
export function promotesFiles({ files, staging }: Project): boolean {
  return files.length > 0 || staging.files;
}

/** An image and its digests that are wanted in production, with or without tags. */
export interface Image {
  readonly name: string;
  /** Its name in staging, if that is another. */
  readonly from?: string;
  readonly digests: readonly { readonly digest: string; readonly tags: readonly string[] }[];
}

/** A file wanted in production; sha256 is its 64 hex digits. */
export interface File {
  readonly name: string;
  readonly sha256: string;
}
