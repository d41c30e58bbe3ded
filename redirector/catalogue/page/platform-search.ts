import { loadImage, loadPlatforms, NotFoundError } from "./catalogue.ts";
import type { Candidate, DigestAsked } from "./platforms.ts";

/** A platform of a version in production. */
export interface PlatformHit {
  readonly repository: string;
  /** The version's first tag; undefined for a version without. */
  readonly tag: string | undefined;
  /** The platform's name; undefined for a version that is made for none. */
  readonly platform: string | undefined;
  /** Its own. */
  readonly digest: string;
}

/** How far a search has come. */
export type PlatformSearch =
  /** `share`: how much of the lines is here, 0 to 1; undefined if their size is not known. */
  | { readonly state: "looking"; readonly share: number | undefined }
  | { readonly state: "failed" }
  | { readonly state: "found"; readonly hits: readonly PlatformHit[]; readonly more: boolean };

/** So many versions are looked for: the same platform may be in many. */
const mostVersions = 50;
/** A step of progress that is worth being shown. */
const step = 0.05;

/** Looks for a platform's digest, one at a time: who asks for another one has no use for the last. */
export class PlatformSearches {
  readonly #changed: () => void;
  #asked = "";
  #search: PlatformSearch = { state: "looking", share: undefined };

  /** @param changed is called when a search that was answered with "looking" has come further. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** What is found of a digest by now; begins to look for it. */
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
      set({ state: "failed" }); // another digest is another try
    }
  }
}

/** What the image's details say, which have whole digests: nothing if the version is gone, or only its digest's beginning was the same. */
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
