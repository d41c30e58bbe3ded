import type { Digest } from "../oci/digest.ts";
import { WrongContentError } from "../oci/errors.ts";

/** Levels of indexes in indexes: more is an attack or a mistake. */
const deepest = 4;
/** An index of 1,000 platforms is a mistake too. */
const mostManifests = 1_000;

/** How many manifests a digest may consist of, and how deep they may be nested. A single one has a limit of its own (../oci/manifest.ts). */
export class TreeLimits {
  readonly #root: Digest;
  #count = 0;

  constructor(root: Digest) {
    this.#root = root;
  }

  /** Counts manifests before they are read. @param depth indexes above them. @throws WrongContentError if that is too many or too deep. */
  admit(count: number, depth: number): void {
    if (depth > deepest) throw new WrongContentError(`${this.#root}: indexes are nested more than ${deepest} deep`);
    this.#count += count;
    if (this.#count > mostManifests)
      throw new WrongContentError(`${this.#root} lists more than ${mostManifests} manifests`);
  }
}
