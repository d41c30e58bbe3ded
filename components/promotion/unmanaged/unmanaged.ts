/** Unmanaged artifacts, which are in the mirrors though no manifest names them: types, and which project they would belong to. Pure. */

/** One project's names in production, by its manifests. */
export interface Owner {
  readonly project: string;
  readonly imagePrefix: string;
  /** All prefixes that its images appear below, that one first. */
  readonly imagePrefixes: readonly string[];
  /** Names of the images that are wanted, below the prefix; one that starts with `/` is from the root. */
  readonly images: readonly string[];
  readonly filePrefix: string;
  /** Its files are promoted: then its inventory shows everything below the prefix. */
  readonly promotesFiles: boolean;
}

/** Something that no manifest names. It was pushed by hand, or is left of a project that was removed. */
export interface UnmanagedArtifact {
  readonly kind: "images" | "files";
  readonly mirror: string;
  /** The project whose prefix it is below, or that its reference names; undefined: none. */
  readonly project: string | undefined;
  /**
   * Of an image, as the manifests' lines, from the project's prefix or else from the mirror's root on; of files
   * `<key>` or `<folder>/ (3 files, 1.2 MiB)`, from the bucket's root on.
   */
  readonly line: string;
}

/** All that was found. */
export interface Unmanaged {
  readonly found: readonly UnmanagedArtifact[];
  /** Mirrors that cannot be searched, a sentence for each reason. */
  readonly unlisted: readonly string[];
  /** Mirrors that could not be read, a sentence each. */
  readonly failures: readonly string[];
}

/** The project with the longest prefix that a path lies below. */
export function ownerOf(path: string, owners: readonly Owner[], kind: "images" | "files"): Owner | undefined {
  return owners
    .flatMap((owner) =>
      (kind === "images" ? owner.imagePrefixes : [owner.filePrefix]).map((prefix) => ({ owner, prefix })),
    )
    .filter(({ prefix }) => prefix === "" || path === prefix || path.startsWith(`${prefix}/`))
    .toSorted((one, other) => other.prefix.length - one.prefix.length)[0]?.owner;
}
