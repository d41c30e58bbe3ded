import { loadImage, loadPlatforms, NotFoundError } from "./catalogue.ts";
import type { Candidate, DigestAsked } from "./platforms.ts";

/** A platform of a version in production. */
export interface PlatformHit {
  readonly repository: string;
  /** The version's first tag; undefined if it has none. */
  readonly tag: string | undefined;
  /** The platform's name; undefined if the version has none. */
  readonly platform: string | undefined;
  /** The platform's digest. */
  readonly digest: string;
}

/** State of a search. */
export type PlatformSearch =
  /** `share`: loaded share of the lines, 0 to 1; undefined if their size is unknown. */
  | { readonly state: "looking"; readonly share: number | undefined }
  | { readonly state: "failed" }
  | { readonly state: "found"; readonly hits: readonly PlatformHit[]; readonly more: boolean };

/** Largest number of versions to look for: many versions may have the same platform. */
const mostVersions = 50;
/** Smallest step of progress to show. */
const step = 0.05;

/** Searches for a platform's digest. A new search replaces the last one. */
export class PlatformSearches {
  readonly #changed: () => void;
  #asked = "";
  #search: PlatformSearch = { state: "looking", share: undefined };

  /** @param changed is called when the state of a search that was "looking" changes. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** The present state of the search for a digest. Starts the search at the first call. */
  of({ digits }: DigestAsked): PlatformSearch {
    if (digits !== this.#asked) {
      this.#asked = digits;
      this.#search = { state: "looking", share: undefined };
      void this.#look(digits);
    }
    return this.#search;
  }

  async #look(digits: string): Promise<void> {
    const set = (search: PlatformSearch): void => {
      if (this.#asked !== digits) return;
      this.#search = search;
      this.#changed();
    };
    let shown = 0;
    try {
      const lines = await loadPlatforms((share) => {
        if (share - shown < step) return;
        shown = share;
        set({ state: "looking", share });
      });
      const candidates = lines.find(digits, mostVersions + 1);
      const each = candidates.slice(0, mostVersions).map((one) => confirmed(one, digits));
      const hits = (await Promise.all(each)).flat();
      set({ state: "found", hits, more: candidates.length > mostVersions });
    } catch {
      set({ state: "failed" }); // another digest tries again
    }
  }
}

/** Confirms a candidate by the image's details, which have whole digests. Empty if the version was removed, or only the first digits match. */
async function confirmed({ project, repository, version }: Candidate, digits: string): Promise<readonly PlatformHit[]> {
  try {
    const { versions } = await loadImage(project, repository);
    return versions
      .filter(({ digest }) => digest.startsWith(`sha256:${version}`))
      .flatMap(({ tags: [tag], platforms }) =>
        platforms
          .filter((one) => one.digest.startsWith(`sha256:${digits}`))
          .map(({ platform, digest }) => ({ repository, tag, platform, digest })),
      );
  } catch (error) {
    if (error instanceof NotFoundError) return [];
    throw error;
  }
}
