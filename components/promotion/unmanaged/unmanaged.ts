/** What is in production's places and belongs to nothing that a manifest names: types, and whose it would be. Pure. */

/** One project's names in production, by its manifests. */
export interface Owner {
  readonly project: string;
  readonly imagePrefix: string;
  /** Names of the images that are wanted, below the prefix. */
  readonly images: readonly string[];
  readonly filePrefix: string;
  /** Its files are promoted: then whoever takes stock of them sees all that lies below the prefix. */
  readonly promotesFiles: boolean;
}

/** Something that nothing wants. It may have been pushed by hand, or be left of a project that is gone. */
export interface Stranger {
  readonly kind: "images" | "files";
  readonly mirror: string;
  /** The project whose prefix it lies below, or that it was noted for; undefined: none. */
  readonly project: string | undefined;
  /**
   * Of an image, as the manifests' lines, from the project's prefix or else from the mirror's root on; of files
   * `<key>` or `<folder>/ (3 files, 1.2 MiB)`, from the bucket's root on.
   */
  readonly line: string;
}

/** All that was found. */
export interface Unmanaged {
  readonly found: readonly Stranger[];
  /** Mirrors that do not let themselves be looked through, a sentence for each reason. */
  readonly unlisted: readonly string[];
  /** Mirrors that could not be read, a sentence each. */
  readonly failures: readonly string[];
}

/** The project with the longest prefix that a path lies below. */
export function ownerOf(
  path: string,
  owners: readonly Owner[],
  prefix: "imagePrefix" | "filePrefix",
): Owner | undefined {
  return owners
    .filter((owner) => owner[prefix] === "" || path === owner[prefix] || path.startsWith(`${owner[prefix]}/`))
    .toSorted((one, other) => other[prefix].length - one[prefix].length)[0];
}
